"""A station roams between two real access points with its TCP connection alive: hostapd and
wpa_supplicant (WPA2) on the radios of mac80211_hwsim, where a kernel has them (`make
check-stock-kernel` boots one that does)."""
import ipaddress
import os

import pytest
from conftest import BIN
from domain import CMD, MN, SERVER, configure, plan
from godwit_lab.domain import Lab, wait_for
from talk import Talk
from wifi import AccessPoint, Station, radios

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
              pytest.mark.skipif(len(radios()) < 3,
                                 reason="no three radios of mac80211_hwsim: make check-stock-kernel")]


class WifiDomain:
    """Two MAARs, each with a radio and a hostapd; nobody gets in without it."""

    def __init__(self, name):
        self.plan, self.lab = plan(name, maars=2), Lab(name)
        self.lab.up(self.plan, BIN, daemons=False)
        phys = iter(radios())
        self.aps = [AccessPoint(self.lab, self.plan.maar_of(ap), ap, next(phys), channel)
                    for ap, channel in zip(self.plan.access_points, (1, 6), strict=True)]
        self.station = Station(self.lab, MN, next(phys))
        for ap in self.aps:
            configure(self.lab, ap.maar, attachment=ap.attachment())

    def usable(self, maar):
        (pool,) = map(ipaddress.IPv6Network, self.plan.nodes[maar].pools)
        return wait_for(f"an address of {maar}", lambda: next(
            (a["address"] for a in self.lab.addresses(MN) if not a["tentative"] and
             not a["deprecated"] and ipaddress.IPv6Address(a["address"]) in pool), None), 15, 0.1)

    def serves(self, maar, anchors):
        """Waits until this MAAR has the station and the database says so."""
        def done():
            (binding,) = self.lab.show(CMD, "bindings") or [{}]
            return binding.get("serving") == self.plan.nodes[maar].address and \
                len(binding["anchored"]) == anchors
        wait_for(f"{maar} serves", done, 10, 0.1)
        (station,) = [s for s in self.lab.show(maar, "stations") if s["state"] == "serving"]
        assert "hostapd" in station["seen_by"], station

    def kinds(self, maar):
        return sorted((str(p["prefix"]), p["kind"]) for p in self.lab.show(maar, "prefixes"))


def test_tcp_lives_through_roaming(lab_name, clean):
    d = WifiDomain(lab_name)
    first, second = d.aps
    first.start()
    d.lab.start_daemons(d.plan)
    d.station.start()
    d.station.connected(first.bssid())
    d.serves("maar1", 1)
    source = d.usable("maar1")
    prefix = str(ipaddress.IPv6Network((source, 64), strict=False))
    assert d.kinds("maar1") == [(prefix, "local")]
    talk = Talk(d.lab, MN, source, SERVER, d.plan.nodes[SERVER].address)

    second.start()
    for ap, other in ((second, first), (first, second), (second, first)):
        d.station.roam(ap.bssid())
        d.serves(ap.maar, 2)
        talk.goes_on(5)
        # It is the prefix of maar1 all the time: here or through the tunnel.
        here, there = ("served", "moved") if ap is second else ("local", None)
        assert (prefix, here) in d.kinds(ap.maar)
        if there:
            assert (prefix, there) in d.kinds(other.maar)
        print(f"roamed to {ap.ap}: {talk.lines()} lines so far", flush=True)
    d.usable("maar2")
    assert source in [a["address"] for a in d.lab.addresses(MN) if a["deprecated"]]
    lines = talk.finish()
    print(f"3 roams over hostapd's access points, {lines} lines echoed on one TCP connection")
