"""Handover of clients with real daemons, real programs and real servers: what a mobile node has begun goes on
while it moves between ingresses. What happened is read by curl, tshark with the shipped dissector, and scapy."""
import ipaddress
import os
import re
import signal
import socket
import struct
import subprocess
import time

import mhbuild
import pytest
import yaml
from conftest import BIN, ROOT, complaints, leftovers
from godwit_lab import netns, topology
from godwit_lab.domain import wait_for
from godwit_lab.roaming import CHAT_PORT, MN, Roaming

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

DISSECTOR = ROOT / "packaging/wireshark/godwit.lua"
LINE_MS = 50
CLIENT_OPTION, ADDRESS_OPTION, EXPERIMENTAL, MOVE = 71, 72, 18, 10
BA_C = 0x01


@pytest.fixture(scope="module")
def roaming():
    name = f"gR{os.getpid() % 100000}"
    made = Roaming(topology.load(ROOT / "lab/topologies/handover.yaml", name), BIN)
    made.up()
    yield made
    said = complaints(made.lab)
    made.lab.down()
    assert said == {}
    assert leftovers(name) == []


class Streaming:
    """A stream through moves: one connection of curl's, and what it must have brought."""

    def __init__(self, roaming, name, milliseconds):
        self.roaming, self.name, self.lines = roaming, name, milliseconds // LINE_MS
        self.curl = roaming.stream(name, milliseconds)
        self.source = wait_for("the connection", self.find_source, 5)
        wait_for("its first lines", lambda: len(self.so_far()) > 3, 5)

    def find_source(self):
        listed = self.roaming.lab.run(MN, ["ss", "-Htn", "dport", "=", f":{CHAT_PORT}"]).stdout
        match = re.search(r"\[([0-9a-f:]+)\]:\d+\s+\[", listed)
        return match[1] if match else None

    def so_far(self):
        return self.roaming.lines(self.name)[0]

    def more(self, lines):
        """Waits for so many more."""
        want = min(len(self.so_far()) + lines, self.lines)
        wait_for(f"{lines} more lines", lambda: len(self.so_far()) >= want, 20)

    def whole(self):
        """Its end: every octet came, of one instance, and curl needed nothing else."""
        status = self.curl.wait(60)
        text = self.roaming.lab.log(self.name)
        _, instances = self.roaming.lines(self.name)
        assert len(instances) == 1, text[-300:]
        assert status == 0, text[-300:]
        assert text == "".join(f"{i} {next(iter(instances))}\n" for i in range(self.lines))
        return next(iter(instances))


def at_home(roaming, ingress="in1"):
    """The mobile node is there with a preferred address of that ingress, and uses it."""
    pool = ipaddress.IPv6Network(roaming.plan.nodes[ingress].pools[0])
    roaming.move(ingress)
    wait_for(f"{MN} prefers an address of {ingress}", lambda: any(
        not a["deprecated"] and not a["tentative"] and ipaddress.IPv6Address(a["address"]) in pool
        for a in roaming.lab.addresses(MN)), 20)


def steps(roaming, client, what):
    """Who took that step, in the order of time."""
    return [r["to"] for r in roaming.ladder(client) if r["what"] == what]


def move_and_wait(roaming, client, ingress):
    before = len(steps(roaming, client, "taken over"))
    roaming.move(ingress)
    wait_for(f"{ingress} has taken over", lambda: steps(roaming, client, "taken over")[before:] == [ingress], 10)


def count(roaming, node, name):
    return roaming.lab.show(node, "counters")["node"][name]


def messages(file, client):
    """(message, from, to) of those that name the client, by tshark with the shipped dissector."""
    wanted = ipaddress.IPv6Network((client, 64), strict=False)
    argv = ["tshark", "-X", f"lua_script:{DISSECTOR}", "-r", file, "-Y", "godwit.message && godwit.cats.client",
            "-T", "fields", "-E", "occurrence=f", "-e", "godwit.message", "-e", "ipv6.src", "-e", "ipv6.dst",
            "-e", "godwit.cats.client"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    return [tuple(r[:3]) for r in rows if ipaddress.IPv6Address(r[3]) in wanted]


def capture(roaming, node, name, expression):
    """Of the node's core side; the file."""
    core = roaming.plan.neighbours(node)[0][0]
    file = roaming.lab.state.path(f"{name}.pcap")
    return roaming.lab.capture(node, core, file, expression), file


def test_a_mobile_node_behind_an_ingress_that_is_its_anchor_is_answered_by_the_nearest_site(roaming):
    """RFC 8885's packet path and that of CATS on one interface."""
    stream = Streaming(roaming, "at-home", 400)
    assert stream.whole() == "chat1"


def test_what_has_begun_goes_on_behind_the_next_ingress(roaming):
    """Reactive: figure 2 of the draft, message by message."""
    at_home(roaming)
    stream = Streaming(roaming, "reactive", 2000)
    running, file = capture(roaming, "in4", "reactive", "ip6 proto 135")
    move_and_wait(roaming, stream.source, "in4")
    assert stream.whole() == "chat1"
    roaming.lab.stop(running, signal.SIGINT)
    name = {roaming.plan.nodes[n].address: n for n in roaming.lab.daemons()}
    seen = [(m, name[a], name[b]) for m, a, b in messages(file, stream.source)]
    wanted = [("request", "in4", "in1"), ("notification", "in1", "in4"), ("indication", "in4", "in1"),
              ("indication", "in4", "eg1")]
    order = [seen.index(w) for w in wanted]
    assert order[0] < order[1] < min(order[2:]), seen
    assert steps(roaming, stream.source, "flows set")[-1] == "in4"


def test_announced_it_goes_on_at_once(roaming):
    """Proactive: figure 1 of the draft. Three may come; the one that does asks nobody."""
    at_home(roaming)
    stream = Streaming(roaming, "proactive", 3000)
    running = [capture(roaming, node, f"proactive-{node}", "ip6 proto 135") for node in ("in1", "in4")]
    roaming.lab.run("in1", [roaming.lab.program("godwit"), "--socket", roaming.lab.socket_file("in1"), "predict",
                            stream.source, "in2", "in3", "in4"])
    for node in ("in2", "in3", "in4"):
        wait_for(f"{node} expects it", lambda n=node: any(
            r["flows"] for r in roaming.lab.show(n, "expected")), 5)
    move_and_wait(roaming, stream.source, "in4")
    assert stream.whole() == "chat1"
    for process, _ in running:
        roaming.lab.stop(process, signal.SIGINT)
    name = {roaming.plan.nodes[n].address: n for n in roaming.lab.daemons()}
    told, seen = ([(m, name[a], name[b]) for m, a, b in messages(file, stream.source)] for _, file in running)
    assert {("notification", "in1", n) for n in ("in2", "in3", "in4")} <= set(told), told
    assert not any(m == "request" for m, _, _ in seen), seen
    order = [seen.index(w) for w in (("notification", "in1", "in4"), ("indication", "in4", "in1"),
                                     ("indication", "in4", "eg1"))]
    assert order[0] < min(order[1:]), seen


def test_back_and_forth_before_it_is_finished(roaming):
    at_home(roaming)
    stream = Streaming(roaming, "to-and-fro", 5000)
    for ingress in ("in2", "in3", "in2", "in1", "in4", "in1"):
        move_and_wait(roaming, stream.source, ingress)
        stream.more(2)
    assert stream.whole() == "chat1"


def of_flow(file, client):
    """Times of the packets to the client that are or carry the stream's."""
    argv = ["tshark", "-r", file, "-Y", f"tcp.srcport == {CHAT_PORT} && ipv6.dst == {client}", "-T", "fields",
            "-e", "frame.time_epoch"]
    return [float(t) for t in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()]


def test_results_go_straight_to_the_new_ingress(roaming):
    """Though the old one is the anchor of the client's prefix."""
    at_home(roaming)
    stream = Streaming(roaming, "straight", 3000)
    running = [capture(roaming, node, f"straight-{node}", "ip6") for node in ("in1", "in4")]
    stream.more(4)
    move_and_wait(roaming, stream.source, "in4")
    assert stream.whole() == "chat1"
    for process, _ in running:
        roaming.lab.stop(process, signal.SIGINT)
    by_anchor, direct = (of_flow(file, stream.source) for _, file in running)
    assert len(by_anchor) >= 4, "the capture is not of the flow"
    assert sum(at > max(by_anchor) for at in direct) > 20, "results go on through the old ingress"


class Enemy:
    """Sends whatever it likes from a router of the underlay."""

    def __init__(self, roaming):
        self.roaming = roaming
        with netns.Within(roaming.lab.namespace("core3")):
            self.raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def key(self, owner, peer):
        with open(self.roaming.lab.config_file(owner), encoding="utf-8") as file:
            peers = yaml.safe_load(file)["godwit"]["peers"]
        return bytes.fromhex(next(p for p in peers if p["name"] == peer)["keys"][0]["secret"])

    def indication(self, sender, to, client, key, old=None):
        """I have the client: it is to be sent to me. old: to an egress, whose it was."""
        src, dst = (self.roaming.plan.nodes[n].address for n in (sender, to))
        options = [(CLIENT_OPTION, mhbuild.addr(client)),
                   (EXPERIMENTAL, bytes([MOVE, 0x80]) + struct.pack("!I", 1000))]
        if old:
            options.insert(1, (ADDRESS_OPTION, mhbuild.addr(self.roaming.plan.nodes[old].address)))
        message = mhbuild.pba(9, 15, 0, options, src, dst, flags=BA_C, key=key)
        self.raw.sendto(mhbuild.ip6(src, dst, message), (dst, 0))

    def expect(self, node, counter, act):
        before = count(self.roaming, node, counter)
        act()
        wait_for(f"{counter} at {node}", lambda: count(self.roaming, node, counter) > before, 10)


def test_nobody_takes_a_client_that_it_was_not_given(roaming):
    """With a wrong key, and, a forwarder of the domain that has gone bad, with its own."""
    at_home(roaming)
    stream = Streaming(roaming, "hostile", 3000)
    enemy = Enemy(roaming)
    client = str(ipaddress.IPv6Network((stream.source, 64), strict=False).network_address)
    try:
        enemy.expect("eg1", "drop-auth-failed",
                     lambda: enemy.indication("in3", "eg1", client, os.urandom(32), "in1"))
        enemy.expect("eg1", "handover-refused-token",
                     lambda: enemy.indication("in3", "eg1", client, enemy.key("in3", "eg1"), "in1"))
        enemy.expect("in1", "handover-refused-not-offered",
                     lambda: enemy.indication("in3", "in1", client, enemy.key("in3", "in1")))
    finally:
        enemy.raw.close()
    assert not any(c["place"] == "moved" for c in roaming.lab.show("eg1", "clients") if c["client"].startswith(client))
    assert stream.whole() == "chat1"


@pytest.mark.parametrize("victim", ["in2", "eg1"])
def test_a_daemon_that_is_killed_in_the_middle_breaks_nothing(roaming, victim):
    """The packet path goes on, and what is unfinished is finished by who remains, or when it is back."""
    lab = roaming.lab
    at_home(roaming)
    stream = Streaming(roaming, f"killed-{victim}", 6000)
    roaming.move("in2")
    lab.kill(victim, signal.SIGKILL)
    time.sleep(0.3)
    lab.start(victim)
    if victim == "in2":
        roaming.move("in2")
    stream.more(10)
    move_and_wait(roaming, stream.source, "in3")
    assert stream.whole() == "chat1"
