"""Daemons that require ESP of the kernel (RFC 5213, section 4), on kernels that need not know ESP itself:
what they ask, say and refuse by the kernel's policies. tests/e2e/test_esp.py has the packets."""
import os
import pathlib
import secrets
import shutil
import signal
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


def confined(program):
    """Does AppArmor keep it to its files in /etc?"""
    try:
        profiles = pathlib.Path("/sys/kernel/security/apparmor/profiles").read_text(encoding="ascii")
    except OSError:
        return False
    return f"{program} (enforce)" in profiles


def with_strongswan(test):
    installed = shutil.which("charon-systemd") and shutil.which("swanctl")
    test = pytest.mark.skipif(not installed, reason="strongSwan (charon-systemd, strongswan-swanctl) "
                              "is not installed")(test)
    return pytest.mark.skipif(confined("swanctl"), reason="AppArmor keeps swanctl to /etc")(test)


WAITING = 200  # more than the daemon reads at a time
HEARTBEAT, OTHER = 13, 77
FORGE = """
import socket, sys
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 135)  # Linux fills in the checksum
raw.bind((sys.argv[1], 0))
for _ in range(int(sys.argv[3])):
    raw.sendto(bytes((59, 1, int(sys.argv[4]), 0)) + bytes(12), (sys.argv[2], 0))
"""


def forge(domain, count, kind=HEARTBEAT):
    """Messages as if of the MAAR, in the clear to the CMD."""
    domain.lab.run(MAAR, ["/usr/bin/python3", "-c", FORGE, domain.address[MAAR], domain.address[CMD],
                          str(count), str(kind)])


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



@pytest.mark.sanitized
def test_nothing_is_taken_while_the_kernel_does_not_ask_for_esp(lab_name, clean):
    d = Protected(lab_name, BIN)
    d.start()
    forge(d, 1)
    wait_for("the CMD refuses it", lambda: d.counter(CMD, "drop-no-ipsec-policy") == 1, 5)

    # What came before the policies and was not read yet has been protected by nobody.
    daemon = d.lab.process(CMD)["pid"]
    os.kill(daemon, signal.SIGSTOP)
    forge(d, WAITING)
    for direction in ("in", "out"):
        d.policy(CMD, "add", direction, *REQUIRED)
    os.kill(daemon, signal.SIGCONT)
    d.await_policy(CMD, "present")
    assert d.counter(CMD, "drop-no-ipsec-policy") == d.counter(CMD, "mh-received") == 1 + WAITING

    # The kernel keeps the next one away.
    forge(d, 1, OTHER)
    wait_for("it is on the wire", lambda: d.seen(f"ip6 proto 135 and ip6[42] == {OTHER}") == 1, 5)
    d.policy(CMD, "delete", "in")
    d.await_policy(CMD, "inbound-missing")
    assert d.counter(CMD, "mh-received") == 1 + WAITING
    assert d.peer(CMD)["messages_in"] == 0


@with_strongswan
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
