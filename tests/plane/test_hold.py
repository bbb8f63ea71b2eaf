"""Packets of a client that moves are kept back and go on, under real traffic in namespaces: 5 ms
packets both ways, none lost, none overtaken; and the marker that ends a path."""
import json
import os
import subprocess
import time

import pytest

from chain import A, HERE, HERE_MN, HOME, HOME_MN, S, SRV, Domain, enter, ns_sh, sh

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
TALK = """
import socket, struct, sys, time
src, dst, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind((src, 7777))
s.settimeout(0.0005)
got, sent, start = [], 0, time.monotonic() + 0.6  # both ends have to be there
while time.monotonic() < start + n * 0.005 + 0.5:
    if sent < n and time.monotonic() >= start + sent * 0.005:
        s.sendto(struct.pack("!I", sent), (dst, 7777))
        sent += 1
    try:
        got.append(struct.unpack("!I", s.recv(64))[0])
    except OSError:
        pass
print(sent, len(got), sum(b <= a for a, b in zip(got, got[1:])))
"""


@pytest.fixture(params=["tc", "xdp"])
def both(request):
    """On one CPU: veth hands packets over in a queue of each CPU, and these do overtake each other."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    d = Domain(xdp=request.param == "xdp")
    d.hook = request.param
    yield d
    d.down()
    os.sched_setaffinity(0, cpus)


def talk(ns, src, dst, packets):
    cmd = (enter(ns) + "/usr/bin/python3 -").split() + [src, dst, str(packets)]
    p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write(TALK)
    p.stdin.close()
    return p


def outcome(p):
    """Sent, received, overtaken by another."""
    words = p.stdout.read().split()
    p.wait(timeout=20)
    return [int(w) for w in words]


def settled(tool, name, value):
    deadline = time.time() + 5
    while tool.counters()[name] < value and time.time() < deadline:
        time.sleep(0.02)
    return tool.counters()


def nothing_is_lost_nor_overtaken(s, a):
    """Held at the anchor and at S in turn, five times, while packets go both ways."""
    ends = [talk("mn", HOME_MN, SRV, 300), talk("srv", SRV, HOME_MN, 300)]
    time.sleep(0.8)
    for k in range(5):
        tool, where = (s, f" {A}") if k % 2 else (a, "")
        tool.tell(f"hold {HOME}/64 down 1000 1000000{where}")
        time.sleep(0.15)
        tool.tell(f"release {HOME}/64 down{where}")
        time.sleep(0.1)
    results = [outcome(p) for p in ends]
    assert results == [[300, 300, 0]] * 2
    kept = [t.counters() for t in (s, a)]
    assert all(c["kept-back-down"] >= 20 for c in kept)
    assert [c["kept-released-down"] for c in kept] == [c["kept-back-down"] for c in kept]
    assert all(c["kept-lost"] == 0 for c in kept)


def streams_stay_whole(s):
    """GSO packets of a TCP stream are kept as segments, and not one of them is out of order."""
    before_kept = s.counters()
    server = subprocess.Popen((enter("srv") + "iperf3 -s -1").split(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    stream = subprocess.Popen((enter("mn") + f"timeout 20 iperf3 -c {SRV} -B {HOME_MN} -R -b 300M "
                               "-t 1.5 -J").split(), stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        before = ns_sh("mn", "nstat -az TcpExtTCPOFOQueue | tail -1").split()[1]
        for _ in range(5):
            s.tell(f"hold {HOME}/64 down 20000 40000000 {A}")
            time.sleep(0.05)
            s.tell(f"release {HOME}/64 down {A}")
            time.sleep(0.15)
        out = stream.communicate(timeout=20)[0]
        after = ns_sh("mn", "nstat -az TcpExtTCPOFOQueue | tail -1").split()[1]
    finally:
        server.kill()
        server.wait()
    assert json.loads(out)["end"]["sum_received"]["bytes"] > 20 << 20
    counters = s.counters()
    assert counters["kept-back-down"] > before_kept["kept-back-down"] + 10
    assert counters["kept-released-down"] >= counters["kept-back-down"]  # segments
    assert (counters["kept-lost"], counters["kept-drop-limit-down"]) == (0, 0)
    assert after == before


def limits_and_ends(domain, a):
    a.tell(f"hold {HOME}/64 down 4 1000000")
    ns_sh("srv", f"ping -6 -c 6 -i 0.01 -W 1 {HOME_MN}", check=False)
    assert settled(a, "kept-drop-limit-down", 2)["kept-drop-limit-down"] == 2
    a.tell(f"discard {HOME}/64 down")
    assert settled(a, "kept-discarded-down", 4)["kept-discarded-down"] == 4
    assert "3 received" in domain.ping(HOME_MN)
    # a loader that dies leaves nothing held
    a.tell(f"hold {HOME}/64 down 1000 1000000")
    a.kill()
    time.sleep(2.1)
    assert "3 received" in domain.ping(HOME_MN)
    assert "gw-hold" not in ns_sh("A", "ip link")


def a_marker_stays_behind(s, a):
    """From A to S, where it would be delivered; also behind what is held there. Never to the
    station, and from nobody but a peer."""
    capture = talk("mn", HOME_MN, SRV, 1)  # the station hears nothing of all that
    a.tell(f"mark {HOME}/64 7")
    settled(s, "markers-taken", 1)
    assert [e for e in s.events if e[0] == "marked"] == [["marked", f"{HOME}/64", A, "7"]]
    s.tell(f"hold {HOME}/64 down 1000 1000000 {A}")
    a.tell(f"mark {HOME}/64 8", f"mark {HERE}/64 9 {S}", f"mark {HERE}/64 10 routed")
    settled(s, "markers-taken", 3)
    assert sorted(e[3] for e in s.events if e[0] == "marked") == ["10", "7", "9"]
    s.tell(f"release {HOME}/64 down {A}")
    settled(s, "markers-taken", 4)
    assert [e[3] for e in s.events if e[0] == "marked"][-1] == "8"
    sh(enter("srv") + "/usr/bin/python3 -c \"from scapy.all import *; conf.verb=0; "
       f"send(IPv6(src='{SRV}',dst='{HERE}',nh=60)/Raw(bytes.fromhex("
       "'3b011e08475702000000000501020000')))\"")
    assert settled(s, "drop-foreign-marker", 1)["drop-foreign-marker"] == 1
    assert outcome(capture)[1] == 0
    assert a.counters()["markers-sent"] == 4


def test_packets_of_a_client_that_moves(both):
    s, a = both.serve(both.hook), both.anchor(both.hook)
    assert "3 received" in both.ping(HOME_MN)  # neighbours are known
    a_marker_stays_behind(s, a)
    nothing_is_lost_nor_overtaken(s, a)
    if both.hook == "tc":  # XDP takes no GSO packets
        streams_stay_whole(s)
    limits_and_ends(both, a)
