"""Daemons are killed (-9) before, during and after moves, drawn from a seed; each time the mobile
node's first address must work again, the CMD must have one whole binding, and the packet path must
have been adopted. GODWIT_SEED repeats a schedule."""
import os
import random
import signal
import time

import pytest
from conftest import BIN
from domain import CMD, MN, SERVER, Domain
from godwit_lab.domain import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

ROUNDS = 10
SEED = int(os.environ.get("GODWIT_SEED", "8885"))


def reaches(d, source, seconds=1):
    return d.lab.run(MN, ["ping", "-6", "-c1", "-W", str(seconds), "-I", source,
                          d.address(SERVER)], check=False).returncode == 0


def crash(d, victim):
    d.lab.kill(victim, signal.SIGKILL)


def before_the_move(d, rnd, victim, ap, source):
    crash(d, victim)
    d.lab.start(victim)
    d.lab.move(MN, ap)


def across_the_move(d, rnd, victim, ap, source):
    """The node attaches while the victim is away."""
    crash(d, victim)
    d.lab.move(MN, ap)
    reaches(d, source)
    d.lab.start(victim)


def amid_the_handover(d, rnd, victim, ap, source):
    d.lab.move(MN, ap)
    d.lab.spawn(MN, "poke", ["ping", "-6", "-c1", "-W1", "-I", source, d.address(SERVER)])
    time.sleep(rnd.random() * 0.002)
    crash(d, victim)
    d.lab.start(victim)


@pytest.mark.sanitized
def test_crashes_around_moves(lab_name, clean):
    rnd, here, victims = random.Random(SEED), "ap1", [CMD, "maar1", "maar2", "maar3"]
    d = Domain(lab_name, BIN)
    source = str(d.usable("maar1"))
    for number in range(ROUNDS):
        victim, when = rnd.choice(victims), rnd.choice([before_the_move, across_the_move,
                                                        amid_the_handover])
        here = rnd.choice([ap for ap in ("ap1", "ap2", "ap3") if ap != here])
        when(d, rnd, victim, here, source)
        step = f"seed {SEED}, round {number}: {victim} killed {when.__name__}, node at {here}"
        wait_for(f"{step}: {source} works", lambda: reaches(d, source), 15)
        serving = [d.address(d.plan.maar_of(here))]
        wait_for(f"{step}: one binding with {serving}",
                 lambda: [b["serving"] for b in d.lab.show(CMD, "bindings")] == serving, 15)
        assert d.lab.ask(victim, {"cmd": "status"})["pins"] == "adopted", step
    for node in d.lab.daemons():
        assert "Sanitizer" not in d.lab.log(node)
