"""Attachment by authentication: stations do real EAP (wpa_supplicant to hostapd, wired drivers) and
are mobile nodes under their EAP identity."""
import os
import signal
import time

import pytest
from domain import CMD, MN, SERVER
from eap import ALICE, MALLORY, EapDomain, Supplicant
from godwit_lab import workload
from godwit_lab.domain import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

@pytest.fixture
def domain(lab_name, clean):
    return lambda: EapDomain(lab_name)


def test_eap_roaming(domain, tmp_path):
    d = domain()
    size = 36_000_000
    sha = workload.make_file(tmp_path / "file", size)
    server = d.plan.nodes[SERVER].address
    workload.start_nginx(d.lab, SERVER, server, [8000], tmp_path)
    # Without authentication its frames and solicitations are seen and count for nothing.
    wait_for("a refusal", lambda: d.counter("maar1", "node", "refused-not-authorised") > 0, 10)
    assert d.lab.show("maar1", "bindings") == []
    mn = Supplicant(d.lab, MN, ALICE)
    mn.authenticated()
    wait_for("maar1 serves", lambda: d.served("maar1", ALICE), 5)
    (station,) = d.lab.show("maar1", "stations")
    assert station["mn"] == ALICE and "hostapd" in station["seen_by"]
    d.address()
    get = workload.Download(d.lab, MN, "get", server, 8000, "file?rate=3000000", sha)
    wait_for("the download", lambda: get.received() > 0, 5)

    d.lab.move(MN, "ap2")
    time.sleep(0.2)
    assert d.lab.show("maar2", "stations") == [], "not yet: it has not authenticated there"
    mn.again()
    wait_for("maar2 serves", lambda: d.served("maar2", ALICE), 5)
    assert d.lab.show("maar2", "stations")[0]["mn"] == ALICE
    (binding,) = d.lab.show(CMD, "bindings")
    assert binding["mn"] == ALICE and binding["anchors"] == 2
    had = get.received()
    wait_for("octets after the move", lambda: get.received() > had, 5)

    # hostapd goes; the node stays, and when hostapd is back without it, it authenticates again.
    d.net.stop("ap2", signal.SIGKILL)
    d.hostapd("maar2", "ap2", "waiting")
    had = get.received()
    wait_for("octets without hostapd", lambda: get.received() > had, 5)
    d.net.start("ap2")
    d.hostapd("maar2", "ap2", "attached")
    mn.again()
    wait_for("the station stays", lambda: [s["state"] for s in d.lab.show("maar2", "stations")]
             == ["serving"], 5)
    assert "AUTHORIZED" in d.net.ask("ap2", "STA " + d.plan.mobile_nodes[MN].lladdr)
    assert d.counter("maar2", "daemon", "hostapd-connections") == 2
    assert get.running()
    assert get.finish(60) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}


@pytest.mark.sanitized
def test_a_denied_identity_gets_no_prefix(domain):
    d = domain()
    mn = Supplicant(d.lab, MN, MALLORY)
    mn.authenticated()
    wait_for("the refusal", lambda: d.counter("maar1", "node", "refused-policy") > 0, 5)
    assert "AUTHORIZED" in d.net.ask("ap1", "STA " + d.plan.mobile_nodes[MN].lladdr)
    for node in ("maar1", CMD):
        assert d.lab.show(node, "bindings") == []
    assert d.lab.addresses(MN) == []
    d.net.stop("ap1")
    d.hostapd("maar1", "ap1", "waiting")
    d.net.start("ap1")
    d.hostapd("maar1", "ap1", "attached")
    assert d.lab.show("maar1", "bindings") == []
