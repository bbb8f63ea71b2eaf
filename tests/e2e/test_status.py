"""Every status code of a PBA, provoked at real daemons by a message that scapy has made, and the answer
as tshark reads it: the status, what RFC 5213 5.3.6 wants echoed, and the flags. doc/conformance.md has
the same list of codes, with the reason where none of ours can answer with one.
"""
import calendar
import os
import re
import socket
import time

import pytest
import scapymh as s
import yaml
from conftest import BIN, ROOT, complaints, leftovers
from godwit_lab import netns, topology
from godwit_lab.domain import Lab, wait_for

pytestmark = [pytest.mark.sanitized,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

SCRIPT = ROOT / "packaging/wireshark/godwit.lua"
ADDRESS = {n: f"2001:db8:f::{x}" for n, x in (
    ("cmd", "c"), ("maar1", "1"), ("maar2", "2"), ("maar3", "3"), ("lma", "d"), ("mag1", "a1"),
    ("mag2", "a2"), ("elsewhere", "99"), ("evil", "e"))}
POOLS = {"maar1": "2001:db8:1000::/36", "maar2": "2001:db8:2000::/36", "maar3": "2001:db8:3000::/36",
         "lma": "2001:db8:a000::/64"}  # one prefix
ONE, TWO, THREE = "2001:db8:1000:1::", "2001:db8:2000:1::", "2001:db8:2000:2::"
ONLY, OUTSIDE = "2001:db8:a000::", "2001:db8:bad::"
LLADDR = bytes.fromhex("020000000001")
POLICY = [{"mn-id": "denied@lab", "action": "deny"}, {"mn-id": "*@lab", "action": "allow"}]

# RFC 6275 6.1.8, RFC 4285 8 and RFC 5213 8.9; RFC 8885 adds none.
CODES = {0, 1, *range(128, 140), 144, 145, 146, *range(152, 163), 174}
NEVER = {1, 132, 133, 134, 136, 137, 138, 139, 146, 174}  # the reasons: doc/conformance.md

FIELDS = ("mip6.ba.status", "mip6.ba.seqnr", "mip6.ba.p_flag", "godwit.flag.d",
          "mip6.mnid.identifier", "mip6.nemo.mnp.mnp", "mip6.hi", "mip6.att", "mip6.ba.lifetime",
          "mip6.mnlli.lli", "mip6.lila_lla", "godwit.timestamp", "godwit.serving_maar",
          "ipv6.src", "ipv6.dst", "frame.time_epoch", "mip6.mseg_id.timestamp", "mip6.auth.auth_data")


class Row:
    """One PBU, and what its answer must be. Times are relative to when it is sent."""

    def __init__(self, name, sender, to, status, **how):
        self.name, self.sender, self.to, self.status = name, sender, to, status
        self.mn, self.prefixes, self.hi, self.att = "a@lab", [TWO], 1, 4
        self.lladdr, self.time, self.mesgid, self.lifetime = LLADDR, 0, 0, 75
        self.flags = s.A | s.P | (0 if to == "lma" else s.D)
        self.link_local = self.serving = self.care_of = self.key = self.seq = None
        self.length = 64
        self.answer = {}  # what differs from an echo
        self.__dict__.update(how)

    def options(self, now):
        made = [s.nai(self.mn)] if self.mn is not None else []
        made += [s.HomeNetworkPrefix(prefix=p, plen=self.length) for p in self.prefixes]
        made += [s.HandoffIndicator(code=self.hi)] if self.hi else []
        made += [s.AccessTechnology(code=self.att)] if self.att else []
        made += [s.LinkLayerIdentifier(id=self.lladdr)] if self.lladdr else []
        if self.time is not None:
            made.append(s.Timestamp(timestamp=0) if self.time == "zero" else s.at(now + self.time))
        made += [s.LinkLocal(address=self.link_local)] if self.link_local else []
        made += [s.ServingMaar(address=ADDRESS[self.serving])] if self.serving else []
        made += [s.alternate_care_of(ADDRESS[self.care_of])] if self.care_of else []
        return made


def to_cmd(name, status, sender="maar2", **how):
    return Row(name, sender, "cmd", status, **how)


def to_maar(name, status, **how):
    """Told by the CMD that a node with a prefix here is at maar2."""
    return Row(name, "cmd", "maar1", status, **{"prefixes": [ONE], "serving": "maar2", "mn": "m@lab",
                                               "lladdr": None, "hi": 3, **how})


def to_lma(name, status, sender="mag1", **how):
    return Row(name, sender, "lma", status, **{"prefixes": ["::"], **how})


NO_TIME = {"time": None}
ROWS = [
    to_cmd("cmd: MAG without RFC 8885", 154, flags=s.A | s.P),
    to_cmd("cmd: no MN-ID", 160, mn=None),
    to_cmd("cmd: empty MN-ID", 160, mn=""),
    to_cmd("cmd: MAAR that may not", 154, sender="maar3", prefixes=["2001:db8:3000:1::"]),
    to_cmd("cmd: traffic to another MAAR", 154, care_of="maar1"),
    to_cmd("cmd: node of nobody", 153, mn="a@elsewhere"),
    to_cmd("cmd: node without service", 152, mn="denied@lab"),
    to_cmd("cmd: Timestamp ahead", 156, time=60),
    to_cmd("cmd: Timestamp zero", 156, time="zero"),
    to_cmd("cmd: no Timestamp", 156, **NO_TIME),
    to_cmd("cmd: no HNP", 158, prefixes=[]),
    to_cmd("cmd: no Handoff Indicator", 161, hi=0),
    to_cmd("cmd: no Access Technology", 162, att=0),
    to_cmd("cmd: nothing but MN-ID and Timestamp", 158, prefixes=[], hi=0, att=0, lladdr=None),
    to_cmd("cmd: another MAAR's prefix", 155, prefixes=[ONE]),
    to_cmd("cmd: a prefix too long", 155, length=80),
    to_cmd("cmd: a prefix too short", 155, prefixes=["2001:db8:2000::"], length=48),
    to_cmd("cmd: two prefixes, the first foreign", 155, prefixes=[OUTSIDE, TWO],
           link_local="fe80::7"),
    to_cmd("cmd: registration", 0),
    to_cmd("cmd: the same again", 0, hi=5, lladdr=None),
    to_cmd("cmd: Timestamp lower", 157, time=-60),
    to_cmd("cmd: the prefix of another node", 155, mn="b@lab"),
    to_cmd("cmd: registration of the last there is room for", 0, mn="b@lab", prefixes=[THREE]),
    to_cmd("cmd: no room", 130, mn="c@lab", prefixes=["2001:db8:2000:3::"]),
    to_cmd("cmd: home registration", 131, flags=s.A | s.H),
    to_cmd("cmd: Mesg-ID of an hour ago", 144, mesgid=-3600),
    to_cmd("cmd: no Mesg-ID", 145, mesgid=False),
    to_cmd("cmd: wrong key", None, key=bytes(32), counter="drop-auth-failed"),
    to_cmd("cmd: de-registration", 0, lifetime=0, mn="b@lab", prefixes=[THREE]),

    to_maar("maar: no MN-ID", 160, mn=None),
    to_maar("maar: no Timestamp", 156, **NO_TIME),
    to_maar("maar: no HNP", 158, prefixes=[]),
    to_maar("maar: serving MAAR unknown", 128, serving="elsewhere"),
    to_maar("maar: no serving MAAR", 128, serving=None),
    to_maar("maar: not a prefix of here", 155, prefixes=[TWO]),
    to_maar("maar: told where the node is", 0),
    to_maar("maar: another prefix than the node has", 159, prefixes=["2001:db8:1000:2::"]),
    to_maar("maar: home registration", 131, flags=s.A | s.H),
    to_maar("maar: Mesg-ID in an hour", 144, mesgid=3600),
    to_maar("maar: no Mesg-ID", 145, mesgid=False),
    to_maar("maar: the prefix is free", 0, lifetime=0, serving=None),

    to_lma("lma: RFC 8885", 129, flags=s.A | s.P | s.D),
    to_lma("lma: no MN-ID", 160, mn=None),
    to_lma("lma: MAG that may not", 154, sender="mag2"),
    to_lma("lma: traffic to nobody's address", 154, care_of="elsewhere"),
    to_lma("lma: node of nobody", 153, mn="a@elsewhere"),
    to_lma("lma: node without service", 152, mn="denied@lab"),
    to_lma("lma: Timestamp ahead", 156, time=60),
    to_lma("lma: Timestamp behind", 156, time=-60),
    to_lma("lma: Timestamp zero", 156, time="zero"),
    to_lma("lma: no HNP", 158, prefixes=[]),
    to_lma("lma: no Handoff Indicator", 161, hi=0),
    to_lma("lma: no Access Technology", 162, att=0, link_local="fe80::7"),
    to_lma("lma: nothing but MN-ID", 158, prefixes=[], hi=0, att=0, lladdr=None, **NO_TIME),
    to_lma("lma: not a prefix of here", 155, prefixes=[ONLY, OUTSIDE]),
    to_lma("lma: a prefix too long", 155, prefixes=[ONLY], length=80),
    to_lma("lma: registration", 0, answer={"prefixes": [ONLY]}, link_local="fe80::7", seq=7000),
    to_lma("lma: Timestamp lower", 157, time=-60),
    to_lma("lma: number lower", 135, prefixes=[ONLY], hi=5, seq=6999, answer={"seq": 7000}, **NO_TIME),
    to_lma("lma: number the same", 135, prefixes=[ONLY], hi=5, seq=7000, answer={"seq": 7000},
           **NO_TIME),
    to_lma("lma: number higher", 0, prefixes=[ONLY], hi=5, seq=7001, **NO_TIME),
    to_lma("lma: more prefixes than the binding has", 159, prefixes=[ONLY, OUTSIDE], hi=5),
    to_lma("lma: another node's prefix", 155, mn="b@lab", prefixes=[ONLY]),
    to_lma("lma: no prefix left", 130, mn="b@lab"),
    to_lma("lma: home registration", 131, flags=s.A | s.H),
    to_lma("lma: Mesg-ID of an hour ago", 144, mesgid=-3600),
    to_lma("lma: no Mesg-ID", 145, mesgid=False),
    to_lma("lma: wrong key", None, key=bytes(32), counter="drop-auth-failed"),
    to_lma("lma: de-registration of nothing", None, mn="b@lab", lifetime=0,
           counter="drop-stale-update"),
    to_lma("lma: de-registration", 0, prefixes=[ONLY], lifetime=0, hi=4),
]


def plan(name):
    roles = {"cmd": "cmd", "maar1": "maar", "maar2": "maar", "maar3": "maar", "lma": "lma",
             "mag1": "mag", "mag2": "mag", "evil": "server"}
    # A machine under load is no reason for another status.
    own = {"cmd": {"limits": {"bindings": 2}},
           "lma": {"proxy-mobile-ip": {"timestamp-validity": 30}}}
    nodes = {"core": {"role": "router", "address": "2001:db8:f::f"}}
    for node, role in roles.items():
        nodes[node] = {"role": role, "address": ADDRESS[node], "godwit": own.get(node, {}),
                       **({"pools": [POOLS[node]]} if node in POOLS else {})}
    return topology.from_dict({
        "nodes": nodes, "links": [{"ends": [n, "core"]} for n in roles],
        "access-points": {"ap1": {"at": "maar1"}}, "policy": POLICY,
        "godwit": {"heartbeat": {"interval": 0}, "timers": {"replay-window": 30}}}, name)


class Domain:
    """cmd, maar1 and lma are daemons; all else is what is sent in its name."""

    def __init__(self, name):
        self.lab = Lab(name)
        self.plan = plan(name)
        self.lab.up(self.plan, BIN, daemons=("maar1",))
        for node, peer in (("cmd", "maar3"), ("lma", "mag2")):
            self.restrict(node, peer)
            self.lab.start(node)
        self.file = self.lab.state.path("status.pcap")
        self.name = self.lab.capture("core", "any", self.file, "ip6 proto 135 and inbound")
        with netns.Within(self.lab.namespace("evil")):
            self.out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with netns.Within(self.lab.namespace("core")):
            self.ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86dd))
        self.ear.settimeout(0.05)

    def restrict(self, node, peer):
        """This peer may register nobody of ours."""
        with open(self.lab.config_file(node), encoding="utf-8") as old:
            config = yaml.safe_load(old)
        next(p for p in config["godwit"]["peers"] if p["name"] == peer)["nodes"] = ["nobody@*"]
        with open(self.lab.config_file(node), "w", encoding="utf-8") as new:
            yaml.safe_dump(config, new)

    def key(self, row):
        with open(self.lab.config_file(row.to), encoding="utf-8") as file:
            peers = yaml.safe_load(file)["godwit"]["peers"]
        return bytes.fromhex(next(p for p in peers if p["name"] == row.sender)["keys"][0]["secret"])

    def close(self):
        """Whether anybody complained is the caller's to say."""
        self.out.close()
        self.ear.close()
        said = complaints(self.lab)
        self.lab.down()
        return said

    def answered(self, row):
        """Waits until the core router has seen a PBA (or BA) of the one that was asked."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                packet, where = self.ear.recvfrom(2048)
            except TimeoutError:
                continue
            if where[2] != socket.PACKET_OUTGOING and packet[6] == 135 and packet[42] == 6 and \
                    packet[8:24] == socket.inet_pton(socket.AF_INET6, ADDRESS[row.to]):
                return
        pytest.fail(f"{row.name}: no answer within 10 s")

    def ask(self, index, row):
        row.seq = row.seq or 1000 + index
        row.sent = time.time()
        mesgid = row.mesgid if row.mesgid is False else row.sent + row.mesgid
        packet = s.binding_update(ADDRESS[row.sender], ADDRESS[row.to], row.key or self.key(row),
                                  row.options(row.sent), row.seq, row.flags, row.lifetime, mesgid)
        counted = self.count(row)
        self.out.sendto(packet, (ADDRESS[row.to], 0))
        if row.status is None:
            wait_for(f"{row.name}: counted", lambda: self.count(row) == counted + 1, 10)
        else:
            self.answered(row)

    def count(self, row):
        if row.status is not None:
            return 0
        return self.lab.show(row.to, "counters")["node"].get(row.counter, 0)

    def answers(self):
        """The PBAs of the three, in order, as tshark has them."""
        self.lab.stop(self.name)
        argv = ["tshark", "-n", "-X", f"lua_script:{SCRIPT}", "-r", self.file, "-Y",
                "mip6.mhtype == 6", "-T", "fields"]
        for field in FIELDS:
            argv += ["-e", field]
        lines = netns.run(argv).splitlines()
        return [dict(zip(FIELDS, line.split("\t"))) for line in lines if "\t" in line]


@pytest.fixture(scope="module")
def outcome():
    """{row's name: its answer}, and what the daemons hold in the end."""
    name = f"gS{os.getpid() % 100000}"
    domain = Domain(name)
    try:
        for index, row in enumerate(ROWS):
            domain.ask(index, row)
        held = {n: domain.lab.show(n, "bindings") for n in ("cmd", "maar1", "lma")}
        answers = domain.answers()
    finally:
        said = domain.close()
    assert leftovers(name) == []
    assert said == {}
    asked = [r for r in ROWS if r.status is not None]
    assert len(answers) == len(asked), "one answer each, and none to those that get none"
    return dict(zip((r.name for r in asked), answers)), held


def expected(row):
    """What RFC 5213 5.3.6 wants in the answer, its time apart."""
    proxied = row.flags & s.P
    return {
        "mip6.ba.status": str(row.status), "mip6.ba.seqnr": str(row.answer.get("seq", row.seq)),
        "mip6.ba.p_flag": "1" if proxied else "0",
        "godwit.flag.d": "0" if row.to == "lma" or not proxied else "1",
        "mip6.mnid.identifier": row.mn or "",
        "mip6.nemo.mnp.mnp": ",".join(row.answer.get("prefixes", row.prefixes or ["::"])),
        "mip6.hi": str(row.hi), "mip6.att": str(row.att),
        "mip6.mnlli.lli": row.lladdr.hex() if row.lladdr else "",
        "mip6.lila_lla": row.link_local or "",
        "ipv6.src": ADDRESS[row.to], "ipv6.dst": ADDRESS[row.sender]}


def check_time(row, got):
    """The Timestamp comes back; when it is what was refused, the node's own time does (5.5)."""
    if row.time is None and row.status != 156:
        assert got["godwit.timestamp"] == ""
        return
    text = re.sub(r"\.\d+ UTC$", "", got["godwit.timestamp"])
    said = calendar.timegm(time.strptime(text, "%b %d, %Y %H:%M:%S"))
    if row.status in (156, 157):
        assert int(row.sent) <= said <= float(got["frame.time_epoch"])
    else:
        assert said == int(row.sent + row.time)


@pytest.mark.parametrize("row", [r for r in ROWS if r.status is not None], ids=lambda r: r.name)
def test_answer(row, outcome):
    got = outcome[0][row.name]
    for field, value in expected(row).items():
        assert got[field] == value, field
    check_time(row, got)
    if row.status >= 128 or row.lifetime == 0:
        assert got["mip6.ba.lifetime"] == "0"
    else:
        assert got["mip6.ba.lifetime"] == str(row.lifetime)
    assert got["mip6.auth.auth_data"] and got["mip6.mseg_id.timestamp"], "authenticated and fresh"


def test_refused_leave_no_trace(outcome):
    held = outcome[1]
    assert sorted(b["mn"] for b in held["cmd"]) == ["a@lab"]
    assert held["maar1"] == []
    assert all("a@lab" in str(b) for b in held["lma"])


def documented():
    """{code: whether the table says that it is answered} of doc/conformance.md."""
    text = (ROOT / "doc/conformance.md").read_text(encoding="utf-8")
    table = text.split("## Status codes")[1].split("\n## ")[0]
    return {int(m[1]): m[2].strip() != "–"
            for m in re.finditer(r"^\| (\d+) \|[^|]*\|([^|]*)\|", table, re.M)}


def test_every_code_is_provoked_or_cannot_be():
    provoked = {r.status for r in ROWS} - {None}
    assert provoked | NEVER == CODES and not provoked & NEVER
    assert documented() == {code: code in provoked for code in CODES}
