"""A domain of CATS as topologies/steering.yaml has it: ingresses, edge sites with their servers, clients; what may
happen to it, and what load it can have. The demo of steering and its end-to-end tests are made of this."""

import json
import os
import signal
import subprocess
import sys

from .domain import Lab, wait_for
from .state import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 80
STEP_US = 5000
CONVERGE_SECONDS = 15


def service_of(instance):
    """chat2 is chat's."""
    return instance.rstrip("0123456789")


class Sites:
    def __init__(self, plan, bin_dir):
        self.plan, self.bin = plan, bin_dir
        self.lab = Lab(plan.name)
        self.servers = [n.name for n in plan.nodes.values() if n.anycast]
        self.clients = [n.name for n in plan.nodes.values() if n.roles == ("client",)]
        self.ingresses = [plan.neighbours(c)[0][0] for c in self.clients]
        self.egresses = [n.name for n in plan.nodes.values() if n.godwit.get("instances")]
        self.cs_id = {service_of(s): plan.nodes[s].anycast[0] for s in self.servers}
        self.instances = {i["name"]: i for e in self.egresses
                          for i in plan.nodes[e].godwit["instances"]}
        self.csci_id = {name: i["csci-id"] for name, i in self.instances.items()}

    def site(self, number):
        """The servers of a site."""
        return [s for s in self.servers if s.endswith(number)]

    # -- up ---------------------------------------------------------------------------------------

    def up(self):
        """Everything is there when this returns: all instances are candidates everywhere. Or nothing is."""
        self.lab.up(self.plan, self.bin, daemons=False, owned=True)
        try:
            self.serve()
            self.lab.start_daemons(self.plan)
            self.await_candidates(self.servers)
        except BaseException:
            self.lab.down()
            raise

    def serve(self):
        for node in self.servers:
            self.start_server(node)
        for egress in self.egresses:
            http = self.plan.nodes[egress].godwit.get("steering", {}).get("http")
            for instance in self.plan.nodes[egress].godwit["instances"] if http else ():
                self.speak_for(instance, http)

    def start_server(self, node):
        name = f"server-{node}"
        done = len(self.lab.log(name))
        self.lab.spawn(node, name, [
            self.lab.program("edge-server"), "--name", node, "--port", str(PORT), "--slots",
            str(self.instances[node]["slots"]), "--step-us", str(STEP_US)])
        wait_for(node, lambda: "ready" in self.lab.log(name)[done:], 5)

    def speak_for(self, instance, http):
        """A program beside the server registers it and reports for it."""
        node = instance["name"]
        process = self.lab.spawn(node, f"agent-{node}", [
            sys.executable, os.path.join(HERE, "steering_agent.py"), http["address"],
            str(http["port"]), node, instance["address"], str(PORT)], stdin=subprocess.PIPE)
        with process.stdin as pipe:
            pipe.write(f"{instance['token']}\n".encode())

    def candidates(self, node):
        """Instances that an ingress may choose, as {name: row}."""
        names = {csci_id: name for name, csci_id in self.csci_id.items()}
        return {names[c["csci_id"]]: c for c in self.lab.show(node, "candidates")
                if c["state"] == "up"}

    def await_candidates(self, servers, nodes=None):
        for node in nodes or self.ingresses:
            wait_for(f"{len(servers)} candidates at {node}",
                     lambda n=node: set(self.candidates(n)) == set(servers), CONVERGE_SECONDS,
                     0.05)

    def choose_policy(self, policy):
        """At the ingresses; by `godwit reload`."""
        def change(config):
            for service in config["services"]:
                service["policy"] = policy

        for node in self.ingresses:
            self.lab.reload(node, change)
            shown = {s["policy"] for s in self.lab.show(node, "services")}
            if shown != {policy}:
                raise LabError(f"{node}: policy {shown} after a reload with {policy}")

    # -- load -------------------------------------------------------------------------------------

    def generate(self, node, name, requests):
        """A load generator (steering_load.py) in a node; where its records go. requests: (seconds,
        service, host, steps) of each."""
        plan, records = (self.lab.state.path(f"{name}.{kind}") for kind in ("plan", "records"))
        with open(plan, "w", encoding="ascii") as file:
            for at, service, host, steps in requests:
                file.write(json.dumps({"at": at, "service": service, "host": host, "port": PORT,
                                       "steps": steps}) + "\n")
        self.lab.spawn(node, name, [sys.executable, os.path.join(HERE, "steering_load.py"), plan,
                                    records])
        return records

    def stream(self, client, name, service, milliseconds):
        """A connection that lasts, by curl: a line every 50 ms, each with the instance's name."""
        return self.lab.spawn(client, name, [
            "curl", "-sSgN", "-m", str(milliseconds / 1000 + 15),
            f"http://[{self.cs_id[service]}]:{PORT}/stream?ms={milliseconds}"])

    def running(self, *names):
        return [n for n, p in self.lab.status()["processes"].items() if n in names and p["alive"]]

    # -- a site's death ---------------------------------------------------------------------------

    def die(self, number):
        """Its forwarder is killed, and its link cut: the packet path would outlive the daemon."""
        self.lab.kill(f"eg{number}", signal.SIGKILL)
        self.lab.cut(f"eg{number}", f"core{number}")

    def come_back(self, number):
        self.lab.mend()
        self.lab.start(f"eg{number}", wait=False)
