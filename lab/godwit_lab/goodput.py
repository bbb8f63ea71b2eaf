"""TCP goodput through a tunnel against the same path without one.

The mobile node is at one MAAR and holds an address of another. With the other's address as source
its packets take  S-MAAR =tunnel=> anchor -> core -> server  and back. The same path without a
tunnel is made with policy routes on the core router for one more address of the server: packets
with the S-MAAR's own prefix go  S-MAAR -> core -> anchor -> core -> server  and back, plainly. So
both cross the same links and the same number of forwarding hops; what differs is the tunnel.
"""

import json
import statistics
import time

from .builder import link_local
from .domain import wait_for
from .state import LabError

TABLE = 100
PORT = 5201


def _leads_to(plan, node, peer):
    """Where a route from node towards its neighbour peer goes: 'via X dev Y'."""
    for name, index, end in plan.neighbours(node):
        if name == peer:
            return f"via {link_local(index, 1 - end)} dev {peer}"
    raise LabError(f"{node} has no link to {peer}")


def prepare(lab, plan, core, serving, anchor, server, alias):
    """Gives the server one more address, reached through `anchor` by plain forwarding."""
    lab.run(server, ["ip", "-6", "addr", "add", f"{alias}/128", "dev", "lo", "nodad"])
    routes = [
        (core, f"route add {alias}/128 {_leads_to(plan, core, server)}"),
        (serving, f"route add {alias}/128 {_leads_to(plan, serving, core)}"),
        (anchor, f"route add {alias}/128 {_leads_to(plan, anchor, core)}"),
        (core, f"route add default {_leads_to(plan, core, anchor)} table {TABLE}"),
        (core, f"rule add iif {serving} to {alias}/128 lookup {TABLE}"),
        (core, f"rule add iif {server} from {alias}/128 lookup {TABLE}"),
    ]
    for node, route in routes:
        lab.run(node, ["ip", "-6", *route.split()])
    lab.spawn(server, "iperf3", ["iperf3", "-s", "-p", str(PORT)])
    wait_for("iperf3 server", lambda: f":{PORT} " in lab.run(server, ["ss", "-Hltn"]).stdout, 5)


def _stream(lab, mn, source, server, reverse, seconds):
    """Octets per second that arrived."""
    argv = ["iperf3", "-J", "-c", server, "-p", str(PORT), "-B", source, "-t", str(seconds)]
    for attempt in range(5):
        done = lab.run(mn, argv + (["-R"] if reverse else []), check=False, timeout=seconds + 20)
        result = json.loads(done.stdout or "{}")
        if "error" not in result and result.get("end"):
            return result["end"]["sum_received"]["bits_per_second"] / 8
        time.sleep(0.2 * (attempt + 1))  # "the server is busy": it has not closed the last test
    raise LabError(f"iperf3: {result.get('error')}: {done.stderr.strip()}")


def compare(lab, mn, tunnelled, plain, rounds=8, seconds=1):
    """Interleaved runs, both directions, either first in turn. tunnelled and plain are (source,
    server) pairs. {down, up: median ratio, ratio: median of all, plain_mbit, tunnel_mbit}"""
    ratios, rates = {True: [], False: []}, {"tunnel": [], "plain": []}
    for turn in range(rounds):
        for reverse in (True, False):
            order = [("tunnel", tunnelled), ("plain", plain)]
            got = {}
            for name, (source, server) in order if turn % 2 else reversed(order):
                got[name] = _stream(lab, mn, source, server, reverse, seconds)
                rates[name].append(got[name] * 8e-6)
            ratios[reverse].append(got["tunnel"] / got["plain"])
    return {"down": statistics.median(ratios[True]), "up": statistics.median(ratios[False]),
            "ratio": statistics.median(ratios[True] + ratios[False]),
            "plain_mbit": statistics.median(rates["plain"]),
            "tunnel_mbit": statistics.median(rates["tunnel"])}
