"""Handovers in the three modes of the CMD (RFC 8885 §3.2 to §3.4): a domain with the same one-way
delay between any two daemons, a mobile node that visits one MAAR after another, and what the core
router captured of each handover, held against the RFC's sequences.

Leaves to others: what is done with the times (lab/measure-modes), and what is in the messages
(tests/e2e).
"""

from collections import Counter

from . import handovers, signalling, star
from .domain import Lab, wait_for
from .state import LabError
from .workload import Echo

MODES = ("proxy", "relay", "locator")
PBU, PBA = 5, 6
ECHO_PORT, ECHO_US = 7007, 5000
# From one handover to the next: no more than three updates a second and binding (MAX_UPDATE_RATE).
PACE_SECONDS = 0.4
# After the last: what a mode sends by itself a little later belongs to its handover.
LATE_SECONDS = 2.5


def messages_expected(mode, n):
    return 3 * n + 1 if mode == "locator" else 2 * n + 2


def ready_us(mode, delay_us):
    """When the last prefix works at the serving MAAR: passages on the longest way of messages."""
    return {"proxy": 2, "relay": 4, "locator": 3}[mode] * delay_us


def redirected_us(delay_us):
    """When the last previous MAAR sends there."""
    return 2 * delay_us


def edges(mode, serving, previous, cmd):
    """Every message of a handover: (type, from, to)."""
    told = [(PBU, cmd, p) for p in previous] + [(PBA, p, cmd) for p in previous]
    if mode == "locator":
        return [(PBU, serving, cmd), *told, *((PBA, p, serving) for p in previous)]
    return [(PBU, serving, cmd), (PBA, cmd, serving), *told]


def order(mode, serving, previous, cmd):
    """Pairs of messages of which the first comes before the second."""
    asked, answer = (PBU, serving, cmd), (PBA, cmd, serving)
    found = [(asked, (PBU, cmd, p)) for p in previous]
    for p in previous:
        found.append(((PBU, cmd, p), (PBA, p, cmd)))
        if mode == "proxy":
            found.append((answer, (PBA, p, cmd)))
        elif mode == "relay":
            found.append(((PBA, p, cmd), answer))
        else:
            found.append(((PBU, cmd, p), (PBA, p, serving)))
    return found


def faults(mode, serving, previous, cmd, seen):
    """What is wrong with the messages of a handover, (type, from, to) in their order; []: nothing."""
    want, got = Counter(edges(mode, serving, previous, cmd)), Counter(seen)
    found = [f"missing: {m}" for m in (want - got).elements()]
    found += [f"too many: {m}" for m in (got - want).elements()]
    if not found:
        found = [f"{b} before {a}" for a, b in order(mode, serving, previous, cmd)
                 if seen.index(b) < seen.index(a)]
    return found


class Walk:
    """A domain in one mode, and mobile nodes that walk through it from its first MAAR on."""

    def __init__(self, name, bin_dir, mode, maars, delay_us=0, mobile_nodes=1):
        half = f"{delay_us // 2}us"  # two links are between any two daemons
        self.mode = mode
        self.plan = star.plan(name, maars=maars, mobile_nodes=mobile_nodes, delay=half,
                              maar_delay=half, godwit={"heartbeat": {"interval": 0},
                                                       "mobility": {"mode": mode}})
        self.lab, self.begins = Lab(name), []
        self.lab.up(self.plan, bin_dir, owned=True)
        self.file = self.lab.state.path("core.pcap")
        # On all its interfaces, what comes in: each message once.
        self.lab.capture(star.CORE, "any", self.file, "inbound and ip6 proto 135")

    def go(self, mn, maars):
        """From MAAR 1 to MAAR `maars`: one entry per handover."""
        echo = Echo(self.lab, mn, handovers.first_address(self.lab, mn), star.SERVER,
                    self.plan.nodes[star.SERVER].address, ECHO_PORT, ECHO_US)
        try:
            made = [self.one(mn, n) for n in range(1, maars)]
            signalling.until_quiet(self.file, LATE_SECONDS)
            return made
        finally:
            echo.finish()

    def one(self, mn, n):
        """The handover with n previous MAARs, to MAAR n + 1."""
        serving, previous = f"maar{n + 1}", [f"maar{i}" for i in range(1, n + 1)]
        made = handovers.hand_over(self.lab, self.plan, mn, f"ap{n + 1}",
                                   [f"{p}.plane_programmed" for p in previous])
        begin = made["move"]["begin_ns"]

        def complete():
            rows = [r for r in self.lab.show(serving, "handovers")
                    if r["role"] == "serving" and r["steps"]["attachment_seen"] >= begin]
            return rows and rows[-1]["previous"] == n and "plane_complete" in rows[-1]["steps"]

        wait_for(f"all {n} prefixes at {serving}", complete, 10)
        signalling.until_quiet(self.file, PACE_SECONDS)
        steps = handovers.steps_since(self.lab, serving, begin)
        return {"mn": mn, "mode": self.mode, "n": n, "serving": serving, "previous": previous,
                "begin_ns": begin, "ready_us": steps["plane_complete"],
                "redirected_us": max(steps[f"{p}.plane_programmed"] for p in previous),
                "steps_us": steps}

    def judge(self, made):
        """Ends the capture; adds to each handover its messages and what is wrong with them."""
        self.lab.stop(f"capture-{star.CORE}-any")
        names = {node.address: node.name for node in self.plan.nodes.values()}
        cut = signalling.cut(self.file, [m["begin_ns"] for m in made])
        for handover, rows in zip(made, cut):
            seen = [(kind, names[src], names[dst]) for kind, src, dst in rows]
            handover["messages"] = len(seen)
            handover["faults"] = faults(self.mode, handover["serving"], handover["previous"],
                                        star.CMD, seen)
        if broken := signalling.malformed(self.file):
            raise LabError(f"tshark finds fault with messages: {broken[:3]}")
        return made

    def down(self):
        self.lab.down()
