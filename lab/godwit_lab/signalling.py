"""Signalling as others see it: captured by tcpdump, read by tshark."""

import subprocess

from .state import LabError

MOBILITY = "ipv6.nxt == 135"


def tshark_fields(file, fields, display=MOBILITY):
    """One list of strings per packet that matches."""
    argv = ["tshark", "-n", "-r", file, "-Y", display, "-T", "fields", "-E", "separator=/t"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise LabError(f"tshark: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def message_times(file):
    """Wall-clock ns of every Mobility Header message in a capture."""
    times = []
    for (epoch,) in tshark_fields(file, ["frame.time_epoch"]):
        seconds, _, fraction = epoch.partition(".")
        times.append(int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9]))
    return times


def malformed(file):
    """Messages that tshark finds fault with."""
    return tshark_fields(file, ["frame.number", "_ws.malformed", "_ws.expert.message"],
                         f"{MOBILITY} && (_ws.malformed || _ws.expert.severity == error)")
