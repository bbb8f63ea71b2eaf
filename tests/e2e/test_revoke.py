"""Revocation (RFC 5846) and update notification (RFC 7077) between real daemons: what a stock host, the
operator and tshark see of them."""
import os
import signal

import pytest
from conftest import BIN, ROOT
from domain import (AUTH, CMD, HNP, MESG_ID, MN, MNID, PBA, PBU, TIMESTAMP, Domain, Message, messages)
from godwit_lab import signalling
from godwit_lab.domain import wait_for
from scapy.utils import PcapReader
from test_pmip import LMA, Pmip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

REVOCATION, UPN, UPA, MN_GROUP = 16, 19, 20, 50
BRI, BRA, ADMINISTRATIVE, PER_PEER = "1", "2", "1", "128"
SCRIPT = ROOT / "packaging/wireshark/godwit.lua"
FIELDS = ["ipv6.src", "ipv6.dst", "mip6.bri_br.type", "mip6.bri_r.trigger", "mip6.bri_status",
          "mip6.bri_ip", "mip6.bri_ap", "mip6.bri_iv", "mip6.bri_ig", "mip6.bri_ag", "mip6.mnid.identifier"]
LLADDR = "02:00:00:00:00:01"


@pytest.fixture
def domain(lab_name, clean):
    """Makes domains in which a MAAR that was told no asks again after two seconds."""
    def made(**options):
        d = Domain(lab_name, BIN, godwit={"timers": {"max-ack": 2}}, **options)
        d.capture()
        return d
    return made


def command(d, node, *words):
    """`godwit ...`: exit status, what it printed, what it said on stderr."""
    done = d.lab.run(node, [d.lab.program("godwit"), "--socket", d.lab.socket_file(node), *words], check=False)
    return done.returncode, done.stdout, done.stderr


def revocations(d):
    return [dict(zip(FIELDS, row))
            for row in signalling.tshark_fields(d.file, FIELDS, f"mip6.mhtype == {REVOCATION}")]


def routes(d):
    return d.lab.run(MN, ["ip", "-6", "route", "show", "default"]).stdout


def nothing_left(d, maars):
    """Neither station, prefix, binding nor tunnelled prefix, at no node."""
    assert d.lab.show(CMD, "bindings") == []
    for maar in maars:
        assert d.lab.show(maar, "stations") == []
        assert d.lab.show(maar, "prefixes") == []
        assert all(b["state"] == "refused" for b in d.lab.show(maar, "bindings"))
        assert all(t["served"] == t["moved"] == 0 for t in d.lab.show(maar, "tunnels"))
        assert d.lab.show(maar, "counters")["node"]["prefixes-taken"] == 0


def served(d, maar):
    rows = [b for b in d.lab.show(maar, "bindings") if b["state"] == "serving"]
    return rows[0] if rows else None


def attach(d, maar, ap):
    """As if it had been seen; a MAAR that has just been told no does not ask at once."""
    if served(d, maar) is None:
        command(d, maar, "attach", ap, LLADDR)
    return served(d, maar)


@pytest.mark.sanitized
def test_a_node_is_sent_away_and_may_come_back(domain):
    d = domain()
    maars = ["maar1", "maar2", "maar3"]
    d.talk(d.usable("maar1"))
    for ap in ("ap2", "ap3"):
        d.move(ap)
    d.quiet()
    before = len(messages(d.file))
    assert "via fe80" in routes(d)
    status, out, err = command(d, CMD, "revoke", LLADDR, "--json")
    assert (status, err) == (0, "")
    assert '"done": 3' in out and '"failed": 0' in out
    d.quiet()

    nothing_left(d, maars)
    wait_for("no router", lambda: routes(d) == "", 5)
    assert all(a["deprecated"] for a in d.lab.addresses(MN)), "its prefixes have ended"
    rows = revocations(d)
    assert len(rows) == 6 and len(messages(d.file)) - before == 6, "one pair for each MAAR"
    cmd = d.address(CMD)
    for maar in maars:
        (bri,) = [r for r in rows if r["ipv6.dst"] == d.address(maar)]
        (bra,) = [r for r in rows if r["ipv6.src"] == d.address(maar)]
        assert (bri["ipv6.src"], bri["mip6.bri_br.type"], bri["mip6.bri_r.trigger"]) == (cmd, BRI, ADMINISTRATIVE)
        assert (bri["mip6.bri_ip"], bri["mip6.bri_iv"], bri["mip6.bri_ig"]) == ("1", "0", "0")
        assert (bra["mip6.bri_br.type"], bra["mip6.bri_status"], bra["mip6.bri_ap"]) == (BRA, "0", "1")
    assert signalling.malformed(d.file) == []
    for m in [m for m in messages(d.file) if m.kind == REVOCATION]:
        assert m.checksum_ok and m.options[-1][0] == AUTH and len(m.one(MESG_ID)) == 8
        if m.dst == d.address("maar3"):
            assert len(m.all(HNP)) == 3, "the serving MAAR has all prefixes"
        elif m.src == cmd:
            assert len(m.all(HNP)) == 1 and m.one(MNID)[0] == 5 and len(m.one(TIMESTAMP)) == 8

    (held,) = d.lab.show(CMD, "revoked")
    assert held["mn"] == LLADDR and 0 < held["left_ms"] <= 300_000
    attach(d, "maar1", "ap1")  # at another MAAR, which has forgotten it
    wait_for("a refusal", lambda: d.lab.show(CMD, "counters")["node"]["refused-revoked"] > 0, 5)
    assert served(d, "maar1") is None and d.lab.show(CMD, "bindings") == []
    assert command(d, CMD, "allow", LLADDR) == (0, "", "")
    assert d.lab.show(CMD, "revoked") == []
    wait_for("a session", lambda: attach(d, "maar3", "ap3"), 10, 0.2)
    d.usable("maar3")
    status, _, err = command(d, CMD, "allow", LLADDR)
    assert status == 1 and "kept out" in err


def test_all_of_a_peer_and_a_peer_that_is_down(domain):
    d = domain()
    d.talk(d.usable("maar1"))
    d.move("ap2")
    status, out, _ = command(d, CMD, "revoke", "--peer", "maar1", "--json")
    assert status == 0 and '"bindings": 1' in out, out
    d.quiet()
    rows = revocations(d)
    assert [(r["ipv6.dst"], r["mip6.bri_r.trigger"], r["mip6.bri_ig"]) for r in rows if r["mip6.bri_ip"]] == [
        (d.address("maar1"), PER_PEER, "1"), (d.address("maar2"), ADMINISTRATIVE, "0")]
    assert d.lab.show("maar1", "prefixes") == [] and d.lab.show("maar1", "bindings") == []
    assert served(d, "maar2")["anchors"] == 1, "it goes on where it is, without that prefix"
    (binding,) = d.lab.show(CMD, "bindings")
    assert [a["maar"] for a in binding["anchored"]] == [d.address("maar2")]

    d.lab.kill("maar2", signal.SIGKILL)
    status, out, err = command(d, CMD, "revoke", LLADDR)
    assert status == 1 and "no answer" in out and "0 of 1 answered" in out
    assert "answered" in err, "what takes long tells how far it is"
    d.lab.start("maar2")
    wait_for("the end of it", lambda: d.lab.show(CMD, "bindings") == [], 20, 0.1)
    wait_for("nothing at the MAAR", lambda: d.lab.show("maar2", "prefixes") == [], 5)
    assert d.lab.show("maar2", "stations") == []
    status, _, err = command(d, CMD, "revoke", "--peer", "nobody")
    assert status == 1 and 'no peer is called "nobody"' in err
    status, _, err = command(d, "maar1", "revoke", LLADDR)
    assert status == 1 and "neither the cmd nor the lma" in err
    d.stop_capture()
    assert signalling.malformed(d.file) == []


@pytest.mark.sanitized
def test_new_registrations_on_demand(domain):
    d = domain(mobile_nodes=2)
    d.usable("maar1")
    d.usable("maar1", "mn2")
    wait_for("two sessions", lambda: len(d.lab.show(CMD, "bindings")) == 2, 10)
    d.quiet()
    before = len(messages(d.file))
    status, out, _ = command(d, CMD, "notify", LLADDR, "--json")
    assert status == 0 and '"what": "notify"' in out
    d.quiet()
    status, _, _ = command(d, CMD, "notify", "--peer", d.address("maar1"))
    assert status == 0
    d.quiet()
    d.stop_capture()
    with PcapReader(str(d.file)) as packets:
        found = [Message(p) for p in packets][before:]
    one, every = found[:4], found[4:]
    assert sorted(m.kind for m in one) == [PBU, PBA, UPN, UPA]
    assert sorted(m.kind for m in every) == [PBU, PBU, PBA, PBA, UPN, UPA]
    assert one[0].kind == UPN and len(one[0].all(MNID)) == 1 and one[0].all(MN_GROUP) == []
    assert every[0].kind == UPN and every[0].all(MNID) == [] and every[0].one(MN_GROUP)[2:] == b"\0\0\0\1"
    rows = signalling.tshark_fields(
        d.file, ["godwit.type", "godwit.upn.reason", "godwit.upn.ack", "godwit.upa.status"],
        "godwit.type in {19, 20}", ["-X", f"lua_script:{SCRIPT}"])
    assert [r[0] for r in rows] == ["19", "20", "19", "20"]
    assert rows[0][1:3] == ["1", "1"] and rows[1][3] == "0"
    assert signalling.malformed(d.file) == []


def test_a_session_of_a_mag(lab_name, clean):
    """An LMA and a MAG: RFC 5846 as it stands."""
    d = Pmip(lab_name, BIN)
    home = d.usable(LMA)
    (session,) = d.lab.show(LMA, "bindings")
    d.quiet()
    status, out, _ = command(d, LMA, "revoke", LLADDR, "--json")
    assert status == 0 and '"done": 1' in out
    d.quiet()
    d.stop_capture()
    assert d.lab.show(LMA, "bindings") == d.lab.show(LMA, "prefixes") == []
    assert d.lab.show("mag1", "stations") == d.lab.show("mag1", "prefixes") == []
    wait_for("no router", lambda: routes(d) == "", 5)
    assert all(a["deprecated"] for a in d.lab.addresses(MN) if a["address"] == home)
    bri, bra = [m for m in messages(d.file) if m.kind == REVOCATION]
    assert (bri.src, bri.dst) == (d.address(LMA), d.address("mag1")) == (bra.dst, bra.src)
    assert str(bri.hnp()) == session["prefix"] and bri.one(MNID)[0] == 5 and bri.all(TIMESTAMP) == []
    asked, answered = revocations(d)
    assert (asked["mip6.bri_r.trigger"], asked["mip6.bri_ip"], asked["mip6.bri_ig"]) == (ADMINISTRATIVE, "1", "0")
    assert (answered["mip6.bri_br.type"], answered["mip6.bri_status"]) == (BRA, "0")
    assert signalling.malformed(d.file) == []
