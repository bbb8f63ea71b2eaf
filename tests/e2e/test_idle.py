"""Anchors that are no longer needed go away: real daemons, a stock Linux host. A host with one TCP
connection that lives through all its moves holds one old prefix, everywhere, and none afterwards."""
import ipaddress
import os
import time

import pytest
from conftest import BIN
from domain import CMD, MN, SERVER, Domain
from godwit_lab.domain import wait_for
from talk import Talk

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

MOVES = int(os.environ.get("GODWIT_MOVES", "10"))
IDLE = 1.0


def maars(d):
    return [n for n in d.plan.nodes if n.startswith("maar")]


def anchored(d):
    """Prefixes of the mobile node as the database has them."""
    return {a["prefix"] for b in d.lab.show(CMD, "bindings") for a in b["anchored"]}


def entries(d):
    """(prefix, kind) of every prefix at every MAAR."""
    return sorted((p["prefix"], p["kind"]) for m in maars(d) for p in d.lab.show(m, "prefixes"))


def taken(d):
    return sum(d.lab.show(m, "counters")["node"]["prefixes-taken"] for m in maars(d))


def of(address):
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def test_one_connection_holds_one_old_prefix(lab_name, clean):
    d = Domain(lab_name, BIN, maars=4, godwit={"mobility": {"idle-release": IDLE},
                                              "timers": {"transit": 0.3}})
    lab, count = d.lab, 4
    began = time.monotonic()
    source = d.usable("maar1")
    live = of(source)
    talk = Talk(lab, MN, source, SERVER, d.address(SERVER))
    for i in range(1, MOVES + 1):
        at = f"maar{i % count + 1}"
        lab.move(MN, f"ap{i % count + 1}")
        current = of(d.usable(at))
        want = {live, current}
        wait_for(f"move {i}: the idle anchor is gone", lambda w=want: anchored(d) == w, 15, 0.05)
        kinds = sorted({(live, "served"), (live, "moved"), (current, "local")}) \
            if current != live else [(live, "local")]
        wait_for(f"move {i}: and its entries", lambda k=kinds: entries(d) == k, 15, 0.05)
        wait_for(f"move {i}: the pools", lambda w=want: taken(d) == len(w), 5, 0.05)
        assert talk.alive()
    row = next(p for p in lab.show(at, "prefixes") if p["prefix"] == live)
    assert 0 <= row["last_used_ms"] < 1000 and row["up_packets"] > 0 and row["up_octets"] > 0
    usable = [a["address"] for a in lab.addresses(MN) if not a["deprecated"]]
    assert [of(a) for a in usable] == [current]
    assert live in {of(a["address"]) for a in lab.addresses(MN) if a["deprecated"]}
    lines = talk.finish()
    assert lines > MOVES
    wait_for("no old prefix is left", lambda: anchored(d) == {current}, 15, 0.05)
    wait_for("nor entries", lambda: entries(d) == [(current, "local")], 15, 0.05)
    assert taken(d) == 1
    released = sum(lab.show(m, "counters")["node"]["idle-released"] for m in maars(d))
    assert released >= MOVES - MOVES // count
    assert "idle-released" in lab.godwit(at, "show", "counters")["node"]
    print(f"{MOVES} moves, {lines} lines echoed, {released} prefixes released, "
          f"{time.monotonic() - began:.0f} s")
