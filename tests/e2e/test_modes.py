"""Each mode of the CMD (RFC 8885 §3.2 to §3.4) over real daemons and links with delay: which messages
a handover takes, and in which order, as the core router captured them. Times are figures of
lab/measure-modes: other load on the machine does not fail a test."""
import os
import random

import pytest
from conftest import BIN
from godwit_lab import modes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

DELAY_US = 4000


@pytest.mark.parametrize("mode", modes.MODES)
def test_messages_of_a_handover(lab_name, clean, mode):
    walk = modes.Walk(lab_name, BIN, mode, maars=4, delay_us=DELAY_US)
    made = walk.judge(walk.go("mn1", 4))
    assert [m["n"] for m in made] == [1, 2, 3]
    for m in made:
        assert m["faults"] == []
        assert m["messages"] == modes.messages_expected(mode, m["n"])
        # Not before the last message can have arrived, whatever the load.
        assert m["ready_us"] >= modes.ready_us(mode, DELAY_US)
        assert m["redirected_us"] >= modes.redirected_us(DELAY_US)


@pytest.mark.parametrize("mode", modes.MODES)
def test_the_judge_sees_what_is_wrong(mode):
    maars = ["maar1", "maar2"]
    good = modes.edges(mode, "maar3", maars, "cmd")
    ordered = sorted(good, key=lambda m: sum(b == m for _, b in modes.order(mode, "maar3", maars, "cmd")))
    assert len(good) == modes.messages_expected(mode, 2)
    assert modes.faults(mode, "maar3", maars, "cmd", ordered) == []
    assert modes.faults(mode, "maar3", maars, "cmd", ordered[:-1]) == [f"missing: {ordered[-1]}"]
    again = random.Random(1).choice(ordered)
    assert modes.faults(mode, "maar3", maars, "cmd", [*ordered, again]) == [f"too many: {again}"]
    assert modes.faults(mode, "maar3", maars, "cmd", ordered[::-1]) != []
