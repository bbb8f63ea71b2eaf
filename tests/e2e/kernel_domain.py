"""A domain in which one MAAR is a script with the kernel's tunnels (kernel_peer.py): both directions
of a tunnel between it and one of ours, used by ping and iperf3 and looked at by tshark. Which
kernel's tunnels is the caller's choice."""
import contextlib
import ipaddress
import json
import os
import socket

from domain import CMD, DLIF_LL, DLIF_LOCAL, MN, PREVIOUS, SERVER, plan, previous
from godwit_lab import netns, signalling
from godwit_lab.domain import Lab, wait_for

OURS, KERNEL = "maar1", "maar2"
KERNEL_HNP = "2001:db8:2000:1::"
PORT = 5201
EF_ECT0 = 0xba  # DSCP EF, ECN ECT(0)
# The largest packet a mobile node sends (mtu/access), less IPv6 and ICMPv6 headers.
LARGEST = 1460 - 48


@contextlib.contextmanager
def domain_with(peer_class, name, bin_dir):
    """(lab, peer, address of the server); the lab is taken down by who knows its name."""
    topology = plan(name, maars=2)
    made = Lab(name)
    made.up(topology, bin_dir, daemons=(CMD, OURS))
    peer = peer_class(made, topology, KERNEL)
    made.spawn(SERVER, "iperf3", ["iperf3", "-s", "-p", str(PORT)])
    try:
        yield made, peer, topology.nodes[SERVER].address
    finally:
        peer.close()


def address_in(lab, prefix, deprecated):
    network = ipaddress.IPv6Network(prefix)

    def found():
        return next((a["address"] for a in lab.addresses(MN)
                     if not a["tentative"] and a["deprecated"] == deprecated
                     and ipaddress.IPv6Address(a["address"]) in network), None)
    return wait_for(f"an address in {prefix}", found, 15, 0.05)


def take_over_dlif(lab, peer, answer, prefix):
    """The kernel's MAAR looks to the node like the anchor did: the same router, on its own link."""
    lladdr = answer.one(DLIF_LL)[2:].hex(":")
    router = socket.inet_ntop(socket.AF_INET6, answer.one(DLIF_LOCAL))
    peer.ip(f"link set dev ap2 address {lladdr}", f"addr add {router}/64 dev ap2 nodad",
            f"route add {prefix} dev ap2")
    netns.run(["ip", "-n", lab.namespace(KERNEL), "-6", "rule", "add", "from", prefix, "iif", "ap2",
               "table", "100"])


def uses(lab, source, server):
    """Small and large packets, and TCP both ways."""
    for size in ("56", str(LARGEST)):
        done = lab.run(MN, ["ping", "-6", "-c", "5", "-i", "0.05", "-W", "2", "-M", "do", "-s", size,
                            "-I", source, server])
        assert " 0% packet loss" in done.stdout, done.stdout
    # The receiver's report may be from before the last octets arrived.
    for way in ([], ["-R"]):
        done = lab.run(MN, ["iperf3", "-J", "-c", server, "-p", str(PORT), "-B", source, "-n", "8M",
                            *way])
        assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 1 << 20


def headers(lab, source, server):
    """One marked echo as the core router sees it in the tunnel: per direction (from, to,
    traffic classes, flow labels, hop limits), outer header first."""
    file = lab.state.path("tunnel.pcap")
    name = lab.capture("core", OURS, file, "ip6 proto 41")
    lab.run(MN, ["ping", "-6", "-c", "1", "-Q", hex(EF_ECT0), "-I", source, server])
    wait_for("two packets in the tunnel", lambda: os.path.getsize(file) > 24 + 2 * 150, 5)
    lab.stop(name)
    rows = signalling.tshark_fields(file, ["ipv6.src", "ipv6.dst", "ipv6.tclass", "ipv6.flow",
                                           "ipv6.hlim"], "icmpv6.type == 128 || icmpv6.type == 129")
    return [[field.split(",") for field in row] for row in rows]


def check_headers(rows, ours, kernel):
    """RFC 6040, RFC 6438 and RFC 2473 in what we send; what the kernel sends must do with us (it
    copies the inner hop limit, for instance)."""
    assert len(rows) == 2, rows
    for source, target, classes, labels, hops in rows:
        mine = source[0] == ours
        assert (source[0], target[0]) == ((ours, kernel) if mine else (kernel, ours))
        assert int(classes[1], 16) == EF_ECT0
        if mine:
            assert classes[0] == classes[1], "DSCP and ECN go to the outer header"
            assert int(labels[0], 16) != 0, "entropy for those who balance load (RFC 6438)"
            assert int(hops[0]) >= 63, "an own hop limit, whatever the inner one is"
    assert {row[0][0] for row in rows} == {ours, kernel}


def both_ways(lab, peer, server):
    ours, kernel = peer.ours, peer.address
    anchored = address_in(lab, "2001:db8:1000::/36", deprecated=False)
    prefix = str(ipaddress.IPv6Network((anchored, 64), strict=False))

    # Our anchor, the kernel's serving MAAR. The node leaves first: what it says where it was brings it back.
    lab.move(MN, "ap2")
    answer = peer.register("02:00:00:00:00:01", KERNEL_HNP)
    assert [previous(b) for b in answer.all(PREVIOUS)] == [(ours, ipaddress.IPv6Network(prefix))]
    take_over_dlif(lab, peer, answer, prefix)
    peer.tunnel_to("::/0", ours, table=100)
    wait_for("the anchor's tunnel",
             lambda: [t for t in lab.show(OURS, "prefixes") if t["kind"] == "moved"], 5)
    uses(lab, anchored, server)
    check_headers(headers(lab, anchored, server), ours, kernel)

    # Our serving MAAR, the kernel's anchor.
    lab.move(MN, "ap1")
    peer.tunnel_to(f"{KERNEL_HNP}/64", ours)
    lab.run(MN, ["ping", "-6", "-c", "1", "-W", "1", server], check=False)  # shows itself
    assert peer.told() == (ipaddress.IPv6Network(f"{KERNEL_HNP}/64"), ours)
    second = address_in(lab, f"{KERNEL_HNP}/64", deprecated=True)
    uses(lab, second, server)
    check_headers(headers(lab, second, server), ours, kernel)
