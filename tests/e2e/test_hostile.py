"""Input made to break things: flipped bits, lengths that lie, peers that lie, floods, a control
socket full of rubbish. Nothing changes, all of it is counted, and the domain serves on.
"""
import json
import os
import random
import socket
import struct
import time

import pytest

import mhbuild as mh
from enemy import CMD, EVIL, MAAR1, MAAR2, MN1, MN2, SRV, Arena, unchanged, wait_for

pytestmark = [pytest.mark.sanitized,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]
SO_RCVBUFFORCE = 33
GHOST, GHOST_HNP = "02:00:00:00:0b:ad", "2001:db8:1fff:bad::"


@pytest.fixture(scope="module")
def arena():
    made = Arena()
    yield made
    made.close()


def sealed(data, src=MAAR1, dst=CMD):
    return mh.ip6(src, dst, mh.seal(mh.addr(src), mh.addr(dst), bytes(data)))


def ghost(arena, **how):
    return mh.registration(GHOST, GHOST_HNP, MAAR1, CMD, key=arena.key("cmd", "maar1"), **how)


def signed(arena, options, seq=7, lifetime=75, owner="cmd", peer="maar1", src=MAAR1, dst=CMD):
    message = mh.pbu(seq, lifetime, options, src, dst, key=arena.key(owner, peer))
    return mh.ip6(src, dst, message)


# -- messages -------------------------------------------------------------------------------------

def test_every_bit_flipped(arena):
    """With the checksum made right again, so that it is not the checksum that saves us. The pad
    behind the MAC is outside it and carries nothing, so it is left alone."""
    whole = ghost(arena)
    covered = whole.rindex(bytes([mh.AUTH, 21, 1])) + 23
    flipped = []
    for bit in range(covered * 8):
        if bit // 8 in (4, 5):
            continue  # the checksum itself
        data = bytearray(whole)
        data[bit // 8] ^= 0x80 >> bit % 8
        flipped.append(sealed(data))
    with unchanged(arena):
        arena.expect_counted("cmd", flipped)


def test_bad_checksum(arena):
    whole = ghost(arena)
    wrong = [whole[:4] + struct.pack("!H", value) + whole[6:] for value in (0, 0xffff, 0x1234)]
    with unchanged(arena):
        arena.expect_counted("cmd", [mh.ip6(MAAR1, CMD, w) for w in wrong])


def test_lengths_that_lie(arena):
    whole = ghost(arena)
    bad = [whole[:1] + bytes([n]) + whole[2:] for n in range(256) if n != whole[1]]
    at = 12
    while at < len(whole):  # each option's length, every value
        if whole[at] == 0:
            at += 1
            continue
        bad += [whole[:at + 1] + bytes([n]) + whole[at + 2:] for n in (0, 1, 2, 17, 127, 254, 255)
                if n != whole[at + 1] and at + 2 + whole[at + 1] < len(whole) - 5]
        at += 2 + whole[at + 1]
    with unchanged(arena):
        arena.expect_counted("cmd", [sealed(b) for b in bad])


def test_rubbish(arena):
    """Options without end, of every type, random ones."""
    rng = random.Random(8885)
    head = bytes([59, 0, 5, 0, 0, 0, 0, 1, 0x82, 0x10, 0, 75])
    bodies = [bytes(rng.randrange(256) for _ in range(rng.randrange(0, 600))) for _ in range(200)]
    bodies += [bytes([t, 0] * 200) for t in range(2, 256, 7)]
    bodies += [bytes([1, 0] * 600), bytes(1200), bytes([mh.PREVIOUS_MAAR, 34] + [0] * 34) * 38]
    packets = []
    for body in bodies:
        data = head + body[:1400]
        data += mh._pad(-len(data) % 8)
        packets.append(sealed(data[:1] + bytes([len(data) // 8 - 1]) + data[2:]))
    with unchanged(arena):
        arena.expect_counted("cmd", packets)


def test_every_message_type(arena):
    """Types that nobody handles, unauthenticated, from a peer and with any payload protocol."""
    def message(kind, proto=59):
        return sealed(bytes([proto, 2, kind, 0, 0, 0]) + bytes(18))
    with unchanged(arena):
        arena.expect_counted("cmd", [message(k) for k in range(256)])
        arena.expect_counted("cmd", [message(5, p) for p in (0, 6, 17, 58, 135)])


def test_peer_that_lies(arena):
    """Authentic and fresh, but not what this peer may say, or not enough."""
    pool2 = "2001:db8:2fff:bad::"
    whole = {
        "mn": mh.mn_id(GHOST), "hnp": mh.prefix(mh.HNP, GHOST_HNP), "hi": (mh.HI, b"\0\4"),
        "att": (mh.ATT, b"\0\3")}

    def options(*without, extra=(), **other):
        return [v for k, v in {**whole, **other}.items() if k not in without] + [
            mh.timestamp(time.time()), *extra]
    cmd = [options("mn"), options("hnp"), options("hi"), options("att"),
           options(hnp=mh.prefix(mh.HNP, pool2)), options(hnp=mh.prefix(mh.HNP, "2001:db8:77::")),
           options(hnp=mh.prefix(mh.HNP, "2001:db8:1000::", 36)),
           options(hnp=mh.prefix(mh.HNP, "::", 0)), options(hnp=mh.prefix(mh.HNP, "ff02::")),
           options(mn=(mh.MNID, b"\5")), options(mn=(mh.MNID, b""))]
    with unchanged(arena):
        for made in cmd:
            arena.expect_counted("cmd", [signed(arena, made)])
        # A MAAR does not take orders from a MAAR: this one would draw away MN 1's packets.
        hnp = arena.preferred("mn1")
        prefix = ":".join(hnp.split(":")[:4]) + "::"
        order = [mh.mn_id(MN1), mh.prefix(mh.HNP, prefix), (mh.HI, b"\0\3"), (mh.ATT, b"\0\3"),
                 mh.timestamp(time.time()), (mh.SERVING_MAAR, mh.addr(MAAR2))]
        for lifetime in (75, 0):
            arena.expect_counted("maar1", [signed(arena, order, 9, lifetime, "maar1", "maar2",
                                                  MAAR2, MAAR1)])
        # Nobody asked for these answers.
        for node, peer, src, dst in (("maar1", "cmd", CMD, MAAR1), ("cmd", "maar1", MAAR1, CMD)):
            answer = mh.pba(4711, 75, 0, [mh.mn_id(MN1), mh.prefix(mh.HNP, prefix)], src, dst,
                            key=arena.key(node, peer))
            arena.expect_counted(node, [mh.ip6(src, dst, answer)])


def test_another_maar_does_not_end_a_session(arena):
    """MN 1 is at MAAR 1; MAAR 2 cannot de-register it (RFC 8885 3.5)."""
    prefix = ":".join(arena.preferred("mn1").split(":")[:4]) + "::"
    with unchanged(arena):
        before = arena.count("cmd", "in-pbu")
        arena.send(signed(arena, [
            mh.mn_id(MN1), mh.prefix(mh.HNP, prefix), (mh.HI, b"\0\4"), (mh.ATT, b"\0\3"),
            mh.timestamp(time.time())], 9, 0, "cmd", "maar2", MAAR2, CMD))
        wait_for("the PBU", lambda: arena.count("cmd", "in-pbu") > before, 5)


def test_fragments_and_headers_in_front(arena):
    """A forged message behind an extension header, in fragments, in fragments that never complete,
    and the longest that the header can say."""
    forged = mh.registration(GHOST, GHOST_HNP, MAAR1, CMD, key=bytes(32))
    options = bytes([135, 0, 1, 4, 0, 0, 0, 0])
    longest = bytes([59, 255, 5, 0, 0, 0, 0, 1, 0x82, 0x10, 0, 75]) + bytes([1, 0] * 1018)
    in_two = mh.fragments(mh.ip6(MAAR1, CMD, forged), 1, 64)
    in_many = mh.fragments(sealed(longest), 2)
    assert len(in_two) > 1 and len(in_many) > 1
    with unchanged(arena):
        arena.expect_counted("cmd", [mh.ip6(MAAR1, CMD, options + forged, 60)])
        before = arena.dropped("cmd")
        for piece in mh.fragments(mh.ip6(MAAR1, CMD, forged), 3, 64)[:-1] + in_two + in_many:
            arena.send(piece)
        wait_for("both whole ones", lambda: arena.dropped("cmd") == before + 2, 5)


# -- stations -------------------------------------------------------------------------------------

def icmp6(src, dst, kind, body):
    data = bytes([kind, 0, 0, 0]) + body
    total = mh.addr(src) + mh.addr(dst) + struct.pack("!IHBB", len(data), 0, 0, 58) + data
    total += bytes(len(total) % 2)
    value = sum(struct.unpack(f"!{len(total) // 2}H", total))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    data = data[:2] + struct.pack("!H", ~value & 0xffff) + data[4:]
    return mh.ip6(src, dst, data, 58, hop_limit=255)


def test_nd_flood(arena):
    """Solicitations as fast as a station can: answers stay bounded, the other station is served."""
    mac = bytes.fromhex(MN1.replace(":", ""))
    router = arena.lab.run("mn1", ["ip", "-6", "route", "show", "default"]).stdout.split()[2]
    target = mh.addr(router)
    own = "fe80::ff:fe00:1"
    ns = icmp6(own, router, 135, bytes(4) + target + b"\1\1" + mac)
    rs = icmp6(own, "ff02::2", 133, bytes(4) + b"\1\1" + mac)
    sock = arena.socket("mn1", socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("wlan0", 0))
    answers = arena.socket("mn1", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
    answers.bind(("wlan0", 0x86dd))
    answers.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    with unchanged(arena):
        start = time.monotonic()
        for _ in range(5000):
            for packet in (ns, rs):
                sock.send(b"\x33\x33\0\0\0\2" + mac + b"\x86\xdd" + packet)
        arena.lab.run("mn2", ["ping", "-6", "-c", "3", "-i", "0.2", "-W", "5", SRV])
        time.sleep(1)
        spent = time.monotonic() - start
        answers.settimeout(0.1)
        kinds = []
        try:
            while True:
                frame, where = answers.recvfrom(2048)
                if where[2] != socket.PACKET_OUTGOING and frame[20] == 58:
                    kinds.append(frame[54])
        except TimeoutError:
            pass
    assert 20 <= kinds.count(136) <= 22 + 20 * spent
    assert 1 <= kinds.count(134) <= 4 + 2 * spent
    sock.close()
    answers.close()


def test_rogue_router_and_bad_nd(arena):
    """A station plays router or sends broken ND: nobody else hears it, the daemon takes no note."""
    mac = bytes.fromhex(MN1.replace(":", ""))
    ra = icmp6("fe80::ff:fe00:1", "ff02::1", 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0)
               + b"\1\1" + mac + struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 7200, 3600, 0)
               + mh.addr("2001:db8:666::"))
    sock = arena.socket("mn1", socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("wlan0", 0))
    with unchanged(arena):
        for cut in range(40, len(ra)):
            sock.send(b"\x33\x33\0\0\0\1" + mac + b"\x86\xdd" + ra[:4]
                      + struct.pack("!H", cut - 40) + ra[6:cut])
        sock.send(b"\x33\x33\0\0\0\1" + mac + b"\x86\xdd" + ra)
        time.sleep(0.5)
        assert "2001:db8:666" not in str(arena.lab.addresses("mn2"))
    sock.close()


def test_flood_of_link_layer_addresses(arena):
    """Frames from addresses that the policy denies, thousands of them."""
    sock = arena.socket("mn1", socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("wlan0", 0))
    with unchanged(arena):
        for i in range(5000):
            mac = struct.pack("!HI", 0x0a00, i)
            sock.send(b"\x33\x33\0\0\0\2" + mac + b"\x86\xdd"
                      + icmp6("fe80::1", "ff02::2", 133, bytes(4)))
        arena.lab.run("mn2", ["ping", "-6", "-c", "1", "-W", "5", SRV])
        wait_for("reports bounded", lambda: arena.count(
            "maar1", "station-reports-bounded", "plane") > 0, 5)
    sock.close()


def test_more_stations_than_there_is_room_for():
    """One port pretends to be a crowd that the policy lets in: every table stays within its limit,
    and who was there before keeps working."""
    crowd = Arena(limits={"stations": 20, "bindings": 30, "pending": 10})
    try:
        crowd.settled()
        sock = crowd.socket("mn1", socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("wlan0", 0))
        for i in range(2000):
            mac = struct.pack("!HI", 0x0200, 0x10000 + i)
            sock.send(b"\x33\x33\0\0\0\2" + mac + b"\x86\xdd"
                      + icmp6("fe80::1", "ff02::2", 133, bytes(4)))
        wait_for("the limit", lambda: crowd.count("maar1", "limit-stations")
                 + crowd.count("maar1", "limit-pending") > 0, 10)
        crowd.serves()
        assert len(crowd.lab.show("maar1", "stations")) <= 20
        assert len(crowd.lab.show("maar1", "bindings")) <= 30
        assert len(crowd.lab.show("cmd", "bindings")) <= 30
        assert {MN1, MN2} <= {r["lladdr"] for r in crowd.lab.show("maar1", "stations")}
        sock.close()
    finally:
        crowd.close()


# -- errors from the network ----------------------------------------------------------------------

def test_forged_packet_too_big(arena):
    """An ICMPv6 error can be sent by anybody: below the minimum, about others' packets or cut short
    it is not believed."""
    def too_big(mtu, quote):
        return icmp6(EVIL, MAAR1, 2, struct.pack("!I", mtu) + quote)
    quote = mh.ip6(MAAR1, MAAR2, bytes(64), 41)
    forged = [too_big(m, quote) for m in (0, 1, 68, 1279, 0xffffffff, 65536, 1500, 9000)]
    forged += [too_big(1300, q) for q in (
        mh.ip6(MAAR2, MAAR1, bytes(64), 41), mh.ip6(MAAR1, EVIL, bytes(64), 41),
        mh.ip6(MAAR1, MAAR2, bytes(64), 17))]
    forged += [too_big(1300, quote[:n]) for n in range(0, 40)]
    with unchanged(arena):
        before = arena.count("maar1", "peer-mtu-lowered", "plane")
        for packet in forged:
            arena.send(packet)
        time.sleep(0.5)
        assert arena.count("maar1", "peer-mtu-lowered", "plane") == before
    arena.send(too_big(1400, quote))  # the one that a router on the path could have sent
    wait_for("path MTU", lambda: arena.count("maar1", "peer-mtu-lowered", "plane") == before + 1, 5)
    arena.serves()


# -- the control socket ---------------------------------------------------------------------------

def ask_raw(arena, node, data, half_close=True):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(15)
        sock.connect(arena.lab.socket_file(node))
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            return None
    return json.loads(answer) if answer else None


def test_control_socket_rubbish(arena):
    cases = [b"\n", b"{}\n", b"[]\n", b"null\n", b'"show"\n', b"{\n", b"\0\0\n", b"\xff\xfe\n",
             b'{"cmd":"show"}\n', b'{"cmd":"show","what":"everything"}\n', b'{"cmd":7}\n',
             b'{"cmd":"attach"}\n',
             b'{"cmd":"attach","interface":"core","lladdr":"02:00:00:00:00:09"}\n',
             b'{"cmd":"attach","interface":"ap1","lladdr":"nonsense"}\n',
             b'{"cmd":"attach","interface":7,"lladdr":[]}\n',
             b'{"cmd":"nothing"}\n', b"[" * 60000 + b"\n", b"x" * 200000 + b"\n"]
    with unchanged(arena):
        for case in cases:
            answer = ask_raw(arena, "maar1", case)
            assert answer is None or (answer["ok"] is False and answer["error"])
        assert ask_raw(arena, "maar1", b'{"cmd":"status"}\n')["ok"] is True


def test_control_socket_crowd(arena):
    """Clients that connect and say nothing do not keep others out for long."""
    idle = []
    for _ in range(200):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(arena.lab.socket_file("maar1"))
        except BlockingIOError:
            pass
        idle.append(sock)
    arena.serves()

    def answered():
        try:
            return arena.lab.ask("maar1", {"cmd": "status"})
        except (OSError, ValueError):
            return None
    wait_for("the daemon answers again", answered, 30)
    for sock in idle:
        sock.close()
    with unchanged(arena):
        assert answered()


def test_all_daemons_have_survived(arena):
    """The same processes as in the beginning, and a handover works."""
    arena.round_trip()
    status = arena.lab.status()["processes"]
    assert all(status[node]["alive"] for node in ("cmd", "maar1", "maar2"))
    assert EVIL not in str(arena.state())
