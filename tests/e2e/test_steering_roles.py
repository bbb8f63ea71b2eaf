"""The other roles of CATS with real daemons: a D-Forwarder that asks its D-Router, instances that take packets out
of the tunnel themselves (the kernel's End.DT6), and a path selector. What happened is read by tshark and curl."""
import os
import signal
import time

import pytest
from conftest import BIN, ROOT, complaints, leftovers
from godwit_lab import netns, steering_report, topology
from godwit_lab.domain import wait_for
from godwit_lab.sites import Sites
from kills import even, stream_lines, survive
from test_steering import fields, finish, row

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

DESTINATION_OPTIONS, MISS = 60, 0x1e
EXPERIMENTAL = 11  # Mobility Header type
MAPPING, MH_TYPE, SUB_TYPE = 4, 14 + 40 + 2, 14 + 40 + 9  # offsets in a frame


def open_tunnel_end(sites, node):
    """The host of an instance has its CSCI-ID, and takes packets to it out of their tunnel."""
    namespace, egress = sites.lab.namespace(node), sites.plan.neighbours(node)[0][0]
    netns.sysctl(namespace, {"net.ipv6.conf.all.seg6_enabled": 1,
                             f"net.ipv6.conf.{egress}.seg6_enabled": 1})
    netns.batch(namespace, [f"route add {sites.csci_id[node]}/128 encap seg6local action End.DT6 table local "
                            f"dev {egress}"])


@pytest.fixture(scope="module")
def sites():
    name = f"gR{os.getpid() % 100000}"
    made = Sites(topology.load(ROOT / "lab/topologies/steering-roles.yaml", name), BIN)
    made.up()
    for node in made.site("1") + made.site("2"):
        if node.startswith("far"):
            open_tunnel_end(made, node)
    wait_for("shares", lambda: by_share(made) == {"chat": True, "far": True}, 15)
    yield made
    said = complaints(made.lab)
    made.lab.down()
    assert said == {}
    assert leftovers(name) == []


def by_share(sites):
    return {s["service"]: s["by_share"] for s in sites.lab.show("in1", "services")}


def answers(sites, client, name, service, rate, seconds):
    """Records of requests that are all over."""
    records = sites.generate(client, name, even(sites, service, rate, seconds, 1))
    finish(sites, name)
    return steering_report.read(records)


def all_answered(records):
    return [r for r in records if r["status"] != 200] == []


# -- D-Forwarder -------------------------------------------------------------------------------------


def tunnelled(file, port):
    """(outer destination, marked) of each packet of a client's flow in a tunnel."""
    shown = fields(file, f"tcp.srcport == {port} && tcp.dstport == 80 && (ipv6.nxt == 41 || ipv6.dstopts.nxt == 41)",
                   "ipv6.dst", "ipv6.opt.type")
    return [(outer[0], str(MISS) in options or hex(MISS) in options) for outer, options in shown]


def mappings(file):
    """MAPPING messages that a capture has."""
    return len(fields(file, f"ipv6.nxt == 135 && frame[{MH_TYPE}:1] == {EXPERIMENTAL:02x} && "
                            f"frame[{SUB_TYPE}:1] == {MAPPING:02x}", "frame.number"))


def client_ports(sites, node):
    shown = sites.lab.run(node, ["ss", "-Htn", "state", "established"]).stdout
    return {int(line.split()[2].rpartition(":")[2]) for line in shown.splitlines()}


def told(sites):
    return sites.lab.show("in1", "counters")["node"]["cats-mappings-told"]


def test_a_d_forwarder_asks_for_new_flows_and_forwards_the_rest(sites):
    lab, file = sites.lab, sites.lab.state.path("misses.pcap")
    lab.capture("br", "core", file, "ip6")
    sites.stream("cl2", "asks", "chat", 1500)
    wait_for("lines", lambda: len(stream_lines(sites, "asks")[0]) > 5, 10)
    (port,), (instance,) = client_ports(sites, "cl2"), stream_lines(sites, "asks")[1]
    bound = row(lab.show("br", "affinity"), sites.csci_id[instance])
    assert (bound["client_port"], bound["told"]) == (port, True)
    assert [f for f in lab.show("in1", "affinity") if f["client"] == sites.plan.nodes["cl2"].address] == []
    finish(sites, "asks")
    lab.stop("capture-br-core", signal.SIGINT)
    packets = tunnelled(file, port)
    router, csci_id = sites.plan.nodes["in1"].address, sites.csci_id[instance]
    assert packets[0] == (router, True)
    assert set(packets) == {(router, True), (csci_id, False)}
    asked = sum(marked for _, marked in packets)
    assert packets[asked:] == [(csci_id, False)] * (len(packets) - asked)  # once it knows it asks no more
    assert asked < 10 < len(packets)
    assert mappings(file) >= 1
    assert lab.show("in1", "counters")["node"]["cats-mappings-waiting"] == 0


def test_flows_of_a_d_forwarder_outlive_both_daemons(sites):
    lab = sites.lab
    for i in range(3):
        sites.stream("cl2", f"outlive-{i}", "chat", 9000)
    wait_for("lines", lambda: all(len(stream_lines(sites, f"outlive-{i}")[0]) > 5 for i in range(3)), 10)
    lab.kill("in1", signal.SIGKILL)  # its packet path still chooses for marked packets, and nobody tells of it
    before = answers(sites, "cl2", "without-router", "chat", 20, 1)
    assert all_answered(before) and len(before) == 20
    lab.start("in1")
    assert told(sites) == 0
    lab.kill("br", signal.SIGKILL)
    between = answers(sites, "cl2", "without-forwarder", "chat", 20, 1)
    assert all_answered(between) and len(between) == 20
    lab.start("br")
    after = answers(sites, "cl2", "with-both", "chat", 20, 1)
    assert all_answered(after) and len(after) == 20
    wait_for("flows are told of again", lambda: told(sites) >= 20, 5)
    finish(sites, *(f"outlive-{i}" for i in range(3)))
    for i in range(3):
        numbers, instances = stream_lines(sites, f"outlive-{i}")
        assert numbers == list(range(180)) and len(instances) == 1


# -- delivery: tunnel ----------------------------------------------------------------------------------


def test_instances_take_packets_out_of_the_tunnel_themselves(sites):
    lab, file = sites.lab, sites.lab.state.path("beside.pcap")
    lab.capture("far1", "eg1", file, "ip6")
    for client in ("cl1", "cl2"):
        got = answers(sites, client, f"beside-{client}", "far", 20, 2)
        assert all_answered(got) and set(steering_report.share(got)) == {"far1", "far2"}
    lab.stop("capture-far1-eg1", signal.SIGINT)
    outer = {(src[0], dst[0]) for src, dst in fields(
        file, "ipv6.nxt == 41 && tcp.dstport == 80", "ipv6.src", "ipv6.dst")}
    ingresses = {sites.plan.nodes[n].address for n in ("in1", "br")}
    assert {dst for _, dst in outer} == {sites.csci_id["far1"]}
    assert {src for src, _ in outer} == ingresses  # a D-Router also sends its D-Forwarder's first packets
    assert row(lab.show("eg1", "candidates"), sites.csci_id["far1"])["out_packets"] > 0
    said = row([a for a in lab.godwit("in1", "trace", "far")["answers"]], sites.csci_id["far1"])
    assert (said["instance"], said["taken_packets"] > 0) == ("reached", True)


def test_a_dead_one_gets_no_flows(sites):
    lab = sites.lab
    lab.stop("server-far1", signal.SIGKILL)
    wait_for("far1 is gone", lambda: "far1" not in sites.candidates("in1"), 10)
    got = answers(sites, "cl1", "one-left", "far", 20, 1)
    assert all_answered(got) and set(steering_report.share(got)) == {"far2"}
    sites.start_server("far1")
    sites.await_candidates(sites.servers)


def test_no_flow_breaks_when_daemons_of_any_role_are_killed(sites):
    """The path selector's and the agent's packet paths have nothing to adopt."""
    survive(sites, ["in1", "br", "eg1", "eg2", "ag2", "ps"], {"cl1": ("far", "chat"), "cl2": ("chat", "far")})


# -- the path selector ------------------------------------------------------------------------------------


def shares(sites, service):
    rows = {c["csci_id"]: c["share_of_65535"] for c in sites.lab.show("in1", "candidates")}
    return {s: rows[sites.csci_id[s]] / 65535 for s in sites.servers if s.startswith(service)}


def test_an_ingress_obeys_the_shares_of_its_path_selector(sites):
    def selected():
        return {r["csci_id"] for r in sites.lab.show("ps", "selections") if r["ingress"] == "in1"}

    wait_for("shares of all", lambda: selected() == set(sites.csci_id.values()), 5)
    records = sites.generate("cl1", "shared", even(sites, "chat", 60, 4, 1))
    seen = []
    while sites.running("shared"):
        seen.append(shares(sites, "chat"))
        time.sleep(0.05)
    got = steering_report.read(records)
    assert all_answered(got) and len(got) == 240
    wanted = sum(s["chat1"] / sum(s.values()) for s in seen) / len(seen)
    found = steering_report.share(got)["chat1"] / len(got)
    assert wanted > 0.6, "it weighs three times as much as the other"
    assert abs(found - wanted) < 0.12  # four standard deviations of 240 draws


def test_ingresses_choose_by_themselves_while_the_path_selector_is_dead(sites):
    lab = sites.lab
    lab.kill("ps", signal.SIGKILL)
    records = sites.generate("cl1", "alone", even(sites, "chat", 20, 6, 1))
    wait_for("no share counts", lambda: by_share(sites) == {"chat": False, "far": False}, 8)
    lab.start("ps")
    wait_for("shares again", lambda: by_share(sites) == {"chat": True, "far": True}, 15)
    finish(sites, "alone")
    assert all_answered(steering_report.read(records))
    assert lab.show("in1", "counters")["node"]["cats-shares-over"] >= 2


def test_hybrid_ingresses_need_shares_without_reports_only(sites):
    """far's instances report nothing."""
    def change(config):
        config["steering"]["model"] = "hybrid"

    sites.stream("cl1", "stays", "chat", 3000)
    wait_for("lines", lambda: len(stream_lines(sites, "stays")[0]) > 5, 10)
    sites.lab.reload("in1", change)
    wait_for("by itself with reports", lambda: by_share(sites) == {"chat": False, "far": True}, 10)
    got = answers(sites, "cl1", "hybrid", "far", 20, 1)
    assert all_answered(got) and set(steering_report.share(got)) == {"far1", "far2"}
    finish(sites, "stays")
    assert len(stream_lines(sites, "stays")[1]) == 1
