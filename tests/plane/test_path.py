"""The packet path under real traffic, in namespaces: both forms, tunnels in both directions, GSO, a
kernel tunnel peer that is not ours, adoption after a kill, schema versions, removal."""
import json
import os
import socket
import subprocess
import time

import pytest

from chain import (A, BIN, DLIF, HERE, HERE_MN, HOME, HOME_MN, MN_MAC, PINS, S, SRV, Domain, enter,
                    ns_sh, sh)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(params=["tc", "xdp"])
def both(request):
    d = Domain(xdp=request.param == "xdp")
    d.hook = request.param
    yield d
    d.down()


@pytest.fixture
def domain():
    d = Domain()
    yield d
    d.down()


def received(text):
    return int(text.split(" received")[0].split()[-1])


def test_forwards_both_ways(both):
    s, a = both.serve(both.hook, "up down"), both.anchor(both.hook, "up down")
    assert [s.hook(0), s.hook(1), a.hook(0)] == [both.hook] * 3
    assert received(both.ping(HERE_MN)) == 3
    assert received(both.ping(HOME_MN)) == 3
    assert s.counters()["forwarded-tunnelled"] == 3
    assert a.counters()["forwarded-tunnelled"] == 3
    usage = s.usage(f"{HOME}/64")
    assert (usage["up"], usage["down"]) == (3, 3) and usage["last_up"] > 0
    firsts = sorted(e[1:3] for e in s.events if e[0] == "first")
    assert firsts == [[f"{p}/64", way] for p in (HERE, HOME) for way in ("down", "up")]


def test_moves_between_peers_relay(both):
    """A station that came home to S while A still tunnels to S; and a foreign source dies."""
    s, a = both.serve(both.hook), both.anchor(both.hook)
    ns_sh("mn", "ip addr add 2001:db8:bad::1/64 dev eth0 nodad")
    assert received(both.ping("2001:db8:bad::1", count=2, check=False)) == 0
    assert s.counters()["drop-foreign-source"] == 2
    s.tell(f"-peer {A}")
    assert received(both.ping(HOME_MN, count=2, check=False)) == 0
    assert s.counters()["drop-no-peer"] >= 2
    s.tell(f"peer {A} 1500")
    a.tell(f"-peer {S}")
    assert received(both.ping(HOME_MN, count=2, check=False)) == 0
    assert a.counters()["drop-stranger-tunnel"] == 2


def test_unknown_station_is_reported(both):
    s = both.serve(both.hook)
    both.anchor(both.hook)
    s.tell(f"-station 0 {MN_MAC}")
    both.ping(HERE_MN, count=2, check=False)
    assert s.counters()["drop-unknown-station"] >= 2
    assert ["station", "0", MN_MAC] in [e[:3] for e in s.events]
    s.tell(f"station 0 {MN_MAC}")
    assert received(both.ping(HERE_MN)) == 3


def test_packet_too_big_reaches_the_sender(both):
    s, a = both.serve(both.hook), both.anchor(both.hook)
    for _ in range(2):
        both.ping(HOME_MN, size=1440, count=1, extra="-M do", check=False)
    assert s.counters()["icmp-errors-sent"] >= 1
    assert "mtu 1460" in ns_sh("mn", f"ip -6 route get {SRV} from {HOME_MN}")
    out = ns_sh("mn", f"ping -6 -c 1 -W 1 -t 1 -I {HERE_MN} {SRV}", check=False)
    assert f"From {S}" in out and "Time exceeded" in out
    del a


def say_too_big(mtu):
    """What a router on the way would send about S's outer packet, made with scapy."""
    sh(enter("A") + "/usr/bin/python3 -c \"from scapy.all import *; conf.verb=0; "
       f"send(IPv6(src='2001:db8:f:1::2',dst='{S}')/ICMPv6PacketTooBig(mtu={mtu})/"
       f"IPv6(src='{S}',dst='{A}',nh=41)/IPv6(src='{HOME_MN}',dst='{SRV}')/UDP())\"")


def test_core_too_big_lowers_the_peer(domain):
    """A link behind the core is narrower than the configuration says."""
    s = domain.serve()
    domain.anchor()
    ns_sh("A", "ip link set core0 mtu 1400")
    ns_sh("S", f"ip -6 route add {A}/128 via 2001:db8:f:1::2 mtu 1500")
    say_too_big(1400)
    deadline = time.time() + 5
    while s.counters()["peer-mtu-lowered"] == 0 and time.time() < deadline:
        time.sleep(0.05)
    assert s.counters()["peer-mtu-lowered"] == 1
    for _ in range(2):
        domain.ping(HOME_MN, size=1400, count=1, extra="-M do", check=False)
    assert "mtu 1360" in ns_sh("mn", f"ip -6 route get {SRV} from {HOME_MN}")
    assert s.mtu(A) == 1400
    s.tell("age 590")
    assert s.mtu(A) == 1400
    s.tell("age 601")  # RFC 8201: after ten minutes the path may be wider again
    assert s.mtu(A) == 1500


def tunnel_mtu(path):
    """Of `show tunnels` of the daemon that listens there; None: it does not, yet."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        try:
            s.connect(str(path))
        except OSError:
            return None
        s.sendall(b'{"cmd": "show", "what": "tunnels"}\n')
        rows = json.loads(b"".join(iter(lambda: s.recv(65536), b"")))["result"]
    assert [r["remote"] for r in rows] == [A]
    return rows[0]["mtu"]


def until_mtu(path, mtu):
    deadline = time.time() + 10
    while tunnel_mtu(path) != mtu and time.time() < deadline:
        time.sleep(0.05)
    assert tunnel_mtu(path) == mtu


def test_show_tunnels_says_the_mtu_in_force(domain, tmp_path):
    """The daemon, not the loader alone; and a restart does not forget what the path said."""
    control, conf = tmp_path / "S.sock", tmp_path / "S.yaml"
    keys = [{"spi": 256, "secret": "00" * 32}]
    conf.write_text(json.dumps({"godwit": {
        "node": {"name": "S", "roles": ["maar"], "address": S, "cmd": A},
        "interfaces": [{"name": "core0", "side": "core"}, {"name": "ap0", "side": "access"}],
        "pools": [{"prefix": "2001:db8:5000::/48"}],
        "peers": [{"name": "A", "address": A, "roles": ["maar", "cmd"], "keys": keys,
                   "pools": ["2001:db8:a000::/48"]}],
        "policy": [{"any": True, "action": "allow"}],
        "daemon": {"control-socket": str(control), "state-directory": str(tmp_path / "state"),
                   "pin-directory": f"{PINS}/S"}}}))
    conf.chmod(0o600)
    for expected in (1500, 1400):
        daemon = subprocess.Popen((enter("S") + f"{BIN}/godwitd -c {conf}").split())
        try:
            until_mtu(control, expected)
            say_too_big(1400)
            until_mtu(control, 1400)
        finally:
            daemon.kill()
            daemon.wait()


def test_kernel_tunnel_peer(domain):
    """The anchor is Linux itself: encap.red one way, End.DT6 the other."""
    domain.serve()
    ns_sh("A", f"ip sr tunsrc set {A}")
    ns_sh("A", f"ip -6 route add {HOME}/64 encap seg6 mode encap.red segs {S} dev core0")
    ns_sh("A", f"ip addr del {A}/128 dev lo")
    ns_sh("A", f"ip -6 route add {A}/128 encap seg6local action End.DT6 table 254 dev core0")
    ns_sh("S", f"ip -6 route add {A}/128 via 2001:db8:f:1::2")
    assert received(domain.ping(HOME_MN)) == 3
    assert received(domain.ping(HOME_MN, size=1300)) == 3


def goodput(src):
    out = ns_sh("mn", f"timeout 20 iperf3 -c {SRV} -B {src} -t 1 -J")
    return json.loads(out)["end"]["sum_received"]["bits_per_second"]


def test_gso_survives_the_tunnel(domain):
    """The same path with and without a tunnel, turn by turn; the best of each is the machine's."""
    domain.serve()
    domain.anchor()
    server = subprocess.Popen((enter("srv") + "iperf3 -s").split(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        best = {HERE_MN: 0, HOME_MN: 0}
        for _ in range(6):
            for src in best:
                best[src] = max(best[src], goodput(src))
            if best[HOME_MN] >= 0.9 * best[HERE_MN] and _ >= 2:
                break
    finally:
        server.kill()
        server.wait()
    ratio = best[HOME_MN] / best[HERE_MN]
    print(f"tunnel {best[HOME_MN] / 1e9:.1f}, plain {best[HERE_MN] / 1e9:.1f} Gbit/s: {ratio:.2f}")
    assert ratio >= 0.9


# -- results of an instance to a client that has moved, at an egress that is no anchor

CS = "2001:db8:cafe::1"


def serve_from_egress(domain, hook):
    """A is the egress of the instance srv, and is told that the client HERE is behind S now. Of the
    CS-ID it knows no route but to another place: it is an anycast address."""
    ns_sh("srv", f"ip addr add {CS}/128 dev lo")
    ns_sh("A", f"ip -6 route add unreachable {CS}/128")
    s = domain.serve(hook)
    a = domain.tool("A", A, [f"core0:core:{hook}", f"core1:core:{hook}"])
    a.tell(f"peer {S} 1500", f"here 2001:db8:e::1 {CS} {SRV}", f"moved {HERE}/64 {S}", "sync")
    return s, a


def from_instance(extra):
    return ns_sh("srv", f"ping -6 -i 0.05 -W 1 -I {CS} {extra} {HERE_MN}", check=False)


def fetch_from_instance(a):
    """One TCP stream through the egress's tunnel; GSO packets stay whole."""
    ns_sh("A", f"ip -6 route replace {CS}/128 via {SRV}")  # uplink, which is not steered here
    before = a.counters()["forwarded-tunnelled"]
    server = subprocess.Popen((enter("srv") + f"iperf3 -s -1 -B {CS}").split(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        out = ns_sh("mn", f"timeout 20 iperf3 -c {CS} -B {HERE_MN} -R -n 64M -J")
    finally:
        server.kill()
        server.wait()
    assert json.loads(out)["end"]["sum_received"]["bytes"] >= 64 << 20
    packets = a.counters()["forwarded-tunnelled"] - before
    assert 0 < packets < (64 << 20) / 1400 / 4, "GSO packets were cut up"


def test_results_go_to_the_new_ingress(both):
    """Also large ones; and an instance whose packets are too large for the tunnel hears of it."""
    s, a = serve_from_egress(both, both.hook)
    from_instance("-c 3")
    assert a.counters()["forwarded-tunnelled"] == 3
    assert s.counters()["forwarded-delivered"] >= 3
    assert s.usage(f"{HERE}/64")["down"] >= 3
    out = from_instance("-c 2 -s 1440 -M do")
    assert f"From {A}" in out and "mtu=1460" in out.replace("mtu = ", "mtu=")
    assert "mtu 1460" in ns_sh("srv", f"ip -6 route get {HERE_MN} from {CS}")
    if both.hook == "tc":  # XDP takes no GSO packets
        fetch_from_instance(a)


def test_outlives_its_loader(both):
    s, a = both.serve(both.hook), both.anchor(both.hook)
    assert received(both.ping(HOME_MN)) == 3
    before = s.counters()["forwarded-tunnelled"]
    s.kill()
    assert received(both.ping(HOME_MN)) == 3
    again = both.tool("S", S, [f"ap0:access:{both.hook}", f"core0:core:{both.hook}"])
    assert again.opened == "ok"
    assert received(both.ping(HOME_MN)) == 3  # adopted before anything was said
    assert again.counters()["forwarded-tunnelled"] == before + 6
    again.tell(f"peer {A} 1500", f"station 0 {MN_MAC}",
               f"served {HOME}/64 {A} 0 {MN_MAC} {DLIF}", "sync")
    assert again.usage(f"{HOME}/64")["up"] == 9
    assert received(both.ping(HOME_MN)) == 3
    assert received(both.ping(HERE_MN, count=2, check=False)) == 0  # swept: nobody named it
    del a


def test_schema_is_checked(domain):
    s = domain.serve()
    s.close("leave")
    size = json.loads(sh(f"bpftool -j map show pinned {PINS}/S/self"))["bytes_value"]
    sh(f"bpftool map update pinned {PINS}/S/self key 0 0 0 0 value 99 {'0 ' * (size - 1)}")
    refused = domain.tool("S", S, ["ap0:access:tc", "core0:core:tc"])
    assert refused.opened == "GW_EVERSION"
    rebuilt = domain.tool("S", S, ["ap0:access:tc", "core0:core:tc"], rebuild=True)
    assert rebuilt.opened == "ok"
    assert rebuilt.counters()["forwarded-routed"] == 0


def test_remove_leaves_nothing(both):
    s = both.serve(both.hook)
    s.close("remove")
    assert not os.path.exists(f"{PINS}/S")
    assert "gw_tc" not in ns_sh("S", "tc filter show dev ap0 ingress")
    assert "xdp" not in ns_sh("S", "ip link show dev ap0").replace("xdp_", "")


def test_no_such_interface(domain):
    t = domain.tool("S", S, ["nothere:core:tc"])
    assert t.opened == "GW_ENOENT"
    assert os.path.exists(f"{BIN}/path_tool")
