"""Where the programs under test are, and the captures they are tested with."""
import logging
import os
import pathlib
import subprocess

import pytest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402
from scapy.utils import wrpcap  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SRC, DST = "2001:db8:f::1", "2001:db8:f::c"
MACS = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}


def program(name):
    path = pathlib.Path(os.environ.get("GODWIT_BIN", HERE.parents[1] / "build/release/bin")) / name
    if not path.exists():
        pytest.fail(f"{path} is not built (GODWIT_BIN says where programs are)")
    return str(path)


def in_ip6(octets):
    """A Mobility Header in an IPv6 packet, as octets."""
    return bytes(IPv6(src=SRC, dst=DST, nh=135, plen=len(octets))) + octets


def in_ether(packet):
    return Ether(type=0x86DD, **MACS) / Raw(packet)


def read_hex(path):
    """The octets of a golden file."""
    lines = path.read_text(encoding="ascii").splitlines()
    return bytes.fromhex(" ".join(line for line in lines if not line.startswith("#")))


class Samples:
    """What wire-sample writes: packets by name, and a capture of them in that order."""

    def __init__(self, path):
        out = subprocess.run([program("wire-sample")], check=True, capture_output=True, text=True)
        self.packets = {}
        for line in out.stdout.splitlines():
            kind, name, octets = line.split()
            octets = bytes.fromhex(octets)
            self.packets[name] = in_ip6(octets) if kind == "mh" else octets
        self.names = list(self.packets)
        self.capture = str(path / "samples.pcap")
        wrpcap(self.capture, [in_ether(p) for p in self.packets.values()])
