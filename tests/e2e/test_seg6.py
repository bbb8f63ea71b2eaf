"""Our tunnels against another implementation of IPv6 in IPv6: the running kernel's `encap.red` and
`End.DT6`."""
import os

import pytest
from conftest import BIN
from kernel_domain import both_ways, domain_with
from kernel_peer import Seg6Peer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")


def test_segment_routing_tunnels_both_ways(lab_name, clean):
    with domain_with(Seg6Peer, lab_name, BIN) as (lab, peer, server):
        both_ways(lab, peer, server)
