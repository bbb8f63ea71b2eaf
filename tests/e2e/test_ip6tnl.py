"""Our tunnels against the kernel's ip6_tunnel devices, where a kernel has them (`make
check-stock-kernel` boots one that does)."""
import os
import subprocess

import pytest
from conftest import BIN
from kernel_domain import both_ways, domain_with
from kernel_peer import Ip6tnlPeer


def has_ip6_tunnel():
    made = subprocess.run(["ip", "link", "add", "name", "gwprobe", "type", "ip6tnl", "mode", "ip6ip6",
                           "local", "::1", "remote", "::2"], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", "gwprobe"], capture_output=True, check=False)
    return made.returncode == 0


pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
              pytest.mark.skipif(os.geteuid() == 0 and not has_ip6_tunnel(),
                                 reason="this kernel has no ip6_tunnel: make check-stock-kernel")]


def test_ip6_tunnel_both_ways(lab_name, clean):
    with domain_with(Ip6tnlPeer, lab_name, BIN) as (lab, peer, server):
        both_ways(lab, peer, server)
