"""A domain as topologies/handover.yaml has it: ingresses with an access point each, edge sites, and a mobile node
that uses services while it moves. The demo of handover, its measurement and its end-to-end tests are made of this."""

import json

from . import steering_trace
from .domain import Lab, wait_for
from .handovers import first_address

MN = "mn1"
CHAT_PORT, ECHO_PORT = 80, 7007
CONVERGE_SECONDS = 15
SLOTS, STEP_US = 8, 5000



class Roaming:
    """chat: "edge-server" or "token-server"; what serves the service `chat`."""

    def __init__(self, plan, bin_dir, chat="edge-server"):
        self.chat, self.address = chat, None
        self.plan, self.bin, self.lab = plan, bin_dir, Lab(plan.name)
        self.cs_id = plan.steering["services"][0]["cs-id"]
        self.sites = {n.name: n.godwit["instances"] for n in plan.nodes.values() if n.godwit.get("instances")}
        self.servers = [n.name for n in plan.nodes.values() if n.anycast]
        self.ingresses = [ap.at for ap in plan.access_points.values()]
        self.ap_of = {ap.at: ap.name for ap in plan.access_points.values()}
        self.instance = {i["csci-id"]: i["name"] for site in self.sites.values() for i in site}

    def up(self):
        """Everything is there when this returns: all instances are candidates of all ingresses, and the mobile
        node has an address. Or nothing is."""
        self.lab.up(self.plan, self.bin, owned=True)
        try:
            for number, node in enumerate(self.servers, 1):
                self.serve(node, str(number))
            for node in self.ingresses:
                self.await_candidates(node)
            self.address = first_address(self.lab, MN)
        except BaseException:
            self.lab.down()
            raise

    def serve(self, node, number):
        """An instance of each service."""
        name = f"chat-{node}"
        self.lab.spawn(node, name, [self.lab.program(self.chat), *self.chat_options(node, number)])
        self.lab.spawn(node, f"echo-{node}", [self.lab.program("udpecho"), "serve", self.cs_id, str(ECHO_PORT)])
        wait_for(name, lambda: "ready" in self.lab.log(name), 5)

    def chat_options(self, node, number):
        if self.chat == "edge-server":
            return ["--name", f"chat{number}", "--port", str(CHAT_PORT), "--slots", str(SLOTS), "--step-us",
                    str(STEP_US)]
        egress = self.plan.neighbours(node)[0][0]
        return ["--port", str(CHAT_PORT), "--trace", steering_trace.TRACE, "--agent",
                self.plan.nodes[egress].godwit["steering"]["agent-socket"], "--name", f"chat{number}"]

    def candidates(self, ingress):
        """Names of the instances that an ingress may choose."""
        return {self.instance[c["csci_id"]] for c in self.lab.show(ingress, "candidates") if c["state"] == "up"}

    def await_candidates(self, ingress):
        every = set(self.instance.values())
        wait_for(f"{len(every)} candidates at {ingress}", lambda: self.candidates(ingress) == every,
                 CONVERGE_SECONDS, 0.05)

    def stream(self, name, milliseconds):
        """A connection that lasts, by curl: a line every 50 ms, with its number and the instance's name."""
        return self.lab.spawn(MN, name, ["curl", "-sSgN", "-m", str(milliseconds / 1000 + 15),
                                         f"http://[{self.cs_id}]:{CHAT_PORT}/stream?ms={milliseconds}"])

    def lines(self, name):
        """(numbers, names of instances) of the whole lines of a stream so far."""
        rows = [line.split() for line in self.lab.log(name).splitlines(keepends=True) if line.endswith("\n")]
        rows = [r for r in rows if len(r) == 2 and r[0].isdigit()]
        return [int(n) for n, _ in rows], {i for _, i in rows}

    def move(self, ingress):
        """Takes the mobile node there, and says so to the ingress as an access point does when a station has
        associated: one that only listens is noticed by nothing else. When, on the monotonic clock."""
        ap = self.ap_of[ingress]
        made = self.lab.move(MN, ap)
        self.lab.ask(ingress, {"cmd": "attach", "interface": ap, "lladdr": self.plan.mobile_nodes[MN].lladdr})
        return made

    def ladder(self, client, nodes=None, options=("--json",)):
        """What all nodes have seen of a client's handovers, by `godwit ladder`."""
        sockets = [self.lab.socket_file(n) for n in nodes or self.lab.daemons()]
        said = self.lab.run(self.ingresses[0], [self.lab.program("godwit"), "ladder", client, *options,
                                                *sockets]).stdout
        return json.loads(said) if "--json" in options else said
