"""Mobility Header messages made without any of our C code: what the tests send as an enemy or as a
peer. RFC 6275 6.1, RFC 8885 4, doc/protocol.md.
"""
import hashlib
import hmac
import socket
import struct
import time

PBU, PBA, BE = 5, 6, 7
A, P, D = 0x8000, 0x0200, 0x0010  # flags of a PBU, registered values
MNID, HNP, HI, ATT, MN_LLID, TIMESTAMP = 8, 22, 23, 24, 25, 27
MESGID, AUTH = 10, 9
PREVIOUS_MAAR, SERVING_MAAR, DLIF_LL, DLIF_MAC = 67, 68, 69, 70
ALIGN = {HNP: (8, 4), TIMESTAMP: (8, 2), MESGID: (8, 2), AUTH: (4, 1), PREVIOUS_MAAR: (8, 4),
         SERVING_MAAR: (8, 6), DLIF_LL: (8, 6)}


def addr(text):
    return socket.inet_pton(socket.AF_INET6, text)


def checksum(src, dst, data):
    total = src + dst + struct.pack("!IHBB", len(data), 0, 0, 135) + data + bytes(len(data) % 2)
    value = sum(struct.unpack(f"!{len(total) // 2}H", total))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff


def seal(src, dst, data):
    """The same message with the right checksum."""
    if len(data) < 6:
        return data
    data = data[:4] + b"\0\0" + data[6:]
    return data[:4] + struct.pack("!H", checksum(src, dst, data)) + data[6:]


def _pad(length):
    if length == 0:
        return b""
    return b"\0" if length == 1 else bytes([1, length - 2]) + bytes(length - 2)


def add(data, kind, body):
    factor, rest = ALIGN.get(kind, (1, 0))
    return data + _pad((rest - len(data)) % factor) + bytes([kind, len(body)]) + body


def mn_id(lladdr):
    return MNID, bytes([5]) + bytes.fromhex(lladdr.replace(":", ""))


def prefix(kind, text, length=64):
    return kind, bytes([0, length]) + addr(text)


def ntp(unix):
    return struct.pack("!Q", int((unix + 2208988800) * (1 << 32)) & (1 << 64) - 1)


def timestamp(unix):
    return TIMESTAMP, struct.pack("!Q", int(unix * 65536))


def message(kind, fixed, options, src, dst, key=None, spi=256, mesgid=None):
    """A whole message. With a key, Mesg-ID (now unless given) and authentication come last."""
    src, dst = addr(src), addr(dst)
    data = bytes([59, 0, kind, 0, 0, 0]) + fixed
    for option in options:
        data = add(data, *option)
    if key is not None:
        data = add(data, MESGID, ntp(time.time() if mesgid is None else mesgid))
        data = add(data, AUTH, bytes([1]) + struct.pack("!I", spi) + bytes(16))
        data = bytearray(data + _pad(-len(data) % 8))
        data[1] = len(data) // 8 - 1
        end = bytes(data).rindex(bytes([AUTH, 21, 1]) + struct.pack("!I", spi)) + 7
        mac = hmac.new(key, src + dst + bytes(data[:end]), hashlib.sha256).digest()
        data[end:end + 16] = mac[:16]
        return seal(src, dst, bytes(data))
    data += _pad(-len(data) % 8)
    return seal(src, dst, data[:1] + bytes([len(data) // 8 - 1]) + data[2:])


def pbu(seq, lifetime, options, src, dst, flags=A | P | D, **auth):
    return message(PBU, struct.pack("!HHH", seq, flags, lifetime), options, src, dst, **auth)


def pba(seq, lifetime, status, options, src, dst, flags=0x22, **auth):
    fixed = struct.pack("!BBHH", status, flags, seq, lifetime)
    return message(PBA, fixed, options, src, dst, **auth)


def registration(lladdr, hnp, src, dst, seq=1, lifetime=75, extra=(), **auth):
    """What a MAAR says of a node that is new to it."""
    return pbu(seq, lifetime, [
        mn_id(lladdr), prefix(HNP, hnp), (HI, bytes([0, 4])), (ATT, bytes([0, 3])),
        (MN_LLID, bytes(2) + bytes.fromhex(lladdr.replace(":", ""))), timestamp(time.time()),
        (DLIF_LL, addr("fe80::bad:1")), (DLIF_MAC, bytes(2) + bytes.fromhex("02005e00bad1")),
        *extra], src, dst, **auth)


def ip6(src, dst, payload, proto=135, hop_limit=64, length=None):
    return struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, proto,
                       hop_limit) + addr(src) + addr(dst) + payload


def fragments(packet, identifier=8885, size=1200):
    """The same packet in fragments of at most `size` octets of payload."""
    proto, payload = packet[6], packet[40:]
    made = []
    for at in range(0, len(payload), size):
        piece = payload[at:at + size]
        more = at + size < len(payload)
        header = struct.pack("!BBHI", proto, 0, at | more, identifier)
        made.append(packet[:4] + struct.pack("!HB", len(piece) + 8, 44) + packet[7:40] + header
                    + piece)
    return made
