"""Attachment by RADIUS accounting (RFC 2866), from the two clients that there are at hand: hostapd,
which accounts for the stations that it authenticates, and FreeRADIUS's radclient, which says what
it is told and checks the answers."""
import os
import signal

import pytest
from conftest import BIN
from domain import CMD, MN, SERVER, configure, plan
from eap import ALICE, EapDomain, Supplicant
from godwit_lab import signalling
from godwit_lab.domain import Lab, wait_for
from talk import Talk

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

SECRET = "between-nas-and-maar"
LADDR = "02:00:00:00:00:01"


def write_secret(lab):
    path = lab.state.path("nas.secret")
    with open(path, "w", encoding="ascii") as file:
        os.chmod(path, 0o600)
        file.write(SECRET + "\n")


class Accounting(EapDomain):
    """The MAARs do not know hostapd's control socket; its accounting tells them. One more hostapd, at
    the server, is the domain's authentication server: what it lets in by name is accounted for by
    name. (A hostapd that authenticates by itself accounts for addresses only.)"""

    def attachment(self, ap):
        address = self.plan.nodes[self.plan.maar_of(ap)].address
        return {"radius": {"address": address, "nas": [
            {"address": address, "interfaces": [ap], "secret-file": "nas.secret"}]}}

    def start_hostapd(self, ap):
        aaa, maar = (self.plan.nodes[n].address for n in (SERVER, self.plan.maar_of(ap)))
        self.net.start(ap, f"eap_server=0\nauth_server_addr={aaa}\nauth_server_port=1812\n"
                           f"auth_server_shared_secret={SECRET}\nacct_server_addr={maar}\n"
                           f"acct_server_port=1813\nacct_server_shared_secret={SECRET}\n"
                           "nas_identifier=godwit\n")

    def start_authentication_server(self):
        clients, conf = (self.lab.state.path(n) for n in ("aaa.clients", "aaa.conf"))
        with open(clients, "w", encoding="ascii") as file:
            os.chmod(clients, 0o600)
            file.write(f"2001:db8:f::/48 {SECRET}\n")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"interface=lo\ndriver=none\neap_server=1\neap_user_file={self.net.users}\n"
                       f"radius_server_clients={clients}\nradius_server_auth_port=1812\n"
                       "radius_server_ipv6=1\n")
        self.lab.spawn(SERVER, "aaa", ["hostapd", conf])
        wait_for("the authentication server",
                 lambda: ":1812 " in self.lab.run(SERVER, ["ss", "-Hlun"]).stdout, 10)

    def start(self):
        write_secret(self.lab)
        self.start_authentication_server()
        self.lab.start_daemons(self.plan)
        self.file = self.lab.state.path("radius.pcap")
        self.lab.capture("maar1", "lo", self.file, "udp port 1813")
        for ap in self.plan.access_points:
            self.start_hostapd(ap)

    def packets(self):
        """(code, status type, User-Name) of each, by tshark, which checks the authenticators."""
        rows = signalling.tshark_fields(
            self.file, ["radius.code", "radius.Acct_Status_Type", "radius.User_Name",
                        "radius.authenticator.invalid", "_ws.malformed"], "radius",
            ["-o", f"radius.shared_secret:{SECRET}", "-o", "radius.validate_authenticator:TRUE"])
        assert [r for r in rows if r[3] == "1" or r[4]] == [], rows
        return [tuple(r[:3]) for r in rows]


def test_hostapd_accounts_for_its_stations(lab_name, clean):
    d = Accounting(lab_name, guard=0.5)
    wait_for("a refusal", lambda: d.counter("maar1", "node", "refused-not-authorised") > 0, 10)
    assert d.lab.show("maar1", "bindings") == []
    mn = Supplicant(d.lab, MN, ALICE)
    mn.authenticated()
    wait_for("maar1 serves", lambda: d.served("maar1", ALICE), 5)
    (station,) = d.lab.show("maar1", "stations")
    assert station["mn"] == ALICE and "radius" in station["seen_by"]
    talk = Talk(d.lab, MN, d.address(), SERVER, d.plan.nodes[SERVER].address)

    d.lab.move(MN, "ap2")
    mn.again()
    wait_for("maar2 serves", lambda: d.served("maar2", ALICE), 5)
    talk.goes_on()
    assert talk.finish() > 1
    (binding,) = d.lab.show(CMD, "bindings")
    assert binding["mn"] == ALICE and binding["anchors"] == 2

    # It leaves, and hostapd says so; then hostapd itself, which accounts for that too.
    mn.command("logoff")
    wait_for("nobody is served", lambda: not d.served("maar2", ALICE), 10)
    d.net.stop("ap1", signal.SIGTERM)
    wait_for("hostapd's last words", lambda: ("4", "8", "") in d.packets(), 10)
    d.lab.stop("capture-maar1-lo", signal.SIGINT)
    packets = d.packets()
    assert ("4", "7", "") in packets and ("4", "1", ALICE) in packets
    answers = [p for p in packets if p[0] == "5"]
    assert len(answers) == len(packets) - len(answers), "one for each"
    for counter in ("unknown-nas", "malformed", "unauthentic", "rate-limited", "send-errors"):
        assert d.counter("maar1", "daemon", f"radius-{counter}") == 0


class Radclient:
    """Accounting about the one mobile node of a lab, said by hand."""

    def __init__(self, lab, server):
        self.lab, self.server = lab, server

    def say(self, status, session, node="core", secret=SECRET, seconds="10",
            **attributes):
        """True when there was an answer, and it is one by who knows the secret."""
        values = {"Acct-Status-Type": status, "Acct-Session-Id": f'"{session}"',
                  "NAS-Identifier": '"lab"', **attributes}
        text = ",".join(f"{k.replace('_', '-')}={v}" for k, v in values.items() if v)
        done = self.lab.run(node, ["radclient", "-x", "-r", "1", "-t", seconds,
                                   f"[{self.server}]:1813", "acct", secret],
                            input=text + "\n", check=False)
        return "Received Accounting-Response" in done.stdout


@pytest.mark.sanitized
def test_radclient(lab_name, clean):
    topology = plan(lab_name, maars=1, godwit={"timers": {"detach-guard": 0.2}})
    lab = Lab(lab_name)
    lab.up(topology, BIN, daemons=False)
    maar, core = topology.nodes["maar1"].address, topology.nodes["core"].address
    write_secret(lab)
    configure(lab, "maar1", attachment={"radius": {"address": maar, "nas": [
        {"address": core, "interfaces": ["ap1"], "secret-file": "nas.secret"}]}})
    lab.start_daemons(topology)
    nas = Radclient(lab, maar)
    station = {"User_Name": '"020000000001"', "Calling_Station_Id": '"0200.0000.0001"'}

    def counter(name):
        return lab.show("maar1", "counters")["daemon"][f"radius-{name}"]

    def bindings():
        return [(b["mn"], b["state"]) for b in lab.show("maar1", "bindings")]

    # Strangers: one who is no NAS, and one who does not know the secret.
    assert not nas.say("Start", "s1", node=SERVER, seconds="1", **station)
    assert not nas.say("Start", "s1", secret="guessed", seconds="1", **station)
    assert counter("unknown-nas") >= 1 and counter("unauthentic") >= 1 and bindings() == []

    # A station without a name of its own is known by its address; what is repeated is no news.
    assert nas.say("Start", "s1", Message_Authenticator="0x00", Proxy_State="0x6765", **station)
    wait_for("it is served", lambda: bindings() == [(LADDR, "serving")], 5)
    assert nas.say("Start", "s1", Acct_Delay_Time=3, **station)
    assert nas.say("Stop", "s0", **station)
    assert counter("repeated") == 2 and bindings() == [(LADDR, "serving")]
    assert nas.say("Interim-Update", "s1", **station)
    assert nas.say("Stop", "s1", **station)
    wait_for("it has left", lambda: bindings() == [], 5)
    assert nas.say("Start", "s1", **station), "a replay"
    assert bindings() == []

    # Somebody's login, and the NAS begins anew: whoever was there is not.
    assert nas.say("Start", "s2", User_Name='"admin"')
    assert counter("without-station") == 1
    assert nas.say("Start", "s3", **station)
    wait_for("it is served again", lambda: bindings() == [(LADDR, "serving")], 5)
    assert nas.say("Accounting-On", "boot")
    wait_for("it has left", lambda: bindings() == [], 5)
    assert lab.show(CMD, "bindings") == []
