"""What the demos' commands have in common: arguments, signals, and what is said when they fail."""

import argparse
import os
import signal
import sys

from . import netns, topology
from .domain import REPOSITORY, default_bin
from .state import LabError


def parser(name, text):
    made = argparse.ArgumentParser(prog=name, description=text)
    made.add_argument("--bin", default=default_bin(), help="where the programs are")
    made.add_argument("--out", default=f"build/{name}", help="where report.json goes")
    made.add_argument("--set", action="append", metavar="PATH=VALUE",
                      help="change the topology: links.0.delay=10ms")
    return made


def topology_file(name):
    return os.path.join(REPOSITORY, "lab/topologies", name)


def main(name, args, lab, run):
    """run(plan, programs, out) gives what failed; args: those of parser() and `topology`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(args.out, exist_ok=True)
    try:
        plan = topology.load(args.topology, lab, args.set or ())
        failures = run(plan, args.bin, os.path.abspath(args.out))
    except (LabError, topology.TopologyError, netns.NetError, OSError) as err:
        print(f"{name}: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; all taken down", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"{name}: FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0
