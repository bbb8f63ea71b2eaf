"""A storm: stations attach, hand over and leave without pause while daemons are killed with SIGKILL
and started again. What must hold afterwards is taken from others than the daemons: tshark reads which
registrations the database acknowledged, and echo requests go to every address and back.

    plan()    a database, MAARs with an access point each, a server, stations (stock Linux stacks)
    Storm     one round: operations, a kill among them, a restart, the check
    Acks      what the database has said, from a capture in front of it
    Echo      a correspondent's ICMPv6 socket
"""

import concurrent.futures
import contextlib
import ipaddress
import os
import random
import select
import signal
import socket
import struct
import time

from . import netns, signalling, state, topology
from .builder import MN_IFACE
from .domain import PATIENCE, Lab

CMD, SERVER, AWAY = "cmd", "srv1", "away"
DISSECTOR = ("-X", "lua_script:" + os.path.join(os.path.dirname(__file__),
                                              "../../packaging/wireshark/godwit.lua"))
FIELDS = ["ipv6.src", "ipv6.dst", "godwit.type", "godwit.status", "godwit.lifetime",
          "godwit.mn_id", "godwit.hnp", "godwit.previous_maar.hnp", "godwit.serving_maar",
          "godwit.timestamp"]
BU, BA = "5", "6"
PCAP_HEADER, PCAP_RECORD = 24, 16  # octets before the first packet, and before each
ECHO_REQUEST, ECHO_REPLY, DISCARD = 128, 129, 9
SETTLE_SECONDS = 45  # to be whole again after a kill; what is waited for is retransmissions


def plan(name, maars=3, stations=12, mode="proxy"):
    names = [f"maar{i}" for i in range(1, maars + 1)]
    nodes = {"core": {"role": "router", "address": "2001:db8:f::f"},
             CMD: {"role": "cmd", "address": "2001:db8:f::c"},
             SERVER: {"role": "server", "address": "2001:db8:5::1"}}
    for i, maar in enumerate(names, 1):
        nodes[maar] = {"role": "maar", "address": f"2001:db8:f::{i}", "pools": [f"2001:db8:{i}000::/36"]}
    return topology.from_dict({
        "nodes": nodes,
        "links": [{"ends": [n, "core"]} for n in (CMD, *names, SERVER)],
        "access-points": {f"ap{i}": {"at": m} for i, m in enumerate(names, 1)},
        "mobile-nodes": {f"mn{i}": {"at": f"ap{(i - 1) % maars + 1}"} for i in range(1, stations + 1)},
        "policy": [{"lladdr": "02:00:*", "action": "allow"}],
        # Sessions of stations that left end within a round; a node that is back is found soon.
        "godwit": {"timers": {"detach-guard": 1, "max-ack": 4}, "heartbeat": {"interval": 5},
                   "mobility": {"mode": mode}}}, name)


def eui64(prefix, lladdr):
    """The address that a station makes of a prefix (RFC 4291 appendix A)."""
    mac = bytes.fromhex(lladdr.replace(":", ""))
    return prefix.network_address + int.from_bytes(
        bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:], "big")


class Echo:
    """A correspondent: asks addresses for echoes, in the server's namespace."""

    def __init__(self, namespace):
        with netns.Within(namespace):
            self.sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.sock.setblocking(False)
        self.number = 0

    def close(self):
        self.sock.close()

    def silent(self, addresses, seconds):
        """Those of the addresses that do not answer in time."""
        self.number += 1
        token = struct.pack("!HH", os.getpid() & 0xffff, self.number & 0xffff)
        waiting = set(addresses)
        for address in waiting:
            with contextlib.suppress(OSError):
                self.sock.sendto(struct.pack("!BBH", ECHO_REQUEST, 0, 0) + token + b"storm" * 8,
                                 (str(address), 0))
        deadline = time.monotonic() + seconds
        while waiting and (left := deadline - time.monotonic()) > 0:
            if select.select([self.sock], [], [], left)[0]:
                data, source = self.sock.recvfrom(2048)
                if data[0] == ECHO_REPLY and data[4:8] == token:
                    waiting.discard(ipaddress.IPv6Address(source[0]))
        return waiting


class Acks:
    """Which registrations the database has acknowledged, as tshark reads them from a capture."""

    def __init__(self, file, cmd):
        self.file, self.cmd, self.offset, self.count = file, cmd, PCAP_HEADER, 0
        self.bound = {}     # MN-ID: (serving, prefixes) of the last PBA; None: the session's end
        self.attached = {}  # MN-ID: the Timestamp that goes with it
        self.asked = set()  # MN-IDs of which a PBU has come since

    def update(self):
        if not self._slice():
            return
        for row in signalling.tshark_fields(f"{self.file}.new", FIELDS, f"godwit && ipv6.addr == {self.cmd}",
                                            DISSECTOR):
            self._message(dict(zip(FIELDS, row)))

    def _slice(self):
        """What is new in the capture, as a file of its own; False when nothing is."""
        with open(self.file, "rb") as file:
            header = file.read(PCAP_HEADER)
            file.seek(self.offset)
            data = file.read()
        end = 0
        while end + PCAP_RECORD <= len(data):
            after = end + PCAP_RECORD + struct.unpack_from("=I", data, end + 8)[0]
            if after > len(data):
                break
            end = after
        with open(f"{self.file}.new", "wb") as file:
            file.write(header + data[:end])
        self.offset += end
        return end > 0

    def _message(self, m):
        mn = bytes.fromhex(m["godwit.mn_id"].replace(":", "")).hex(":")
        if m["godwit.type"] == BU and m["ipv6.src"] != self.cmd:
            self.asked.add(mn)
        if m["godwit.type"] != BA or m["ipv6.src"] != self.cmd or m["godwit.status"] != "0":
            return
        if m["godwit.serving_maar"]:
            return  # to a MAAR that serves no longer: the session lives on
        self.asked.discard(mn)
        at = _moment(m["godwit.timestamp"])
        if m["godwit.lifetime"] == "0":
            if self.bound.get(mn) and self.bound[mn][0] != m["ipv6.dst"] and at <= self.attached[mn]:
                return  # a late goodbye of one that is not even an anchor any more
            self.bound[mn] = None
            return
        self.count += 1
        self.attached[mn] = at
        prefixes = m["godwit.hnp"] + "," + m["godwit.previous_maar.hnp"]
        self.bound[mn] = (m["ipv6.dst"], {ipaddress.IPv6Network(f"{p}/64") for p in prefixes.split(",") if p})


class Storm:
    def __init__(self, name, bin_dir, seed, maars=3, stations=12, mode="proxy"):
        self.plan, self.lab = plan(name, maars, stations, mode), Lab(name)
        self.mode, self.rnd = mode, random.Random(seed)
        self.lab.up(self.plan, bin_dir, daemons=False, owned=True)
        self.maars = [n.name for n in self.plan.daemons() if "maar" in n.roles]
        self.at = {n: m.at for n, m in self.plan.mobile_nodes.items()}
        self.operations = dict.fromkeys(("move", "attach", "detach"), 0)
        self.kills = dict.fromkeys((CMD, *self.maars), 0)
        air = self.lab.namespace("air")
        netns.batch(air, [f"link add name br-{AWAY} type bridge mcast_snooping 0", f"link set br-{AWAY} up"])
        self.ports = netns.Ports(air)
        self.talk = {n: self._socket(n) for n in self.at}
        self.echo = Echo(self.lab.namespace(SERVER))
        file = self.lab.state.path("storm.pcap")
        self.lab.capture("core", CMD, file, "ip6 proto 135")
        self.acks = Acks(file, self.plan.nodes[CMD].address)
        self.starter = concurrent.futures.ThreadPoolExecutor(1)
        self.lab.start_daemons(self.plan)
        for station in self.at:
            # A session that ends takes no address from a host that is away: Linux has room for 16.
            netns.sysctl(self.lab.namespace(station), {f"net.ipv6.conf.{MN_IFACE}.max_addresses": 0})
            # Now somebody hears its router solicitation.
            netns.batch(self.lab.namespace(station), [f"link set {MN_IFACE} {s}" for s in ("down", "up")])

    def _socket(self, station):
        with netns.Within(self.lab.namespace(station)):
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setblocking(False)
        return sock

    def release(self):
        self.starter.shutdown()
        for resource in (self.ports, self.echo, *self.talk.values()):
            resource.close()

    def close(self):
        self.release()
        self.lab.down()

    # -- what stations do -------------------------------------------------------------------------

    def speak(self, station):
        """A packet of the station's own, by which a MAAR notices it."""
        with contextlib.suppress(OSError):
            self.talk[station].sendto(b"here", (self.plan.nodes[SERVER].address, DISCARD))

    def operate(self):
        """One station does something."""
        station = self.rnd.choice(list(self.at))
        here = self.at[station]
        if here == AWAY:
            self._go("attach", station, self.rnd.choice(list(self.plan.access_points)))
        elif self.rnd.random() < 0.15:
            self._leave(station, here)
        else:
            self._go("move", station, self.rnd.choice([a for a in self.plan.access_points if a != here]))
        self.speak(self.rnd.choice(list(self.at)))

    def _go(self, what, station, ap):
        self.operations[what] += 1
        self.ports.move(station, f"br-{ap}")
        self.at[station] = ap
        self.speak(station)

    def _leave(self, station, ap):
        """Its access point says so, if there is a daemon to hear it."""
        self.operations["detach"] += 1
        self.ports.move(station, f"br-{AWAY}")
        self.at[station] = AWAY
        with contextlib.suppress(OSError, ValueError, state.LabError):
            self.lab.ask(self.plan.maar_of(ap), {"cmd": "detach", "interface": ap,
                                                 "lladdr": self.plan.mobile_nodes[station].lladdr})

    def blow(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.operate()
            time.sleep(self.rnd.expovariate(1 / 0.012))

    # -- a round ----------------------------------------------------------------------------------

    def kill(self, victim):
        self.kills[victim] += 1
        self.lab.kill(victim, signal.SIGKILL)

    def round(self):
        """A kill among operations, a restart among operations, then the check. What was done."""
        victim = self.rnd.choice(list(self.kills))
        done = {"victim": victim, "before_s": self.rnd.uniform(0.02, 0.6), "problems": []}
        alone = victim == CMD and self.rnd.random() < 0.5
        self.blow(done["before_s"])
        if self.rnd.random() < 0.5:  # amid what this causes
            self.operate()
            time.sleep(self.rnd.uniform(0, 0.003))
        self.kill(victim)
        if alone:
            done["problems"] = self._wake_alone()
        else:
            self._wake_in_storm(victim)
        self.blow(self.rnd.uniform(0, 0.3))
        done["alone"] = alone
        begin = time.monotonic()
        done["waited_for"] = []
        done["problems"] += self.settle(done["waited_for"])
        done["settled_s"] = round(time.monotonic() - begin, 3)
        return done

    def _wake_in_storm(self, victim):
        self.blow(self.rnd.uniform(0, 0.3))
        starting = self.starter.submit(self.lab.start, victim)
        while not starting.done():
            self.blow(0.02)
        starting.result()

    def _wake_alone(self):
        """The database comes back to a world that stands still: what it shows is what it kept."""
        with self.standing_still():
            self.lab.start(CMD)
            time.sleep(0.1)  # what the capture has still to write
            self.acks.update()
            return self.lost()

    @contextlib.contextmanager
    def standing_still(self):
        pids = [self.lab.process(maar)["pid"] for maar in self.maars]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    # -- the check --------------------------------------------------------------------------------

    def bindings(self):
        return [b for b in self.lab.show(CMD, "bindings") if b["state"] == "bound"]

    def lost(self):
        """Acknowledged registrations that the database does not show just so."""
        shown, problems = {}, []
        for row in self.bindings():
            shown.setdefault(row["mn"], []).append(row)
        for mn, acked in self.acks.bound.items():
            rows = shown.pop(mn, [])
            if mn in self.acks.asked and len(rows) < 2:
                continue  # it may have changed since
            found = [(r["serving"], {ipaddress.IPv6Network(a["prefix"]) for a in r["anchored"]})
                     for r in rows]
            if not self._is(found, acked):
                problems.append(f"{mn}: acknowledged {_text(acked)}, shown {[_text(f) for f in found]}")
        problems += [f"{mn}: shown, never acknowledged" for mn in shown if mn not in self.acks.asked]
        return problems

    def _is(self, found, acked):
        """Other modes than proxy acknowledge a registration before they name all its anchors."""
        if not acked or len(found) != 1:
            return not acked and not found
        (serving, prefixes), = found
        return serving == acked[0] and (prefixes == acked[1] if self.mode == "proxy" else prefixes >= acked[1])

    def twice(self):
        """Prefixes or sessions that two have."""
        found = [a["prefix"] for row in self.bindings() for a in row["anchored"]]
        problems = [f"{p}: twice in the database" for p in sorted(set(found)) if found.count(p) > 1]
        serving = {}
        for maar in self.maars:
            for row in self.lab.show(maar, "bindings"):
                if row["state"] not in ("previous", "releasing", "deregistering"):
                    serving.setdefault(row["mn"], []).append(f"{maar} ({row['state']})")
        return problems + [f"{mn}: at {', '.join(at)}" for mn, at in serving.items() if len(at) > 1]

    def misplaced(self):
        """Stations that are on a link and not served by its MAAR."""
        rows = {row["mn"]: row["serving"] for row in self.bindings()}
        wanted = {self.mnid(s): self.plan.nodes[self.plan.maar_of(ap)].address
                  for s, ap in self.at.items() if ap != AWAY}
        return [f"{mn}: served by {rows.get(mn)}, is at {maar}"
                for mn, maar in wanted.items() if rows.get(mn) != maar]

    def unreachable(self):
        """Addresses of stations on a link that do not answer a correspondent."""
        addresses = {}
        here = {self.mnid(s): s for s, ap in self.at.items() if ap != AWAY}
        for row in self.bindings():
            for anchor in row["anchored"] if row["mn"] in here else []:
                station = here[row["mn"]]
                prefix = ipaddress.IPv6Network(anchor["prefix"])
                addresses[eui64(prefix, self.plan.mobile_nodes[station].lladdr)] = station
        silent = self.echo.silent(addresses, 0.3 * PATIENCE)
        return [f"{addresses[a]}: {a} does not answer" for a in sorted(silent)]

    def mnid(self, station):
        return self.plan.mobile_nodes[station].lladdr

    def problems(self):
        for station, at in self.at.items():
            if at != AWAY:
                self.speak(station)
        found = self.misplaced() or self.unreachable() or self.twice()
        if not found:
            self.acks.update()
            found = self.lost()
        return found

    def settle(self, history=None):
        """What is still wrong when it should long be whole; history: what was, on the way."""
        begin, history = time.monotonic(), [] if history is None else history
        while (found := self.problems()) and time.monotonic() < begin + SETTLE_SECONDS * PATIENCE:
            if not history or history[-1][1] != found:
                history.append((round(time.monotonic() - begin, 3), found))
            time.sleep(0.1)
        return found

    def report(self, rounds):
        whole = sum(not r["problems"] for r in rounds)
        settled = sorted(r["settled_s"] for r in rounds)
        return {"kills": self.kills, "rounds": len(rounds), "whole": whole,
                "operations": self.operations, "acknowledgements": self.acks.count,
                "settled_s": {"median": settled[len(settled) // 2], "max": settled[-1]} if settled else {},
                "each": rounds}

    def evidence(self, directory):
        """Everything there is to see, for who wants to know why a round failed."""
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "shown.txt"), "w", encoding="utf-8") as file:
            for node in self.lab.daemons():
                for what in ("bindings", "stations", "prefixes", "tunnels", "peers", "counters"):
                    print(f"== {node} {what}", *map(str, [self.lab.show(node, what)]), sep="\n", file=file)
            for station, at in self.at.items():
                shown = self.lab.run(station, ["sh", "-c", "ip -6 addr; ip -6 route; ip -6 neigh"]).stdout
                print(f"== {station} at {at}", shown, sep="\n", file=file)
        for node in self.lab.daemons():
            with open(os.path.join(directory, f"{node}.log"), "w", encoding="utf-8") as file:
                file.write(self.lab.log(node))
        with open(self.acks.file, "rb") as source, open(os.path.join(directory, "storm.pcap"), "wb") as copy:
            copy.write(source.read())


def _moment(text):
    """Of tshark's "Nov 21, 2026 15:58:27.100753784 UTC": comparable."""
    day, _, fraction = text.removesuffix(" UTC").partition(".")
    return time.strptime(day, "%b %d, %Y %H:%M:%S"), int(fraction.ljust(9, "0"))


def _text(binding):
    return "nothing" if not binding else f"{binding[0]} {sorted(map(str, binding[1]))}"
