"""The lab tool: domains come up, move and go down without a trace, with no daemons in them."""
import copy
import json
import os
import subprocess
import time

import pytest
from conftest import BIN, ROOT, leftovers
from godwit_lab import netns, topology, workload
from godwit_lab.domain import Lab, wait_for
from godwit_lab.state import LabError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

LAB = str(ROOT / "lab/lab")
DEMO = str(ROOT / "lab/topologies/demo.yaml")
PAIR = {
    "nodes": {"left": {"role": "cmd", "address": "2001:db8:f::a"},
              "right": {"role": "server", "address": "2001:db8:f::b"}},
    "links": [{"ends": ["left", "right"]}],
}


def lab_command(name, *words, check=True):
    done = subprocess.run([LAB, "-n", name, *words], capture_output=True, text=True, timeout=60,
                          check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def up(name, document, **link):
    document = copy.deepcopy(document)
    document["links"][0].update(link)
    lab = Lab(name)
    lab.up(topology.from_dict(document, name), BIN, daemons=False)
    return lab


def reaches(lab, node, address):
    """Any answer within some seconds: the first packets may wait for neighbours and bridges."""
    return lab.run(node, ["ping", "-c", "10", "-i", "0.2", "-W", "1", address],
                   check=False).returncode == 0


def silent(lab, node, address):
    return lab.run(node, ["ping", "-c", "3", "-i", "0.2", "-W", "1", address],
                   check=False).returncode != 0


def carrier_changes(lab):
    listed = json.loads(lab.run("mn1", ["ip", "-j", "-s", "-s", "link", "show", "wlan0"]).stdout)
    return listed[0]["stats64"]["rx"].get("carrier_changes", listed[0]["stats64"]["tx"].get(
        "carrier_changes"))


def test_a_link_that_is_cut_carries_nothing_until_it_is_mended(lab_name, clean):
    lab = up(lab_name, PAIR, delay="1ms")
    assert reaches(lab, "left", "2001:db8:f::b")
    lab.cut("right", "left")
    assert silent(lab, "left", "2001:db8:f::b")
    lab.mend()
    assert reaches(lab, "left", "2001:db8:f::b")
    with pytest.raises(LabError, match="no emulated link of left and air"):
        lab.cut("left", "air")


def test_up_move_down_leave_nothing(lab_name, clean):
    lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons", "--set",
                "links.0.delay=1ms")
    assert f"{lab_name}-maar1" in leftovers(lab_name)
    assert "0% packet loss" in lab_command(lab_name, "exec", "cmd", "ping", "-c", "2", "-i", "0.1",
                                           "2001:db8:5::1").stdout
    moved = json.loads(lab_command(lab_name, "move", "mn1", "ap3").stdout)
    assert (moved["from"], moved["to"], moved["carrier"]) == ("ap1", "ap3", "keep")
    assert moved["begin_ns"] < moved["end_ns"]
    status = json.loads(lab_command(lab_name, "status", "--json").stdout)
    assert status["attached"] == {"mn1": "ap3"}
    assert status["processes"]["link-cmd-core"]["alive"]
    lab_command(lab_name, "down")
    assert leftovers(lab_name) == []


def test_up_twice_is_refused_and_harmless(lab_name, clean):
    lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons")
    again = lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons", check=False)
    assert again.returncode == 1 and "already up" in again.stderr
    assert lab_command(lab_name, "exec", "core", "true").returncode == 0


def test_a_failed_up_leaves_nothing(lab_name, clean):
    failed = lab_command(lab_name, "up", DEMO, "--bin", "/nonexistent", check=False)
    assert failed.returncode == 1 and "/nonexistent/godwitd" in failed.stderr
    assert leftovers(lab_name) == []


def test_namespaces_of_others_are_left_alone(lab_name, clean):
    netns.add(f"{lab_name}-core")
    try:
        failed = lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons", check=False)
        assert failed.returncode == 1 and f"{lab_name}-core exists already" in failed.stderr
        assert netns.exists(f"{lab_name}-core")
    finally:
        netns.delete(f"{lab_name}-core")


def test_down_after_a_crash_finds_all(lab_name, clean):
    """Nothing of the lab object survives: only the state file does."""
    lab = up(lab_name, PAIR, delay="1ms")
    stray = subprocess.Popen(lab.enter("left", ["sleep", "600"]), start_new_session=True)
    del lab
    assert Lab(lab_name).down()
    assert leftovers(lab_name) == []
    assert stray.poll() is not None


def test_owned_lab_is_inherited_from_a_dead_owner(lab_name, clean):
    code = (f"import sys, os; sys.path.insert(0, {str(ROOT / 'lab')!r})\n"
            "from godwit_lab.domain import Lab\nfrom godwit_lab import topology\n"
            f"Lab({lab_name!r}).up(topology.from_dict({PAIR!r}, {lab_name!r}), {str(BIN)!r}, "
            "daemons=False, owned=True)\nos._exit(9)\n")
    subprocess.run(["/usr/bin/python3", "-c", code], check=False, timeout=30)
    assert f"{lab_name}-left" in leftovers(lab_name)
    Lab(lab_name).up(topology.from_dict(PAIR, lab_name), BIN, daemons=False, owned=True)
    with pytest.raises(LabError, match="already up"):
        Lab(lab_name).up(topology.from_dict(PAIR, lab_name), BIN, daemons=False, owned=True)


def test_carrier_is_kept_or_flaps(lab_name, clean):
    lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons")
    lab = Lab(lab_name)
    before = carrier_changes(lab)
    lab.move("mn1", "ap2")
    assert carrier_changes(lab) == before
    lab.move("mn1", "ap3", "flap")
    assert carrier_changes(lab) > before


def test_the_moved_port_hears_its_access_point_only(lab_name, clean):
    lab_command(lab_name, "up", DEMO, "--bin", str(BIN), "--no-daemons")
    lab = Lab(lab_name)
    for maar in (1, 2):
        lab.run(f"maar{maar}", ["ip", "addr", "add", f"2001:db8:{maar}::1/64", "dev", f"ap{maar}",
                                "nodad"])
        lab.run("mn1", ["ip", "addr", "add", f"2001:db8:{maar}::2/64", "dev", "wlan0", "nodad"])
    assert reaches(lab, "mn1", "2001:db8:1::1")
    assert silent(lab, "mn1", "2001:db8:2::1")
    lab.move("mn1", "ap2")
    assert reaches(lab, "mn1", "2001:db8:2::1")
    assert silent(lab, "mn1", "2001:db8:1::1")


def test_stations_of_one_access_point_do_not_hear_each_other(lab_name, clean):
    document = topology.yaml.safe_load(open(DEMO, encoding="utf-8"))
    document["mobile-nodes"] = {"mn1": {"at": "ap1"}, "mn2": {"at": "ap2"}}
    lab = up(lab_name, document)
    lab.run("maar1", ["ip", "addr", "add", "2001:db8:1::1/64", "dev", "ap1", "nodad"])
    for mn in (1, 2):
        lab.run(f"mn{mn}", ["ip", "addr", "add", f"2001:db8:1::a{mn}/64", "dev", "wlan0", "nodad"])
    lab.move("mn2", "ap1")
    for mn in ("mn1", "mn2"):
        assert reaches(lab, mn, "2001:db8:1::1")
    assert silent(lab, "mn1", "2001:db8:1::a2")


def test_linkem_accounts_for_what_it_loses(lab_name, clean):
    lab = up(lab_name, PAIR, loss=["10%", 0], seed=7)
    lab.spawn("right", "echo", [lab.program("udpecho"), "serve", "2001:db8:f::b", "7"])
    wait_for("echo", lambda: ":7 " in lab.run("right", ["ss", "-Hlun"]).stdout, 5)
    records = lab.state.path("records")
    lab.run("left", [lab.program("udpecho"), "send", "2001:db8:f::a", "2001:db8:f::b", "7", "1000",
                     "1000", records])
    lab.stop("link-left-right")
    with open(lab.state.path("link-left-right.json"), encoding="ascii") as file:
        counters = json.load(file)
    with open(records, encoding="ascii") as file:
        lost = sum(line.split()[2] == "0" for line in file)
    forth, back = counters["forth"], counters["back"]
    assert 50 < lost < 160
    assert lost <= forth["lost"] and back["lost"] == 0
    assert forth["in"] == forth["out"] + forth["lost"] and back["in"] == back["out"]
    assert forth["failed"] == forth["queue_full"] == 0


def test_linkem_carries_tcp_whole_through_delay_rate_and_loss(lab_name, clean, tmp_path):
    lab = up(lab_name, PAIR, delay="2ms", rate="400mbit", loss="0.01%")
    size = 20_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(lab, "right", "2001:db8:f::b", [8000], tmp_path)
    end = workload.Download(lab, "left", "get", "2001:db8:f::b", 8000, "file", sha).finish(60)
    assert end == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}


def test_linkem_bounds_its_queue(lab_name, clean):
    lab = up(lab_name, PAIR, rate="1mbit", **{"queue-kib": 8})
    reaches(lab, "left", "2001:db8:f::b")
    lab.run("left", [lab.program("udpecho"), "send", "2001:db8:f::a", "2001:db8:f::b", "7", "100",
                     "400", lab.state.path("records")])
    lab.stop("link-left-right")
    with open(lab.state.path("link-left-right.json"), encoding="ascii") as file:
        forth = json.load(file)["forth"]
    assert forth["queue_full"] > 0
    assert forth["in"] == forth["out"] + forth["queue_full"] + forth["under_way"]


@pytest.mark.parametrize("change, said", [
    (lambda d: d.update(nodez={}), "unknown key 'nodez'"),
    (lambda d: d["nodes"]["left"].update(role="king"), "role 'king'"),
    (lambda d: d["nodes"]["left"].update(address="10.0.0.1"), "10.0.0.1"),
    (lambda d: d["nodes"]["left"].update(pools=["2001:db8::/48"]), "pools"),
    (lambda d: d["links"][0].update(delay="10"), "delay: '10'"),
    (lambda d: d["links"][0].update(ends=["left", "moon"]), "ends"),
    (lambda d: d["links"].append({"ends": ["right", "left"]}), "two links"),
    (lambda d: d["nodes"].update(lone={"role": "server", "address": "2001:db8::9"}), "no path"),
    (lambda d: d.update({"access-points": {"ap1": {"at": "left"}}}), "not a maar"),
    (lambda d: d["nodes"]["right"].update(role="cmd"), "at most one cmd"),
    (lambda d: d["nodes"]["right"].update(role="mag"), "needs a node with the role lma"),
    (lambda d: d["nodes"]["right"].update(role=["router", "mag"]), "a list of cmd, maar, lma, mag"),
    (lambda d: d["nodes"]["right"].update(role="lma"), "pools"),
])
def test_a_wrong_topology_is_named(change, said):
    document = copy.deepcopy(PAIR)
    change(document)
    with pytest.raises(topology.TopologyError, match=said):
        topology.from_dict(document)


def test_a_capture_is_readable(lab_name, clean, tmp_path):
    lab = up(lab_name, PAIR)
    file = tmp_path / "out.pcap"
    name = lab.capture("left", "right", str(file), "icmp6 and ip6[40] == 128")
    lab.run("left", ["ping", "-c", "3", "-i", "0.1", "2001:db8:f::b"])
    time.sleep(0.2)
    lab.stop(name)
    done = subprocess.run(["tcpdump", "-nr", str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.count("echo request") == 3
