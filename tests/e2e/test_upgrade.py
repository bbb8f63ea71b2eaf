"""Upgrade in place: every daemon of a domain is stopped and started as another program file while a node's
connection runs through a tunnel; and a packet path of another version is refused, or replaced on demand.

Judges: the UDP echo's own record of each packet, tshark on the node's link, the kernel's list of programs.
"""
import json
import os
import shutil
import signal
import time

import pytest
from conftest import BIN
from domain import CMD, MN, SERVER, Domain
from godwit_lab import netns, signalling
from godwit_lab.builder import MN_IFACE
from godwit_lab.domain import wait_for
from godwit_lab.state import LabError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

EVERY_US = 1000
ANCHOR, SERVING = "maar1", "maar2"


@pytest.fixture
def moved(lab_name, clean, request):
    """A node at the second MAAR that talks from its address of the first, which is a tunnel away."""
    d = Domain(lab_name, BIN, maars=2, hook=request.param)
    d.capture()
    d.source = str(d.usable(ANCHOR))
    d.talk(d.source, EVERY_US)
    d.move("ap2")
    d.lab.capture(MN, MN_IFACE, d.lab.state.path("mn.pcap"), "icmp6")
    return d


def program_ids(d, node):
    """The programs on a node's interfaces, by the kernel."""
    shown = json.loads(d.lab.run(node, ["bpftool", "-j", "net", "show"]).stdout)[0]
    return {f"{kind} {p['devname']}": p["id"] for kind in ("tc", "xdp") for p in shown[kind] if "id" in p}


def shown(d, node):
    """What must be the same after as before."""
    return [{(r["mn"], r["serving"], r.get("prefix")) for r in d.lab.show(node, "bindings")},
            {(r["lladdr"], r["mn"]) for r in d.lab.show(node, "stations")},
            {r["prefix"] for r in d.lab.show(node, "prefixes")}]


def upgrade(d, node, directory):
    before, programs = shown(d, node), program_ids(d, node)
    with d.lab.state.edit() as value:
        value["bin"] = str(directory)
    d.lab.kill(node, signal.SIGTERM)
    d.lab.start(node)
    status = d.lab.ask(node, {"cmd": "status"})
    assert os.readlink(f"/proc/{status['pid']}/exe").startswith(str(directory))
    assert status["pins"] == "adopted"
    assert shown(d, node) == before
    after = program_ids(d, node)
    assert set(after) == set(programs) and all(after[at] != programs[at] for at in programs)


@pytest.mark.parametrize("moved", ["tc", "xdp"], indirect=True)
def test_upgrade_without_a_lost_packet(moved, tmp_path):
    shutil.copytree(BIN, tmp_path / "bin")
    begin = time.monotonic_ns()
    for node in (SERVING, ANCHOR, CMD):
        upgrade(moved, node, tmp_path / "bin")
    records = [r for r in moved.echo.finish() if r[0] >= begin]
    lost = [sent for sent, answers in records if answers != 1]
    assert len(records) > 100 and lost == [], f"{len(lost)} of {len(records)}"
    moved.lab.stop(f"capture-{MN}-{MN_IFACE}", signal.SIGINT)
    rows = signalling.tshark_fields(moved.lab.state.path("mn.pcap"),
                                    ["icmpv6.opt.prefix.valid_lifetime"], "icmpv6.type == 134")
    lifetimes = [int(x) for (values,) in rows for x in values.split(",") if x]
    assert lifetimes and 0 not in lifetimes  # nobody took a prefix back


@pytest.mark.parametrize("moved", ["tc"], indirect=True)
def test_another_version_is_refused_or_replaced(moved):
    d = moved
    pin = f"{d.lab.state.read()['pins']}/{SERVING}/self"
    d.lab.kill(SERVING)
    value = json.loads(netns.run(["bpftool", "-j", "map", "lookup", "pinned", pin, "key", "0", "0", "0", "0"]))
    netns.run(["bpftool", "map", "update", "pinned", pin, "key", "0", "0", "0", "0",
               "value", "99", *[str(int(octet, 16)) for octet in value["value"][1:]]])
    with pytest.raises(LabError, match="--rebuild"):
        d.lab.start(SERVING)
    assert all(answers == 1 for _, answers in d.echo.finish()[-100:-20])  # the old path goes on
    d.lab.start(SERVING, "--rebuild")
    assert d.lab.ask(SERVING, {"cmd": "status"})["pins"] == "created"
    wait_for("the connection's address works again",
             lambda: d.lab.run(MN, ["ping", "-6", "-c1", "-W1", "-I", d.source, d.address(SERVER)],
                               check=False).returncode == 0, 15)
