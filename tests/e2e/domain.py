"""A domain with daemons and a mobile node, and signalling as tshark, scapy and this file's own few
lines of TLV walking see it: nothing here uses Godwit's codec."""
import ipaddress
import json
import os
import signal
import struct
import time

import yaml
from godwit_lab import measure, signalling
from godwit_lab.domain import Lab, wait_for
from godwit_lab.star import CMD, MN, SERVER, plan
from godwit_lab.workload import Echo
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.utils import PcapReader

ECHO_PORT = 7007
IN_FLIGHT_NS = 100_000_000  # a packet and its answer, on a loaded machine
PBU, PBA = 5, 6
# Mobility options (IANA); those that RFC 8885 adds are LOCAL_PREFIX to DLIF_LL.
MNID, AUTH, MESG_ID, HNP, HI, ATT, MN_LL, TIMESTAMP = 8, 9, 10, 22, 23, 24, 25, 27
LOCAL_PREFIX, PREVIOUS, SERVING, DLIF_LOCAL, DLIF_LL = 66, 67, 68, 69, 70


def configure(lab, node, **more):
    """Members of the node's configuration, in place of what is there."""
    file = lab.config_file(node)
    with open(file, encoding="utf-8") as stream:
        document = yaml.safe_load(stream)
    document["godwit"].update(more)
    with open(file, "w", encoding="utf-8") as stream:
        yaml.safe_dump(document, stream, sort_keys=False)


class Domain:
    def __init__(self, name, bin_dir, **options):
        self.plan, self.lab = plan(name, **options), Lab(name)
        self.lab.up(self.plan, bin_dir)
        self.file = self.lab.state.path("cmd.pcap")
        self.visited, self.moves, self.echo = ["maar1"], [], None

    def capture(self):
        self.lab.capture(CMD, "core", self.file, "ip6 proto 135")

    def address(self, node):
        return self.plan.nodes[node].address

    def usable(self, maar, mn=MN):
        """A preferred address from this MAAR's pool, waited for."""
        pools = [ipaddress.IPv6Network(p) for p in self.plan.nodes[maar].pools]

        def found():
            return next((a["address"] for a in self.lab.addresses(mn)
                         if not a["tentative"] and not a["deprecated"]
                         and any(ipaddress.IPv6Address(a["address"]) in p for p in pools)), None)
        return wait_for(f"an address of {maar}", found, 15, 0.05)

    def talk(self, source, interval_us=5000):
        """The mobile node's own traffic, by which a MAAR notices it."""
        self.echo = Echo(self.lab, MN, source, SERVER, self.address(SERVER), ECHO_PORT, interval_us)

    def move(self, ap, carrier="keep"):
        """Moves and waits until every node has done its part."""
        made = self.lab.move(MN, ap, carrier)
        made["wall_ns"] = made["begin_ns"] + time.time_ns() - time.monotonic_ns()
        maar = self.plan.maar_of(ap)
        if maar not in self.visited:
            self.visited.append(maar)
        made.update(maar=maar, previous=len(self.visited) - 1)
        self.moves.append(made)
        wait_for(f"{maar} serves {MN}", lambda: self.serves(maar, made["begin_ns"]), 10)
        made["served_ns"] = time.monotonic_ns()
        self.quiet()
        return made

    def serves(self, maar, since_ns):
        steps = measure.steps_us([(maar, row) for row in self.lab.show(maar, "handovers")], maar,
                                 (since_ns, 1 << 63))
        return steps if "plane_programmed" in steps and "pba_received" in steps else None

    def quiet(self, seconds=0.4):
        signalling.until_quiet(self.file, seconds)

    def lost_while_served(self, records):
        """When packets of the echo were sent that nobody answered although no handover was under
        way. How many a handover costs is a figure (lab/measure-handover), and depends on the load."""
        away = [(m["begin_ns"] - IN_FLIGHT_NS, m["served_ns"] + IN_FLIGHT_NS) for m in self.moves]
        return [sent for sent, answers in records
                if answers == 0 and not any(a <= sent <= b for a, b in away)]

    def stop_capture(self):
        self.lab.stop(f"capture-{CMD}-core", signal.SIGINT)

    def per_move(self):
        """Message types of each move, in the order captured, by tshark."""
        rows = signalling.tshark_fields(self.file, ["frame.time_epoch", "mip6.mhtype"])
        begins = [m["wall_ns"] for m in self.moves]
        found = [[] for _ in self.moves]
        for epoch, kind in rows:
            at = int(float(epoch) * 1e9)
            index = sum(at >= b - 1_000_000 for b in begins) - 1
            if index >= 0:
                found[index].append(int(kind))
        return found


class Message:
    """One Mobility Header message of a capture, taken apart by hand."""

    def __init__(self, packet):
        ip = packet[IPv6]
        self.raw = bytes(ip.payload)
        self.src, self.dst, self.hop_limit = ip.src, ip.dst, ip.hlim
        self.packet = packet
        self.checksum_ok = in6_chksum(135, ip, self.raw) == 0
        self.kind = self.raw[2]
        assert len(self.raw) == (self.raw[1] + 1) * 8
        if self.kind == PBU:
            self.sequence, self.flags, self.lifetime = struct.unpack_from("!HHH", self.raw, 6)
            self.status = None
        else:
            self.status, self.flags, self.sequence, self.lifetime = \
                struct.unpack_from("!BBHH", self.raw, 6)
        self.options = list(self._options(12))

    def _options(self, at):
        """(type, body, offset)"""
        while at < len(self.raw):
            if self.raw[at] == 0:
                at += 1
                continue
            length = self.raw[at + 1]
            if self.raw[at] != 1:
                yield self.raw[at], self.raw[at + 2:at + 2 + length], at
            at += 2 + length
        assert at == len(self.raw)

    def all(self, kind):
        return [body for t, body, _ in self.options if t == kind]

    def one(self, kind):
        bodies = self.all(kind)
        assert len(bodies) == 1, f"{len(bodies)} options of type {kind}"
        return bodies[0]

    def hnp(self):
        return prefix(self.one(HNP))


def prefix(body):
    """Of an option: reserved, length, prefix."""
    return ipaddress.IPv6Network((body[2:18], body[1]))


def previous(body):
    """A Previous MAAR option: (address, prefix)."""
    return (str(ipaddress.IPv6Address(body[2:18])),
            ipaddress.IPv6Network((body[18:34], body[1])))


def messages(file):
    with PcapReader(str(file)) as packets:
        return [Message(p) for p in packets]


def settled(rows, drop=()):
    """Rows of `show` without what changes with time, for comparison."""
    def keep(value):
        if isinstance(value, dict):
            return {k: keep(v) for k, v in value.items() if k not in drop}
        return [keep(v) for v in value] if isinstance(value, list) else value
    return sorted((keep(r) for r in rows), key=lambda r: json.dumps(r, sort_keys=True))
