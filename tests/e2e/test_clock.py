"""Daemons whose wall clocks are set by an hour, forth or back (wallclock.c), while they run and over a
restart. Handovers go on."""
import os
import signal
import struct
import time

import pytest
from conftest import BIN
from domain import CMD, MN, Domain

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

HOUR = 3600
NODES = (CMD, "maar1", "maar2")


def with_clocks(directory):
    """Programs whose daemon has the wall clock of a file of its node's name."""
    directory.mkdir()
    for program in ("godwit", "udpecho", "linkem"):
        (directory / program).symlink_to(BIN.resolve() / program)
    for node in NODES:
        (directory / node).write_bytes(struct.pack("=q", 0))
    script = directory / "godwitd"
    script.write_text(f"""#!/bin/sh
export WALLCLOCK_FILE={directory}/$(basename "$2" .yaml) LD_PRELOAD={BIN.resolve()}/wallclock.so
exec {BIN.resolve()}/godwitd "$@"
""")
    script.chmod(0o755)
    return directory


def clock_seen(d, node):
    """How far a daemon's clock is off, by its log."""
    stamp = d.lab.log(node).splitlines()[-1].split()[0]
    logged = time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    return round((logged - time.time()) / HOUR)


def counter(d, node, name):
    return d.lab.show(node, "counters")["node"][name]


def set_clock(d, node, hours):
    with open(f"{d.lab.state.read()['bin']}/{node}", "r+b") as file:
        file.write(struct.pack("=q", hours * HOUR * 1_000_000_000))


def test_steps_do_no_harm(lab_name, clean, tmp_path):
    """Each way for a MAAR and for the CMD is in tests/scenario/test_clock.c."""
    hours = -1
    d = Domain(lab_name, with_clocks(tmp_path / "bin"), maars=2)
    d.capture()
    d.talk(str(d.usable("maar1")))
    set_clock(d, "maar2", hours)  # while it runs
    d.move("ap2")
    d.move("ap1")
    assert [counter(d, n, "drop-replay") + counter(d, n, "peer-clocks-proved") for n in NODES] == [0, 0, 0]
    for node, ahead in (("maar2", hours), (CMD, -hours)):  # one that starts believes its clock
        set_clock(d, node, ahead)
        d.lab.kill(node, signal.SIGKILL)
        d.lab.start(node)
        assert clock_seen(d, node) == ahead
        d.move("ap2")
        d.move("ap1")
    assert sum(counter(d, n, "peer-clocks-proved") for n in NODES) > 0
