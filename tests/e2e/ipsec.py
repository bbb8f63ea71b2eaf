"""Signalling under IPsec in a lab: daemons that require it of the kernel, policies and states by hand
(ip xfrm), and strongSwan in the nodes' namespaces with what `godwit config strongswan` writes."""
import os
import pathlib
import secrets
import subprocess

import yaml
from domain import CMD, plan
from godwit_lab import netns
from godwit_lab.domain import Lab, wait_for

MAAR = "maar1"
ENDS = (CMD, MAAR)
REQUIRED = ("tmpl", "proto", "esp", "mode", "transport")


class Protected:
    """A CMD and a MAAR and how their signalling is protected; mobile nodes that want to be served."""

    def __init__(self, name, bin_dir, protection="esp"):
        self.plan, self.lab = plan(name, maars=1, godwit={"timers": {"initial-ack": 0.2}}), Lab(name)
        self.lab.up(self.plan, bin_dir, daemons=False)
        self.file = self.lab.state.path("core.pcap")
        self.address = {n: self.plan.nodes[n].address for n in ENDS}
        for node in ENDS:
            self.configure(node, protection)
        self.lab.capture(CMD, "core", self.file, "ip6 proto 135 or esp or udp port 500")

    def configure(self, node, protection):
        path = pathlib.Path(self.lab.config_file(node))
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for peer in document["godwit"]["peers"]:
            peer["protection"] = protection
            if protection == "esp":
                del peer["keys"]
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def start(self):
        self.lab.start_daemons(self.plan)

    def attach(self, lladdr="02:00:00:00:00:01"):
        """A mobile node is there, as if it had been seen: the MAAR wants to register it."""
        self.lab.ask(MAAR, {"cmd": "attach", "interface": "ap1", "lladdr": lladdr})

    def peer(self, node):
        """How a daemon sees the other one."""
        rows = self.lab.godwit(node, "show", "peers")
        assert len(rows) == 1
        return rows[0]

    def counter(self, node, name):
        return self.lab.show(node, "counters")["daemon" if name.startswith("mh-") else "node"][name]

    def await_policy(self, node, state):
        wait_for(f"{node}: policy {state}", lambda: self.peer(node)["ipsec_policy"] == state, 5)

    def policy(self, node, verb, direction, *template):
        """ip xfrm policy VERB for the messages of one direction, as one node sees it."""
        mine, theirs = (self.address[n] for n in (node, *(e for e in ENDS if e != node)))
        ends = (mine, theirs) if direction == "out" else (theirs, mine)
        netns.run(["ip", "-n", self.lab.namespace(node), "xfrm", "policy", verb, "src", f"{ends[0]}/128",
                   "dst", f"{ends[1]}/128", "proto", "135", "dir", direction, *template])

    def policies(self, verb, *template):
        for node in ENDS:
            for direction in ("in", "out"):
                self.policy(node, verb, direction, *template)

    def states(self):
        """One security association each way, the same at both ends. Keys that never change are for
        tests."""
        for spi, (source, target) in enumerate((ENDS, ENDS[::-1]), 0x1001):
            key = "0x" + secrets.token_hex(20)
            for node in ENDS:
                netns.run(["ip", "-n", self.lab.namespace(node), "xfrm", "state", "add", "src",
                           self.address[source], "dst", self.address[target], "proto", "esp",
                           "spi", hex(spi), "mode", "transport", "replay-window", "32",
                           "aead", "rfc4106(gcm(aes))", key, "128"])

    def flush(self):
        for node in ENDS:
            for what in ("policy", "state"):
                netns.run(["ip", "-n", self.lab.namespace(node), "xfrm", what, "flush"])

    def seen(self, expression):
        """How many packets of the capture are of that kind, so far, by tcpdump: tshark takes a quarter
        of a minute for it on an emulated machine."""
        done = subprocess.run(["tcpdump", "-n", "-r", self.file, expression], capture_output=True,
                              text=True, check=True)
        return len(done.stdout.splitlines())

    def in_the_clear(self):
        return self.seen("ip6 proto 135")


class StrongSwan:
    """charon in one node, with what godwit writes for it and a secret beside."""

    def __init__(self, domain, node, secret):
        self.domain, self.node = domain, node
        lab = domain.lab
        self.directory = pathlib.Path(lab.state.path(f"{node}.ipsec"))
        self.directory.mkdir()
        self.socket = f"unix://{self.directory}/vici"
        options = self.directory / "strongswan.conf"
        options.write_text(f"""charon-systemd {{
            journal {{ default = -1 }}
            filelog {{ log {{ path = {self.directory}/log
                              flush_line = yes }} }}
            plugins {{ vici {{ socket = {self.socket} }}
                       bypass-lan {{ load = no }} }}
        }}\n""", encoding="ascii")
        self.environment = {**os.environ, "STRONGSWAN_CONF": str(options)}
        self.write(secret)
        lab.spawn(node, f"charon-{node}", ["charon-systemd"], env=self.environment)
        wait_for(f"{node}: charon", (self.directory / "vici").exists, 10)
        self.swanctl("--load-all", "--file", str(self.directory / "swanctl.conf"))

    def write(self, secret):
        lab, ends = self.domain.lab, self.domain.address
        written = subprocess.run([lab.program("godwit"), "config", "strongswan",
                                  lab.config_file(self.node)], check=True, capture_output=True, text=True)
        (self.directory / "swanctl.conf").write_text(
            written.stdout + f"secrets {{\n ike-1 {{\n  id-1 = {ends[CMD]}\n  id-2 = {ends[MAAR]}\n"
            f"  secret = 0x{secret}\n }}\n}}\n", encoding="ascii")

    def swanctl(self, *words):
        return self.domain.lab.run(self.node, ["swanctl", *words, "--uri", self.socket],
                                   env=self.environment).stdout
