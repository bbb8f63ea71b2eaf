"""One handover of a lab's mobile node, with its times as the nodes' `show handovers` have them."""

from . import measure
from .domain import wait_for


def first_address(lab, mn):
    """Waited for."""
    found = wait_for(f"an address on {mn}",
                     lambda: [a for a in lab.addresses(mn) if not a["tentative"]], 15, 0.05)
    return found[0]["address"]


def steps_since(lab, maar, since_ns):
    """Of the newest handover to this MAAR: {step: µs after the attachment was seen}; {}: none yet."""
    rows = [(n, row) for n in lab.daemons() for row in lab.show(n, "handovers")]
    return measure.steps_us(rows, maar, (since_ns, 1 << 63))


def hand_over(lab, plan, mn, ap, wanted):
    """Moves, and waits until these steps have been taken: {move, to, moved_us, steps_us}."""
    move, maar = lab.move(mn, ap), plan.maar_of(ap)

    def finished():
        steps = steps_since(lab, maar, move["begin_ns"])
        return steps if all(s in steps for s in wanted) else None

    steps = wait_for(f"handover to {maar}", finished, 10)
    return {"move": move, "to": maar, "moved_us": (move["end_ns"] - move["begin_ns"]) / 1000,
            "steps_us": steps}
