"""`godwit decode` on captures of each kind of link, of good and of broken messages."""
import json
import subprocess

import captures
import pytest
from scapy.layers.inet6 import IPv6, UDP
from scapy.layers.l2 import CookedLinux, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, wrpcap


def decode(*arguments, stdin=None):
    return subprocess.run([captures.program("godwit"), "decode", *map(str, arguments)],
                          capture_output=True, input=stdin, check=False)


def decode_json(*arguments):
    out = decode("--json", *arguments)
    return out.returncode, json.loads(out.stdout)


def capture(tmp_path, packets, linktype=None):
    path = tmp_path / "test.pcap"
    if linktype is None:
        wrpcap(str(path), packets)
        return path
    with PcapWriter(str(path), linktype=linktype) as writer:
        for p in packets:
            writer.write(p)
    return path


def mh(samples, name):
    return samples.packets[name]


def test_every_sample(samples):
    code, messages = decode_json(samples.capture)
    signalling = [n for n in samples.names if samples.packets[n][6] == 135]
    assert code == 0
    assert len(messages) == len(signalling)
    types = dict(zip(signalling, [m["type"] for m in messages]))
    assert types["pbu"] == "PBU" and types["pba"] == "PBA"
    assert types["bu"] == "BU" and types["ba"] == "BA"
    assert types["bri"] == "BRI" and types["bra"] == "BRA"
    assert [m["src"] for m in messages] == [captures.SRC] * len(messages)


def test_fields_and_options(samples):
    _, messages = decode_json(samples.capture)
    pbu = messages[samples.names.index("pbu")]
    assert (pbu["seq"], pbu["flags"], pbu["lifetime"]) == (1, "APD", 60)
    options = {o["name"]: o for o in pbu["options"]}
    assert options["mn-id"]["id"] == "02:00:00:00:00:01"
    assert options["hnp"]["prefix"] == "2001:db8:1000::/64"
    assert options["dlif-lladdr"]["lladdr"] == "02:00:5e:00:01:01"
    assert options["timestamp"]["time"] == "2023-11-14T22:13:20.500000Z"
    assert options["mesg-id"]["time"].startswith("2023-11-14T")
    everything = messages[samples.names.index("pbu-all")]
    assert everything["flags"] == "AHLKMRPFTBSDCN"
    options = {o["name"]: o for o in everything["options"]}
    assert options["previous-maar"] == {
        "name": "previous-maar", "type": 67, "offset": options["previous-maar"]["offset"],
        "maar": "2001:db8:f::2", "prefix": "2001:db8:2000:7::/64"}
    assert options["unknown"]["type"] == 200
    assert options["unknown"]["data"] == "0000281f07676f"
    assert options["auth"]["spi"] == 256


def test_messages_of_cats(samples):
    _, messages = decode_json(samples.capture)
    by_name = {n: messages[samples.names.index(n)] for n in samples.names if n.startswith("cats-")}
    assert {n: (m["type"], m["message"], m["seq"]) for n, m in by_name.items()} == {
        "cats-update": ("CATS", "update", 0x01020304), "cats-mapping": ("CATS", "mapping", 9),
        "cats-notification": ("PBU", "notification", 40),
        "cats-indication": ("PBA", "indication", 40), "cats-locate": ("CATS", "locate", 8),
        "cats-transfer": ("CATS", "transfer-confirm", 0xfffffffe)}
    items = [[(o["item"], o) for o in m["options"] if "item" in o] for m in by_name.values()]
    assert [[name for name, _ in of] for of in items] == [
        ["origin", "service", "instance", "metric", "instance"],
        ["flow", "choice", "path", "hop", "vector"], ["move", "token"], ["move"],
        ["location", "location"], ["transaction"]]
    assert items[0][4][1]["egress"] == "2001:db8:f::4" and "egress" not in items[0][2][1]
    token = items[2][1][1]
    assert (token["spi"], token["mac"]) == (256, b"godwit-of-nine-l".hex())
    location = items[4][0][1]
    assert location["client"] == "2001:db8:1000::" and location["generation"] == 3
    assert location["egresses"] == ["2001:db8:f::3", "2001:db8:f::4"]
    assert items[5][0][1]["id"] == "0102030405060708"
    lines = decode(samples.capture).stdout.decode().splitlines()
    assert any("egresses=2001:db8:f::3,2001:db8:f::4" in line for line in lines)
    assert any("CATS message=locate sub-type=11 seq=8" in line for line in lines)


def test_text(samples):
    out = decode(samples.capture)
    assert out.returncode == 0
    lines = out.stdout.decode().splitlines()
    assert f"{captures.SRC} > {captures.DST} PBU seq=1 flags=APD lifetime=60" in lines[0]
    assert lines[1].startswith("    mn-id(8) ")
    assert any("status-name=\"sequence number out of window\"" in line for line in lines)


def test_links(samples, tmp_path):
    octets = mh(samples, "pbu")
    links = {
        "ethernet": ([captures.in_ether(octets)], None),
        "vlan": ([Ether(**captures.MACS) / Dot1Q(vlan=7, type=0x86DD) / Raw(octets)], None),
        "raw": ([Raw(octets)], 101),
        "ipv6": ([Raw(octets)], 229),
        "cooked": ([CookedLinux(proto=0x86DD) / Raw(octets)], 113),
        "cooked-2": ([Raw(bytes.fromhex("86dd0000000000010001000600000000000000000000"[:40])
                          + octets)], 276),
    }
    for name, (packets, linktype) in links.items():
        code, messages = decode_json(capture(tmp_path, packets, linktype))
        assert (code, len(messages)) == (0, 1), name
        assert messages[0]["type"] == "PBU", name


def test_other_packets_are_passed_over(samples, tmp_path):
    udp = bytes(IPv6(src=captures.SRC, dst=captures.DST) / UDP(dport=9) / Raw(b"x" * 40))
    packets = [captures.in_ether(udp), Ether(type=0x0800) / Raw(b"\x45" + bytes(30)),
               captures.in_ether(b""), captures.in_ether(mh(samples, "be"))]
    code, messages = decode_json(capture(tmp_path, packets))
    assert (code, [m["frame"] for m in messages]) == (0, [4])
    assert decode_json(capture(tmp_path, packets[:3])) == (0, [])


def test_home_address_and_routing_header(tmp_path):
    packets = [captures.in_ether(captures.read_hex(captures.HERE / f"packet/{name}.hex"))
               for name in ("home-address", "routing-header")]
    code, messages = decode_json(capture(tmp_path, packets))
    assert code == 0
    assert messages[0]["home-address"] == "2001:db8:1000::99"
    assert messages[0]["src"] == "2001:db8:c0a::1"
    assert messages[1]["routed-to"] == "2001:db8:1000::99"


def with_checksum(octets):
    from scapy.layers.inet6 import in6_chksum
    body = octets[40:44] + bytes(2) + octets[46:]
    total = in6_chksum(135, IPv6(octets[:40]), body)
    return octets[:44] + total.to_bytes(2, "big") + octets[46:]


@pytest.mark.parametrize("at, value, how, offset, answer", [
    (44, 0x00, "ignored", 4, "none"),
    (42, 99, "error", 2, "binding-error"),
    (40, 58, "error", 0, "parameter-problem"),
    (41, 0, "error", 1, "parameter-problem"),
    (41, 99, "error", 1, "none"),
    (53, 255, "error", 12, "none"),  # the length of the first option
])
def test_refusals(samples, tmp_path, at, value, how, offset, answer):
    octets = bytearray(mh(samples, "be" if at == 41 and value == 0 else "pbu"))
    octets[at] = value
    if at != 44:
        length = 40 + 8 + 8 * octets[41]
        octets = with_checksum(bytes(octets[:length])) + bytes(octets[length:])
    path = capture(tmp_path, [captures.in_ether(bytes(octets)),
                              captures.in_ether(mh(samples, "be"))])
    code, messages = decode_json(path)
    assert code == 1
    refused = messages[0]["refused"]
    assert (refused["how"], refused["offset"], refused["answer"]) == (how, offset, answer)
    assert refused["why"]
    assert messages[1]["type"] == "BE"
    assert f"REFUSED how={how} offset={offset}" in decode(path).stdout.decode()


def test_packet_cut_by_the_capture(samples, tmp_path):
    path = capture(tmp_path, [captures.in_ether(mh(samples, "pbu")[:70])])
    code, messages = decode_json(path)
    assert code == 1
    assert messages[0]["refused"]["why"] == "packet is cut short"


def test_as_drawn(tmp_path):
    packet = captures.in_ip6(captures.read_hex(captures.HERE / "mh/drawn-pba.hex"))
    path = capture(tmp_path, [captures.in_ether(packet)])
    assert decode_json(path)[0] == 1  # Length 33 is not registered
    code, messages = decode_json("--profile", "as-drawn", path)
    assert (code, messages[0]["flags"]) == (0, "PD")


def test_stdin(samples):
    with open(samples.capture, "rb") as f:
        out = decode("--json", "-", stdin=f.read())
    assert out.returncode == 0 and json.loads(out.stdout)


def test_usage_and_unreadable(tmp_path):
    for arguments in ([], ["a", "b"], ["--nonsense", "a"], ["--profile", "x", "a"]):
        out = decode(*arguments)
        assert out.returncode == 2 and b"usage" in out.stderr, arguments
    missing = decode(tmp_path / "nowhere.pcap")
    assert missing.returncode == 2 and b"nowhere.pcap" in missing.stderr
    (tmp_path / "text").write_text("not a capture, whatever it says")
    bad = decode(tmp_path / "text")
    assert bad.returncode == 2 and bad.stderr and not bad.stdout
    empty = capture(tmp_path, [Raw(b"x")], 105)  # IEEE 802.11
    assert decode(empty).returncode == 2
    assert decode("--help").returncode == 0


def test_capture_that_ends_early(samples, tmp_path):
    whole = open(samples.capture, "rb").read()
    (tmp_path / "cut.pcap").write_bytes(whole[:-7])
    out = decode("--json", tmp_path / "cut.pcap")
    assert out.returncode == 2 and b"cut.pcap" in out.stderr
    assert json.loads(out.stdout)  # what was there is shown
