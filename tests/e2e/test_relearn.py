"""A MAAR that has lost everything finds its stations again, also one that only listens: a stock Linux
host answers the question that the MAAR puts to its access link, and gets the prefix it had."""
import os
import shutil
import signal

import pytest
from conftest import BIN
from domain import CMD, MN, Domain
from godwit_lab.domain import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")


def served(d):
    return [(b["state"], b["prefix"]) for b in d.lab.show("maar1", "bindings")]


def has_asked(d):
    return d.lab.show("maar1", "counters")["node"]["mld-queries-sent"] == 1


def test_a_silent_station_is_found_again(lab_name, clean):
    d = Domain(lab_name, BIN, maars=2)
    d.usable("maar1")
    before = served(d)
    assert [state for state, _ in before] == ["serving"]
    d.file = d.lab.state.path("access.pcap")
    d.lab.capture(MN, "wlan0", d.file, "ip6 and ether src " + d.plan.mobile_nodes[MN].lladdr)
    d.quiet(2)  # it has nothing to say by itself
    d.lab.kill("maar1", signal.SIGKILL)
    shutil.rmtree(d.lab.state.path("maar1.state"))
    d.lab.start("maar1")
    wait_for("the station is served again", lambda: served(d) == before, 10)
    assert has_asked(d)
    assert [a["prefix"] for b in d.lab.show(CMD, "bindings") for a in b["anchored"]] == [before[0][1]]
    # With its store it knows; it asks nevertheless, for those whom it had refused and has no record of.
    d.lab.kill("maar1", signal.SIGKILL)
    d.lab.start("maar1")
    wait_for("the station is served on", lambda: served(d) == before, 10)
    wait_for("the MAAR has asked", lambda: has_asked(d), 10)  # a moment after its start
