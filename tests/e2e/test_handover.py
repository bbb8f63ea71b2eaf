"""Handover of clients with real daemons, real programs and real servers: what a mobile node has begun goes on
while it moves between ingresses. What happened is read by curl, tshark and scapy."""
import os

import pytest
from conftest import BIN, ROOT, complaints, leftovers
from godwit_lab import topology
from godwit_lab.roaming import MN, Roaming

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")


@pytest.fixture(scope="module")
def roaming():
    name = f"gR{os.getpid() % 100000}"
    made = Roaming(topology.load(ROOT / "lab/topologies/handover.yaml", name), BIN)
    made.up()
    yield made
    said = complaints(made.lab)
    made.lab.down()
    assert said == {}
    assert leftovers(name) == []


def test_a_mobile_node_behind_an_ingress_that_is_its_anchor_is_answered_by_the_nearest_site(roaming):
    """RFC 8885's packet path and that of CATS on one interface."""
    roaming.lab.run(MN, ["curl", "-sSg", "-m", "5", "-o", "/dev/null", f"http://[{roaming.cs_id}]/work?steps=1"])
    roaming.stream("at-home", 300).wait(20)
    assert roaming.lines("at-home") == (list(range(6)), {"chat1"})
