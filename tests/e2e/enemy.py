"""A domain with real daemons and, on the core network, a host that means it ill.

`Arena` is a lab (lab/godwit_lab) with one more server, `evil`, and two mobile nodes at ap1. It
remembers what the daemons hold, so that a test can say that nothing has changed, and sends whole
packets as whoever it likes.
"""
import contextlib
import json
import os
import socket
import threading
import time

import yaml
from conftest import BIN, complaints, leftovers
from godwit_lab import netns, topology
from godwit_lab.domain import Lab, wait_for

CMD, MAAR1, MAAR2, EVIL, SRV = (f"2001:db8:{x}" for x in ("f::c", "f::1", "f::2", "e::1", "5::1"))
MN1, MN2 = "02:00:00:00:00:01", "02:00:00:00:00:02"
DAEMONS = ("cmd", "maar1", "maar2")
POOL1, POOL2 = "2001:db8:1000::/36", "2001:db8:2000::/36"
STATE = ("bindings", "stations", "prefixes", "tunnels", "peers")
# What moves by itself: times, messages of a peer, what the packet path counts beside a prefix.
MOVING = ("_ms", "messages_", "refused", "packets", "octets")


def plan(hook, limits):
    return topology.from_dict({
        "name": f"gG{os.getpid() % 100000}{'-lim' if limits else ''}",
        "nodes": {
            "core": {"role": "router", "address": "2001:db8:f::f"},
            "cmd": {"role": "cmd", "address": CMD},
            "maar1": {"role": "maar", "address": MAAR1, "pools": [POOL1]},
            "maar2": {"role": "maar", "address": MAAR2, "pools": [POOL2]},
            "srv": {"role": "server", "address": SRV},
            "evil": {"role": "server", "address": EVIL}},
        "links": [{"ends": [n, "core"]} for n in ("cmd", "maar1", "maar2", "srv", "evil")],
        "access-points": {"ap1": {"at": "maar1", "hook": hook},
                          "ap2": {"at": "maar2", "hook": hook}},
        "mobile-nodes": {"mn1": {"at": "ap1", "lladdr": MN1}, "mn2": {"at": "ap1", "lladdr": MN2}},
        "policy": [{"lladdr": "02:00:*", "action": "allow"}, {"any": True, "action": "deny"}],
        "godwit": {"timers": {"replay-window": 4}, "limits": limits,
                   "heartbeat": {"interval": 0}},  # they would move what `show peers` says
    })


def still(value):
    """A copy without what moves by itself."""
    if isinstance(value, dict):
        return {k: still(v) for k, v in value.items() if not any(m in k for m in MOVING)}
    if isinstance(value, list):
        return sorted((still(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


class Arena:
    """hook: which form of the packet path the access points run."""

    def __init__(self, hook="auto", limits=None):
        self.plan = plan(hook, limits or {})
        self.lab = Lab(self.plan.name)
        self.lab.up(self.plan, BIN)
        assert hook == "auto" or f"attached: ap1: {hook}" in self.lab.log("maar1")
        self.raw = self.socket("evil", socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def close(self):
        """Takes it down; nothing may be left, and no sanitizer may have complained."""
        self.raw.close()
        said = complaints(self.lab)
        self.lab.down()
        assert leftovers(self.plan.name) == []
        assert said == {}, said

    def socket(self, node, *args):
        with netns.Within(self.lab.namespace(node)):
            return socket.socket(*args)

    # -- what the daemons hold --------------------------------------------------------------------

    def state(self):
        return {node: {what: still(self.lab.show(node, what)) for what in STATE}
                for node in DAEMONS}

    def settled(self):
        """The state once both nodes have their addresses and nothing is under way."""
        for mn in ("mn1", "mn2"):
            wait_for(f"{mn}: address", lambda m=mn: self.preferred(m), 20)
        seen = [self.state()]

        def same():
            time.sleep(0.3)
            seen.append(self.state())
            transit = any(p["kind"] == "transit" for s in seen[-1].values() for p in s["prefixes"])
            return seen[-1] if seen[-1] == seen[-2] and not transit else None
        return wait_for("state settled", same, 20)

    def preferred(self, mn):
        good = [a["address"] for a in self.lab.addresses(mn)
                if not a["tentative"] and not a["deprecated"]]
        return good[0] if good else None

    def count(self, node, name, part="node"):
        value = self.lab.show(node, "counters")[part].get(name, 0)
        return value["packets"] if isinstance(value, dict) else value

    def dropped(self, node):
        """Signalling messages that the node did not believe, whatever the reason. (One counter
        is about answers that it then did not give.)"""
        counters = self.lab.show(node, "counters")["node"]
        return sum(v for k, v in counters.items()
                   if k.startswith(("drop-", "refused-")) and k != "drop-answer-rate")

    def key(self, owner, peer):
        with open(self.lab.config_file(owner), encoding="utf-8") as file:
            peers = yaml.safe_load(file)["godwit"]["peers"]
        return bytes.fromhex(next(p for p in peers if p["name"] == peer)["keys"][0]["secret"])

    # -- what the enemy does ----------------------------------------------------------------------

    def send(self, packet):
        """A whole IPv6 packet from the host `evil`, whatever its source says."""
        where = packet[24:40]
        with contextlib.suppress(BlockingIOError):
            self.raw.sendto(packet, (socket.inet_ntop(socket.AF_INET6, where), 0))

    def expect_counted(self, node, packets, name=None, part="node"):
        """Sends them, a little at a time, and waits until each has been counted."""
        def now():
            return self.count(node, name, part) if name else self.dropped(node)
        before = now()
        for done, packet in enumerate(packets, 1):
            self.send(packet)
            if done % 32 == 0:
                wait_for(f"{done} packets counted", lambda d=done: now() >= before + d, 10)
        wait_for(f"{len(packets)} packets counted as {name or 'dropped'}",
                 lambda: now() >= before + len(packets), 10)
        counted = now() - before
        assert counted == len(packets), f"{counted} counted, {len(packets)} sent"

    def serves(self):
        """The domain still does its work: a station gets an echo through its anchor."""
        for mn in ("mn1", "mn2"):
            self.lab.run(mn, ["ping", "-6", "-c", "1", "-W", "5", SRV])

    def round_trip(self):
        """A handover there and back works. The carrier stays, so it is the first frame that tells:
        the node has to say something."""
        for ap in ("ap2", "ap1"):
            old = self.preferred("mn2")
            self.lab.move("mn2", ap)
            self.lab.run("mn2", ["ping", "-6", "-c", "1", "-W", "1", SRV], check=False)
            wait_for("a new address", lambda o=old: self.preferred("mn2") not in (None, o), 20)
            self.lab.run("mn2", ["ping", "-6", "-c", "1", "-W", "5", SRV])


@contextlib.contextmanager
def unchanged(arena):
    """Nothing that any daemon holds may differ afterwards, and it must still serve."""
    before = arena.settled()
    yield before
    after = arena.state()
    changed = [(node, what, before[node][what], after[node][what])
               for node in DAEMONS for what in STATE if before[node][what] != after[node][what]]
    assert changed == [], changed
    arena.serves()


class Sniffer:
    """Counts what arrives at a node's interface and matches."""

    def __init__(self, arena, node, iface, match):
        self.match, self.found, self.stop = match, [], False
        self.sock = arena.socket(node, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
        self.sock.bind((iface, 0x86dd))
        self.sock.settimeout(0.05)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop:
            with contextlib.suppress(TimeoutError):
                frame, where = self.sock.recvfrom(65536)
                if where[2] != socket.PACKET_OUTGOING and self.match(frame):
                    self.found.append(frame)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        time.sleep(0.2)
        self.stop = True
        self.thread.join()
        self.sock.close()
