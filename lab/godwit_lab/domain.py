"""A lab as its users see it: up, move, exec, kill, start, capture, down.

Everything made is written to the state file before or as it is made, and `down` takes apart what
the file names: it works after a crash of the lab, of the machine's users, and of half an `up`.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import yaml

from . import config, netns, state, topology
from .builder import MN_IFACE, Builder
from .state import LabError

BPFFS = "/sys/fs/bpf"
READY_SECONDS = 10
# Machines that are emulated take many times as long for everything.
PATIENCE = float(os.environ.get("GODWIT_LAB_PATIENCE", "1"))
# One machine plays all nodes: what would have a processor of its own does not queue behind load.
PROMPT = ("nice", "-n", "-10")
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def default_bin():
    return os.environ.get("GODWIT_BIN", os.path.join(REPOSITORY, "build/release/bin"))


def wait_for(what, condition, seconds, interval=0.02):
    """The first true value of condition(); LabError when it does not come in time."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds * PATIENCE:g} s")
        time.sleep(interval)


class Lab:
    def __init__(self, name="gw"):
        self.name = name
        self.state = state.State(name)
        self.ports = None
        self.severed = {}

    # -- up and down ------------------------------------------------------------------------------

    def up(self, plan, bin_dir, daemons=True, owned=False):
        """Builds the domain of a topology; undoes everything if any part fails. An owned lab is
        this process's: when the process has died without taking it down, the next one may.
        daemons: whether to start them, or the names of those to start."""
        if os.geteuid() != 0:
            raise LabError("a lab needs root: it makes network namespaces")
        builder = Builder(plan)
        bin_dir = os.path.abspath(bin_dir)
        if owned:
            self._inherit()
        self.state.create({
            "topology": _to_dict(plan), "bin": bin_dir, "namespaces": builder.namespaces(),
            "processes": {}, "attached": {n: m.at for n, m in plan.mobile_nodes.items()},
            "pins": f"{BPFFS}/godwit-lab/{self.name}", "moves": [],
            "owner": state.identify(os.getpid()) if owned else None})
        try:
            self._foreign_namespaces(builder)
            builder.build()
            self._emulators(plan)
            self._write_configs(plan)
            if daemons:
                self.start_daemons(plan, None if daemons is True else daemons)
            for mn in plan.mobile_nodes:
                builder.wake(mn)
        except BaseException:
            self.down()
            raise

    def _inherit(self):
        if self.state.exists():
            owner = self.state.read().get("owner")
            if owner and not state.alive(owner):
                self.down()

    def _foreign_namespaces(self, builder):
        taken = [n for n in builder.namespaces() if netns.exists(n)]
        if taken:
            with self.state.edit() as value:
                value["namespaces"] = []  # not ours: down must leave them
            raise LabError(f"namespace {', '.join(taken)} exists already and is not this lab's")

    def _emulators(self, plan):
        def pair(values):
            return f"{values[0]},{values[1]}"

        for index, link in enumerate(plan.links):
            if not link.emulated:
                continue
            name = f"link-{link.ends[0]}-{link.ends[1]}"
            argv = [*PROMPT, self.program("linkem"), "--delay-us", pair(link.delay_us),
                    "--rate-kbit", pair(link.rate_kbit), "--loss-ppm", pair(link.loss_ppm),
                    "--queue-kib", pair(link.queue_kib), "--seed", str(link.seed),
                    "--stats", self.state.path(f"{name}.json"), f"l{index}a", f"l{index}b"]
            self.spawn("wire", name, argv)
            wait_for(name, lambda n=name: "ready" in self.log(n), READY_SECONDS)

    def cut(self, a, b):
        """Nothing passes the emulated link of a and b until mend()."""
        name = next((n for n in (f"link-{a}-{b}", f"link-{b}-{a}")
                     if n in self.state.read()["processes"]), None)
        if not name:
            raise LabError(f"no emulated link of {a} and {b} to cut")
        self.severed[name] = self.process(name)["argv"]
        self.stop(name, signal.SIGKILL)

    def mend(self):
        """All links that were cut."""
        for name, argv in self.severed.items():
            done = len(self.log(name))
            self.spawn("wire", name, argv)
            wait_for(name, lambda n=name, d=done: "ready" in self.log(n)[d:], READY_SECONDS)
        self.severed.clear()

    def reload(self, node, change):
        """What an operator does: change(document) of the configuration, and `godwit reload`."""
        file = self.config_file(node)
        with open(file, encoding="utf-8") as stream:
            document = yaml.safe_load(stream)
        change(document["godwit"])
        with open(file, "w", encoding="utf-8") as stream:
            config.dump(document, stream)
        self.ask(node, {"cmd": "reload"})

    def _write_configs(self, plan):
        keys = config.draw_keys(plan)
        pins = self.state.read()["pins"]
        for node in plan.daemons():
            document = config.node_config(plan, node, keys, self.state.directory, pins)
            with open(self.config_file(node.name), "w", encoding="utf-8") as file:
                os.chmod(file.name, 0o600)
                config.dump(document, file)

    def start_daemons(self, plan, names=None):
        _mount_bpffs()
        os.makedirs(self.state.read()["pins"], exist_ok=True)
        wanted = [n.name for n in plan.daemons() if names is None or n.name in names]
        for name in wanted:
            self._launch(name)
        for name in wanted:
            self._await_ready(name)

    def down(self):
        """Takes apart what the state file names. True if there was anything."""
        if not self.state.exists():
            return False
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            self._take_apart()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return True

    def _take_apart(self):
        with self.state.locked():
            value = self.state.read()
            if self.ports:
                self.ports.close()
                self.ports = None
            for process in reversed(value["processes"].values()):
                state.stop(process, seconds=3)
            for namespace in value["namespaces"]:
                self._empty(namespace)
                netns.delete(namespace)
            shutil.rmtree(value["pins"], ignore_errors=True)
            try:
                os.rmdir(os.path.dirname(value["pins"]))
            except OSError:
                pass  # another lab's pins, or no bpffs
            self.state.remove()

    @staticmethod
    def _empty(namespace):
        """What somebody started in one of our namespaces by hand would keep it alive."""
        for pid in netns.pids(namespace):
            state.stop(state.identify(pid), seconds=1)

    # -- processes --------------------------------------------------------------------------------

    def program(self, name):
        path = os.path.join(self.state.read()["bin"], name)
        if not os.access(path, os.X_OK):
            raise LabError(f"{path}: no such program (build it, or say where: --bin)")
        return path

    def namespace(self, node):
        name = f"{self.name}-{node}"
        if name not in self.state.read()["namespaces"]:
            raise LabError(f"lab {self.name} has no node {node}")
        return name

    def enter(self, node, argv):
        return netns.enter(self.namespace(node), argv)

    def run(self, node, argv, check=True, timeout=60, **kwargs):
        """A command in a node, to its end; the completed process."""
        done = subprocess.run(self.enter(node, argv), capture_output=True, text=True, check=False,
                              timeout=timeout, **kwargs)
        if check and done.returncode != 0:
            raise LabError(f"{node}: {' '.join(argv)}: status {done.returncode}: "
                           f"{(done.stderr or done.stdout).strip()}")
        return done

    def spawn(self, node, name, argv, **kwargs):
        """A process in a node that lives until stop() or down(); its output goes to a log."""
        with open(self.state.path(f"{name}.log"), "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **kwargs}
            process = subprocess.Popen(self.enter(node, argv), start_new_session=True, **options)
        record = {"node": node, "argv": argv, **state.identify(process.pid)}
        with self.state.edit() as value:
            value["processes"][name] = record
        return process

    def process(self, name):
        processes = self.state.read()["processes"]
        if name not in processes:
            raise LabError(f"lab {self.name} runs no {name}")
        return processes[name]

    def stop(self, name, sig=signal.SIGTERM, seconds=5):
        clean = state.stop(self.process(name), sig, seconds)
        with self.state.edit() as value:
            value["processes"].pop(name, None)
        return clean

    def log(self, name):
        try:
            with open(self.state.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    # -- daemons ----------------------------------------------------------------------------------

    def config_file(self, node):
        return self.state.path(f"{node}.yaml")

    def socket_file(self, node):
        return self.state.path(f"{node}.sock")

    def daemons(self):
        nodes = self.state.read()["topology"]["nodes"]
        return [n for n, e in nodes.items() if e["roles"][0] in topology.DAEMON_ROLES]

    def _launch(self, node, *options):
        self.spawn(node, node, [*PROMPT, self.program("godwitd"), "-c", self.config_file(node), *options])

    def _await_ready(self, node):
        def ready():
            if not state.alive(self.process(node)):
                raise LabError(f"{node}: the daemon ended:\n{self.log(node)[-2000:]}")
            try:
                return self.ask(node, {"cmd": "status"})
            except OSError:
                return None

        try:
            wait_for(f"{node}: daemon", ready, READY_SECONDS)
        except LabError as err:
            raise LabError(f"{err}\n{self.log(node)[-2000:]}") from None

    def start(self, node, *options, wait=True):
        """A daemon again, after kill(); with options of godwitd. wait: until it answers."""
        if node not in self.daemons():
            raise LabError(f"{node} has no daemon")
        running = self.state.read()["processes"].get(node)
        if running and state.alive(running):
            raise LabError(f"{node}: its daemon runs already (pid {running['pid']})")
        self._launch(node, *options)
        if wait:
            self._await_ready(node)

    def kill(self, node, sig=signal.SIGTERM):
        if node not in self.daemons():
            raise LabError(f"{node} has no daemon")
        return self.stop(node, sig)

    def ask(self, node, request):
        """One request on the daemon's control socket; its result. OSError while it is not there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(5 * PATIENCE)
            sock.connect(self.socket_file(node))
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        if not answer:
            raise ConnectionError(f"{node}: closed without an answer")
        document = json.loads(answer)
        if not document.get("ok"):
            raise LabError(f"{node}: {request}: {document.get('error')}")
        return document.get("result")

    def show(self, node, what):
        return self.ask(node, {"cmd": "show", "what": what})

    def godwit(self, node, *words):
        """The command line's view: `godwit ... --json` against this node."""
        return json.loads(self.run(node, [self.program("godwit"), "--socket",
                                          self.socket_file(node), *words, "--json"]).stdout)

    # -- mobile nodes -----------------------------------------------------------------------------

    def move(self, mn, ap, carrier="keep"):
        """Takes a mobile node's port to another access point; when, on the monotonic clock."""
        value = self.state.read()
        if mn not in value["attached"]:
            raise LabError(f"lab {self.name} has no mobile node {mn}")
        if ap not in value["topology"]["access-points"]:
            raise LabError(f"lab {self.name} has no access point {ap}")
        if self.ports is None:
            self.ports = netns.Ports(self.namespace("air"))
        if carrier == "flap":
            self.ports.up(mn, False)
        begin, end = self.ports.move(mn, f"br-{ap}")
        if carrier == "flap":
            self.ports.up(mn, True)
        made = {"mobile-node": mn, "from": value["attached"][mn], "to": ap, "carrier": carrier,
                "begin_ns": begin, "end_ns": end}
        with self.state.edit() as current:
            current["attached"][mn] = ap
            current["moves"].append(made)
        return made

    def addresses(self, mn):
        """Global addresses of a mobile node: [{address, tentative, deprecated}]"""
        listed = json.loads(self.run(mn, ["ip", "-j", "-6", "addr", "show", "dev", MN_IFACE,
                                          "scope", "global"]).stdout)
        return [{"address": a["local"], "tentative": bool(a.get("tentative")),
                 "deprecated": bool(a.get("deprecated"))}
                for link in listed for a in link.get("addr_info", []) if "local" in a]

    # -- captures ---------------------------------------------------------------------------------

    def capture(self, node, iface, file, expression=""):
        """tcpdump into a file until stop("capture-...") or down()."""
        name = f"capture-{node}-{iface}"
        running = self.state.read()["processes"].get(name)
        if running and state.alive(running):
            raise LabError(f"{node}: {iface} is being captured already")
        argv = ["tcpdump", "-U", "--immediate-mode", "-n", "-Z", "root", "-s", "0", "-B", "8192", "-i", iface,
                "-w", os.path.abspath(file)]
        done = len(self.log(name))
        self.spawn(node, name, argv + ([expression] if expression else []))
        wait_for(name, lambda: "listening on" in self.log(name)[done:], READY_SECONDS)
        return name

    # -- status -----------------------------------------------------------------------------------

    def status(self):
        value = self.state.read()
        processes = {name: {"node": p["node"], "pid": p["pid"], "alive": state.alive(p)}
                     for name, p in value["processes"].items()}
        return {"name": self.name, "namespaces": value["namespaces"], "processes": processes,
                "attached": value["attached"], "moves": len(value["moves"]), "bin": value["bin"]}


def _mount_bpffs():
    with open("/proc/mounts", encoding="ascii") as file:
        if not any(line.split()[1:3] == [BPFFS, "bpf"] for line in file):
            netns.run(["mount", "-t", "bpf", "bpf", BPFFS])


def _to_dict(plan):
    return {
        "nodes": {n.name: {"roles": list(n.roles), "address": n.address, "pools": n.pools}
                  for n in plan.nodes.values()},
        "links": [{"ends": list(k.ends), "emulated": k.emulated} for k in plan.links],
        "access-points": {a.name: {"at": a.at} for a in plan.access_points.values()},
        "mobile-nodes": {m.name: {"lladdr": m.lladdr} for m in plan.mobile_nodes.values()},
    }
