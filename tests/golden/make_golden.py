#!/usr/bin/python3
"""Writes the golden octets under mh/, packet/, nd/ and auth/.

They come from scapy's layers where scapy has them, and otherwise from octets written down here by
hand from the figures of the RFCs, padded by the few lines below and summed by scapy. Nothing here
knows Godwit's code. test_judges.py checks that the files are what this prints; the C program
golden.c checks that the codec writes and reads them octet for octet.

usage: make_golden.py DIRECTORY
"""
import hashlib
import hmac
import logging
import os
import socket
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptMAP,
    ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRouteInfo, ICMPv6NDOptSrcLLAddr, HAO,
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting, MIP6MH_BA, MIP6MH_BE, MIP6MH_BU, MIP6OptAltCoA,
    MIP6OptBRAdvice, MIP6OptMNID, in6_chksum)

SRC, DST = "2001:db8:f::1", "2001:db8:f::c"
H = bytes.fromhex


def A(address):
    return socket.inet_pton(socket.AF_INET6, address)


class Opt:
    """One option by hand: type, data, alignment n*x+y, and where it is drawn."""

    def __init__(self, kind, data, align=(1, 0), note=""):
        self.kind, self.data, self.align, self.note = kind, data, align, note


MNID = Opt(8, H("05" "020000000001"), note="RFC 4283: subtype 5 EUI-48")
HNP1 = Opt(22, H("00" "40") + A("2001:db8:1000::"), (8, 4), "RFC 5213 8.3: reserved, 64, prefix")
HNP2 = Opt(22, H("00" "40") + A("2001:db8:2000:7::"), (8, 4), "RFC 5213 8.3")
HI = Opt(23, H("00" "01"), note="RFC 5213 8.4: reserved, 1 new interface")
ATT = Opt(24, H("00" "04"), note="RFC 5213 8.5: reserved, 4 IEEE 802.11")
LLID = Opt(25, H("0000" "020000000001"), (2, 0), "RFC 5213 8.6: reserved, EUI-48")
TIME = Opt(27, (1700000000).to_bytes(6, "big") + H("8000"), (8, 2),
           "RFC 5213 8.8: 48 bits of seconds, 16 of 1/65536")
DLIF_LL = Opt(69, A("fe80::1:1"), (8, 6), "RFC 8885 4.7")
DLIF_MAC = Opt(70, H("0000" "02005e000101"), (2, 0), "RFC 8885 4.8: reserved, EUI-48")
MESGID = Opt(10, H("e8fdb780" "80000000"), (8, 2), "RFC 4285 6: NTP timestamp")
PREVIOUS = Opt(67, H("00" "40") + A("2001:db8:f::2") + A("2001:db8:2000:7::"), (8, 4),
               "RFC 8885 4.5: reserved, 64, P-MAAR, prefix")
MAG = Opt(51, H("00" "80") + A("2001:db8:f::4"), (8, 4), "RFC 6705 11.1: reserved, 128, address")
REGISTRATION = [MNID, HNP1, HI, ATT, LLID, TIME, DLIF_LL, DLIF_MAC, MESGID]
CLIENT = Opt(71, A("2001:db8:1000::99"), (8, 6), "CATS mobility draft 4.3: client node address")
CLIENT64 = Opt(71, A("2001:db8:1000::"), (8, 6), "client node address: the whole /64")


def EGRESS(address):
    return Opt(72, A(address), (8, 6), "CATS mobility draft 4.3: CATS address")


def ITEM(kind, note, *fields):
    return Opt(18, bytes([kind]) + b"".join(fields), note="doc/cats.md: " + note)


MOVE = ITEM(10, "MOVE: C|M, generation 3", H("a0" "00000003"))
TOKEN = ITEM(11, "TOKEN: egress, SPI 256, expiry, MAC", A("2001:db8:f::3"),
             H("00000100" "6553f114"), b"godwit-of-nine-l")
LOCATIONS = [
    ITEM(13, "LOCATION: 60 s, generation 3, client, ingress, MAC, two egresses",
         H("003c" "00000003"), A("2001:db8:1000::"), A("2001:db8:f::1"), H("06" "020000000001"),
         H("02"), A("2001:db8:f::3"), A("2001:db8:f::4")),
    ITEM(13, "LOCATION: nothing of another", H("0000" "00000000"), A("2001:db8:1000:1::"),
         bytes(16), H("00" "00"))]


def control(kind, sequence):
    """The fixed part of a CATS control message: experiment, version 1, sub-type, flags, sequence."""
    return H("4757" "01") + bytes([kind]) + H("0000") + sequence.to_bytes(4, "big")


# name: (MH type, fixed part, its note, options, profile). The fixed part starts at offset 6.
BY_HAND = {
    "pbu": (5, H("0001" "8210" "000f"), "seq 1, A|P|D, 60 s (RFC 8885 4.1)", REGISTRATION, ""),
    "pba": (6, H("00" "22" "0001" "000f"), "status 0, P|D, seq 1, 60 s (RFC 8885 4.2)",
            [MNID, HNP1, PREVIOUS, Opt(69, A("fe80::2:1"), (8, 6), "RFC 8885 4.7"),
             Opt(70, H("0000" "02005e000201"), (2, 0), "RFC 8885 4.8")], ""),
    "notification": (5, H("ffff" "8210" "0000"), "seq 65535, A|P|D, lifetime 0",
                     [MNID, HNP2, Opt(68, A("2001:db8:f::1"), (8, 6), "RFC 8885 4.6")], ""),
    # scapy gives a Binding Authorization Data option of 12 octets a Length of 16.
    "bu": (5, H("1234" "f000" "0069"), "RFC 6275 6.1.7: seq, A|H|L|K, 420 s",
           [Opt(3, A("2001:db8:c0a::1"), (8, 6), "RFC 6275 6.2.5"),
            Opt(5, b"godwit-of-ni", (8, 2), "RFC 6275 6.2.7: 96 bits")], ""),
    "experimental": (11, H("0000281f07") + b"godwit-of-nin", "RFC 5096 3: message data", [], ""),
    "heartbeat": (13, H("0000" "01020304"), "RFC 5847 3.3: a request", [], ""),
    "heartbeat-response": (13, H("0003" "00000005"), "RFC 5847 3.3: U|R",
                           [Opt(28, H("00000007"), (4, 2), "RFC 5847 3.4")], ""),
    "bri": (16, H("01" "01" "0009" "a000"), "RFC 5846 5.1: trigger 1, seq 9, P|G", [MNID], ""),
    "bra": (16, H("02" "85" "0009" "c000"), "RFC 5846 5.2: status 133, seq 9, P|V", [], ""),
    "lri": (17, H("0003" "0000" "003c"), "RFC 6705 9.1: seq, reserved, seconds",
            [MNID, HNP1, MAG], ""),
    "lra": (18, H("0003" "80" "81" "003c"), "RFC 6705 9.2: seq, U, status 129, seconds", [], ""),
    "upn": (19, H("0004" "0001" "c000"), "RFC 7077 4.1: seq, reason 1, A|D", [MNID], ""),
    "upa": (20, H("0004" "80" "000000"), "RFC 7077 4.2: seq, status 128, reserved", [], ""),
    "drawn-pba": (6, H("00" "30" "0001" "000f"), "draft-ietf-dmm-pmipv6-dlif-02: P|D, D is 0x10",
                  [MNID, Opt(67, H("40") + A("2001:db8:f::2") + A("2001:db8:2000:7::"), (8, 5),
                             "the draft, 4.5: Length 33, no reserved octet")], "as-drawn"),
    "drawn-request": (5, H("0007" "0180" "0001"), "CATS mobility draft: C|N", [CLIENT],
                      "as-drawn"),
    "request": (5, H("0007" "000c" "0001"), "the same with Godwit's C|N", [CLIENT], ""),
    "cats-notification": (5, H("0028" "0008" "0005"), "seq 40, C, 20 s (CATS mobility draft 4.1)",
                          [CLIENT64, EGRESS("2001:db8:f::3"), EGRESS("2001:db8:f::4"), MOVE, TOKEN],
                          ""),
    "drawn-notification": (5, H("0028" "0100" "0005"), "the same as drawn: C is 0x0100",
                           [CLIENT64, EGRESS("2001:db8:f::3"), EGRESS("2001:db8:f::4"), MOVE,
                            TOKEN], "as-drawn"),
    "cats-indication": (6, H("00" "01" "0028" "000f"), "C, seq 40, 60 s (CATS mobility draft 4.2)",
                        [CLIENT64, EGRESS("2001:db8:f::1"),
                         ITEM(10, "MOVE: generation 2^32 - 1", H("00" "ffffffff"))], ""),
    "drawn-indication": (6, H("00" "10" "0028" "000f"), "the same as drawn: C is 0x10",
                         [CLIENT64, EGRESS("2001:db8:f::1")], "as-drawn"),
    "cats-locate": (11, control(11, 8), "LOCATE 8", LOCATIONS, ""),
    "cats-transfer": (11, control(18, 0xfffffffe), "TRANSFER_CONFIRM",
                      [ITEM(12, "TRANSACTION: id, too large, 4096 of 65536 octets",
                            H("0102030405060708" "04" "00010000" "00001000"))], ""),
    "unknown-option": (20, H("0001" "00" "000000"), "an option nobody has defined",
                       [MNID, Opt(250, H("c0ffee"), note="kept as it is"), MNID], ""),
}

IP = IPv6(src=SRC, dst=DST)
BY_SCAPY = {
    "alternate-coa": MIP6MH_BU(seq=0x1234, flags="AHLK", mhtime=105, res=0, options=[
        MIP6OptAltCoA(acoa="2001:db8:c0a::1")]),
    "ba": MIP6MH_BA(status=135, flags="K", seq=77, mhtime=3, res=0, res2=0,
                    options=[MIP6OptBRAdvice(rinter=2)]),
    "be": MIP6MH_BE(status=2, ha="2001:db8:1000::99"),
    "nai": MIP6MH_BU(seq=9, flags="AP", mhtime=240, res=0,
                     options=[MIP6OptMNID(subtype=1, id=b"user@example.org")]),
}

MAC1, MAC2 = "02:00:5e:00:01:01", "02:00:00:00:00:01"
ND = {
    "rs": IPv6(src="fe80::2", dst="ff02::2", hlim=255) / ICMPv6ND_RS() /
    ICMPv6NDOptSrcLLAddr(lladdr=MAC2),
    "ra": IPv6(src="fe80::1:1", dst="fe80::2", hlim=255) /
    ICMPv6ND_RA(chlim=64, M=0, O=1, prf=3, routerlifetime=1800, reachabletime=30000,
                retranstimer=1000) /
    ICMPv6NDOptSrcLLAddr(lladdr=MAC1) / ICMPv6NDOptMTU(mtu=1460) /
    ICMPv6NDOptPrefixInfo(prefixlen=64, L=1, A=1, R=0, validlifetime=7200, preferredlifetime=0,
                          prefix="2001:db8:1000::") /
    ICMPv6NDOptRouteInfo(len=2, plen=64, prf=1, rtlifetime=600, prefix="2001:db8:2:3::") /
    ICMPv6NDOptMAP(dist=2, pref=9, R=1, validlifetime=1000, addr="2001:db8:a::1"),
    "ns": IPv6(src="fe80::2", dst="ff02::1:ff01:1", hlim=255) / ICMPv6ND_NS(tgt="fe80::1:1") /
    ICMPv6NDOptSrcLLAddr(lladdr=MAC2),
    "dad": IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) / ICMPv6ND_NS(tgt="fe80::2"),
    "na": IPv6(src="fe80::1:1", dst="fe80::2", hlim=255) /
    ICMPv6ND_NA(R=1, S=1, O=1, tgt="fe80::1:1") / ICMPv6NDOptDstLLAddr(lladdr=MAC1),
}

# The two exceptions of the checksum's addresses, RFC 6275 6.1.1.
HOME = "2001:db8:1000::99"
PACKETS = {
    "home-address": IPv6(src="2001:db8:c0a::1", dst="2001:db8:f::c") /
    IPv6ExtHdrDestOpt(options=[HAO(hoa=HOME)]) /
    MIP6MH_BU(seq=5, flags="AH", mhtime=240, res=0, options=[MIP6OptAltCoA(acoa="2001:db8:c0a::1")]),
    "routing-header": IPv6(src="2001:db8:f::c", dst="2001:db8:c0a::1") /
    IPv6ExtHdrRouting(type=2, segleft=1, addresses=[HOME]) /
    MIP6MH_BA(status=0, flags="K", seq=5, mhtime=60, res=0, res2=0, options=[]),
    "plain": IPv6(src=SRC, dst=DST, nh=135) / MIP6MH_BE(status=1, ha=HOME),
}

KEYS = {"auth-sha256": (256, hashlib.sha256, 16, b"first"),
        "auth-sha1": (257, hashlib.sha1, 12, b"second")}


def pad(n):
    """n octets of padding: Pad1 for one, PadN (RFC 6275 6.2.3) for more."""
    return b"\0" if n == 1 else (bytes([1, n - 2]) + bytes(n - 2) if n else b"")


def assemble(kind, fixed, note, options):
    """The chunks of a message with a note each: [(octets, note)], checksum zero."""
    chunks = [(fixed, note)]
    at = 6 + len(fixed)
    for o in options:
        n, y = o.align
        filler = pad((y - at) % n)
        if filler:
            chunks.append((filler, "padding"))
        octets = bytes([o.kind, len(o.data)]) + o.data
        chunks.append((octets, o.note))
        at += len(filler) + len(octets)
    filler = pad(-at % 8)
    if filler:
        chunks.append((filler, "padding"))
        at += len(filler)
    head = bytes([59, at // 8 - 1, kind, 0, 0, 0])
    return [(head, f"no next header, length {at}, MH type {kind}, reserved, checksum")] + chunks


def seal(chunks):
    """Fills the checksum in."""
    total = in6_chksum(135, IP, b"".join(c for c, _ in chunks))
    head = chunks[0][0][:4] + total.to_bytes(2, "big")
    return [(head, chunks[0][1])] + chunks[1:]


def sign(name):
    """The notification with RFC 4285's option as doc/protocol.md says."""
    spi, digest, size, secret = KEYS[name]
    kind, fixed, note, options, _ = BY_HAND["notification"]
    data = H("01") + spi.to_bytes(4, "big")
    chunks = assemble(kind, fixed, note,
                      options + [Opt(9, data + bytes(size), (4, 1), "RFC 4285 5: subtype, SPI, MAC")])
    where = next(i for i, (c, n) in enumerate(chunks) if n.startswith("RFC 4285"))
    covered = b"".join(c for c, _ in chunks[:where]) + chunks[where][0][:7]
    mac = hmac.new(secret, A(SRC) + A(DST) + covered, digest).digest()[:size]
    chunks[where] = (chunks[where][0][:7] + mac, chunks[where][1])
    return seal(chunks)


def text(title, chunks, profile=""):
    lines = [f"# {title}"]
    if profile:
        lines.append(f"# profile: {profile}")
    for octets, note in chunks:
        lines.append(f"# {note}")
        for i in range(0, len(octets), 16):
            lines.append(octets[i:i + 16].hex(" "))
    return "\n".join(lines) + "\n"


def golden():
    """Every file: {relative path: text}."""
    files = {}
    for name, (kind, fixed, note, options, profile) in BY_HAND.items():
        chunks = seal(assemble(kind, fixed, note, options))
        files[f"mh/{name}.hex"] = text(f"{name}, by hand", chunks, profile)
    for name, layer in BY_SCAPY.items():
        files[f"mh/{name}.hex"] = text(name, [(bytes(IP / layer)[40:], "as scapy writes it")])
    for name, packet in ND.items():
        files[f"nd/{name}.hex"] = text(name, [(bytes(packet), "as scapy writes it")])
    for name, packet in PACKETS.items():
        files[f"packet/{name}.hex"] = text(name, [(bytes(packet), "as scapy writes it")])
    for name in KEYS:
        files[f"auth/{name}.hex"] = text(f"{name}, key {KEYS[name][3].decode()!r}", sign(name))
    return files


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for path, content in golden().items():
        full = os.path.join(sys.argv[1], path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="ascii") as f:
            f.write(content)
