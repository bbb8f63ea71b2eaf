"""The Wireshark dissector (packaging/wireshark/godwit.lua) reads what Godwit and others wrote, calls what is
malformed so, and no octets make an error of Lua."""
import random
import subprocess

import captures
import pytest
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.utils import wrpcap

SCRIPT = captures.HERE.parents[1] / "packaging/wireshark/godwit.lua"
REGISTRATION = {
    "mn_id": "020000000001", "mn_id.subtype": "5", "hnp": "2001:db8:1000::", "hnp.length": "64",
    "handoff": "1", "technology": "4", "mn_lladdr": "02:00:00:00:00:01",
    "timestamp": "Nov 14, 2023 22:13:20.500000000 UTC", "dlif.link_local": "fe80::1:1",
    "dlif.lladdr": "02:00:5e:00:01:01"}
ALL = {**REGISTRATION, "anchored_prefix.length": "64", "local_prefix.length": "33",
       "previous_maar": "2001:db8:f::2", "previous_maar.hnp": "2001:db8:2000:7::",
       "previous_maar.hnp.length": "64", "mag": "2001:db8:f::4",
       "link_local": "fe80::abcd", "auth.spi": "256", "flag.s": "1", "flag.d": "1", "flag.c": "1"}

# sample: {field of the dissector: its value}
FIELDS = {
    "pbu": {"type": "5", "flags": "APD", "flags.raw": "0x8210", "seq": "1", "lifetime": "60",
            "flag.d": "1", "flag.s": "0", "flag.c": "0", "flag.n": "0",
            "option": "8,22,23,24,25,27,69,70,10", **REGISTRATION},
    "pba": {"type": "6", "flags": "PD", "flags.raw": "0x0022", "status": "0", "flag.d": "1",
            "previous_maar": "2001:db8:f::2", "previous_maar.hnp": "2001:db8:2000:7::",
            "option": "8,22,67,69,70"},
    "notification": {"serving_maar": "2001:db8:f::1", "seq": "65535", "lifetime": "0"},
    "bu": {"flags": "AHLK", "lifetime": "420", "flag.d": "0"},
    "pbu-all": {"flags": "AHLKMRPFTBSDCN", "flag.n": "1", **ALL},
    "pba-all": {"flags": "KRPTBSDC", **ALL},
    "heartbeat-response": {"restart": "7"},
    "lri": {"type": "17", "seq": "3", "lri.lifetime": "60", "mn_id": "020000000001",
            "hnp": "2001:db8:1000::", "mag": "2001:db8:f::4"},
    "lra": {"type": "18", "seq": "3", "lri.lifetime": "60", "lra.status": "129",
            "lra.unsolicited": "1"},
    "upn": {"type": "19", "seq": "4", "upn.reason": "1", "upn.ack": "1",
            "upn.retransmission": "1", "mn_id": "020000000001"},
    "upa": {"type": "20", "seq": "4", "upa.status": "128"},
    "cats-update": {"type": "11", "message": "update", "seq": "16909060", "item": "1,2,3,8,3",
                    "origin.epoch": "7", "origin.upto": "21", "origin.from": "19",
                    "service.cs_id": "2001:db8:cafe::1", "service.port": "443",
                    "instance.state.name": "up,gone", "instance.egress": "2001:db8:f::4",
                    "instance.latency": "12500,12500", "metric.value": "875"},
    "cats-mapping": {"message": "mapping", "cats.flags": "0x4000", "item": "5,6,7,9,4",
                     "flow.sport": "40000", "flow.src": "2001:db8:1000::99",
                     "choice.csci_id": "2001:db8:e3::10", "path.delay": "4000", "hop.tx": "99",
                     "vector.upto": "21"},
    "cats-notification": {"message": "notification", "flags": "C", "flag.n": "0",
                          "cats.client": "2001:db8:1000::",
                          "cats.address": "2001:db8:f::3,2001:db8:f::4", "item": "10,11",
                          "move.flags": "160", "move.generation": "3", "token.spi": "256",
                          "token.egress": "2001:db8:f::3",
                          "token.mac": b"godwit-of-nine-l".hex()},
    "cats-indication": {"message": "indication", "flags": "C", "cats.address": "2001:db8:f::1",
                        "move.generation": "4294967295", "lifetime": "60"},
    "cats-locate": {"message": "locate", "item": "13,13", "location.lifetime": "60,0",
                    "location.client": "2001:db8:1000::,2001:db8:1000:1::",
                    "location.ingress": "2001:db8:f::1,::",
                    "location.lladdr": "02:00:00:00:00:01",
                    "location.egress": "2001:db8:f::3,2001:db8:f::4"},
    "cats-transfer": {"message": "transfer-confirm", "seq": "4294967294",
                      "transaction.id": "0102030405060708", "transaction.code": "4",
                      "transaction.size": "65536", "transaction.moved": "4096"},
    "experimental": {"type": "11", "message": "", "item": ""},
    "signed": {"auth.subtype": "1", "auth.spi": "256", "option.length": "7,18,2,2,8,8,16,8,8,21"},
}
DRAWN = {
    "drawn-pba": {"flags": "PD", "flags.raw": "0x0030", "flag.d": "1",
                  "previous_maar": "2001:db8:f::2", "previous_maar.hnp": "2001:db8:2000:7::"},
    "drawn-request": {"flags": "CN", "flags.raw": "0x0180", "flag.d": "0", "flag.c": "1",
                      "flag.n": "1", "cats.client": "2001:db8:1000::99", "message": "request"},
    "drawn-notification": {"flags": "C", "flag.d": "0", "message": "notification",
                           "cats.address": "2001:db8:f::3,2001:db8:f::4", "item": "10,11",
                           "move.generation": "3"},
    "drawn-indication": {"flags": "C", "flag.d": "0", "message": "indication",
                         "cats.client": "2001:db8:1000::"},
}


def tshark(capture, *arguments):
    out = subprocess.run(["tshark", "-n", "-X", f"lua_script:{SCRIPT}", "-r", str(capture),
                          *arguments], check=True, capture_output=True, text=True)
    assert "lua" not in out.stderr.lower(), out.stderr
    return out.stdout.splitlines()


def read(capture, frame, names, *arguments):
    fields = [word for name in names for word in ("-e", f"godwit.{name}")]
    lines = tshark(capture, *arguments, "-Y", f"frame.number == {frame}", "-T", "fields",
                   "-E", "separator=|", "-E", "aggregator=,", *fields)
    plain = [{"True": "1", "False": "0"}.get(v, v) for v in lines[0].split("|")]
    return dict(zip(names, plain))


def write(path, packets):
    wrpcap(str(path), [captures.in_ether(p) for p in packets])
    return path


def frames(capture, condition, *arguments):
    lines = tshark(capture, *arguments, "-Y", condition, "-T", "fields", "-e", "frame.number")
    return [int(n) for n in lines]


@pytest.mark.parametrize("name", FIELDS)
def test_fields(samples, name):
    want = FIELDS[name]
    assert read(samples.capture, samples.names.index(name) + 1, list(want)) == want


def test_the_identifier_is_a_time(samples):
    read_it = read(samples.capture, samples.names.index("pbu") + 1, ["mesg_id"])
    assert read_it == {"mesg_id": "Nov 14, 2023 09:08:16.500000000 UTC"}


@pytest.mark.parametrize("name", DRAWN)
def test_as_drawn(tmp_path, name):
    octets = captures.read_hex(captures.HERE / f"mh/{name}.hex")
    capture = write(tmp_path / "drawn.pcap", [captures.in_ip6(octets)])
    want = DRAWN[name]
    assert read(capture, 1, list(want), "-o", "godwit.profile:as-drawn") == want
    assert frames(capture, "godwit.malformed", "-o", "godwit.profile:as-drawn") == []
    if name == "drawn-pba":  # Length 33 is not registered
        assert frames(capture, "godwit.malformed") == [1]


def test_cats_options_by_preference(tmp_path):
    octets = captures.read_hex(captures.HERE / "mh/request.hex")
    capture = write(tmp_path / "request.pcap", [captures.in_ip6(octets)])
    assert read(capture, 1, ["cats.client", "flags"]) == \
        {"cats.client": "2001:db8:1000::99", "flags": "CN"}
    assert read(capture, 1, ["cats.client"], "-o", "godwit.cats_client:99") == {"cats.client": ""}


def test_messages_of_handovers_are_named(samples):
    names = {"cats-notification": "CATS notification flags=C", "cats-indication":
             "CATS indication flags=C", "cats-locate": "CATS locate"}
    for name, text in names.items():
        line = tshark(samples.capture, "-Y", f"frame.number == {samples.names.index(name) + 1}")
        assert text in line[0], name


def item(kind, octets, legal=True):
    """A CATS control message with one item, its checksum right."""
    body = bytes([59, 0, 11, 0, 0, 0]) + bytes.fromhex("4757010b0000") + bytes(4)
    body += bytes([18, 1 + len(octets), kind]) + octets if legal else bytes([18, 0])
    body += bytes(-len(body) % 8)
    body = body[:1] + bytes([len(body) // 8 - 1]) + body[2:]
    return captures.in_ip6(body[:4] + in6_chksum(135, IPv6(captures.in_ip6(body)), body)
                           .to_bytes(2, "big") + body[6:])


# sub-type: octets of the item without its sub-type
ITEMS = {1: 30, 2: 19, 3: 45, 4: 25, 5: 38, 6: 38, 7: 29, 8: 17, 9: 34, 10: 5, 11: 40, 12: 17, 13: 40}


def test_every_length_of_every_item(tmp_path):
    made = [(k, n) for k in (*ITEMS, 14) for n in range(80)]
    packets = [item(k, bytes([1] if k == 3 else [0]) * min(n, 1) + bytes(max(n - 1, 0)))
               for k, n in made]
    capture = write(tmp_path / "items.pcap", packets + [item(0, b"", legal=False)])
    lines = tshark(capture, "-T", "fields", "-e", "_ws.lua.error", "-e", "godwit.malformed")
    assert not any(line.split("\t")[0] for line in lines)
    bad = {m for m, line in zip(made, lines) if line.split("\t")[1]}
    assert bad == {(k, n) for k, n in made if k in ITEMS and n < ITEMS[k]}
    assert lines[-1].split("\t")[1]


def test_items_that_contradict_themselves(tmp_path):
    there = bytes(38)
    packets = [item(3, bytes([1]) + bytes(44)), item(3, bytes([4]) + bytes(44)),
               item(3, bytes([0x81]) + bytes(44)), item(3, bytes([0x81]) + bytes(60)),
               item(13, there + bytes([8]) + bytes(9)), item(13, there + bytes([9]) + bytes(10)),
               item(13, there + bytes([0, 2]) + bytes(31)), item(13, there + bytes([0, 2]) + bytes(32)),
               item(13, there + bytes([0, 9]) + bytes(16 * 9))]
    capture = write(tmp_path / "items.pcap", packets)
    assert frames(capture, "godwit.malformed") == [2, 3, 6, 7, 9]


def test_nothing_of_ours_is_malformed(samples):
    assert frames(samples.capture, "_ws.malformed || godwit.malformed || godwit.protocol "
                  "|| godwit.checksum.bad") == []
    signalling = [i for i, n in enumerate(samples.names, 1) if samples.packets[n][6] == 135]
    assert frames(samples.capture, "godwit.checksum.good == 1") == signalling


def test_checksum_with_a_home_address(tmp_path):
    names = ("plain", "home-address", "routing-header")
    packets = [captures.read_hex(captures.HERE / f"packet/{n}.hex") for n in names]
    bad = packets[0][:44] + bytes([packets[0][44] ^ 1]) + packets[0][45:]
    capture = write(tmp_path / "packets.pcap", [*packets, bad])
    assert frames(capture, "godwit.checksum.good == 1") == [1, 2, 3]
    assert frames(capture, "godwit.checksum.bad") == [4]


def message(kind, length, content=0x5a):
    """A PBU with one option of this type and Length (what fits), behind its fixed part."""
    body = bytes([59, 0, 5, 0, 0, 0]) + bytes.fromhex("00018210000f") + bytes([kind, length])
    body += bytes([content]) * min(length, 242)
    body += bytes(-len(body) % 8)
    body = body[:1] + bytes([len(body) // 8 - 1]) + body[2:]
    return captures.in_ip6(body[:4] + in6_chksum(135, IPv6(captures.in_ip6(body)), body)
                           .to_bytes(2, "big") + body[6:])


# type: the Lengths that are allowed
LENGTHS = {8: range(1, 243), 9: range(6, 243), 10: [8], 22: [18], 23: [2], 24: [2],
           25: range(3, 243), 26: [16], 27: [8], 28: [4], 51: [18], 65: [18], 66: [18], 67: [34],
           68: [16], 69: [16], 70: range(3, 243), 71: [16], 72: [16], 200: range(243)}


def test_every_length_of_every_option(tmp_path):
    made = [(k, n) for k in LENGTHS for n in range(256)]
    capture = write(tmp_path / "lengths.pcap", [message(k, n) for k, n in made])
    lines = tshark(capture, "-T", "fields", "-e", "_ws.lua.error", "-e", "godwit.malformed")
    assert not any(line.split("\t")[0] for line in lines)
    bad = {m for m, line in zip(made, lines) if line.split("\t")[1]}
    assert bad == {(k, n) for k, n in made if n not in LENGTHS[k]}


def test_prefix_lengths(tmp_path):
    packets = [message(k, n, content) for k, n in ((22, 18), (65, 18), (66, 18), (67, 34))
               for content in (128, 129)]
    capture = write(tmp_path / "prefixes.pcap", packets)
    assert frames(capture, "godwit.malformed") == [2, 4, 6, 8]


def test_truncated_and_broken(samples, tmp_path):
    """Cut at every octet, with the length of the packet cut too and not; and random octets changed."""
    rng = random.Random(8885)
    packets = []
    for name in ("pbu-all", "pba-all", "lri", "lra", "upn", "upa", "bri", "heartbeat-response",
                 "cats-update", "cats-notification", "cats-locate"):
        whole = samples.packets[name]
        for at in range(40, len(whole)):
            packets += [whole[:at], captures.in_ip6(whole[40:at])]
        for _ in range(200):
            broken = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                broken[rng.randrange(40, len(broken))] = rng.randrange(256)
            packets.append(bytes(broken))
    capture = write(tmp_path / "broken.pcap", packets)
    assert frames(capture, "_ws.lua.error") == []
    assert len(frames(capture, "godwit")) >= len(packets) - 2 * 11, "all but the empty ones"
    # Behind its first octets, a message cut alone is the capture's fault, with its packet its own.
    assert frames(capture, "(godwit.cut || godwit.malformed) && frame.number <= 200 "
                  "&& frame.number > 2") == list(range(3, 201))


def test_an_error_of_lua_would_be_seen(samples, tmp_path):
    """The condition of the tests above, on a script that does fail."""
    script = tmp_path / "fails.lua"
    script.write_text('local p = Proto("fails", "fails")\n'
                      'function p.dissector(tvb) return tvb(0, tvb:len() + 1) end\n'
                      'DissectorTable.get("ip.proto"):set(135, p)\n')
    out = subprocess.run(["tshark", "-n", "-X", f"lua_script:{script}", "-r", samples.capture, "-Y",
                          "_ws.lua.error"], check=True, capture_output=True, text=True)
    assert out.stdout != ""


def test_contradictions_have_a_mark(samples, tmp_path):
    signed, plain = samples.packets["signed"], bytearray(samples.packets["pbu"])
    behind = bytearray(signed + bytes([23, 2, 0, 4, 1, 2, 0, 0]))
    behind[41] += 1
    behind[4:6] = (len(behind) - 40).to_bytes(2, "big")
    plain[48] &= ~2 & 0xff  # D without P
    proto = bytearray(samples.packets["pbu"])
    proto[40] = 58
    capture = write(tmp_path / "odd.pcap", [bytes(behind), bytes(plain), bytes(proto), signed])
    assert frames(capture, "godwit.protocol") == [1, 2]
    assert frames(capture, "godwit.malformed") == [3]
