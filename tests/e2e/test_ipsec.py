"""Daemons that require ESP of the kernel (RFC 5213, section 4), on kernels that need not know ESP itself:
what they ask, say and refuse by the kernel's policies. tests/e2e/test_esp.py has the packets."""
import os
import secrets
import shutil
import subprocess

import pytest
from conftest import BIN
from godwit_lab.domain import wait_for
from ipsec import CMD, ENDS, MAAR, REQUIRED, Protected, StrongSwan


def has_xfrm():
    return subprocess.run(["ip", "xfrm", "policy", "count"], capture_output=True,
                          check=False).returncode == 0


pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
              pytest.mark.skipif(os.geteuid() == 0 and not has_xfrm(),
                                 reason="this kernel has no IPsec policies")]
needs_strongswan = pytest.mark.skipif(
    not (shutil.which("charon-systemd") and shutil.which("swanctl")),
    reason="strongSwan (charon-systemd, strongswan-swanctl) is not installed")


def unsent(domain, more):
    """Waits until the MAAR has wanted to send that often, in vain."""
    before = domain.counter(MAAR, "unsent-no-ipsec-policy")
    wait_for("the MAAR wants to send", lambda: domain.counter(MAAR, "unsent-no-ipsec-policy") >= before + more, 10)


@pytest.mark.sanitized
def test_nothing_leaves_while_the_kernel_does_not_ask_for_esp(lab_name, clean):
    d = Protected(lab_name, BIN)
    d.start()
    d.attach()
    unsent(d, 2)
    for node in ENDS:
        assert d.peer(node)["protection"] == "esp"
        assert d.peer(node)["ipsec_policy"] == "missing"
        assert d.peer(node)["messages_out"] == 0
        assert "nothing is sent" in d.lab.log(node)

    d.policy(MAAR, "add", "out", *REQUIRED)
    d.await_policy(MAAR, "inbound-missing")
    d.policy(MAAR, "add", "in", *REQUIRED, "level", "use")
    unsent(d, 1)
    d.policy(MAAR, "update", "in", "action", "allow")
    unsent(d, 1)
    assert d.peer(MAAR)["ipsec_policy"] == "inbound-missing"
    assert d.counter(MAAR, "mh-sent") == d.counter(MAAR, "mh-send-errors") == 0

    # Now it is asked for, and the kernel is left to find a security association for it.
    d.policy(MAAR, "update", "in", *REQUIRED)
    d.await_policy(MAAR, "present")
    wait_for("the MAAR tries to send",
             lambda: d.counter(MAAR, "mh-sent") + d.counter(MAAR, "mh-send-errors") > 0, 10)
    assert d.peer(MAAR)["messages_out"] > 0
    d.policy(MAAR, "delete", "out")
    d.await_policy(MAAR, "outbound-missing")
    out = d.peer(MAAR)["messages_out"]
    unsent(d, 1)
    assert d.peer(MAAR)["messages_out"] == out
    assert "the kernel asks for ESP" in d.lab.log(MAAR)
    assert d.in_the_clear() == 0
    assert d.peer(CMD)["messages_in"] == 0 and d.lab.show(CMD, "bindings") == []


@needs_strongswan
@pytest.mark.sanitized
def test_strongswan_takes_what_is_written_for_it(lab_name, clean):
    d = Protected(lab_name, BIN, "mac")
    d.start()
    d.attach()
    wait_for("a registration", lambda: d.lab.show(CMD, "bindings") != [], 10)
    assert "ipsec_policy" not in d.peer(MAAR)

    # Running daemons, in their sandbox, begin to ask for more.
    for node in ENDS:
        d.configure(node, "both")
        d.lab.ask(node, {"cmd": "reload"})
        assert d.peer(node)["protection"] == "both" and d.peer(node)["ipsec_policy"] == "missing"
    clear = d.in_the_clear()
    d.attach("02:00:00:00:00:02")
    unsent(d, 1)

    secret = secrets.token_hex(32)
    for node in ENDS:
        charon = StrongSwan(d, node, secret)
        d.await_policy(node, "present")
        other = next(n for n in ENDS if n != node)
        listed = charon.swanctl("--list-conns")
        assert f"godwit-{other}: TRANSPORT" in listed, listed
        assert listed.count("dynamic[mobility-header]") == 2, listed
    d.lab.stop(f"charon-{MAAR}")  # takes its policies along
    d.await_policy(MAAR, "missing")
    assert d.in_the_clear() == clear
