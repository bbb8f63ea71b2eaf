"""godwitd as a process: one CMD and one MAAR in namespaces, a station that is a stock Linux stack.

    mn --- ap1 [maar] core0 --- core0 [cmd] srv0 --- srv

What roaming does is tested with the lab; here it is starting, stopping, adopting, reloading and
refusing. The control socket is spoken to directly, so that the command line is not needed.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest
import yaml

from conftest import BIN

CMD, MAAR, SERVER = "2001:db8:f::c", "2001:db8:f::1", "2001:db8:5::5"
POOL = "2001:db8:1000::/48"
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
MN_MAC = "02:00:00:00:00:01"
DEADLINE = 20  # seconds until something expected has happened; not a measure of anything


def run(*argv, **kw):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **kw).stdout


def until(what, probe):
    """What probe returns, once it is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


class Domain:
    """The namespaces, links and routes, and the daemons started in them."""

    def __init__(self, tmp):
        self.id = f"gE{os.getpid() % 100000}"
        self.tmp = tmp
        self.pins = pathlib.Path(f"/sys/fs/bpf/godwit-test/{self.id}")
        self.daemons = {}

    def ns(self, node):
        return f"{self.id}-{node}"

    def enter(self, node, *argv):
        return ["nsenter", f"--net=/run/netns/{self.ns(node)}", *argv]

    def ip(self, node, command):
        return run("ip", "-n", self.ns(node), "-6", *command.split())

    def link(self, a, a_if, b, b_if, b_mac=None):
        run("ip", "link", "add", a_if, "netns", self.ns(a), "type", "veth",
            "peer", "name", b_if, "netns", self.ns(b))
        if b_mac:
            run("ip", "-n", self.ns(b), "link", "set", b_if, "address", b_mac)
        for node, ifname in ((a, a_if), (b, b_if)):
            run(*self.enter(node, "ethtool", "-K", ifname, "gro", "on"))
            self.ip(node, f"link set {ifname} up")

    def build(self):
        for node in ("cmd", "maar", "mn", "srv"):
            run("ip", "netns", "add", self.ns(node))
            self.ip(node, "link set lo up")
        self.link("maar", "core0", "cmd", "core0")
        self.link("cmd", "srv0", "srv", "eth0")
        self.link("maar", "ap1", "mn", "eth0", MN_MAC)
        self.ip("mn", "link set eth0 down")  # silent until the test wants it
        for node, address in (("cmd", CMD), ("maar", MAAR)):
            self.ip(node, f"addr add {address}/128 dev lo")
        self.ip("srv", f"addr add {SERVER}/64 dev eth0 nodad")
        self.ip("cmd", "addr add 2001:db8:5::1/64 dev srv0 nodad")
        self.ip("cmd", "addr add fe80::c/64 dev core0 nodad")
        self.ip("maar", "addr add fe80::1/64 dev core0 nodad")
        self.ip("srv", "route add default via 2001:db8:5::1")
        self.ip("cmd", f"route add {MAAR}/128 via fe80::1 dev core0")
        self.ip("cmd", f"route add {POOL} via fe80::1 dev core0")
        self.ip("maar", "route add default via fe80::c dev core0")

    def config(self, node, on_stop="leave", **daemon):
        peer, address, other = {"cmd": ("maar", CMD, MAAR), "maar": ("cmd", MAAR, CMD)}[node]
        settings = {"control-socket": str(self.socket(node)),
                    "state-directory": str(self.tmp / f"{node}.state"),
                    "pin-directory": str(self.pins / node), "on-stop": on_stop,
                    "log": {"level": "debug"}} | daemon
        interfaces = [{"name": "core0", "side": "core"}]
        if node == "maar":
            interfaces.append({"name": "ap1", "side": "access"})
        else:
            interfaces.append({"name": "srv0", "side": "core"})
        conf = {"node": {"name": node, "roles": [node], "address": address},
                "interfaces": interfaces,
                "peers": [{"name": peer, "address": other, "roles": [peer],
                           "keys": [{"spi": 256, "secret": KEY}]}],
                "policy": [{"lladdr": "02:00:*", "action": "allow"}],
                "heartbeat": {"interval": 0},  # messages are those that a test is about
                "daemon": settings}
        if node == "maar":
            conf["node"]["cmd"] = CMD
            conf["pools"] = [{"prefix": POOL}]
        else:
            conf["peers"][0]["pools"] = [POOL]
        path = self.tmp / f"{node}.yaml"
        path.write_text(yaml.safe_dump({"godwit": conf}, sort_keys=False))
        path.chmod(0o600)
        return path

    def socket(self, node):
        return self.tmp / f"{node}.sock"

    def log(self, node):
        return (self.tmp / f"{node}.log").read_text()

    def start(self, node, *more, wait=True):
        with open(self.tmp / f"{node}.log", "ab") as log:
            argv = self.enter(node, str(BIN / "godwitd"), "-c", str(self.tmp / f"{node}.yaml"))
            p = subprocess.Popen([*argv, *more], stderr=log, stdout=log)
        self.daemons[node] = p
        if wait:
            until(f"{node} answers", lambda: p.poll() is not None or self.alive(node))
            assert p.poll() is None, self.log(node)
        return p

    def alive(self, node):
        try:
            return self.ask(node, cmd="status")
        except OSError:
            return None

    def ask(self, node, **request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE)
            s.connect(str(self.socket(node)))
            s.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def show(self, what, node="maar"):
        answer = self.ask(node, cmd="show", what=what)
        assert answer["ok"], answer
        return answer["result"]

    def stop(self, node, how=signal.SIGTERM):
        p = self.daemons.pop(node)
        p.send_signal(how)
        return p.wait(DEADLINE)

    def ping(self, count=3):
        return subprocess.run(self.enter("mn", "ping", "-6", "-c", str(count), "-i", "0.2", "-W",
                                         "2", SERVER), capture_output=True).returncode == 0

    def destroy(self):
        for p in self.daemons.values():
            p.kill()
            p.wait()
        for node in ("cmd", "maar", "mn", "srv"):
            subprocess.run(["ip", "netns", "del", self.ns(node)], capture_output=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.pins)
        with contextlib.suppress(OSError):  # another test may be using it
            self.pins.parent.rmdir()
        for log in self.tmp.glob("*.log"):
            assert "Sanitizer" not in log.read_text(), log.read_text()


@pytest.fixture
def domain(tmp_path):
    d = Domain(tmp_path)
    try:
        d.build()
        d.config("cmd")
        d.config("maar")
        yield d
    finally:
        d.destroy()


@pytest.fixture
def served(domain):
    """With both daemons at work and the station on the link."""
    domain.start("cmd")
    domain.start("maar")
    domain.ip("mn", "link set eth0 up")
    until("the station has a global address", lambda: address_of(domain))
    return domain


def address_of(domain):
    """The station's own global address that it may use, or None."""
    links = json.loads(run("ip", "-n", domain.ns("mn"), "-6", "-j", "addr", "show", "dev", "eth0",
                           "scope", "global", "-tentative"))
    found = [a["local"] for link in links for a in link.get("addr_info", []) if "local" in a]
    return found[0] if found else None


def test_station_is_served(served):
    assert address_of(served).startswith("2001:db8:1000:")
    assert served.ping()
    stations = served.show("stations")
    assert len(stations) == 1 and MN_MAC in json.dumps(stations[0])
    assert len(served.show("bindings", "cmd")) == 1
    counters = served.show("counters")
    assert counters["daemon"]["mh-sent"] >= 1 and counters["daemon"]["mh-received"] >= 1
    assert counters["daemon"]["mh-send-errors"] == 0 == counters["daemon"]["store-errors"]
    used = [p for p in served.show("prefixes") if p.get("up_packets", 0) >= 3]
    assert used and used[0]["down_packets"] >= 3
    assert len(served.show("handovers")) >= 1
    for what in ("tunnels", "peers"):
        assert isinstance(served.show(what), list)


def test_status_and_errors_of_the_control_socket(served):
    status = served.ask("maar", cmd="status")["result"]
    assert status["name"] == "maar" and status["roles"] == ["maar"]
    assert status["pid"] == served.daemons["maar"].pid
    assert status["pins"] == "created" and status["hooks"]["ap1"] in ("tc", "xdp")
    for bad in ({"cmd": "nonsense"}, {"cmd": "show", "what": "nothing"}, {},
                {"cmd": "attach", "interface": "core0", "lladdr": MN_MAC},
                {"cmd": "attach", "interface": "ap1", "lladdr": "xyz"}):
        answer = served.ask("maar", **bad)
        assert answer["ok"] is False and answer["error"]


def test_attach_and_detach_by_hand(served):
    other = "02:00:00:00:00:77"
    assert served.ask("maar", cmd="attach", interface="ap1", lladdr=other,
                      **{"mn-id": "somebody@example.org"})["ok"]
    until("a second station", lambda: len(served.show("stations")) == 2)
    until("its binding", lambda: len(served.show("bindings", "cmd")) == 2)
    assert "somebody@example.org" in json.dumps(served.show("bindings", "cmd"))
    assert served.ask("maar", cmd="detach", interface="ap1", lladdr=other)["ok"]
    until("it is gone", lambda: other not in json.dumps(served.show("stations")))
    refused = served.ask("maar", cmd="attach", interface="ap1", lladdr="06:00:00:00:00:01")
    assert refused["ok"] is False  # the policy knows 02:00:* only


def test_kill_and_restart_adopts(served):
    before = served.show("prefixes")[0]["prefix"]
    ping = subprocess.Popen(served.enter("mn", "ping", "-6", "-i", "0.05", "-c", "100", "-W", "2",
                                         "-q", SERVER), stdout=subprocess.PIPE, text=True)
    served.stop("maar", signal.SIGKILL)
    time.sleep(0.5)  # packets flow without the daemon
    served.start("maar")
    served.stop("cmd", signal.SIGKILL)
    served.start("cmd")
    out = ping.communicate()[0]
    assert " 0% packet loss" in out, out
    assert served.ask("maar", cmd="status")["result"]["pins"] == "adopted"
    assert before in json.dumps(served.show("prefixes"))
    until("the station is known again", lambda: MN_MAC in json.dumps(served.show("stations")))
    assert len(served.show("bindings", "cmd")) == 1
    assert served.ping()


def pinned(domain, node):
    return sorted(os.listdir(domain.pins / node)) if (domain.pins / node).exists() else []


def test_stop_leaves_or_removes(served):
    assert served.stop("maar") == 0
    assert pinned(served, "maar") != []
    assert not served.socket("maar").exists()
    assert served.ping(), "the packet path stays at work"
    served.config("maar", on_stop="remove")
    served.start("maar")
    assert "proto 103" in served.ip("maar", "route show type unreachable")
    assert served.stop("maar", signal.SIGINT) == 0
    assert pinned(served, "maar") == []
    assert served.ip("maar", "route show type unreachable") == ""
    assert not served.ping(1)


def test_second_daemon_is_refused(served):
    p = subprocess.run(served.enter("maar", str(BIN / "godwitd"), "-c",
                                    str(served.tmp / "maar.yaml")), capture_output=True, text=True)
    assert p.returncode == 1 and "another daemon" in p.stderr
    served.config("maar", **{"control-socket": str(served.tmp / "other.sock")})
    p = subprocess.run(served.enter("maar", str(BIN / "godwitd"), "-c",
                                    str(served.tmp / "maar.yaml")), capture_output=True, text=True)
    assert p.returncode == 1 and "another process" in p.stderr
    assert served.ping() and served.alive("maar")


def test_reload(served):
    served.config("maar", log={"level": "error"})
    assert served.ask("maar", cmd="reload") == {"ok": True}
    before = served.show("counters")["daemon"]["reloads"]
    served.config("maar", log={"level": "debug"})
    served.daemons["maar"].send_signal(signal.SIGHUP)
    until("SIGHUP was heard", lambda: served.show("counters")["daemon"]["reloads"] == before + 1)
    served.config("maar", **{"state-directory": str(served.tmp / "elsewhere")})
    answer = served.ask("maar", cmd="reload")
    assert not answer["ok"]
    assert any(p.startswith("/godwit/daemon/state-directory: ") for p in answer["problems"])
    served.config("maar", log={"level": "debug", "file": str(served.tmp / "no/such/directory/log")})
    answer = served.ask("maar", cmd="reload")
    assert not answer["ok"]
    assert any(p.startswith("/godwit/daemon/log/file: ") for p in answer["problems"])
    text = served.config("maar").read_text()
    (served.tmp / "maar.yaml").write_text(text.replace(MAAR, "2001:db8:f::99"))
    answer = served.ask("maar", cmd="reload")
    assert not answer["ok"] and "address" in json.dumps(answer["problems"])
    (served.tmp / "maar.yaml").write_text(text.replace("side:", "sight:"))
    answer = served.ask("maar", cmd="reload")
    assert not answer["ok"] and "maar.yaml:" in json.dumps(answer["problems"])
    assert "sight" in served.log("maar")
    assert served.ping()


def privileges(pid):
    """What /proc says about every thread of a process: a set of (field, value)."""
    wanted = ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    found = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            field, _, value = line.partition(":")
            if field in wanted:
                found.add((field, int(value, 16)))
    return found


NET_ADMIN, NET_RAW, BPF = 1 << 12, 1 << 13, 1 << 39


@pytest.mark.sanitized
def test_sandbox(served):
    """It is on by default; all other tests run in it, and here what it holds is looked at."""
    pid = served.daemons["maar"].pid
    # The store's sync has made threads of libuv; they are inside as well.
    until("a second thread", lambda: len(os.listdir(f"/proc/{pid}/task")) > 1)
    assert privileges(pid) == {("CapEff", NET_ADMIN | NET_RAW | BPF),
                               ("CapPrm", NET_ADMIN | NET_RAW | BPF), ("CapBnd", 0),
                               ("CapAmb", 0), ("NoNewPrivs", 1), ("Seccomp", 2)}
    # Everything that is opened again: configuration, secret, log.
    secret, log = served.tmp / "secret", served.tmp / "elsewhere.log"
    secret.write_text(KEY + "\n")
    secret.chmod(0o600)
    path = served.config("maar", log={"level": "debug", "file": str(log)})
    path.write_text(path.read_text().replace(f"secret: {KEY}", f"secret-file: {secret}"))
    assert "secret-file" in path.read_text()
    assert served.ask("maar", cmd="reload") == {"ok": True}
    assert "reloaded" in log.read_text()
    assert served.ping()
    served.config("maar", sandbox="off")
    answer = served.ask("maar", cmd="reload")
    assert any(p.startswith("/godwit/daemon/sandbox: ") for p in answer["problems"])
    served.config("maar", on_stop="remove")
    assert served.ask("maar", cmd="reload") == {"ok": True}
    assert served.stop("maar") == 0, "the way out is in the list too"
    assert pinned(served, "maar") == []


def test_sandbox_off_and_log(domain):
    domain.config("cmd", sandbox="log")
    domain.config("maar", sandbox="off")
    for node in ("cmd", "maar"):
        domain.start(node)
    assert ("Seccomp", 2) in privileges(domain.daemons["cmd"].pid)
    assert ("CapBnd", 0) in privileges(domain.daemons["cmd"].pid)
    off = privileges(domain.daemons["maar"].pid)
    assert ("Seccomp", 0) in off and ("CapBnd", 0) not in off
    assert "sandbox-off" in domain.log("maar")


def traced(domain, durability, trace):
    """The CMD's calls around one registration: sync, and send of the signalling socket."""
    domain.config("cmd", durability=durability)
    domain.start("cmd")
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(trace), "-e",
                               "trace=fdatasync,sendmsg,sendto", "-p", str(domain.daemons["cmd"].pid)])
    try:
        until("strace is attached", lambda: "TracerPid:\t0" not in
              pathlib.Path(f"/proc/{domain.daemons['cmd'].pid}/status").read_text())
        domain.start("maar")
        assert domain.ask("maar", cmd="attach", interface="ap1", lladdr="02:00:00:00:00:77")["ok"]
        until("the binding", lambda: domain.show("bindings", "cmd"))
        until("the acknowledgement", lambda: any(row["steps"].get("pba_received")
                                                 for row in domain.show("handovers")))
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(DEADLINE)
    lines = trace.read_text().splitlines()
    return ["sync" if "fdatasync" in line else "send" for line in lines
            if "fdatasync" in line or f'inet_pton(AF_INET6, "{MAAR}"' in line]


def test_each_is_on_the_medium_before_the_acknowledgement(domain):
    calls = traced(domain, "each", domain.tmp / "trace")
    assert "send" in calls
    assert calls[:calls.index("send")].count("sync") >= 2, calls  # the pages, then the checkpoint
    assert domain.show("counters", "cmd")["daemon"]["store-syncs"] >= 1
    domain.stop("cmd", signal.SIGKILL)
    domain.start("cmd")
    assert len(domain.show("bindings", "cmd")) == 1


def start_fails(domain, node):
    p = domain.start(node, wait=False)
    status = p.wait(DEADLINE)
    domain.daemons.pop(node)
    return status, domain.log(node)


def test_bad_configuration_starts_nothing(domain):
    path = domain.config("maar")
    path.write_text(path.read_text().replace("/48", "/xyz"))
    status, log = start_fails(domain, "maar")
    assert status == 2 and f"{path}:" in log
    assert not domain.socket("maar").exists() and pinned(domain, "maar") == []
    assert not (domain.tmp / "maar.state").exists()
    assert subprocess.run([str(BIN / "godwitd"), "-c", "/nonexistent"],
                          capture_output=True).returncode == 2
    assert subprocess.run([str(BIN / "godwitd")], capture_output=True).returncode == 2
    domain.config("maar")
    check = subprocess.run([str(BIN / "godwitd"), "-c", str(path), "--check"], capture_output=True)
    assert check.returncode == 0 and not domain.socket("maar").exists()


def test_what_the_system_refuses_is_said(domain):
    domain.config("maar", **{"state-directory": "/dev/null/state"})
    status, log = start_fails(domain, "maar")
    assert status == 1 and "/dev/null/state: cannot create the directory" in log
    domain.config("maar")
    domain.ip("maar", f"addr del {MAAR}/128 dev lo")
    status, log = start_fails(domain, "maar")
    assert status == 1 and MAAR in log and "Cannot assign requested address" in log
    domain.ip("maar", f"addr add {MAAR}/128 dev lo")
    domain.ip("maar", "link set ap1 name ap7")
    status, log = start_fails(domain, "maar")
    assert status == 1 and "ap1" in log
    assert pinned(domain, "maar") == [], "a failed start leaves nothing"
