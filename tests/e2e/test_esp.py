"""Signalling under ESP in transport mode with daemons that require it, on a kernel that has ESP (`make
check-stock-kernel` boots one): with keys set by hand, and with strongSwan and what
`godwit config strongswan` writes."""
import os
import secrets
import subprocess

import pytest
from conftest import BIN
from godwit_lab.domain import wait_for
from ipsec import CMD, ENDS, MAAR, REQUIRED, Protected, StrongSwan


def has_esp():
    made = subprocess.run(["ip", "xfrm", "state", "add", "src", "::1", "dst", "::2", "proto", "esp", "spi",
                           "0x67f3", "mode", "transport", "aead", "rfc4106(gcm(aes))",
                           "0x" + 20 * "01", "128"], capture_output=True, check=False)
    subprocess.run(["ip", "xfrm", "state", "delete", "src", "::1", "dst", "::2", "proto", "esp", "spi",
                    "0x67f3"], capture_output=True, check=False)
    return made.returncode == 0


pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
              pytest.mark.skipif(os.geteuid() == 0 and not has_esp(),
                                 reason="this kernel has no ESP: make check-stock-kernel")]


def bound(domain):
    """How many mobile nodes the CMD knows."""
    rows = domain.lab.show(CMD, "bindings")
    return len([r for r in rows if r["serving"] == domain.address[MAAR]])


def test_keys_by_hand_then_strongswan(lab_name, clean):
    d = Protected(lab_name, BIN)
    d.start()
    d.attach()
    wait_for("the MAAR wants to send", lambda: d.counter(MAAR, "unsent-no-ipsec-policy") > 0, 10)
    assert bound(d) == 0

    # Keys by hand.
    d.states()
    d.policies("add", *REQUIRED)
    wait_for("a registration under ESP", lambda: bound(d) == 1, 10)
    wait_for("its answer", lambda: d.peer(MAAR)["messages_in"] > 0, 5)
    assert d.seen("esp") >= 2 and d.in_the_clear() == 0

    # Without the policies nothing leaves, though the keys are still there.
    d.policies("delete")
    for node in ENDS:
        d.await_policy(node, "missing")
    before = d.seen("esp")
    unsent = d.counter(MAAR, "unsent-no-ipsec-policy")
    d.attach("02:00:00:00:00:02")
    wait_for("the MAAR wants to send", lambda: d.counter(MAAR, "unsent-no-ipsec-policy") > unsent, 20)
    assert d.seen("esp") == before and d.in_the_clear() == 0
    assert bound(d) == 1

    # strongSwan's policies and keys.
    d.flush()
    secret = secrets.token_hex(32)
    for node in ENDS:
        StrongSwan(d, node, secret)
    for node in ENDS:
        d.await_policy(node, "present")
    wait_for("the other registration under ESP", lambda: bound(d) == 2, 40)
    assert d.seen("udp port 500") >= 4 and d.seen("esp") >= before + 2 and d.in_the_clear() == 0
