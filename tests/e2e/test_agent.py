"""The metric agent and STAMP of real daemons: what instances say of themselves over the Unix socket
and HTTP, leases, checks of real servers, and paths between forwarders whose packets tshark judges."""
import json
import os
import signal
import socket

import pytest
from conftest import BIN
from domain import configure
from godwit_lab import signalling, topology
from godwit_lab.domain import Lab, LabError, wait_for

pytestmark = [pytest.mark.sanitized,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

EGRESS, INGRESS, HOST = "2001:db8:f::e1", "2001:db8:f::11", "2001:db8:5::c"
CLIENT, CS_ID, TOKEN, PORT = "2001:db8:c1::1", "2001:db8:ca75::1", "not-a-real-secret", 8080
NOBODY = 65534
WEB = """
import http.server, socket, sys
class S(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        body = b'busy{kind="a"} 3\\nbusy{kind="b"} 4\\nwait_seconds 0.25\\n'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
S(("::", 8080), H).serve_forever()
"""


def instances():
    def one(number, **more):
        return {"name": f"web{number}", "service": "web", "csci-id": f"2001:db8:e1::{number}",
                "address": HOST, **more}
    health = {"interval": 0.1, "timeout": 0.1, "fall": 2, "rise": 2}
    return [
        one(1, health={**health, "kind": "http", "port": PORT},
            scrape={"port": PORT, "interval": 0.1, "metrics": [
                {"metric": "in-flight", "series": "busy"},
                {"metric": "latency", "series": "wait_seconds"}]}),
        one(2, registers=True, token=TOKEN, lease=1),
        one(3, health={**health, "kind": "tcp", "port": PORT}),
    ]


class Domain:
    """An ingress, and an egress with its agent and a host of instances."""

    def __init__(self, name):
        self.lab = Lab(name)
        self.plan = topology.from_dict({"nodes": {
            "in1": {"role": "d-router", "address": INGRESS},
            "eg1": {"role": ["d-router", "metric-agent"], "address": EGRESS,
                    "routed": ["2001:db8:e1::/64"]},
            "host": {"role": "server", "address": HOST, "anycast": [CS_ID]},
            "cl1": {"role": "client", "address": CLIENT},
        }, "links": [{"ends": ["in1", "eg1"], "delay": "5ms"}, {"ends": ["host", "eg1"]},
                     {"ends": ["cl1", "in1"]}]}, name)
        self.lab.up(self.plan, BIN, daemons=False)
        self.socket = self.lab.state.path("agent.sock")
        for node in ("in1", "eg1"):
            more = {"services": [{"name": "web", "cs-id": CS_ID, "protocol": "tcp", "port": PORT}],
                    "steering": {"sample": 0.05, "stamp": {"interval": 0.05, "wait": 0.04}}}
            if node == "eg1":
                more["instances"] = instances()
                more["steering"].update({"agent-socket": self.socket,
                                         "http": {"address": EGRESS, "port": 8000}})
            configure(self.lab, node, **more)

    def start(self):
        self.lab.start_daemons(self.plan)

    def web(self):
        self.lab.spawn("host", "web", ["/usr/bin/python3", "-c", WEB])

    def post(self, path, body="", token=TOKEN, method="POST"):
        """HTTP by curl from the instance's host: its status and answer."""
        said = self.lab.run("host", [
            "curl", "-s", "-X", method, "-d", body, "-H", f"Authorization: Bearer {token}",
            "-w", "\n%{http_code}", f"http://[{EGRESS}]:8000{path}"]).stdout
        text, status = said.rsplit("\n", 1)
        return int(status), json.loads(text)

    def count(self, name, node="eg1", part="daemon"):
        return self.lab.show(node, "counters")[part][name]

    def log(self, event, text=""):
        return [line for line in self.lab.log("eg1").splitlines() if f" {event}: {text}" in line]


class Instance:
    """An instance's own side of the Unix socket."""

    def __init__(self, path, uid=None):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        if uid is not None:
            os.seteuid(uid)
        try:
            self.sock.connect(path)
        finally:
            os.seteuid(0)
        self.file = self.sock.makefile("rw", encoding="utf-8")

    def say(self, **what):
        self.file.write(json.dumps(what) + "\n")
        self.file.flush()
        line = self.file.readline()
        return json.loads(line) if line else None


@pytest.fixture
def domain(lab_name, clean):
    made = Domain(lab_name)
    os.chmod(made.lab.state.directory, 0o755)
    yield made


def speak_over_the_socket(domain):
    stranger = Instance(domain.socket, NOBODY)
    assert "first line" in stranger.say(report={})["error"]
    assert stranger.file.readline() == ""  # and that was all
    refusal = Instance(domain.socket, NOBODY).say(register="web2", token="another-token-is-x")
    assert refusal == Instance(domain.socket, NOBODY).say(register="nobody", token=TOKEN)
    assert not refusal["ok"] and domain.count("agent-denied") == 2
    assert not domain.log("instance-up", "web2")

    web2 = Instance(domain.socket, NOBODY)
    assert web2.say(register="web2", token=TOKEN) == {"ok": True, "result": {"lease": 1.0}}
    assert web2.say(report={"in-flight": 3, "latency-us": 1500, "slots": 4})["ok"]
    for body, what in (({"in-flight": -1}, "in-flight"), ({"cpu": 1.5}, "cpu"), ([], "object"),
                       ({"load": 1}, "load"), ({"state": "gone"}, "state"), ({"slots": 0}, "slots")):
        answer = web2.say(report=body)
        assert not answer["ok"] and what in answer["error"], body
    assert domain.count("agent-malformed") == 6
    assert len(domain.log("instance-up", "web2")) == 1
    assert web2.say(report={"state": "draining"})["ok"]
    assert domain.log("instance-draining", "web2")
    assert web2.say(withdraw=True)["ok"]
    assert domain.log("instance-dead", "web2: it has left")
    # Root needs no token; a report is as good as a registration.
    root = Instance(domain.socket)
    assert root.say(register="web2")["ok"]
    wait_for("its lease ends", lambda: domain.count("agent-leases-ended") == 1, 10)
    assert domain.log("instance-dead", "web2: its lease has ended")
    assert root.say(report={})["ok"]
    assert len(domain.log("instance-up", "web2")) == 3


def speak_over_http(domain):
    path, denied = "/v1/instances/web2", domain.count("agent-denied")
    left = len(domain.log("instance-dead", "web2: it has left"))
    assert domain.post(f"{path}/register", token="wrong")[0] == 401
    assert domain.post("/v1/instances/web9/register")[0] == 401
    assert domain.post("/v1/instances/web2/other")[0] == 404
    assert domain.post(f"{path}/report", method="GET")[0] == 405
    assert domain.post(f"{path}/report", body='{"queue": 1}') == (
        200, {"ok": True, "result": {"lease": 1.0}})
    status, answer = domain.post(f"{path}/report", body='{"queue": ')
    assert status == 400 and "JSON" in answer["error"]
    status, answer = domain.post(f"{path}/report", body='{"queue": "many"}')
    assert status == 400 and "queue" in answer["error"]
    assert domain.post(f"{path}/report", body=json.dumps({"x" * 9000: 1}))[0] == 413
    assert domain.post(f"{path}/withdraw")[0] == 200
    assert len(domain.log("instance-dead", "web2: it has left")) == left + 1
    assert domain.count("agent-denied") == denied + 2


def restart_and_reload(domain):
    assert domain.post("/v1/instances/web2/register")[0] == 200
    domain.lab.kill("eg1", signal.SIGKILL)
    domain.lab.start("eg1")
    ups, deaths = (len(domain.log(w, "web2")) for w in ("instance-up", "instance-dead"))
    assert domain.post("/v1/instances/web2/report", body="{}")[0] == 200
    assert len(domain.log("instance-up", "web2")) == ups + 1
    web2 = Instance(domain.socket)
    assert web2.say(register="web2")["ok"]
    # Another list in another order: what web2 is stays, and who speaks for it says so again.
    configure(domain.lab, "eg1", instances=[*reversed(instances()[:2])])
    domain.lab.ask("eg1", {"cmd": "reload"})
    assert "register again" in web2.say(report={})["error"]
    assert web2.say(register="web2")["ok"]
    assert web2.say(report={})["ok"]
    assert len(domain.log("instance-dead", "web2")) == deaths
    domain.lab.ask("eg1", {"cmd": "drain", "instance": "web2"})
    assert domain.log("instance-draining", "web2")
    domain.lab.ask("eg1", {"cmd": "undrain", "instance": "web2"})
    assert len(domain.log("instance-up", "web2")) == ups + 2
    with pytest.raises(LabError, match="no instance called"):
        domain.lab.ask("eg1", {"cmd": "drain", "instance": "web3"})


def test_the_agent_knows_its_instances(domain):
    domain.start()
    wait_for("both are found dead", lambda: len(domain.log("instance-dead")) == 2, 10)
    assert domain.log("instance-dead", "web1: Connection refused")
    domain.web()
    wait_for("both are up", lambda: len(domain.log("instance-up")) == 2, 10)
    wait_for("it is scraped", lambda: domain.count("agent-scrapes") > domain.count(
        "agent-scrape-errors"), 10)
    domain.lab.stop("web", signal.SIGKILL)
    wait_for("both are dead again", lambda: len(domain.log("instance-dead")) == 4, 10)
    assert domain.count("agent-check-failures") >= 8
    speak_over_the_socket(domain)
    speak_over_http(domain)
    restart_and_reload(domain)


def judge_stamp(file):
    """Probes and answers as tshark's TWAMP-Test sees them, whose packets STAMP's are."""
    rows = signalling.tshark_fields(file, [
        "ipv6.src", "ipv6.hlim", "udp.dstport", "twamp.test.seq_number", "twamp.test.sender_seq_number",
        "twamp.test.sender_ttl", "_ws.malformed"], "udp", ["-d", "udp.port==862,twamp.test"])
    probes = {int(r[3]) for r in rows if r[0] == INGRESS and r[2] == "862"}
    answers = {int(r[4]): r for r in rows if r[0] == EGRESS and r[2] != "862"}
    assert len(probes & set(answers)) > 10
    assert all(r[1] == "255" and not r[6] for r in rows)
    assert all(answers[n][5] == "255" for n in probes & set(answers))


def path(domain):
    rows = domain.lab.show("in1", "paths")
    assert [row["address"] for row in rows] == [EGRESS]
    return rows[0]


def at_ingress(domain):
    return {row["csci_id"][-1]: row["state"] for row in domain.lab.show("in1", "instances")}


def ask_the_service(domain):
    said = domain.lab.run("cl1", ["curl", "-s", "-m", "5", "--local-port", "40000",
                                  f"http://[{CS_ID}]:{PORT}/"]).stdout
    assert "wait_seconds" in said


def explain_the_flow(domain):
    flow, = domain.lab.show("in1", "affinity")
    assert (flow["client"], flow["client_port"], flow["service"]) == (CLIENT, 40000, "web")
    why = domain.lab.godwit("in1", "why", CLIENT, "web", "--client-port", "40000")
    assert why["goes_to"] == flow["csci_id"] and why["packets"] == flow["packets"] > 3
    assert {c["csci_id"] for c in why["candidates"]} == {"2001:db8:e1::1", "2001:db8:e1::3"}
    assert all(c["usable"] and c["path_us"] >= 5000 for c in why["candidates"])
    stranger = domain.lab.godwit("in1", "why", CLIENT, CS_ID, "--client-port", "40001")
    assert stranger["goes_to"] == "" and stranger["new_would_go_to"] != ""
    # What went in at the ingress for the instance came out at its egress.
    ways = {w["csci_id"]: w for w in domain.lab.godwit("in1", "trace", CS_ID)["ways"]}
    here = {w["csci_id"]: w for w in domain.lab.godwit("eg1", "trace", CS_ID)["ways"]}
    way = ways[flow["csci_id"]]
    assert (way["path"], way["peer"], way["state"]) == ("up", "eg1", "up")
    assert way["in_packets"] == here[flow["csci_id"]]["out_packets"] == flow["packets"]
    # Nobody else hears who uses what.
    assert CLIENT not in domain.lab.log("in1") + domain.lab.log("eg1")


def test_the_domain_knows_instances_and_ways(domain):
    file = domain.lab.state.path("stamp.pcap")
    domain.lab.capture("in1", "eg1", file, "udp port 862")
    domain.web()
    domain.start()
    wait_for("the way is up", lambda: path(domain)["state"] == "up", 10)
    wait_for("two instances are known", lambda: at_ingress(domain) == {"1": "up", "3": "up"}, 10)
    assert path(domain)["delay_us"] >= 5000
    wait_for("the delay is at the candidates", lambda: all(
        c["path_us"] >= 5000 for c in domain.lab.show("in1", "candidates")), 10)
    ask_the_service(domain)
    explain_the_flow(domain)
    began = path(domain)["probes"]
    wait_for("20 probes", lambda: path(domain)["probes"] > began + 20, 10)
    domain.lab.stop("capture-in1-eg1", signal.SIGINT)
    judge_stamp(file)
    domain.lab.stop("web", signal.SIGKILL)
    wait_for("its end is heard", lambda: "up" not in at_ingress(domain).values(), 10)
    domain.lab.kill("eg1", signal.SIGKILL)
    wait_for("refusals", lambda: path(domain)["state"] == "refused", 10)
    assert domain.count("stamp-refused", "in1") > 0
    domain.lab.run("in1", ["ip", "link", "set", "eg1", "down"])
    wait_for("the way is down", lambda: path(domain)["state"] == "down", 10)
