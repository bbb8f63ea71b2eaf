"""What the demo of steering found, as figures (report.json) and for people: response times by policy and by what
was going on, where the requests went, and how it went second by second."""

import collections
import json
import math

BARS = "▁▂▃▄▅▆▇█"
QUANTILES = ((50, "p50"), (90, "p90"), (99, "p99"))
NSEC = 1_000_000_000


def quantile(ordered, percent):
    """Nearest rank; None of nothing."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else None


def answered(record):
    return record["error"] is None and record["status"] == 200


def response_ms(record):
    return (record["end_ns"] - record["start_ns"]) / 1e6


def summary(records):
    """Response times in ms of those that were answered, and how many were not."""
    times = sorted(response_ms(r) for r in records if answered(r))
    found = {"requests": len(records), "failed": len(records) - len(times),
             "mean": round(sum(times) / len(times), 1) if times else None}
    for percent, name in QUANTILES:
        value = quantile(times, percent)
        found[name] = None if value is None else round(value, 1)
    found["max"] = round(times[-1], 1) if times else None
    return found


def share(records):
    """Requests per instance, of those that an instance answered."""
    return dict(sorted(collections.Counter(r["instance"] for r in records if r["instance"]).items()))


def within(records, begin_ns, window):
    """Those that began in a window of seconds since begin_ns."""
    first, end = (begin_ns + int(s * NSEC) for s in window)
    return [r for r in records if first <= r["start_ns"] < end]


def timeline(records, begin_ns, seconds):
    """Per second of the load: how many began, their response times, and where they went."""
    return [{"second": s, **{k: v for k, v in summary(part).items() if k != "max"},
             "instances": share(part)}
            for s in range(seconds) for part in (within(records, begin_ns, (s, s + 1)),)]


def wrong_digests(records):
    """(service steps) that were answered differently: whoever computes, the result is the same."""
    seen = collections.defaultdict(set)
    for r in records:
        if answered(r):
            seen[r["steps"]].add(r["digest"])
    return sorted(steps for steps, digests in seen.items() if len(digests) > 1)


def sparkline(values, low, high):
    """One character a value on a logarithmic scale; a blank where there is none."""
    span = math.log(high / low) or 1

    def height(value):
        at = math.log(max(value, low) / low) / span
        return BARS[min(len(BARS) - 1, int(at * len(BARS)))]

    return "".join(" " if v is None else height(v) for v in values)


def _ms(value):
    return "-" if value is None else f"{value:.0f}"


def _table(policies, windows):
    yield f"{'response time, ms':30}{'requests':>9}{'failed':>8}" + "".join(
        f"{h:>8}" for h in ("mean", "p50", "p90", "p99", "max"))
    for part in ("all", *windows):
        yield f"  {part}" + ("" if part == "all" else f" ({windows[part][0]}-{windows[part][1]} s)")
        for name, policy in policies.items():
            s = policy["windows"][part]
            yield (f"    {name:26}{s['requests']:>9}{s['failed']:>8}"
                   + "".join(f"{_ms(s[k]):>8}" for k in ("mean", "p50", "p90", "p99", "max")))


def _plots(policies, events):
    values = [t["p90"] for p in policies.values() for t in p["timeline"] if t["p90"] is not None]
    if not values:
        return
    low, high = max(1, min(values)), max(values)
    yield (f"90 % of the requests of a second were answered within (log. scale, ▁ {low:.0f} ms, "
           f"█ {high:.0f} ms)")
    for name, policy in policies.items():
        yield f"    {name:14}{sparkline([t['p90'] for t in policy['timeline']], low, high)}"
    seconds = max(len(p["timeline"]) for p in policies.values())
    marks = [" "] * seconds
    for number, (at, _) in enumerate(events, 1):
        marks[min(seconds - 1, int(at))] = str(number)
    yield f"    {'':14}{''.join(marks)}"
    yield "    " + "; ".join(f"{n}: {text}" for n, (_, text) in enumerate(events, 1))


def _shares(policies):
    names = sorted({i for p in policies.values() for i in p["instances"]})
    yield f"{'requests by instance':30}" + "".join(f"{n:>9}" for n in names)
    for name, policy in policies.items():
        yield f"    {name:26}" + "".join(f"{policy['instances'].get(n, 0):>9}" for n in names)


def _deaths(policies):
    yield (f"{'a site dies':30}{'waited':>8}{'broke':>7}{'still sent there':>18}{'the last after':>16}"
           f"{'back in use after':>19}")
    for name, policy in policies.items():
        d = policy["death"]
        yield (f"    {name:26}{d['held']:>8}{d['broken']:>7}{d['sent_there']:>18}{_ms(d['last_sent_ms']):>13} ms"
               f"{_ms(d['back_ms']):>16} ms")


def lines(result):
    policies = result["policies"]
    yield from _table(policies, {k: tuple(v) for k, v in result["windows"].items()})
    yield ""
    yield from _plots(policies, result["events"])
    yield ""
    yield from _shares(policies)
    yield ""
    yield from _deaths(policies)
    yield ""
    broken = sum(p["streams"]["broken"] for p in policies.values())
    moved = sum(p["streams"]["moved"] for p in policies.values())
    yield (f"long connections: {sum(p['streams']['count'] for p in policies.values())}, "
           f"of which {broken} broke and {moved} changed their instance")


def read(path):
    """The records of a load generator, also while it runs."""
    try:
        with open(path, encoding="ascii") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []
