"""RADIUS accounting judged by others: requests that scapy's Radius layer makes are read, and answered;
scapy reads the answers, and tshark finds both authenticators right (it is told the secret)."""
import hashlib
import hmac
import subprocess

import pytest
from captures import program
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.radius import Radius, RadiusAttribute
from scapy.utils import wrpcap

SECRET = b"between-nas-and-maar"
NAS, MAAR = "2001:db8:a::1", "2001:db8:f::1"
USER, NAS_ID, CALLED, CALLING, PROXY, STATUS, DELAY, SESSION, AUTHENTIC, STAMP, PORT_TYPE, MAC = \
    1, 32, 30, 31, 33, 40, 41, 44, 45, 55, 61, 80


def number(value):
    return value.to_bytes(4, "big")


def request(ident, attributes, mac=False):
    """Signed as RFC 2866 §3 has it; attributes are (type, octets)."""
    layers = [RadiusAttribute(type=t, value=v) for t, v in attributes]
    if mac:
        layers.append(RadiusAttribute(type=MAC, value=bytes(16)))
    octets = bytearray(bytes(Radius(code=4, id=ident, authenticator=bytes(16), attributes=layers)))
    if mac:
        octets[-16:] = hmac.new(SECRET, octets, "md5").digest()
    octets[4:20] = hashlib.md5(octets + SECRET).digest()
    return bytes(octets)


STATION = [(USER, b"alice@example.org"), (CALLING, b"02-00-00-00-00-01"), (SESSION, b"5F3A")]
AROUND = [(NAS_ID, b"ap1"), (CALLED, b"02-0A-00-00-00-01:godwit"), (PORT_TYPE, number(19)),
          (DELAY, number(0)), (STAMP, number(0x6550_0000)), (AUTHENTIC, number(1))]
REQUESTS = {
    "start": (request(1, [(STATUS, number(1)), *STATION]), "1 5F3A 02:00:00:00:00:01 alice@example.org"),
    "stop": (request(2, [*AROUND, *STATION, (STATUS, number(2))]),
             "2 5F3A 02:00:00:00:00:01 alice@example.org"),
    "interim": (request(3, [(PROXY, b"one"), (STATUS, number(3)), (PROXY, b"two"), *STATION], mac=True),
                "3 5F3A 02:00:00:00:00:01 alice@example.org"),
    "on": (request(4, [(STATUS, number(7)), (SESSION, b"boot"), *AROUND]), "7 boot - "),
    "off": (request(255, [(STATUS, number(8)), *AROUND]), "8  - "),
    "by-address": (request(5, [(STATUS, number(1)), (SESSION, b"1"), (USER, b"020000000001"),
                               (CALLING, b"0200.0000.0001")]), "1 1 02:00:00:00:00:01 "),
}


@pytest.fixture(scope="module")
def answers():
    """By name: (what was read, the answer's octets)."""
    text = "".join(r.hex() + "\n" for r, _ in REQUESTS.values())
    done = subprocess.run([program("radius-answer"), SECRET.decode()], input=text, text=True,
                          capture_output=True, check=True)
    lines = [line.rpartition(" ") for line in done.stdout.splitlines()]
    return {n: (read, bytes.fromhex(octets))
            for n, (read, _, octets) in zip(REQUESTS, lines, strict=True)}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_scapy_says_is_read(answers, name):
    octets, expected = REQUESTS[name]
    read, answer = answers[name]
    assert read == expected
    parsed, asked = Radius(answer), Radius(octets)
    assert (parsed.code, parsed.id, parsed.len) == (5, asked.id, len(answer))
    assert parsed.authenticator == hashlib.md5(
        answer[:4] + asked.authenticator + answer[20:] + SECRET).digest()
    assert [a.value for a in parsed.attributes] == \
        [a.value for a in asked.attributes if a.type == PROXY]


def test_tshark_finds_all_authenticators_right(answers, tmp_path):
    packets, file = [], str(tmp_path / "radius.pcap")
    for index, (name, (asked, _)) in enumerate(REQUESTS.items()):
        for way, octets in enumerate((asked, answers[name][1])):
            ends = [(NAS, 40000 + index), (MAAR, 1813)][::-1 if way else 1]
            packets.append(Ether() / IPv6(src=ends[0][0], dst=ends[1][0]) /
                           UDP(sport=ends[0][1], dport=ends[1][1]) / octets)
    wrpcap(file, packets)

    def tshark(secret, display):
        out = subprocess.run(
            ["tshark", "-n", "-r", file, "-o", f"radius.shared_secret:{secret}", "-o",
             "radius.validate_authenticator:TRUE", "-Y", display, "-T", "fields", "-e",
             "frame.number"], capture_output=True, text=True, check=True)
        return len(out.stdout.split())

    wrong = "radius.authenticator.invalid == 1 || _ws.malformed"
    assert tshark(SECRET.decode(), "radius") == 2 * len(REQUESTS)
    assert tshark(SECRET.decode(), wrong) == 0
    assert tshark("another", wrong) > 0, "it does look"


def test_wrong_secrets_are_not_believed():
    text = "".join(r.hex() + "\n" for r, _ in REQUESTS.values())
    done = subprocess.run([program("radius-answer"), "another"], input=text, text=True,
                          capture_output=True, check=True)
    assert set(done.stdout.split()) == {"GW_EAUTH"}
