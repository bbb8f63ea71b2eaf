"""The parts that the demo of steering is made of, without steering: the topology, the edge server and the
load generator, over plain routes."""
import json
import os
import re
import subprocess
import sys

import pytest
from conftest import BIN, ROOT
from godwit_lab import steering_report, steering_trace, topology
from godwit_lab.domain import Lab, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

LOAD = ROOT / "lab/godwit_lab/steering_load.py"
CHAT = "2001:db8:ca75::1"


@pytest.fixture
def lab(lab_name, clean):
    made = Lab(lab_name)
    made.up(topology.load(ROOT / "lab/topologies/steering.yaml", lab_name), BIN, daemons=False)
    return made


def address(lab, node):
    return lab.state.read()["topology"]["nodes"][node]["address"]


def serve(lab, node, *options):
    lab.spawn(node, f"server-{node}", [lab.program("edge-server"), "--name", node, *options])
    wait_for(node, lambda: "ready" in lab.log(f"server-{node}"), 5)


def route_to_site(lab, node, *routers):
    """What each of the routers does with CHAT: what it does with the server's own address."""
    for router in routers:
        way = json.loads(lab.run(router, ["ip", "-6", "-j", "route", "get", address(lab, node)]).stdout)[0]
        lab.run(router, ["ip", "-6", "route", "replace", CHAT, "via", way["gateway"], "dev", way["dev"]])


def get(lab, client, url):
    return lab.run(client, ["curl", "-sSg", "-m", "10", url]).stdout


def test_a_request_of_a_client_is_computed_by_whom_its_ingress_routes_to(lab):
    for node in ("chat1", "chat2"):
        serve(lab, node)
    answers = []
    for node, routers in (("chat1", ("in1", "core1", "eg1")), ("chat2", ("in1", "core1", "core2", "eg2"))):
        route_to_site(lab, node, *routers)
        answers.append(json.loads(get(lab, "cl1", f"http://[{CHAT}]/work?steps=4&seed=3")))
    assert [a["instance"] for a in answers] == ["chat1", "chat2"]
    assert answers[0]["digest"] == answers[1]["digest"]
    other = json.loads(get(lab, "cl1", f"http://[{CHAT}]/work?steps=4&seed=4"))
    assert other["digest"] != answers[0]["digest"]
    assert "404" in lab.run("cl1", ["curl", "-sSg", "-o", "/dev/null", "-w", "%{http_code}",
                                    f"http://[{CHAT}]/other"]).stdout


def test_what_a_server_cannot_work_on_at_once_waits_in_order_or_is_refused(lab):
    serve(lab, "chat1", "--slots", "1", "--queue", "2", "--step-us", "20000")
    route_to_site(lab, "chat1", "in1", "core1", "eg1")
    asked = [{"at": 0.02 * i, "service": "chat", "host": CHAT, "port": 80, "steps": 20} for i in range(5)]
    plan, records = lab.state.path("plan"), lab.state.path("records")
    with open(plan, "w", encoding="ascii") as file:
        file.writelines(json.dumps(r) + "\n" for r in asked)
    with subprocess.Popen(lab.enter("cl1", [sys.executable, str(LOAD), plan, records])) as running:
        def gauges():
            text = get(lab, "other", f"http://[{address(lab, 'chat1')}]/metrics")
            return dict(re.findall(r"^(edge_\w+) ([\d.]+)$", text, re.M))

        wait_for("two waiting", lambda: gauges()["edge_requests_queued"] == "2", 5)
        assert running.wait(30) == 0
    with open(records, encoding="ascii") as file:
        found = sorted((json.loads(line) for line in file), key=lambda r: r["start_ns"])
    assert [r["status"] for r in found] == [200, 200, 200, 503, 503]
    assert found[0]["end_ns"] < found[1]["end_ns"] < found[2]["end_ns"]
    assert gauges()["edge_errors_total"] == "2" and gauges()["edge_requests_in_flight"] == "0"


def test_the_same_seed_makes_the_same_load_at_the_rate_that_was_asked_for():
    ask = (30, 10, {"cl1": 3, "cl2": 1}, {"chat": 1, "embed": 1})
    made = steering_trace.requests(*ask, seed=1, skip=600)
    assert made == steering_trace.requests(*ask, seed=1, skip=600)
    assert made != steering_trace.requests(*ask, seed=2, skip=600)
    assert len(made) == 300 and 0 <= made[0].at <= made[-1].at <= 10
    assert 180 < sum(r.client == "cl1" for r in made) < 270


def record(start_s, end_s, instance, **more):
    return {"start_ns": int(start_s * 1e9), "end_ns": int(end_s * 1e9), "instance": instance, "status": 200,
            "error": None, "steps": 1, "digest": "a", **more}


def test_figures_of_records():
    records = [record(i, i + 0.001 * (i + 1), f"chat{i % 2 + 1}") for i in range(100)]
    records += [record(50, 65, None, status=0, error="no answer"), record(51, 52, "chat1", status=503)]
    found = steering_report.summary(records)
    assert found == {"requests": 102, "failed": 2, "mean": 50.5, "p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}
    assert steering_report.share(records) == {"chat1": 51, "chat2": 50}
    assert steering_report.summary([])["p99"] is None
    seconds = steering_report.timeline(records, int(1e9), 3)
    assert [s["p50"] for s in seconds] == [2.0, 3.0, 4.0]
    assert steering_report.wrong_digests(records) == []
    assert steering_report.wrong_digests([*records, record(1, 2, "chat3", digest="b")]) == [1]
    assert steering_report.sparkline([10, None, 100, 1000], 10, 1000) == "▁ ▅█"
