#!/usr/bin/python3
"""Writes the seeds of the fuzzers' corpora from the golden files and a few texts.

What has another name (fuzz_node's, fuzz_schedule's) is what fuzzing has found, reduced by
`-merge=1 -use_counters=0`, and inputs that have once broken something.

usage: make_corpus.py [DIRECTORY]   (default: corpus/ beside this file)
"""
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests/golden"
TEXTS = ["2001:db8::1", "::", "2001:db8:1000::/48", "::/0", "02:00:5e:00:01:01",
         "02:00:5e:00:01:02:03:04", "fe80::1%eth0", "2001:db8::/129"]

STA = "02:00:00:00:00:01"
HOSTAPD = ["OK\n", "FAIL\n", f"<3>AP-STA-CONNECTED {STA}", f"<3>AP-STA-DISCONNECTED {STA}",
           f"<3>CTRL-EVENT-EAP-SUCCESS {STA}",
           f"{STA}\nflags=[AUTHORIZED]\naid=0\ndot1xAuthSessionUserName=alice@example.org\n"
           "authMultiSessionId=2D93796750ACAD50\n"]
# The attributes of a Start and of an Accounting-On (fuzz_radius.c signs them).
PROM = [
    "# TYPE a counter\na_total{method=\"post\",code=\"200\"} 1027 1395066363000\nb 1.5e-3\n",
    "x{a=\"\\\\ \\\" \\n\",} +Inf -1\r\ny NaN\n",
    "name{label=\"value\"}",
    "x{a=\"\\x\"} 1\n",
]
# A variant of node_world.c (a MAAR; a CMD), its options, and a request a line; "+": 100 s pass.
REQUESTS = [b"\3\0" + "\n".join((
    f'{{"cmd": "attach", "interface": "ap0", "lladdr": "{STA}", "mn-id": "alice@example.org"}}',
    '{"cmd": "status"}', *(f'{{"cmd": "show", "what": "{what}"}}' for what in (
        "bindings", "stations", "prefixes", "tunnels", "peers", "counters", "handovers")),
    "+", f'{{"cmd": "detach", "interface": "ap0", "lladdr": "{STA}"}}')).encode(),
            b"\0\0" + "\n".join((
    '{"cmd": "revoke", "mn-id": "alice@example.org", "hold": 300}',
    '{"cmd": "revoke", "peer": "2001:db8:0:f::2"}', '{"cmd": "notify", "peer": "peer"}',
    '{"cmd": "allow", "mn-id": "02:00:00:00:00:01"}', "+", '{"cmd": "show", "what": "operations"}',
    '{"cmd": "show", "what": "revoked"}', '{"cmd": "reload"}', '{"cmd": 1, "x": [{}, null, 1.5]}',
    "[]")).encode(),
            b"\0\0" + "\n".join((
    *(f'{{"cmd": "show", "what": "{what}"}}' for what in (
        "services", "instances", "metrics", "candidates", "affinity", "paths")),
    '{"cmd": "why", "client": "2001:db8::c", "cs-id": "web", "client-port": 9, "protocol": "udp"}',
    '{"cmd": "why", "client": "2001:db8::c", "cs-id": "2001:db8::1", "port": 443, "protocol": 17}',
    '{"cmd": "why", "client": "?", "cs-id": "web"}', '{"cmd": "trace", "cs-id": "2001:db8::1"}',
    '{"cmd": "transfer", "client": "2001:db8::c", "cs-id": "web", "instance": "2001:db8::7"}',
    '{"cmd": "trace"}', '{"cmd": "drain", "instance": "web1"}')).encode()]
# A HELLO, an AT, DATA, an END and a NO of wire/transfer.h, and one that is cut off.
TRANSFER = [b"\1\0\0\0\x18" + bytes(range(24)) + b"\2\0\0\0\x08" + bytes(8) + b"\3\0\0\0\2ab" +
            b"\4\0\0\0\x08" + bytes(8) + b"\5\0\0\0\1\4", b"\3\0\0\x40\0a"]
RADIUS = [b"\x28\x06\0\0\0\x01\x2c\x06abcd\x1f\x1302-00-00-00-00-01\x01\x07alice\x21\x03p",
          b"\x28\x06\0\0\0\x07\x50\x12" + bytes(16)]


def octets(path):
    lines = path.read_text(encoding="ascii").splitlines()
    return bytes.fromhex(" ".join(line for line in lines if not line.startswith("#")))


def path_program():
    """Peers, a station, a prefix of each kind, and a frame each way (fuzz_path.c has the code)."""
    local, served, moved, world, a, b = 1, 2, 3, 0x10, 0x40, 0x80
    tables = [0, a, 150, 0, b, 150, 2, 0, 1, 1]
    for kind, addr in enumerate((local, served, moved)):
        tables += [4, addr, 64, kind, a, 1, 2]
    own, pool, behind = 4, 8, 12  # networks
    tables += [6, 0, own, 128, 0, 0, 6, 1, pool, 128, a, 0, 6, 2, behind, 128, 0, served, 1]
    frames = []
    for src, dst in ((local, world), (served, world), (local, moved), (world, local)):
        frames += [0xa2, 1, 8, src, dst, 0, 0, 64, *range(8), 0]
    for src, dst in ((world, local), (world, served), (world, moved)):
        frames += [0x82, 0, 8, src, dst, 0, 0, 64, *range(8), 0]
    for peer, src, dst in ((a, world, served), (b, world, moved), (a, moved, world), (a, moved, 0)):
        frames += [0x83, 0, 8, peer, 0, 2, 9, 64, src, dst, 1, 0, 64, *range(8), 0]
    for src, dst in ((local, behind), (served, own)):
        frames += [0xa2, 1, 8, src, dst, 0, 0, 64, *range(8), 0]
    frames += [0x82, 0, 8, own, pool, 0, 0, 64, *range(8), 0]
    frames += [0x83, 0, 8, a, 0, 2, 9, 64, pool, own, 1, 0, 64, *range(8), 0]
    return bytes(tables + frames + [8])


def carried():
    """A TCP connection, a stream with it, and a frame with a transaction (fuzz_carry.c)."""
    addresses = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")
    numbers = struct.pack(">HH5IHBB6IIIBBH4I", 80, 40000, 100, 200, 4, 3, 1, 1440, 7, 9, 1, 90, 1000,
                          65535, 60000, 90, 87040, 131072, 0, 64, 9, 7200, 75, 0, 0)
    conn = b"GWTC\0\1\0\7" + addresses + numbers + b"cubic".ljust(16, b"\0") + b"upupdwn"
    stream = b"GWMV\0\1\0\0" + struct.pack(">II", 1 << 24, 5) + b"state"
    stream += struct.pack(">III", 2 << 24, 4 + len(conn), 7) + conn
    stream += struct.pack(">IIQI", 3 << 24, 12, 5, 1)
    flow = struct.pack(">BBHH", 6, 0, 40000, 80) + addresses[16:]
    about = addresses[:16] + struct.pack(">BBH", 6, 64, 80) + addresses[16:] + b"\0\1" + flow
    frame = struct.pack(">IBBHQ", 4, 37, 0, 7, 1) + b"text"
    return {"connection": b"\0" + conn, "stream": b"\1" + stream, "about": b"\2" + about,
            "frame": b"\2" + frame}


def main(target):
    seeds = {("fuzz_carry", name): data for name, data in carried().items()}
    for part in ("mh", "auth"):
        for path in (GOLDEN / part).glob("*.hex"):
            choice = 1 if "as-drawn" in path.read_text(encoding="ascii") else 4
            seeds["fuzz_mh", path.stem] = bytes([choice]) + octets(path)
    for path in (GOLDEN / "nd").glob("*.hex"):
        seeds["fuzz_nd", path.stem] = octets(path)
    for path in (GOLDEN / "packet").glob("*.hex"):
        seeds["fuzz_ip6", path.stem] = octets(path)
    for i, text in enumerate(TEXTS):
        seeds["fuzz_text", f"text-{i}"] = text.encode()
    for i, text in enumerate(HOSTAPD):
        seeds["fuzz_hostapd", f"datagram-{i}"] = text.encode()
    for i, attributes in enumerate(RADIUS):
        seeds["fuzz_radius", f"request-{i}"] = attributes
    for i, lines in enumerate(REQUESTS):
        seeds["fuzz_request", f"requests-{i}"] = lines
    for i, frames in enumerate(TRANSFER):
        seeds["fuzz_transfer", f"frames-{i}"] = frames
    for i, text in enumerate(PROM):
        seeds["fuzz_prom", f"scrape-{i}"] = text.encode()
    seeds["fuzz_table", "fill-and-empty"] = bytes(
        b for step in (0, 2, 1, 3) for key in range(64) for b in (key, step | key << 2 & 0xfc))
    seeds["fuzz_path", "each-way"] = path_program()
    for (fuzzer, name), data in seeds.items():
        path = target / fuzzer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus")
