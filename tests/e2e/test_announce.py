"""Clients get to a service: its anycast route comes and goes at the client's router as instances do
(godwitd tells a real BIRD, or a real FRR finds a route in the kernel, which tells the other by OSPF), and a
real resolver knows its name.
"""
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest
import yaml
from conftest import BIN
from godwit_lab.domain import wait_for

CS_ID = "2001:db8:5::1"
HERE, THERE = "r1", "cr"  # the ingress, and the client's router
OSPF = """
router id 192.0.2.{id};
protocol device {{ scan time 1; }}
protocol kernel {{ ipv6 {{ export all; }}; }}
protocol ospf v3 {{
    ipv6 {{ export where proto ~ "godwit_*"; }};
    area 0 {{ interface "lan0" {{ type ptp; hello 1; dead 3; }}; }};
}}
"""


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=30,
                          check=True).stdout


FRR = """
log stdout
interface lan0
 ipv6 ospf6 area 0.0.0.0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 3
router ospf6
 ospf6 router-id 192.0.2.1
 redistribute kernel route-map godwit
"""


class Routers:
    """Two namespaces with a link, a BIRD in each, and godwitd in the first."""

    exports = "bird"

    def __init__(self, name, path):
        self.name, self.path, self.processes = name, path, {}
        self.log = path / "godwitd.log"
        for node in (HERE, THERE):
            run("ip", "netns", "add", self.ns(node))
            self.ip(node, "link", "set", "lo", "up")
        run("ip", "-n", self.ns(HERE), "link", "add", "lan0", "type", "veth", "peer", "lan0",
            "netns", self.ns(THERE))
        self.ip(HERE, "link", "add", "core0", "type", "veth", "peer", "core1")
        for node, links in ((HERE, ("lan0", "core0", "core1")), (THERE, ("lan0",))):
            for link in links:
                self.ip(node, "link", "set", link, "up")
        self.ip(HERE, "address", "add", "2001:db8:f::1/128", "dev", "lo")
        self.configure([])
        self.snippet = path / "services.conf"
        self.snippet.write_text(run(BIN / "godwit", "export", self.exports, self.file))

    def announce(self):
        return {"bird-socket": str(self.path / "r1.ctl")}

    @property
    def file(self):
        return self.path / "r1.yaml"

    def ns(self, node):
        return f"{self.name}-{node}"

    def ip(self, node, *args):
        return run("ip", "-n", self.ns(node), *args)

    def configure(self, instances):
        """web has these instances, none is of other."""
        document = {"godwit": {
            "node": {"name": self.name, "roles": ["d-router"], "address": "2001:db8:f::1"},
            "interfaces": [{"name": "core0", "side": "core"}, {"name": "lan0", "side": "client"}],
            "services": [{"name": "web-1", "cs-id": CS_ID, "protocol": "tcp", "port": 80},
                         {"name": "other", "cs-id": "2001:db8:5::2"}],
            "instances": [{"name": n, "service": "web-1", "csci-id": f"2001:db8:51::{i + 1}",
                           "address": "fd00::80"} for i, n in enumerate(instances)],
            "steering": {"lifetime": 3, "stamp": {"interval": 0},
                         "announce": self.announce()},
            "daemon": {"control-socket": str(self.path / "g.sock"), "on-stop": "remove",
                       "state-directory": str(self.path / "state"),
                       "pin-directory": f"/sys/fs/bpf/{self.name}"}}}
        self.file.write_text(yaml.safe_dump(document))
        self.file.chmod(0o600)

    def start(self, what, node, *args, log):
        with open(log, "ab") as stream:
            self.processes[what] = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.ns(node)}", *map(str, args)], stdout=stream,
                stderr=stream)

    def bird(self, node):
        config = self.path / f"{node}.conf"
        text = OSPF.format(id=1 if node == HERE else 2)
        config.write_text(text + (f'include "{self.snippet}";\n' if node == HERE else ""))
        self.start(f"bird-{node}", node, "bird", "-f", "-c", config, "-s",
                   self.path / f"{node}.ctl", "-P", self.path / f"{node}.pid",
                   log=self.path / f"{node}.log")

    def godwitd(self):
        self.start("godwitd", HERE, BIN / "godwitd", "-c", self.file, log=self.log)
        wait_for("godwitd", lambda: subprocess.run(
            [BIN / "godwit", "--socket", self.path / "g.sock", "status"], capture_output=True,
            check=False).returncode == 0, 15)

    def reload(self, instances):
        self.configure(instances)
        run(BIN / "godwit", "--socket", self.path / "g.sock", "reload")

    def stop(self, what, how="terminate"):
        process = self.processes.pop(what)
        getattr(process, how)()
        process.wait(15)

    def has_route(self, address=CS_ID):
        return self.ip(THERE, "-6", "route", "show", address) != ""

    def protocol(self):
        """The state of the service's protocol as BIRD has it."""
        text = subprocess.run(["birdc", "-s", self.path / "r1.ctl", "show", "protocols",
                               "godwit_web_1"], capture_output=True, text=True,
                              check=False).stdout
        return next((line.split()[3] for line in text.splitlines()
                     if line.startswith("godwit_web_1")), None)

    def close(self):
        for what in list(self.processes):
            self.stop(what)
        for node in (HERE, THERE):
            subprocess.run(["ip", "netns", "del", self.ns(node)], check=False)
        subprocess.run(["rm", "-rf", f"/sys/fs/bpf/{self.name}"], check=False)


class FrrRouters(Routers):
    """The first has FRR, and routes of the kernel."""

    exports = "frr"

    @property
    def own(self):
        return pathlib.Path(f"/run/{self.name}-frr")

    def announce(self):
        return {"kernel-routes": True}

    def frr(self):
        """zebra and ospf6d, each with the whole configuration: what is not its own it passes over. They are
        the user frr, and so are their files."""
        self.own.mkdir()
        shutil.chown(self.own, "frr", "frr")
        config = self.own / "frr.conf"
        config.write_text(self.snippet.read_text() + FRR)
        for name in ("zebra", "ospf6d"):
            self.start(name, HERE, f"/usr/lib/frr/{name}", "-f", config, "-z", self.own / "zserv.api", "-i",
                       self.own / f"{name}.pid", "--vty_socket", self.own, "-P", "0", log=self.path / f"{name}.log")
            wait_for(name, lambda n=name: (self.own / f"{n}.vty").exists(), 10)

    def close(self):
        super().close()
        shutil.rmtree(self.own, ignore_errors=True)

    def kernel(self):
        """The route's line at the ingress."""
        return self.ip(HERE, "-6", "route", "show", "proto", "104")


def await_neighbour(path):
    wait_for("OSPF", lambda: "Full/PtP" in subprocess.run(
        ["birdc", "-s", path / "cr.ctl", "show", "ospf", "neighbors"], capture_output=True,
        text=True, check=False).stdout, 30)


@pytest.fixture
def frr_routers(tmp_path, lab_name):
    made = FrrRouters(lab_name, tmp_path)
    try:
        made.frr()
        made.bird(THERE)
        await_neighbour(tmp_path)
        yield made
    finally:
        made.close()


@pytest.fixture
def routers(tmp_path, lab_name):
    made = Routers(lab_name, tmp_path)
    try:
        made.bird(HERE)
        made.bird(THERE)
        await_neighbour(tmp_path)
        yield made
    finally:
        made.close()


def watched(routers, seconds):
    """Whether the route was there at each look."""
    end, seen = time.monotonic() + seconds, []
    while time.monotonic() < end:
        seen.append(routers.has_route())
        time.sleep(0.05)
    return seen


def test_route_comes_and_goes_with_instances(routers):
    routers.godwitd()
    assert not routers.has_route()  # BIRD has it disabled
    routers.reload(["a"])
    wait_for("the route", routers.has_route, 10)
    routers.reload(["a", "b"])
    routers.reload(["b"])
    assert all(watched(routers, 1))
    routers.reload([])
    wait_for("no route", lambda: not routers.has_route(), 10)
    assert not routers.has_route("2001:db8:5::2")


def test_restarts(routers):
    """Of godwitd: the route stays. Of BIRD: it is told again. The end of godwitd: it goes."""
    routers.configure(["a"])
    routers.godwitd()
    wait_for("the route", routers.has_route, 10)
    routers.stop("godwitd", "kill")
    assert all(watched(routers, 0.5))
    routers.godwitd()
    assert all(watched(routers, 3.5))  # longer than nothing is withdrawn
    routers.stop("bird-r1")
    routers.bird(HERE)
    wait_for("BIRD is told again", lambda: routers.protocol() == "up", 15)
    routers.stop("godwitd")  # on-stop: remove
    assert routers.protocol() == "down"
    text = routers.log.read_text()
    assert "withdrawn" in text and "announce-refused" not in text


def test_a_protocol_that_bird_has_not(routers):
    routers.snippet.write_text("")
    run("birdc", "-s", routers.path / "r1.ctl", "configure")
    routers.configure(["a"])
    routers.godwitd()
    wait_for("the refusal", lambda: "announce-refused" in routers.log.read_text(), 10)
    assert re.search(r"godwit_web_1: BIRD says: ", routers.log.read_text())


def test_frr_announces_routes_of_the_kernel(frr_routers):
    """They come and go with instances, outlive a killed godwitd, and go when it leaves for good."""
    frr_routers.godwitd()
    assert not frr_routers.has_route() and frr_routers.kernel() == ""
    frr_routers.reload(["a"])
    wait_for("the route", frr_routers.has_route, 10)
    assert frr_routers.kernel().startswith(f"unreachable {CS_ID} ")
    frr_routers.stop("godwitd", "kill")
    frr_routers.godwitd()
    assert all(watched(frr_routers, 3.5))  # longer than nothing is withdrawn
    frr_routers.reload([])
    wait_for("no route", lambda: not frr_routers.has_route(), 10)
    frr_routers.reload(["b"])
    wait_for("the route again", frr_routers.has_route, 10)
    frr_routers.stop("godwitd")  # on-stop: remove
    assert frr_routers.kernel() == ""
    wait_for("no route any more", lambda: not frr_routers.has_route(), 10)


# ---- names ----

def test_a_resolver_knows_the_names(tmp_path):
    """The records in a zone of unbound's, asked for by dig."""
    config = tmp_path / "r.yaml"
    config.write_text(yaml.safe_dump({"godwit": {
        "node": {"name": "r", "roles": ["d-router"], "address": "2001:db8:f::1"},
        "interfaces": [{"name": "core0", "side": "core"}],
        "services": [{"name": "web-1", "cs-id": CS_ID, "protocol": "tcp", "port": 8080}]}}))
    records = run(BIN / "godwit", "export", "dns", "edge.example", config)
    zone, port = tmp_path / "zone", 20000 + os.getpid() % 20000
    zone.write_text("edge.example. 60 IN SOA ns.edge.example. root.edge.example. 1 60 60 60 60\n"
                    "edge.example. 60 IN NS ns.edge.example.\n" + records)
    (tmp_path / "unbound.conf").write_text(
        f'server:\n  interface: ::1@{port}\n  username: ""\n  chroot: ""\n  use-syslog: no\n'
        f'  directory: "{tmp_path}"\n  pidfile: "{tmp_path}/pid"\n  do-daemonize: no\n'
        f'auth-zone:\n  name: edge.example.\n  zonefile: "{zone}"\n  for-downstream: yes\n'
        "remote-control:\n  control-enable: no\n")
    with open(tmp_path / "log", "wb") as log, subprocess.Popen(
            ["unbound", "-c", tmp_path / "unbound.conf"], stdout=log, stderr=log) as unbound:
        try:
            def ask(kind, name):
                return subprocess.run(["dig", "+short", "+time=1", "+tries=1", "@::1", "-p",
                                       str(port), kind, name], capture_output=True, text=True,
                                      check=False).stdout.split("\n")[0]
            wait_for("unbound", lambda: ask("SOA", "edge.example").startswith("ns."), 15)
            assert ask("AAAA", "web-1.edge.example") == CS_ID
            assert ask("SRV", "_web-1._tcp.edge.example") == "0 0 8080 web-1.edge.example."
            assert ask("AAAA", "other.edge.example") == ""
        finally:
            unbound.terminate()
