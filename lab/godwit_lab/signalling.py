"""Signalling as others see it: captured by tcpdump, read by tshark."""

import os
import subprocess
import time

from . import measure
from .state import LabError

MOBILITY = "ipv6.nxt == 135"
CLOCK_SLACK_NS = 1_000_000  # between the two clocks, which are not read at once


def _wall_ns(epoch):
    seconds, _, fraction = epoch.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])


def tshark_fields(file, fields, display=MOBILITY, options=()):
    """One list of strings per packet that matches."""
    argv = ["tshark", "-n", *options, "-r", file, "-Y", display, "-T", "fields", "-E", "separator=/t"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise LabError(f"tshark: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def message_times(file):
    """Wall-clock ns of every Mobility Header message in a capture."""
    return [_wall_ns(epoch) for (epoch,) in tshark_fields(file, ["frame.time_epoch"])]


def malformed(file):
    """Messages that tshark finds fault with."""
    return tshark_fields(file, ["frame.number", "_ws.malformed", "_ws.expert.message"],
                         f"{MOBILITY} && (_ws.malformed || _ws.expert.severity == error)")


def until_quiet(file, seconds, most=15):
    """Waits until a capture has not grown for a while: no message more belongs to what was."""
    size, since, deadline = -1, time.monotonic(), time.monotonic() + most
    while time.monotonic() - since < seconds and time.monotonic() < deadline:
        now = os.path.getsize(file) if os.path.exists(file) else 0
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.02)


def cut(file, begins_ns):
    """The messages of a capture, in the order captured, between these times of the monotonic clock
    (and of what follows the last): one list of (type, source, destination) for each."""
    clocks = (time.time_ns(), time.monotonic_ns())
    found = [[] for _ in begins_ns]
    for epoch, kind, src, dst in tshark_fields(file, ["frame.time_epoch", "mip6.mhtype", "ipv6.src",
                                                      "ipv6.dst"]):
        at = measure.wall_to_monotonic(_wall_ns(epoch), clocks)
        index = sum(at >= b - CLOCK_SLACK_NS for b in begins_ns) - 1
        if index >= 0:
            found[index].append((int(kind), src, dst))
    return found
