"""A running domain with real daemons: what it sends, judged by tshark and scapy, and what mobile
nodes notice of it."""
import ipaddress
import os
import signal
import time

import pytest
from conftest import BIN
from domain import (ATT, AUTH, CMD, DLIF_LL, DLIF_LOCAL, HI, MESG_ID, MN, MN_LL, MNID,
                    PBA, PBU, PREVIOUS, SERVER, SERVING, TIMESTAMP, Domain, messages, prefix,
                    previous, settled)
from godwit_lab import measure, signalling, workload
from godwit_lab.domain import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

UDP_LOST_MAX = 2
REGISTERED_D_PBU, REGISTERED_D_PBA, A_FLAG, P_FLAG, P_FLAG_PBA = 0x10, 0x02, 0x8000, 0x0200, 0x20


@pytest.fixture
def domain(lab_name, clean):
    """Makes domains; `clean` takes them down."""
    return lambda **options: Domain(lab_name, BIN, **options)


def roam(d, aps):
    """With a capture from before the first registration's successor on."""
    d.capture()
    d.talk(d.usable("maar1"))
    for ap in aps:
        d.move(ap)
    d.stop_capture()


@pytest.mark.sanitized
def test_messages_per_handover_are_2n_plus_2(domain):
    d = domain(maars=5)
    roam(d, ["ap2", "ap3", "ap4", "ap5", "ap1", "ap3"])
    seen = d.per_move()
    assert [m["previous"] for m in d.moves] == [1, 2, 3, 4, 4, 4]
    for move, kinds in zip(d.moves, seen):
        n = move["previous"]
        assert len(kinds) == 2 * n + 2, (move, kinds)
        assert kinds.count(PBU) == kinds.count(PBA) == n + 1
        assert kinds[0] == PBU
    assert signalling.malformed(d.file) == []


def test_initial_registration_takes_two_messages(domain):
    d = domain(mobile_nodes=1)
    d.usable("maar1")
    before = d.lab.show(CMD, "bindings")
    assert len(before) == 1
    d.capture()
    d.lab.ask("maar2", {"cmd": "attach", "interface": "ap2", "lladdr": "02:00:00:00:00:99"})
    wait_for("the second binding", lambda: len(d.lab.show(CMD, "bindings")) == 2, 10)
    d.quiet()
    d.stop_capture()
    found = messages(d.file)
    assert [(m.kind, m.src, m.dst) for m in found] == [
        (PBU, d.address("maar2"), d.address(CMD)), (PBA, d.address(CMD), d.address("maar2"))]


def check_common(m, cmd):
    assert m.checksum_ok
    assert m.hop_limit == (64 if m.src == cmd else 63), "the core router is one hop"
    assert m.options[-1][0] == AUTH and len(m.options[-1][1]) == 5 + 16
    assert len(m.one(MESG_ID)) == 8
    assert m.one(MNID)[0] == 5, "the identity is an EUI-48"
    # The alignment the RFCs want: type of option -> (n, remainder).
    for kind, _, at in m.options:
        n, rest = {22: (8, 4), SERVING: (8, 6), PREVIOUS: (8, 4), DLIF_LOCAL: (8, 6),
                   TIMESTAMP: (8, 2), MESG_ID: (8, 2), AUTH: (4, 1)}.get(kind, (1, 0))
        assert at % n == rest, f"option {kind} at {at}"


@pytest.mark.sanitized
def test_fields_of_a_handover(domain):
    """1 -> 2 -> 3: every message between CMD and MAARs, field by field."""
    d = domain()
    roam(d, ["ap2", "ap3"])
    found = messages(d.file)[-6:]
    for m in found:
        check_common(m, d.address(CMD))
    maar = {i: d.address(f"maar{i}") for i in (1, 2, 3)}
    pool = {i: ipaddress.IPv6Network(d.plan.nodes[f"maar{i}"].pools[0]) for i in (1, 2, 3)}
    cmd = d.address(CMD)

    first = found[0]
    assert (first.kind, first.src, first.dst) == (PBU, maar[3], cmd)
    assert first.flags & (A_FLAG | P_FLAG | REGISTERED_D_PBU) == A_FLAG | P_FLAG | REGISTERED_D_PBU
    assert first.hnp().prefixlen == 64 and first.hnp().subnet_of(pool[3])
    assert first.one(HI)[1] in (1, 2, 3, 4) and first.one(ATT)[1] == 3
    assert first.one(MN_LL)[2:] == bytes.fromhex("020000000001")
    assert abs(int.from_bytes(first.one(TIMESTAMP)[:6], "big") - time.time()) < 3600
    assert len(first.one(DLIF_LOCAL)) == 16 and len(first.one(DLIF_LL)) == 2 + 6

    answer = next(m for m in found if m.kind == PBA and m.dst == maar[3])
    assert (answer.src, answer.status, answer.sequence) == (cmd, 0, first.sequence)
    assert answer.flags & (P_FLAG_PBA | REGISTERED_D_PBA) == P_FLAG_PBA | REGISTERED_D_PBA
    assert answer.hnp() == first.hnp() and 0 < answer.lifetime <= first.lifetime
    named = dict(previous(body) for body in answer.all(PREVIOUS))
    assert set(named) == {maar[1], maar[2]}
    assert all(named[maar[i]].subnet_of(pool[i]) for i in (1, 2))
    order = [t for t, _, _ in answer.options if t in (PREVIOUS, DLIF_LOCAL, DLIF_LL)]
    assert order == [PREVIOUS, DLIF_LOCAL, DLIF_LL] * 2, "each anchor's DLIF follows it"

    for i in (1, 2):
        told = next(m for m in found if m.kind == PBU and m.dst == maar[i])
        assert told.src == cmd and told.hnp() == named[maar[i]]
        assert told.flags & (A_FLAG | P_FLAG | REGISTERED_D_PBU) == \
            A_FLAG | P_FLAG | REGISTERED_D_PBU
        assert told.one(SERVING) == ipaddress.IPv6Address(maar[3]).packed
        done = next(m for m in found if m.kind == PBA and m.src == maar[i])
        assert (done.dst, done.status, done.sequence) == (cmd, 0, told.sequence)
        assert done.one(SERVING) == ipaddress.IPv6Address(maar[3]).packed
        assert prefix(done.one(22)) == named[maar[i]]


def test_tshark_reads_the_same_fields(domain):
    d = domain()
    roam(d, ["ap2"])
    rows = signalling.tshark_fields(d.file, [
        "mip6.mhtype", "mip6.bu.a_flag", "mip6.bu.p_flag", "mip6.bu.seqnr", "mip6.bu.lifetime",
        "mip6.ba.status", "mip6.ba.seqnr", "mip6.ba.lifetime"])
    mine = messages(d.file)[-4:]
    for row, m in zip(rows[-4:], mine):
        assert int(row[0]) == m.kind
        if m.kind == PBU:
            assert (row[1], row[2]) == ("1", "1")
            assert (int(row[3]), int(row[4])) == (m.sequence, m.lifetime)
        else:
            assert (int(row[5]), int(row[6]), int(row[7])) == (0, m.sequence, m.lifetime)
    assert signalling.malformed(d.file) == []


@pytest.mark.parametrize("hook", ["tc", "xdp"])
def test_connections_survive_and_new_ones_take_the_new_prefix(domain, tmp_path, hook):
    """One round with a download, an echo and new connections; the demo's judgement in small."""
    d = domain(hook=hook)
    assert set(d.lab.ask("maar1", {"cmd": "status"})["hooks"].values()) == {hook}
    size = 40_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(d.lab, SERVER, d.address(SERVER), [8000, 8001, 8002, 8003], tmp_path)
    home = d.usable("maar1")
    d.capture()
    download = workload.Download(d.lab, MN, "get", d.address(SERVER), 8000,
                                 f"file?rate={32768 * 1000 // 16}", sha)
    d.talk(home)
    time.sleep(0.5)
    later = []
    for number, ap in enumerate(("ap2", "ap3", "ap1"), 1):
        move = d.move(ap)
        address = d.usable(move["maar"])
        later.append(workload.Download(d.lab, MN, f"new{number}", d.address(SERVER), 8000 + number,
                                       f"file?rate={size}", sha))
        assert wait_for("a connection", later[-1].source, 5) == address
    assert download.running(), "the download must span every move"
    for one in (download, *later):
        assert one.finish(90) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}
    records = d.echo.finish()
    assert d.lost_while_served(records) == []
    assert all(answers <= 1 for _, answers in records), "a packet came twice"


def test_a_carrier_flap_is_survived(domain, tmp_path):
    d = domain()
    size = 10_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(d.lab, SERVER, d.address(SERVER), [8000], tmp_path)
    d.usable("maar1")
    d.capture()
    get = workload.Download(d.lab, MN, "get", d.address(SERVER), 8000, "file?rate=1638400", sha)
    wait_for("the download", lambda: get.received() > 0, 5)
    d.move("ap2", "flap")
    assert get.running()
    assert get.finish(60) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}


TIMES = ("expires_ms", "sequence")


def binding_view(d):
    return {node: settled(d.lab.show(node, "bindings"), TIMES) for node in d.lab.daemons()}


@pytest.mark.sanitized
@pytest.mark.parametrize("victim", ["maar1", "maar2", "cmd"])
def test_kill_9_during_a_download(domain, tmp_path, victim):
    """The anchor, the serving MAAR or the CMD is killed and started: the data path goes on without
    it, and afterwards the bindings are complete again and a handover is as cheap as before."""
    d = domain()
    size = 30_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(d.lab, SERVER, d.address(SERVER), [8000], tmp_path)
    home = d.usable("maar1")
    d.capture()
    d.talk(home)
    get = workload.Download(d.lab, MN, "get", d.address(SERVER), 8000,
                            f"file?rate={32768 * 1000 // 12}", sha)
    d.move("ap2")
    d.usable("maar2")
    before, tunnels = binding_view(d), {n: settled(d.lab.show(n, "tunnels"), TIMES)
                                        for n in ("maar1", "maar2")}
    killed_ns = time.monotonic_ns()
    d.lab.kill(victim, signal.SIGKILL)
    assert not d.lab.state.read()["processes"].get(victim)
    had = get.received()
    wait_for("octets without the daemon", lambda: get.received() > had + 2_000_000, 5)
    d.lab.start(victim)
    assert "adopted" in d.lab.log(victim)
    wait_for("the bindings as before", lambda: binding_view(d) == before, 15)
    started_ns = time.monotonic_ns()
    assert {n: settled(d.lab.show(n, "tunnels"), TIMES) for n in ("maar1", "maar2")} == tunnels
    assert get.running(), "the download must span the restart"
    d.quiet()
    d.move("ap3")
    assert get.finish(60) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}
    d.stop_capture()
    assert len(d.per_move()[-1]) == 6
    lost, _ = measure.udp_counts(d.echo.finish(), (killed_ns, started_ns))
    assert lost <= UDP_LOST_MAX, "the data path outlives the daemon"


def test_a_move_while_the_cmd_is_down_is_made_good(domain, tmp_path):
    d = domain(godwit={"timers": {"initial-ack": 0.2, "max-ack": 1.0}})
    size = 15_000_000
    sha = workload.make_file(tmp_path / "file", size)
    workload.start_nginx(d.lab, SERVER, d.address(SERVER), [8000], tmp_path)
    d.talk(d.usable("maar1"))
    get = workload.Download(d.lab, MN, "get", d.address(SERVER), 8000,
                            f"file?rate={32768 * 1000 // 20}", sha)
    wait_for("the download", lambda: get.received() > 0, 5)
    d.lab.kill(CMD, signal.SIGKILL)
    move = d.lab.move(MN, "ap2")
    wait_for("an attempt", lambda: d.lab.show("maar2", "bindings"), 5)
    d.lab.start(CMD)
    wait_for("maar2 serves", lambda: d.serves("maar2", move["begin_ns"]), 15)
    assert [b["state"] for b in d.lab.show("maar2", "bindings")] == ["serving"]
    assert get.finish(60) == {"ok": True, "bytes": size, "sha256_ok": True, "error": ""}


def test_lost_signalling_is_sent_again(domain):
    """A fifth of all messages to and from the CMD is lost; every handover succeeds all the same."""
    d = domain(loss="20%", godwit={"timers": {"initial-ack": 0.1, "max-ack": 0.4,
                                              "max-update-rate": 100}})
    d.capture()
    d.talk(d.usable("maar1"))
    for ap in ("ap2", "ap3", "ap1", "ap2", "ap3", "ap1"):
        d.move(ap)
    d.stop_capture()
    sent = [len(kinds) for kinds in d.per_move()]
    assert sum(sent) > sum(2 * m["previous"] + 2 for m in d.moves), "no loss, no test"
    (binding,) = d.lab.show(CMD, "bindings")
    assert binding["serving"] == d.address("maar1") and binding["anchors"] == 3
    assert signalling.malformed(d.file) == []


def test_the_cmd_answers_before_it_has_heard_the_previous_maars(domain):
    """RFC 8885 3.4, proxy mode: on a long link, the order on the wire shows it."""
    d = domain(delay="10ms")
    roam(d, ["ap2", "ap3"])
    last = messages(d.file)[-6:]
    cmd = d.address(CMD)
    assert [m.kind for m in last if m.src == cmd] == [PBU, PBU, PBA] or \
        [m.kind for m in last if m.src == cmd] == [PBA, PBU, PBU]
    assert [m.src == cmd for m in last] == [False, True, True, True, False, False]
    assert {m.dst for m in last if m.src == cmd} == {d.address(f"maar{i}") for i in (1, 2, 3)}


@pytest.mark.parametrize("second_moves", [False, True])
def test_several_mobile_nodes(domain, second_moves):
    """Two nodes, together and apart: nobody's packets go astray."""
    d = domain(mobile_nodes=2)
    d.capture()
    first = {mn: d.usable("maar1", mn) for mn in ("mn1", "mn2")}
    assert len({ipaddress.IPv6Network((a, 64), strict=False) for a in first.values()}) == 2
    d.talk(first["mn1"])
    d.move("ap2")
    if second_moves:
        d.lab.move("mn2", "ap3")
    d.move("ap3")
    ping = d.lab.run("mn2", ["ping", "-c", "5", "-i", "0.2", "-I", first["mn2"],
                             d.address(SERVER)], check=False)
    assert ping.returncode == 0, ping.stdout
    records = d.echo.finish()
    assert d.lost_while_served(records) == []
