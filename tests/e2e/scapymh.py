"""Mobility Header messages from scapy's layers, with the options that scapy does not have and the keyed
MAC of RFC 4285 as doc/protocol.md says it. Nothing here uses Godwit's codec.
"""
import hashlib
import hmac
import logging
import struct
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.fields import ByteField, FieldLenField, IP6Field, LongField, StrLenField  # noqa: E402
from scapy.layers import inet6  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    IPv6, MIP6MH_BU, MIP6OptAltCoA, MIP6OptMNID, MIP6OptMsgAuth, MIP6OptReplayProtection)

NTP_UNIX = 2208988800
SPI, MAC_OCTETS = 256, 16
# scapy's flags of a BU end with P; what RFC 8885 adds is among its reserved bits.
A, H, P, D = (0x8000, 0x4000, 0x0200, 0x0010)
Option = inet6._MIP6OptAlign  # pylint: disable=protected-access


class HomeNetworkPrefix(Option):  # RFC 5213 8.3
    fields_desc = [ByteField("otype", 22), ByteField("olen", 18), ByteField("reserved", 0),
                   ByteField("plen", 64), IP6Field("prefix", "::")]
    x, y = 8, 4


class HandoffIndicator(Option):  # 8.4
    fields_desc = [ByteField("otype", 23), ByteField("olen", 2), ByteField("reserved", 0),
                   ByteField("code", 1)]
    x = y = 0


class AccessTechnology(HandoffIndicator):  # 8.5
    fields_desc = [ByteField("otype", 24), ByteField("olen", 2), ByteField("reserved", 0),
                   ByteField("code", 4)]


class LinkLayerIdentifier(Option):  # 8.6
    fields_desc = [ByteField("otype", 25),
                   FieldLenField("olen", None, length_of="id", fmt="B", adjust=lambda _, n: n + 2),
                   ByteField("reserved1", 0), ByteField("reserved2", 0), StrLenField("id", b"")]
    x = y = 0


class LinkLocal(Option):  # 8.7
    fields_desc = [ByteField("otype", 26), ByteField("olen", 16), IP6Field("address", "::")]
    x, y = 8, 6


class Timestamp(Option):  # 8.8
    fields_desc = [ByteField("otype", 27), ByteField("olen", 8), LongField("timestamp", 0)]
    x, y = 8, 2


class ServingMaar(Option):  # RFC 8885 4.6
    fields_desc = [ByteField("otype", 68), ByteField("olen", 16), IP6Field("address", "::")]
    x, y = 8, 6


def nai(text):
    return MIP6OptMNID(subtype=1, id=text.encode())


def at(unix):
    """A Timestamp option."""
    return Timestamp(timestamp=int(unix * 65536))


def binding_update(src, dst, key, options, seq, flags=A | P | D, lifetime=75, mesgid=None):
    """The packet. mesgid: Unix time of the Mesg-ID, now unless given, False for none."""
    options = list(options)
    if mesgid is not False:
        ntp = int(((time.time() if mesgid is None else mesgid) + NTP_UNIX) * (1 << 32))
        options.append(MIP6OptReplayProtection(timestamp=ntp & (1 << 64) - 1))

    def whole(mac):
        return IPv6(src=src, dst=dst) / MIP6MH_BU(
            seq=seq, flags=flags >> 9, reserved=flags & 0x1ff, mhtime=lifetime,
            options=[*options, MIP6OptMsgAuth(mspi=SPI, authdata=mac)])
    octets = bytes(whole(bytes(MAC_OCTETS)))
    message = octets[40:44] + b"\0\0" + octets[46:]
    end = message.rindex(bytes([9, 5 + MAC_OCTETS, 1]) + struct.pack("!I", SPI)) + 7
    mac = hmac.new(key, octets[8:40] + message[:end], hashlib.sha256).digest()
    return bytes(whole(mac[:MAC_OCTETS]))


def alternate_care_of(address):
    return MIP6OptAltCoA(acoa=address)
