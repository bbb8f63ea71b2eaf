"""A network that only the first MAAR reaches (RFC 8885 §3.7), real daemons, stock Linux hosts that take
routes from Router Advertisements: a host that has been there keeps its connection and makes new ones
from wherever it goes; one that has not does neither."""
import ipaddress
import json
import os

import pytest
import yaml
from conftest import BIN
from domain import CMD, LOCAL_PREFIX, MN, PBA, PBU, PREVIOUS, Domain, messages, prefix
from godwit_lab.domain import wait_for
from godwit_lab.star import LOCAL, LOCAL_NET

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

PORT = 7020
OTHER = "mn2"

# Serves any number of clients, one after another or at once, and echoes what they say.
ECHO = """
import socket, sys, threading
l = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6)
def serve(s):
    while data := s.recv(4096):
        s.sendall(data)
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
"""
# Connects from an address ("": the kernel's choice), is echoed 100 KB, says which address it was.
ONCE = """
import socket, sys
s = socket.create_connection((sys.argv[2], int(sys.argv[3])), float(sys.argv[4]),
                             (sys.argv[1], 0) if sys.argv[1] else None)
sent, got = bytes(100000), 0
s.sendall(sent)
while got < len(sent):
    data = s.recv(65536)
    assert data
    got += len(data)
print(s.getsockname()[0])
"""
# Sends a line every 50 ms and reads it back until a file is there.
TALKER = """
import os, socket, sys, time
s = socket.create_connection((sys.argv[2], int(sys.argv[3])), 10, (sys.argv[1], 0))
s.settimeout(20)
f, n = s.makefile("rb"), 0
while not os.path.exists(sys.argv[4]):
    s.sendall(b"%d\\n" % n)
    assert f.readline() == b"%d\\n" % n
    n += 1
    time.sleep(0.05)
print(n, flush=True)
"""


def python(text, *words):
    return ["/usr/bin/python3", "-c", text, *map(str, words)]


def once(d, node, source, to, check=True):
    return d.lab.run(node, python(ONCE, source, to, PORT, 10 if check else 2), check=check)


def routes(d, node):
    """Gateways of the local network that the host has learnt."""
    rows = json.loads(d.lab.run(node, ["ip", "-j", "-6", "route", "show", LOCAL_NET]).stdout)
    return [r["gateway"] for r in rows if "gateway" in r]


def link_local(d, maar):
    """Of its DLIF, as its configuration derives it."""
    shown = yaml.safe_load(d.lab.run(maar, [d.lab.program("godwit"), "config", "show",
                                            d.lab.config_file(maar)]).stdout)
    return shown["godwit"]["dlif"]["link-local"]


def listen(d, node):
    d.lab.spawn(node, f"echo-{node}", python(ECHO, PORT))
    wait_for(f"{node} listens",
             lambda: f":{PORT} " in d.lab.run(node, ["ss", "-Hltn"]).stdout, 10)


def both_ways(d, addresses):
    """New connections between the host, from each of its addresses, and the local server."""
    for address in addresses:
        assert once(d, MN, address, d.address(LOCAL)).stdout.strip() == address
        once(d, LOCAL, "", address)
    return once(d, MN, "", d.address(LOCAL)).stdout.strip()


def reconfigure(d, maar, prefixes):
    path = d.lab.config_file(maar)
    with open(path, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    config["godwit"]["mobility"]["local-prefixes"] = prefixes
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file)
    d.lab.ask(maar, {"cmd": "reload"})


def plain_in_core(d, file):
    """Packets of the local network outside a tunnel."""
    return d.lab.run(CMD, ["tcpdump", "-nr", str(file)]).stdout.splitlines()


def test_local_network_is_followed(lab_name, clean):
    d = Domain(lab_name, BIN, mobile_nodes=2, local=True, godwit={"timers": {"transit": 0.3}})
    lab, core = d.lab, d.lab.state.path("core.pcap")
    for host in (MN, OTHER):
        lab.run(host, ["sysctl", "-qw", "net.ipv6.conf.wlan0.accept_ra_rt_info_max_plen=128"])
    d.capture()
    lab.capture("core", "maar1", core, f"ip6 net {LOCAL_NET}")
    for node in (LOCAL, MN):
        listen(d, node)
    own, stop = [d.usable("maar1")], lab.state.path("stop")
    talker = lab.spawn(MN, "talker", python(TALKER, own[0], d.address(LOCAL), PORT, stop))
    both_ways(d, own)
    for maar, ap in (("maar2", "ap2"), ("maar3", "ap3")):
        lab.move(MN, ap)
        own.append(d.usable(maar))
        wait_for("the route", lambda: routes(d, MN) == [link_local(d, "maar1")], 15, 0.05)
        assert both_ways(d, own) in own
        assert talker.poll() is None
    row = next(p for p in lab.show("maar3", "prefixes") if p["anchor"] == d.plan.nodes["maar1"].address)
    assert row["local_prefixes"] == [LOCAL_NET]
    # a host that was never there has no route, and its packets find no way
    stranger = d.usable("maar2", OTHER)
    assert routes(d, OTHER) == []
    assert once(d, OTHER, stranger, d.address(LOCAL), check=False).returncode != 0
    # home again, from prefixes of the others as well
    lab.move(MN, "ap1")
    wait_for("home", lambda: any(p["kind"] == "local" for p in lab.show("maar1", "prefixes")), 15, 0.05)
    both_ways(d, own)
    lab.move(MN, "ap2")
    wait_for("away", lambda: any(p["kind"] == "moved" for p in lab.show("maar1", "prefixes")), 15, 0.05)
    both_ways(d, own)
    # the operator takes the network away: so does the next router advertisement
    reconfigure(d, "maar1", [])
    wait_for("no route", lambda: routes(d, MN) == [], 15, 0.05)
    assert talker.poll() is None  # its own anchor forwards it as ever
    with open(stop, "w", encoding="ascii"):
        pass
    assert talker.wait(20) == 0
    assert int(lab.log("talker").split()[-1]) > 20
    d.stop_capture()
    lab.stop("capture-core-maar1")
    assert plain_in_core(d, core) == []
    on_the_wire(d)


def on_the_wire(d):
    """Local Prefix options as the RFC draws them, of maar1 to the CMD and after it in PBAs."""
    of_maar1, named = set(), 0
    for m in messages(d.file):
        seen = None
        for kind, body, at in m.options:
            if kind == PREVIOUS:
                seen = str(ipaddress.IPv6Address(body[2:18]))
            if kind != LOCAL_PREFIX:
                continue
            assert len(body) == 18 and body[0] == 0 and at % 8 == 4
            assert str(prefix(body)) == LOCAL_NET
            assert m.flags & (0x0010 if m.kind == PBU else 0x02)  # only with D
            if seen is not None and m.src == d.address(CMD):
                assert m.kind == PBA and seen == d.plan.nodes["maar1"].address
                named += 1
            elif m.src == d.plan.nodes["maar1"].address and seen is None:
                of_maar1.add(m.kind)
    assert PBU in of_maar1 and named > 0
