"""A packet every few milliseconds from the mobile node to a service and back (udpecho), and what a handover did to
them. All but Pulse is pure."""

import signal
from dataclasses import dataclass

from .domain import wait_for


@dataclass
class Packet:
    """Times in ns of the monotonic clock; an answer that did not come: 0."""

    sent: int
    answers: int
    answered: int
    up: int  # how long it took to the instance
    down: int


class Pulse:
    def __init__(self, lab, node, source, to, interval_us, name="pulse"):
        self.lab, self.name, self.out = lab, name, lab.state.path(f"{name}.records")
        lab.spawn(node, name, [lab.program("udpecho"), "send", source, to[0], str(to[1]),
                               str(interval_us), "0", self.out])
        wait_for(name, lambda: lab.status()["processes"][name]["alive"], 5)

    def finish(self):
        """Every packet that was sent, when the last answers have come."""
        self.lab.stop(self.name, signal.SIGTERM)
        with open(self.out, encoding="ascii") as file:
            return [Packet(*map(int, line.split()[1:])) for line in file]


def within(packets, begin, end):
    return [p for p in packets if begin <= p.sent < end]


def lost(packets):
    return sum(p.answers == 0 for p in packets)


def duplicated(packets):
    return sum(max(0, p.answers - 1) for p in packets)


def overtaken(times):
    """How many came after one that was sent later."""
    latest, late = 0, 0
    for at in times:
        late += at < latest
        latest = max(latest, at)
    return late


def reordered(packets):
    """In both directions."""
    came = [p for p in packets if p.answers]
    return overtaken([p.sent + p.up for p in came]) + overtaken([p.answered for p in came])


def gap_ms(packets, begin):
    """From `begin` until the first packet was sent that reached an instance and whose answer came; None."""
    return next(((p.sent - begin) / 1e6 for p in packets if p.sent >= begin and p.answers), None)


def summary(packets, begin, end):
    taken = within(packets, begin, end)
    waits = [(p.answered - p.sent) / 1e6 for p in taken if p.answers]
    gap = gap_ms(taken, begin)
    return {"sent": len(taken), "lost": lost(taken), "duplicated": duplicated(taken),
            "reordered": reordered(taken), "gap_ms": None if gap is None else round(gap, 3),
            "longest_ms": round(max(waits), 3) if waits else None}
