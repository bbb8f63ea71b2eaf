"""From recordings to figures: what belongs to which handover. Pure: no lab, no clock."""

NSEC = 1_000_000_000
BEFORE_NS = NSEC // 2  # what happens so shortly before a move counts as the move's


def windows(moves, end_ns):
    """[(from, to)) of each handover, on the clock of the moves. Moves in quick succession share
    the time between them."""
    gaps = [b["begin_ns"] - a["begin_ns"] for a, b in zip(moves, moves[1:])]
    before = min([BEFORE_NS, *(gap // 2 for gap in gaps)])
    begins = [m["begin_ns"] - before for m in moves]
    return list(zip(begins, begins[1:] + [end_ns]))


def udp_counts(records, window):
    """(lost, duplicated) of the packets sent within the window."""
    inside = [answers for sent, answers in records if window[0] <= sent < window[1]]
    return sum(a == 0 for a in inside), sum(a - 1 for a in inside if a > 1)


def longest_gap_ms(times, window):
    """The longest time without an octet that touches the window; 0 when nothing was received."""
    longest = 0
    for (before, _), (after, _) in zip(times, times[1:]):
        if after > window[0] and before < window[1]:
            longest = max(longest, after - before)
    return longest / 1e6


def message_count(message_times, window):
    return sum(window[0] <= t < window[1] for t in message_times)


def wall_to_monotonic(wall_ns, clocks):
    """clocks: (wall, monotonic) read together."""
    return wall_ns - clocks[0] + clocks[1]


def row_times(row):
    """{step: monotonic ns} of one row of `show handovers`; steps that did not happen are left
    out."""
    return {name: ns for name, ns in (row.get("steps") or {}).items() if ns}


def steps_us(rows, serving, window):
    """Merges the rows of all nodes that fall in the window: {step: µs after the attachment was
    seen}. The S-MAAR's own steps go by their names, others' by node.step."""
    mine, others = None, []
    for node, row in rows:
        times = row_times(row)
        if not times or not window[0] <= min(times.values()) < window[1]:
            continue
        if node == serving and row.get("role") == "serving":
            mine = times
        else:
            others.append((node, times))
    if not mine or "attachment_seen" not in mine:
        return {}
    zero = mine["attachment_seen"]
    merged = {step: (ns - zero) / 1000 for step, ns in mine.items()}
    for node, times in others:
        merged.update({f"{node}.{step}": (ns - zero) / 1000 for step, ns in times.items()})
    return dict(sorted(merged.items(), key=lambda item: item[1]))
