"""Network namespaces for the packet path's tests: a station, its access router S, an anchor A and a
server in a row, and the loader on a string (path_tool) in S and A.

    mn ── S ─────── A ── srv
       ap0  core0  core0  core1
"""
import json
import os
import subprocess

BIN = os.environ.get("GODWIT_BIN", "build/debug/bin")
PREFIX = f"gB{os.getpid()}-"  # two of these run side by side
PINS = f"/sys/fs/bpf/gB{os.getpid()}"
MN_MAC, MN2_MAC, DLIF = "02:00:00:00:00:aa", "02:00:00:00:00:ab", "02:00:5e:00:01:01"
S, A, SRV = "2001:db8:f::1", "2001:db8:f::2", "2001:db8:5::2"
HOME, HERE = "2001:db8:a000::", "2001:db8:5000::"  # prefixes anchored at A, at S
HOME_MN, HERE_MN = HOME + "10", HERE + "10"


def sh(cmd, check=True, **kw):
    done = subprocess.run(cmd, shell=True, text=True, capture_output=True, timeout=120, **kw)
    if check and done.returncode:
        raise RuntimeError(f"{cmd}: {done.stdout}{done.stderr}")
    return done.stdout


def enter(ns):
    # not `ip netns exec`: that hides the BPF file system
    return f"nsenter --net=/run/netns/{PREFIX}{ns} "


def ns_sh(ns, cmd, **kw):
    return sh(enter(ns) + cmd, **kw)


class Tool:
    """One path_tool. What it answers comes back from ask(); events pile up in .events."""

    def __init__(self, ns, address, interfaces, rebuild=False):
        cmd = enter(ns) + " ".join([f"{BIN}/path_tool",
                                    "-r" if rebuild else "", address, f"{PINS}/{ns}", *interfaces])
        self.events = []
        self.proc = subprocess.Popen(cmd.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, bufsize=1)
        self.opened = self._answer()

    def _answer(self):
        while True:
            line = self.proc.stdout.readline()
            if not line:
                raise RuntimeError("path_tool died")
            word = line.split()[0]
            if word not in ("station", "first", "marked"):
                return line.strip()
            self.events.append(line.split())

    def ask(self, line):
        self.proc.stdin.write(line + "\n")
        return self._answer()

    def tell(self, *lines):
        for line in lines:
            answer = self.ask(line)
            if answer != "ok":
                raise RuntimeError(f"{line}: {answer}")

    def counters(self):
        values = json.loads(self.ask("counters"))
        assert self._answer() == "ok"
        return values

    def usage(self, prefix):
        values = json.loads(self.ask("usage " + prefix))
        assert self._answer() == "ok"
        return values

    def mtu(self, peer):
        value = int(self.ask("mtu " + peer))
        assert self._answer() == "ok"
        return value

    def hook(self, i):
        name = self.ask(f"hook {i}")
        assert self._answer() == "ok"
        return name

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def close(self, how="remove"):
        if self.proc.poll() is None and self.opened == "ok":
            self.tell("quit " + how)
        self.proc.stdin.close()
        self.proc.wait(timeout=10)


def veth(a, a_if, b, b_if):
    sh(f"ip link add {a_if} netns {PREFIX}{a} type veth peer name {b_if} netns {PREFIX}{b}")
    for ns, dev in ((a, a_if), (b, b_if)):
        ns_sh(ns, f"ip link set {dev} up")
        # native XDP on one end wants NAPI on the other
        ns_sh(ns, f"ethtool -K {dev} gro on")


class Domain:
    spaces = ("mn", "S", "A", "srv")

    def __init__(self, xdp=False):
        """xdp: senders write their checksums themselves; veth leaves that to a card that XDP frames
        never meet."""
        self.tools = []
        self.down()
        sh("mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf")
        for ns in self.spaces:
            sh(f"ip netns add {PREFIX}{ns}")
            ns_sh(ns, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 "
                      "net.ipv6.conf.all.router_solicitations=0 "
                      "net.ipv6.conf.default.router_solicitations=0")
            ns_sh(ns, "ip link set lo up")
        for ns in ("S", "A"):
            ns_sh(ns, "sysctl -qw net.ipv6.conf.all.forwarding=1 "
                      "net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.default.seg6_enabled=1")
        veth("mn", "eth0", "S", "ap0")
        veth("S", "core0", "A", "core0")
        veth("A", "core1", "srv", "eth0")
        self.address()
        ends = (("mn", "eth0"), ("srv", "eth0"), ("S", "core0"), ("A", "core0"), ("A", "core1"))
        for ns, dev in ends if xdp else ():
            ns_sh(ns, f"ethtool -K {dev} tx off")

    def address(self):
        ns_sh("mn", f"ip link set eth0 address {MN_MAC}")
        for address in (HOME_MN, HERE_MN):
            ns_sh("mn", f"ip addr add {address}/64 dev eth0 nodad")
        ns_sh("mn", f"ip -6 neigh add fe80::1 lladdr {DLIF} dev eth0 nud permanent")
        ns_sh("mn", "ip -6 route add default via fe80::1 dev eth0")
        ns_sh("S", "sysctl -qw net.ipv6.conf.ap0.disable_ipv6=1")
        ns_sh("S", "ip link set ap0 promisc on")
        ns_sh("S", f"ip addr add {S}/128 dev lo")
        ns_sh("S", "ip addr add 2001:db8:f:1::1/64 dev core0 nodad")
        ns_sh("S", "ip -6 route add default via 2001:db8:f:1::2")
        ns_sh("A", f"ip addr add {A}/128 dev lo")
        ns_sh("A", "ip addr add 2001:db8:f:1::2/64 dev core0 nodad")
        ns_sh("A", "ip addr add 2001:db8:5::1/64 dev core1 nodad")
        ns_sh("A", f"ip -6 route add {S}/128 via 2001:db8:f:1::1")
        ns_sh("A", f"ip -6 route add {HERE}/64 via 2001:db8:f:1::1")
        ns_sh("srv", f"ip addr add {SRV}/64 dev eth0 nodad")
        ns_sh("srv", "ip -6 route add default via 2001:db8:5::1")

    def serve(self, hook="tc", watch=""):
        """S serves the station with both prefixes."""
        s = self.tool("S", S, [f"ap0:access:{hook}", f"core0:core:{hook}"])
        s.tell(f"peer {A} 1500", f"station 0 {MN_MAC}",
               f"served {HOME}/64 {A} 0 {MN_MAC} {DLIF} {watch}",
               f"local {HERE}/64 0 {MN_MAC} {DLIF} {watch}", "sync")
        return s

    def anchor(self, hook="tc", watch=""):
        a = self.tool("A", A, [f"core0:core:{hook}", f"core1:core:{hook}"])
        a.tell(f"peer {S} 1500", f"moved {HOME}/64 {S} {watch}", "sync")
        return a

    def tool(self, *args, **kw):
        t = Tool(*args, **kw)
        self.tools.append(t)
        return t

    def ping(self, src, dst=SRV, count=3, size=56, extra="", check=True):
        return ns_sh("mn", f"ping -6 -c {count} -i 0.05 -W 2 -s {size} {extra} -I {src} {dst}",
                     check=check)

    def down(self):
        for t in self.tools:
            if t.proc.poll() is None:
                t.kill()
        for ns in self.spaces:
            sh(f"ip netns del {PREFIX}{ns}", check=False)
        sh(f"rm -rf {PINS}")
