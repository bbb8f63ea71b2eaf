"""Services, real daemons, real servers: flows stay where they are whatever metrics say, new ones leave a dead
egress, daemons may be killed, and a resolver knows the names. What happened is read by tshark and curl."""
import collections
import os
import signal
import subprocess
import time

import pytest
import yaml
from conftest import BIN, ROOT, complaints, leftovers
from godwit_lab import steering_report, topology
from godwit_lab.domain import wait_for
from godwit_lab.sites import PORT, Sites
from kills import even, stream_lines, survive

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

STAMP_PORT = 862


@pytest.fixture(scope="module")
def sites():
    name = f"gS{os.getpid() % 100000}"
    made = Sites(topology.load(ROOT / "lab/topologies/steering.yaml", name), BIN)
    made.up()
    yield made
    said = complaints(made.lab)
    made.lab.down()
    assert said == {}
    assert leftovers(name) == []


def finish(sites, *names, seconds=30):
    wait_for(f"{', '.join(names)}: the end", lambda: not sites.running(*names), seconds, 0.1)


def fields(file, expression, *names):
    """tshark's: [[values of a field that occurs more than once], ...] of every packet."""
    argv = ["tshark", "-r", file, "-Y", expression, "-T", "fields", "-E", "occurrence=a"]
    for name in names:
        argv += ["-e", name]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return [[f.split(",") for f in line.split("\t")] for line in text.splitlines()]


def steered(file):
    """(time, CSCI-ID, source port) of each packet in a tunnel to an instance."""
    return [(float(at[0]), outer[0], port[0]) for at, outer, port in
            fields(file, f"ipv6.nxt == 41 && tcp.dstport == {PORT}", "frame.time_epoch", "ipv6.dst",
                   "tcp.srcport")]


def new_flows(file):
    """{source port: (time, CSCI-ID)} of the first packet of each flow, in their order."""
    found = {}
    for at, csci_id, port in steered(file):
        found.setdefault(int(port), (at, csci_id))
    return found


def test_a_flow_stays_at_its_instance_while_metrics_change_and_instances_come(sites):
    lab, file = sites.lab, sites.lab.state.path("stays.pcap")
    lab.stop("server-chat3", signal.SIGKILL)
    others = [s for s in sites.servers if s != "chat3"]
    sites.await_candidates(others)
    lab.capture("in1", "core1", file, "ip6 proto 41")
    for i in range(4):
        sites.stream("cl1", f"stays-{i}", "chat", 6000)
    records = sites.generate("cl1", "stays-load", even(sites, "chat", 20, 5, 12))
    busy = sites.generate("other", "stays-others", [
        (i / 15, "chat", lab.state.read()["topology"]["nodes"]["chat1"]["address"], 20) for i in range(30)])
    sites.start_server("chat3")
    loads = set()
    while sites.running("stays-load"):
        loads.add(tuple(c["load_of_16"] for c in sites.candidates("in1").values()))
        time.sleep(0.05)
    finish(sites, "stays-load", "stays-others", *(f"stays-{i}" for i in range(4)))
    lab.stop("capture-in1-core1", signal.SIGINT)
    assert len(loads) > 5, "the metrics have not changed"
    where = collections.defaultdict(set)
    for _, csci_id, port in steered(file):
        where[port].add(csci_id)
    assert {len(ids) for ids in where.values()} == {1}
    assert len(where) > 90 and len({i for ids in where.values() for i in ids}) > 1  # a port may come again
    assert {r["status"] for r in steering_report.read(records)} == {200}
    assert all(r["status"] == 200 for r in steering_report.read(busy))
    for i in range(4):
        numbers, instances = stream_lines(sites, f"stays-{i}")
        assert numbers == list(range(120)) and len(instances) == 1
    sites.await_candidates(sites.servers)
    assert sites.csci_id["chat3"] in {csci_id for _, csci_id in new_flows(file).values()}


def times(file, expression):
    return [float(at[0]) for at, _ in fields(file, expression, "frame.time_epoch", "udp.length")]


def test_new_flows_leave_an_egress_whose_link_is_cut(sites):
    """Counted in probes: how long that takes is said, not judged."""
    lab, file, dead = sites.lab, sites.lab.state.path("dead.pcap"), sites.csci_id["chat2"]
    with open(lab.config_file("in2"), encoding="utf-8") as stream:
        detect = yaml.safe_load(stream)["godwit"]["steering"]["stamp"].get("detect", 2)
    sites.choose_policy("nearest")
    lab.capture("in2", "core2", file, f"ip6 proto 41 or udp port {STAMP_PORT}")
    records = sites.generate("cl2", "dead-load", even(sites, "chat", 50, 4, 1))
    wait_for("some answers", lambda: len(steering_report.read(records)) > 20, 10)
    lab.cut("eg2", "core2")
    wait_for("in2 chooses others", lambda: "chat2" not in sites.candidates("in2"), 10)
    answered = len(steering_report.read(records))
    wait_for("answers of others", lambda: len(steering_report.read(records)) > answered + 50, 10)
    lab.stop("capture-in2-core2", signal.SIGINT)
    lab.mend()
    finish(sites, "dead-load")
    sites.choose_policy("prequal")
    address = sites.plan.nodes["eg2"].address
    heard = max(times(file, f"udp.srcport == {STAMP_PORT} && ipv6.src == {address}"))
    asked = times(file, f"udp.dstport == {STAMP_PORT} && ipv6.dst == {address}")
    flows = new_flows(file)
    begun = list(flows.values())
    assert dead in {csci_id for at, csci_id in begun if at < heard}
    late = [at for at, csci_id in begun if csci_id == dead and at > heard]
    last = max(late, default=heard)
    assert sum(at > last for at, _ in begun) > 40, "who else gets the new flows?"
    unanswered = sum(heard < at < last for at in asked)
    assert unanswered <= detect + 1, "it was down, and got new flows"
    found = steering_report.read(records)
    broken = [r for r in found if r["status"] != 200]
    assert len(found) == 200 and len(broken) < 5
    assert [r for r in broken if flows[r["port"]][1] != dead] == [], "a flow of one that lives"
    print(f"\n{len(late)} new flows to the dead egress, the last {1000 * (last - heard):.0f} ms after its last sign "
          f"of life, when {unanswered} probes had no answer")
    sites.await_candidates(sites.servers)


def test_no_flow_breaks_when_daemons_are_killed(sites):
    services = dict(zip(sites.clients, (("chat",), ("embed", "chat"), ("chat",))))
    killed = survive(sites, sites.ingresses + sites.egresses, services)
    assert all(sites.lab.ask(n, {"cmd": "status"})["pins"] == "adopted" for n in killed)


def row(rows, csci_id):
    return next(r for r in rows if r["csci_id"] == csci_id)


def test_operators_are_told_where_a_flow_goes_and_ingress_and_egress_count_the_same(sites):
    lab, client = sites.lab, sites.plan.nodes["cl1"].address
    sites.stream("cl1", "told", "embed", 3000)
    wait_for("lines", lambda: len(stream_lines(sites, "told")[0]) > 5, 10)
    (instance,) = stream_lines(sites, "told")[1]
    port = int(lab.run("cl1", ["ss", "-Htn", "state", "established"]).stdout.split()[2].rpartition(":")[2])
    csci_id = sites.csci_id[instance]
    why = lab.godwit("in1", "why", client, "embed", "--client-port", str(port))
    assert why["goes_to"] == csci_id and why["because"]
    assert {c["csci_id"] for c in why["candidates"]} == {sites.csci_id[n] for n in ("embed1", "embed3")}
    bound = [f for f in lab.godwit("in1", "show", "affinity") if f["client_port"] == port]
    assert [(f["client"], f["csci_id"]) for f in bound] == [(client, csci_id)]
    egress = f"eg{instance[-1]}"
    traced = lab.godwit("in1", "trace", client, "embed")
    ways, said = traced["ways"], row([a for a in traced["answers"] if "csci_id" in a], csci_id)
    assert [w["path"] for w in ways] == ["up", "up"] and row(ways, csci_id)["flows"] >= 1
    assert (said["node"], said["answer"], said["instance"], said["results"]) == (
        sites.plan.nodes[egress].address, "answered", "reached", "routed")
    assert said["taken_packets"] > 0 and said["tunnel_packets_taken"] >= said["taken_packets"]
    finish(sites, "told")
    shown = lab.run("in1", [lab.program("godwit"), "--socket", lab.socket_file("in1"), "trace", "chat"]).stdout
    assert shown.count("answered") == 3 and shown.startswith("service chat")

    def matched():
        sent = sum(row(lab.godwit(n, "show", "candidates"), csci_id)["in_packets"] for n in sites.ingresses)
        taken = row(lab.godwit(egress, "show", "candidates"), csci_id)["out_packets"]
        return sent == taken > 0

    wait_for(f"{instance}: as many packets out of tunnels as into them", matched, 10)


UNBOUND = """\
server:
    interface: {address}
    do-ip4: no
    access-control: ::/0 allow
    chroot: ""
    username: ""
    pidfile: "{directory}/unbound.pid"
    use-syslog: no
    do-daemonize: no
    module-config: "iterator"
auth-zone:
    name: "{zone}"
    zonefile: "{directory}/{zone}.zone"
    fallback-enabled: no
"""


def test_a_resolver_answers_with_what_is_exported_for_it(sites):
    lab, zone = sites.lab, "edge.example"
    address = sites.plan.nodes["other"].address
    text = lab.run("in1", [lab.program("godwit"), "--socket", lab.socket_file("in1"), "export", "dns",
                           zone]).stdout
    for file, content in ((f"{zone}.zone", text), ("resolv.conf", f"nameserver {address}\n"),
                          ("unbound.conf", UNBOUND.format(address=address, zone=zone,
                                                          directory=lab.state.directory))):
        with open(lab.state.path(file), "w", encoding="ascii") as stream:
            stream.write(content)
    lab.spawn("other", "unbound", ["unbound", "-c", lab.state.path("unbound.conf")])
    wait_for("unbound", lambda: ":53 " in lab.run("other", ["ss", "-Hlun"]).stdout, 10)
    for service in sites.cs_id:
        said = lab.run("cl3", ["unshare", "-m", "sh", "-c",
                               f"mount --bind {lab.state.path('resolv.conf')} /etc/resolv.conf && "
                               f"exec curl -sS -m 10 -o /dev/null -D - -w '%{{remote_ip}}\\n' "
                               f"'http://{service}.{zone}/work?steps=1'"]).stdout
        assert said.splitlines()[-1] == sites.cs_id[service]
        assert f"X-Instance: {service}" in said
    lab.stop("unbound")
