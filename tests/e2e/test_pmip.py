"""Proxy Mobile IPv6 with real daemons: a stock host moves between MAGs, and to a MAAR that is a MAG
towards the central anchor (RFC 8885, appendix A.5). Messages are judged by tshark and scapy; both
directions of the tunnel by what is on the wire."""
import ipaddress
import os
import signal

import pytest
from conftest import BIN, ROOT
from domain import (ATT, AUTH, HI, HNP, MESG_ID, MN, MN_LL, MNID, PBA, PBU, SERVER, TIMESTAMP, Domain,
                    messages)
from godwit_lab import signalling, topology, workload
from godwit_lab.builder import MN_IFACE
from godwit_lab.domain import Lab, wait_for
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

LMA, LINK_LOCAL, REVOCATION = "lma", 26, 16
A_FLAG, P_FLAG, P_FLAG_PBA = 0x8000, 0x0200, 0x20
GATEWAYS = ("mag1", "mag2", "maar")


class Pmip(Domain):
    """lab/topologies/pmip.yaml, with signalling captured at the LMA and tunnels beside it."""

    def __init__(self, name, bin_dir, **godwit):
        self.plan = topology.load(ROOT / "lab/topologies/pmip.yaml", name, [
            "godwit.heartbeat.interval=0", *[f"godwit.{k}={v}" for k, v in godwit.items()]])
        self.lab = Lab(name)
        self.lab.up(self.plan, bin_dir, [n.name for n in self.plan.daemons() if n.name != "mag1"])
        self.file = self.lab.state.path("lma.pcap")
        self.tunnels = self.lab.state.path("tunnels.pcap")
        self.visited, self.moves, self.echo = ["mag1"], [], None
        self.pool = ipaddress.IPv6Network(self.plan.nodes[LMA].pools[0])
        self.capture()  # from the first message on
        self.lab.start("mag1")
        for state in ("down", "up"):
            self.lab.run(MN, ["ip", "link", "set", MN_IFACE, state])

    def capture(self):
        self.lab.capture(LMA, "core", self.file, "ip6 proto 135")
        self.lab.capture("core", LMA, self.tunnels, "ip6 proto 41")

    def stop_capture(self):
        self.lab.stop(f"capture-{LMA}-core", signal.SIGINT)
        self.lab.stop(f"capture-core-{LMA}", signal.SIGINT)

    def tunnelled(self):
        """{(outer source, outer destination): inner (source, destination) pairs}"""
        found = {}
        with PcapReader(self.tunnels) as packets:
            for p in packets:
                outer = p[IPv6]
                inner = outer.payload[IPv6]
                found.setdefault((outer.src, outer.dst), set()).add((inner.src, inner.dst))
        return found

    def session(self):
        (found,) = self.lab.show(LMA, "bindings")
        return found


@pytest.fixture
def domain(lab_name, clean):
    """Makes domains; `clean` takes them down."""
    return lambda **godwit: Pmip(lab_name, BIN, **godwit)


def check_pair(d, pbu, pba, gateway, home):
    """A registration and its answer, field by field."""
    assert (pbu.kind, pbu.src, pbu.dst) == (PBU, d.address(gateway), d.address(LMA))
    assert (pba.kind, pba.src, pba.dst) == (PBA, d.address(LMA), d.address(gateway))
    assert pbu.flags == A_FLAG | P_FLAG, "nothing of RFC 8885"
    assert (pba.flags, pba.status, pba.sequence) == (P_FLAG_PBA, 0, pbu.sequence)
    assert pbu.hnp() == ipaddress.IPv6Network("::/0"), "asks for what it has"
    assert pba.hnp() == home
    assert 0 < pba.lifetime <= pbu.lifetime
    assert pbu.one(HI)[1] == pba.one(HI)[1] == 4
    assert pbu.one(ATT)[1] == pba.one(ATT)[1] == 3
    assert pbu.one(TIMESTAMP) == pba.one(TIMESTAMP)
    assert pbu.one(MN_LL) == pba.one(MN_LL) and pbu.one(MN_LL)[2:] == bytes.fromhex("020000000001")
    assert pbu.one(LINK_LOCAL) == bytes(16)
    for m in (pbu, pba):
        assert m.checksum_ok and m.one(MNID)[0] == 5
        assert m.options[-1][0] == AUTH and len(m.one(MESG_ID)) == 8
        for kind, _, at in m.options:
            n, rest = {HNP: (8, 4), LINK_LOCAL: (8, 6), TIMESTAMP: (8, 2)}.get(kind, (1, 0))
            assert at % n == rest, f"option {kind} at {at}"
    return pba.one(LINK_LOCAL)


def check_tshark(file, mine):
    """The same messages as tshark reads them."""
    rows = signalling.tshark_fields(file, ["mip6.mhtype", "mip6.bu.p_flag", "mip6.ba.p_flag",
                                           "mip6.bu.lifetime", "mip6.ba.status", "mip6.ba.lifetime"])
    assert signalling.malformed(file) == []
    assert len(rows) == len(mine)
    for row, m in zip(rows, mine):
        assert int(row[0]) == m.kind
        if m.kind == PBU:
            assert (row[1], int(row[3])) == ("1", m.lifetime)
        elif m.kind == PBA:
            assert (row[2], int(row[4]), int(row[5])) == ("1", 0, m.lifetime)


def leave(d, node, ap):
    """The host goes, and its gateway is told."""
    d.lab.run(MN, ["ip", "link", "set", MN_IFACE, "down"])
    d.lab.ask(node, {"cmd": "detach", "interface": ap, "lladdr": "02:00:00:00:00:01"})
    wait_for("the end of the session", lambda: not d.lab.show(node, "bindings"), 15)
    assert d.session()["state"] == "leaving", "kept for MinDelayBeforeBCEDelete"


@pytest.mark.sanitized
def test_handover_between_gateways(domain, tmp_path):
    """MAG 1 -> MAG 2 -> the MAAR that is a MAG -> MAG 1 -> away: one address, one router, an echo and a
    download that live through it, four messages per move, and the tunnel in both directions."""
    d = domain(**{"timers.detach-guard": 0.2})
    size = 10_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(d.lab, SERVER, d.address(SERVER), [8000], tmp_path)
    home = d.usable(LMA)
    get = workload.Download(d.lab, MN, "get", d.address(SERVER), 8000,
                            f"file?rate={32768 * 1000 // 12}", sha)
    d.talk(home)
    wait_for("the download", lambda: get.received() > 0, 5)
    for ap in ("ap2", "ap3", "ap1"):
        d.move(ap)
        assert d.usable(LMA) == home, "the address is the same everywhere"
        assert [a["address"] for a in d.lab.addresses(MN)] == [home]
        assert d.session()["serving"] == d.address(d.plan.maar_of(ap))
    assert get.finish(60) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}
    records = d.echo.finish()
    assert sum(a == 0 for _, a in records) <= len(records) // 10, "both directions live on"
    assert [d.lab.show(n, "bindings") for n in ("mag2", "maar")] == [[], []], "told that it left"
    leave(d, "mag1", "ap1")
    d.stop_capture()

    prefix = ipaddress.IPv6Network((home, 64), strict=False)
    assert prefix.subnet_of(d.pool)
    found = messages(d.file)
    check_tshark(d.file, found)
    assert len(found) == 16, [(m.kind, m.src) for m in found]
    registrations = [m for m in found if m.kind in (PBU, PBA)]
    routers = {check_pair(d, *registrations[2 * i:2 * i + 2], gateway, prefix)
               for i, gateway in enumerate((*GATEWAYS, "mag1"))}
    assert len(routers) == 1, "one link-local address for all (RFC 5213 6.9.3)"
    assert [(m.kind, m.lifetime, m.hnp()) for m in found[-2:]] == [(PBU, 0, prefix), (PBA, 0, prefix)]
    for left, (bri, bra) in zip(GATEWAYS, zip(*[iter(m for m in found if m.kind == REVOCATION)] * 2)):
        assert (bri.src, bri.dst) == (bra.dst, bra.src) == (d.address(LMA), d.address(left))
        assert bri.hnp() == prefix
    through = d.tunnelled()
    for gateway in GATEWAYS:
        up, down = (home, d.address(SERVER)), (d.address(SERVER), home)
        assert up in through[d.address(gateway), d.address(LMA)], gateway
        assert down in through[d.address(LMA), d.address(gateway)], gateway
