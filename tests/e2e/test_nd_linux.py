"""A stock Linux host as the judge of src/fn/access: what it makes of our RAs and NAs.

nd_speaker (the real access function on a packet socket) is the router end of a veth; the other end
is a fresh network namespace with the kernel's defaults. A move between MAARs with the carrier kept
is a new list of DLIFs, since to the host nothing else changes (RFC 8885 section 3.7).
"""
import json
import os
import subprocess
import time

import pytest
from conftest import BIN

MN = "02:00:00:00:00:aa"
ANCHOR1 = ("fe80::1:1", "02:00:5e:00:01:01", "2001:db8:1000:5::/64")
ANCHOR2 = ("fe80::1:2", "02:00:5e:00:01:02", "2001:db8:2000:7::/64")
ANCHOR3 = ("fe80::1:3", "02:00:5e:00:01:03", "2001:db8:3000:9::/64")
FAR = "2001:db8:ffff::1"
UNKNOWN, RS_UNKNOWN, SEEN = 3, 4, 1

pytestmark = [pytest.mark.sanitized,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]


def run(*cmd):
    return subprocess.run(cmd, check=True, capture_output=True, text=True, timeout=30).stdout


def until(check, what, seconds=10.0):
    """Waits for a condition; the time limit only ends a test that would hang."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError("never: " + what)


class Link:
    """Namespaces gG-mn<pid> (the host) and gG-ar<pid> (nd_speaker) with a veth between them."""

    def __init__(self):
        self.mn, self.ar = f"gG-mn{os.getpid()}", f"gG-ar{os.getpid()}"
        self.proc, self.heard = None, []
        for ns in (self.mn, self.ar):
            run("ip", "netns", "add", ns)
        run("ip", "-n", self.ar, "link", "add", "ap", "type", "veth", "peer", "name", "eth0",
            "netns", self.mn)
        self.sysctl(self.ar, "conf/ap/disable_ipv6", 1)
        run("ip", "-n", self.mn, "link", "set", "eth0", "address", MN)
        run("ip", "-n", self.ar, "link", "set", "ap", "up")
        self.proc = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.ar}", str(BIN / "nd_speaker"), "ap"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.command("count")

    def close(self):
        if self.proc:
            self.proc.stdin.close()
            assert self.proc.wait(timeout=10) == 0
        for ns in (self.mn, self.ar):
            run("ip", "netns", "del", ns)

    def sysctl(self, ns, name, value):
        run("nsenter", f"--net=/run/netns/{ns}", "sh", "-c",
            f"echo {value} > /proc/sys/net/ipv6/{name}")

    def command(self, *words):
        self.proc.stdin.write(" ".join(words) + "\n")
        while True:
            line = self.proc.stdout.readline().split()
            assert line, "nd_speaker has died"
            if line[0] == "ok":
                return [int(x) for x in line[1:]]
            self.heard.append((line[1], int(line[2])))

    def set(self, *dlifs):
        words = [w for (anchor, kind) in dlifs for w in (*anchor, kind)]
        return self.command("set", MN, *words)[0]

    def up(self):
        run("ip", "-n", self.mn, "link", "set", "eth0", "up")

    def ip(self, *cmd):
        return json.loads(run("ip", "-n", self.mn, "-6", "-j", "-d", *cmd) or "[]")

    def addresses(self):
        """prefix -> (is it usable, is it deprecated)"""
        found = {}
        for a in self.ip("addr", "show", "dev", "eth0")[0]["addr_info"]:
            if a.get("scope") == "global":
                words = a["local"].split(":")
                found[":".join(words[:4])] = a
        return found

    def state(self, anchor):
        a = self.addresses().get(anchor[2][:-4].rstrip(":"))
        if a is None or a.get("tentative"):
            return None
        return "deprecated" if a.get("deprecated") else "preferred"

    def address(self, anchor):
        return self.addresses()[anchor[2][:-4].rstrip(":")]["local"]

    def route(self, to=FAR, source=None):
        args = ["route", "get", to] + (["from", source] if source else [])
        try:
            return self.ip(*args)[0]
        except subprocess.CalledProcessError:
            return {}

    def neighbour(self, anchor):
        for n in self.ip("neigh", "show", "dev", "eth0"):
            if n["dst"] == anchor[0]:
                return n
        return None

    def send_udp(self, to=FAR, source=None):
        code = ("import socket\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
                + (f"s.bind(({source!r}, 0))\n" if source else "")
                + f"s.sendto(b'x', ({to!r}, 9, 0, socket.if_nametoindex('eth0')))\n")
        run("nsenter", f"--net=/run/netns/{self.mn}", "/usr/bin/python3", "-c", code)


@pytest.fixture
def link():
    made = Link()
    yield made
    made.close()


def settled(link, anchor, state="preferred"):
    until(lambda: link.state(anchor) == state, f"address of {anchor[2]} {state}")


def test_first_attachment(link):
    link.up()
    until(lambda: link.command("count")[0] > 0, "router solicitation")
    assert (MN, RS_UNKNOWN) in link.heard
    assert link.set((ANCHOR1, "current")) == 1
    settled(link, ANCHOR1)
    default = [r for r in link.ip("route", "show", "default")]
    assert len(default) == 1 and default[0]["gateway"] == ANCHOR1[0]
    assert default[0]["pref"] == "medium" and default[0]["metrics"][0]["hoplimit"] == 64
    # Not on-link: even a neighbour in the same prefix is reached through the router.
    assert link.route(to="2001:db8:1000:5::1234")["gateway"] == ANCHOR1[0]
    assert link.neighbour(ANCHOR1)["lladdr"] == ANCHOR1[1]  # from the SLLAO, nothing was asked
    mtu = run("nsenter", f"--net=/run/netns/{link.mn}", "cat", "/proc/sys/net/ipv6/conf/eth0/mtu")
    assert int(mtu) == 1460


def test_handovers_move_new_flows_only(link):
    link.up()
    link.set((ANCHOR1, "current"))
    settled(link, ANCHOR1)
    first = link.address(ANCHOR1)
    link.set((ANCHOR2, "current"), (ANCHOR1, "previous"))
    settled(link, ANCHOR2)
    assert link.state(ANCHOR1) == "deprecated"  # at once, and still usable:
    link.send_udp(source=first)
    new_flow = link.route()
    assert new_flow["gateway"] == ANCHOR2[0]
    assert new_flow["prefsrc"] == link.address(ANCHOR2)
    link.set((ANCHOR3, "current"), (ANCHOR2, "previous"), (ANCHOR1, "previous"))
    settled(link, ANCHOR3)
    assert link.state(ANCHOR1) == link.state(ANCHOR2) == "deprecated"
    assert link.route()["gateway"] == ANCHOR3[0]
    assert link.route()["prefsrc"] == link.address(ANCHOR3)
    # ... and home again: the first address is the preferred one, the same as before.
    link.set((ANCHOR1, "current"), (ANCHOR3, "previous"), (ANCHOR2, "previous"))
    settled(link, ANCHOR1)
    assert link.address(ANCHOR1) == first
    assert link.state(ANCHOR2) == link.state(ANCHOR3) == "deprecated"
    assert link.route()["gateway"] == ANCHOR1[0]
    assert link.route()["prefsrc"] == first
    prefs = {r["gateway"]: r["pref"] for r in link.ip("route", "show", "default")}
    assert prefs == {ANCHOR1[0]: "medium", ANCHOR2[0]: "low", ANCHOR3[0]: "low"}


def test_unreachability_detection_is_satisfied(link):
    for name, value in (("delay_first_probe_time", 1), ("base_reachable_time_ms", 2000)):
        link.sysctl(link.mn, f"neigh/eth0/{name}", value)

    def reachable(anchor):
        return "REACHABLE" in link.neighbour(anchor)["state"]
    link.up()
    link.set((ANCHOR1, "current"))
    settled(link, ANCHOR1)
    link.send_udp()
    until(lambda: reachable(ANCHOR1), "first router reachable")
    link.set((ANCHOR2, "current"), (ANCHOR1, "previous"))
    settled(link, ANCHOR2)
    until(lambda: not reachable(ANCHOR1), "neighbour entry ages")
    # Both anchors are asked for at the new place, and each answers with its own address.
    for anchor, to in ((ANCHOR1, ANCHOR1[0]), (ANCHOR2, FAR)):
        before = link.command("count")[4]
        link.send_udp(to)
        until(lambda: reachable(anchor), f"{anchor[0]} reachable")
        assert link.neighbour(anchor)["lladdr"] == anchor[1]
        assert link.command("count")[4] > before


def test_carrier_flap(link):
    link.up()
    link.set((ANCHOR2, "current"), (ANCHOR1, "previous"))
    settled(link, ANCHOR2)
    run("ip", "-n", link.ar, "link", "set", "ap", "down")
    until(lambda: link.neighbour(ANCHOR2) is None, "neighbours forgotten")
    run("ip", "-n", link.ar, "link", "set", "ap", "up")
    assert link.command("advertise", MN)[0] == 2
    until(lambda: (link.neighbour(ANCHOR2) or {}).get("lladdr") == ANCHOR2[1], "router known")
    assert link.route()["gateway"] == ANCHOR2[0]
    settled(link, ANCHOR2)


def test_withdrawal(link):
    link.up()
    link.set((ANCHOR2, "current"), (ANCHOR1, "previous"))
    settled(link, ANCHOR2)
    link.set((ANCHOR2, "current"))
    until(lambda: [r["gateway"] for r in link.ip("route", "show", "default")] == [ANCHOR2[0]],
          "withdrawn router gone")
    assert link.set() == 2
    until(lambda: link.ip("route", "show", "default") == [], "no router left")
    assert link.state(ANCHOR2) == "deprecated"


def test_anchor_address_is_defended(link):
    link.up()
    link.set((ANCHOR1, "current"))
    settled(link, ANCHOR1)
    run("ip", "-n", link.mn, "addr", "add", ANCHOR1[0] + "/64", "dev", "eth0")

    def failed():
        infos = link.ip("addr", "show", "dev", "eth0")[0]["addr_info"]
        return any(a["local"] == ANCHOR1[0] and a.get("dadfailed") for a in infos)
    until(failed, "duplicate address detected")


def test_probe_is_answered(link):
    link.up()
    link.set((ANCHOR1, "current"))
    settled(link, ANCHOR1)
    before = link.command("count")[2]
    assert link.command("probe", MN)[0] == 0
    until(lambda: link.command("count")[2] > before, "neighbour advertisement")
    assert (MN, SEEN) in link.heard


def test_flood_is_bounded(link):
    link.up()
    link.set((ANCHOR1, "current"))
    settled(link, ANCHOR1)
    code = ("from scapy.all import *\n"
            f"ns=Ether(src='{MN}',dst='{ANCHOR1[1]}')/IPv6(src='fe80::ff:fe00:aa',"
            f"dst='{ANCHOR1[0]}',hlim=255)/ICMPv6ND_NS(tgt='{ANCHOR1[0]}')\n"
            f"rs=Ether(src='{MN}',dst='33:33:00:00:00:02')/IPv6(src='fe80::ff:fe00:aa',"
            "dst='ff02::2',hlim=255)/ICMPv6ND_RS()\n"
            "s=conf.L2socket(iface='eth0')\n"
            "a,b=bytes(ns),bytes(rs)\n"
            "for i in range(3000): s.outs.send(a); s.outs.send(b)\n")
    before, start = link.command("count"), time.monotonic()
    run("nsenter", f"--net=/run/netns/{link.mn}", "/usr/bin/python3", "-c", code)
    time.sleep(0.5)
    after, spent = link.command("count"), time.monotonic() - start
    heard = after[1] - before[1] + after[0] - before[0]
    assert heard > 200  # of 6000, many more than may be answered
    assert after[4] - before[4] <= 21 + 20 * spent
    assert after[3] - before[3] <= 3 + 2 * spent
    assert link.command("probe", MN)[0] == 0  # service goes on
