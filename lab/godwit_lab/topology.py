"""The topology file: reading, checking, and the routes that follow from it.

A topology names nodes (routers, CMD, MAARs, LMAs, MAGs, forwarders and metric agents of CATS, servers,
clients), the links between them with delay, rate and loss, access points, and mobile nodes. It says nothing of
namespaces or processes.
"""

import ipaddress
import re
from collections import deque
from dataclasses import dataclass, field

import yaml

HOOKS = ("auto", "tc", "xdp")
CATS = ("d-router", "d-forwarder", "path-selector", "metric-agent")
DAEMON_ROLES = ("cmd", "maar", "lma", "mag", *CATS, "location-server")  # a node may have several of these
HOSTS = ("server", "client")  # a client's way is its first link
ROLES = ("router", *HOSTS, *DAEMON_ROLES)
ANCHORS = {"maar", "lma"}  # have pools
ACCESS = {"maar", "mag"}  # have access points
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,11}\Z")


class TopologyError(Exception):
    """The topology file is wrong; the text says where and what was expected."""


@dataclass
class Node:
    name: str
    roles: tuple
    address: str
    pools: list = field(default_factory=list)
    hook: str = "auto"
    godwit: dict = field(default_factory=dict)
    routed: list = field(default_factory=list)  # prefixes that the underlay brings to it
    anycast: list = field(default_factory=list)  # addresses that others have too: nobody routes them

    @property
    def daemon(self):
        return self.roles[0] in DAEMON_ROLES

    @property
    def forwards(self):
        return self.roles not in (*((h,) for h in HOSTS), ("cmd",), ("location-server",))


@dataclass
class Link:
    """Values are per direction: [from ends[0], from ends[1]]."""

    ends: tuple
    delay_us: list
    rate_kbit: list
    loss_ppm: list
    queue_kib: list
    seed: int
    mtu: int

    @property
    def emulated(self):
        return any(self.delay_us) or any(self.rate_kbit) or any(self.loss_ppm)


@dataclass
class AccessPoint:
    name: str
    at: str
    hook: str


@dataclass
class MobileNode:
    name: str
    at: str
    lladdr: str


@dataclass
class Topology:
    name: str
    nodes: dict
    links: list
    access_points: dict
    mobile_nodes: dict
    policy: list
    godwit: dict
    steering: dict

    def neighbours(self, name):
        """[(neighbour, link index, which end of the link is ours)]"""
        found = []
        for i, link in enumerate(self.links):
            for end in (0, 1):
                if link.ends[end] == name:
                    found.append((link.ends[1 - end], i, end))
        return found

    def next_hops(self, name):
        """destination node -> (link index, our end): shortest paths, first declared wins."""
        hops, queue = {}, deque()
        for peer, index, end in self.neighbours(name):
            if peer not in hops:
                hops[peer] = (index, end)
                queue.append(peer)
        while queue:
            via = queue.popleft()
            for peer, _, _ in self.neighbours(via):
                if peer not in hops and peer != name:
                    hops[peer] = hops[via]
                    queue.append(peer)
        return hops

    @property
    def xdp(self):
        return any(x.hook == "xdp" for x in (*self.nodes.values(), *self.access_points.values()))

    def daemons(self):
        """CMD, LMA and location server first: the others have somebody to talk to when they start."""
        return sorted((n for n in self.nodes.values() if n.daemon),
                      key=lambda n: not {"cmd", "lma", "location-server"} & set(n.roles))

    def first(self, role):
        """The node that everybody's `cmd` or `lma` is; None."""
        return next((n for n in self.nodes.values() if role in n.roles), None)

    def maar_of(self, ap):
        return self.access_points[ap].at


UNITS = {
    "delay": {"us": 1, "ms": 1000, "s": 1000000},
    "rate": {"kbit": 1, "mbit": 1000, "gbit": 1000000},
    "loss": {"%": 10000},
}


def _scalar(kind, text, where):
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z%]*)", str(text).strip())
    units = UNITS[kind]
    if match and match[2] in units:
        return round(float(match[1]) * units[match[2]])
    if match and match[2] == "" and float(match[1]) == 0:
        return 0
    raise TopologyError(f"{where}: {kind}: {text!r}, expected a number with {', '.join(units)}")


def _pair(kind, value, where):
    """One value for both directions, or a list of two."""
    values = value if isinstance(value, list) else [value, value]
    if len(values) != 2:
        raise TopologyError(f"{where}: {kind}: expected one value or [forth, back]")
    return [_scalar(kind, v, where) for v in values]


def _known(entry, where, required, optional=()):
    if not isinstance(entry, dict):
        raise TopologyError(f"{where}: expected a mapping")
    for key in entry:
        if key not in required and key not in optional:
            raise TopologyError(f"{where}: unknown key {key!r}, expected one of "
                                f"{', '.join((*required, *optional))}")
    for key in required:
        if key not in entry:
            raise TopologyError(f"{where}: {key} is missing")


def _name(name, where):
    if not NAME.match(str(name)):
        raise TopologyError(f"{where}: {name!r}: a name has 1 to 12 of letters, digits and -")
    return name


def _hook(entry, default, where):
    hook = entry.get("hook", default)
    if hook not in HOOKS:
        raise TopologyError(f"{where}: hook: {hook!r}, expected one of {', '.join(HOOKS)}")
    return hook


def _roles(value, where):
    """One role, or a list of what one daemon does."""
    roles = tuple(value) if isinstance(value, list) else (value,)
    expected = DAEMON_ROLES if len(roles) > 1 else ROLES
    if not roles or any(r not in expected for r in roles):
        raise TopologyError(f"{where}: role {value!r}, expected one of {', '.join(ROLES)}, or a "
                            f"list of {', '.join(DAEMON_ROLES)}")
    return roles


def _node(name, entry):
    where = f"nodes: {name}"
    _known(entry, where, ("role", "address"), ("pools", "hook", "godwit", "routed", "anycast"))
    roles = _roles(entry["role"], where)
    try:
        address = str(ipaddress.IPv6Address(entry["address"]))
        pools, routed = ([str(ipaddress.IPv6Network(p)) for p in entry.get(key, [])]
                         for key in ("pools", "routed"))
        anycast = [str(ipaddress.IPv6Address(a)) for a in entry.get("anycast", [])]
    except ValueError as err:
        raise TopologyError(f"{where}: {err}") from err
    if bool(pools) != bool(ANCHORS & set(roles)):
        raise TopologyError(f"{where}: pools: a maar and an lma have some, nobody else has")
    return Node(_name(name, where), roles, address, pools, _hook(entry, "auto", where),
                entry.get("godwit") or {}, routed, anycast)


def _link(index, entry, nodes):
    where = f"links: {index}"
    _known(entry, where, ("ends",), ("delay", "rate", "loss", "queue-kib", "seed", "mtu"))
    ends = tuple(entry["ends"])
    if len(ends) != 2 or ends[0] == ends[1] or any(e not in nodes for e in ends):
        raise TopologyError(f"{where}: ends: expected two different nodes")
    queue = int(entry.get("queue-kib", 4096))
    return Link(ends, _pair("delay", entry.get("delay", 0), where),
                _pair("rate", entry.get("rate", 0), where),
                _pair("loss", entry.get("loss", 0), where), [queue, queue],
                int(entry.get("seed", index + 1)), int(entry.get("mtu", 1500)))


def _access_point(name, entry, nodes):
    where = f"access-points: {name}"
    _known(entry, where, ("at",), ("hook",))
    if entry["at"] not in nodes or not ACCESS & set(nodes[entry["at"]].roles):
        raise TopologyError(f"{where}: at: {entry['at']!r} is not a maar or mag")
    hook = _hook(entry, nodes[entry["at"]].hook, where)
    return AccessPoint(_name(name, where), entry["at"], hook)


def _mobile_node(index, name, entry, aps):
    where = f"mobile-nodes: {name}"
    _known(entry, where, ("at",), ("lladdr",))
    if entry["at"] not in aps:
        raise TopologyError(f"{where}: at: {entry['at']!r} is not an access point")
    lladdr = entry.get("lladdr", f"02:00:00:00:{index // 256:02x}:{index % 256:02x}")
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", lladdr) or int(lladdr[:2], 16) & 1:
        raise TopologyError(f"{where}: lladdr: {lladdr!r} is not a unicast MAC address")
    return MobileNode(_name(name, where), entry["at"], lladdr)


def from_dict(doc, name=None):
    _known(doc, "topology", ("nodes", "links"),
           ("name", "access-points", "mobile-nodes", "policy", "godwit", "steering"))
    nodes = {n: _node(n, e) for n, e in doc["nodes"].items()}
    for role, partner in (("maar", "cmd"), ("mag", "lma")):
        if any(role in n.roles for n in nodes.values()) and \
                not any(partner in n.roles for n in nodes.values()):
            raise TopologyError(f"nodes: the role {role} needs a node with the role {partner}")
    if sum("cmd" in n.roles for n in nodes.values()) > 1:
        raise TopologyError("nodes: expected at most one cmd")
    links = [_link(i, e, nodes) for i, e in enumerate(doc["links"])]
    aps = {n: _access_point(n, e, nodes) for n, e in (doc.get("access-points") or {}).items()}
    mns = {n: _mobile_node(i + 1, n, e, aps)
           for i, (n, e) in enumerate((doc.get("mobile-nodes") or {}).items())}
    topology = Topology(_name(name or doc.get("name", "gw"), "name"), nodes, links, aps, mns,
                        doc.get("policy", [{"any": True, "action": "allow"}]),
                        doc.get("godwit") or {}, doc.get("steering") or {})
    _check_whole(topology)
    return topology


def _check_whole(topology):
    seen = [*topology.nodes, *topology.access_points, *topology.mobile_nodes, "air", "wire"]
    twice = {n for n in seen if seen.count(n) > 1}
    if twice:
        raise TopologyError(f"name used twice or reserved: {', '.join(sorted(twice))}")
    pairs = [frozenset(link.ends) for link in topology.links]
    if len(set(pairs)) != len(pairs):
        raise TopologyError("links: two links between the same nodes")
    first = next(iter(topology.nodes))
    lonely = set(topology.nodes) - {first} - set(topology.next_hops(first))
    if lonely:
        raise TopologyError(f"links: no path to {', '.join(sorted(lonely))}")


def load(path, name=None, overrides=()):
    """Reads a topology file; each override is 'path.to.key=value' (list positions are numbers)."""
    try:
        with open(path, encoding="utf-8") as file:
            doc = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as err:
        raise TopologyError(f"{path}: {err}") from err
    for override in overrides:
        _override(doc, override)
    try:
        return from_dict(doc, name)
    except TopologyError as err:
        raise TopologyError(f"{path}: {err}") from err


def _override(doc, text):
    path, sep, value = text.partition("=")
    try:
        if not sep:
            raise KeyError(text)
        *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
        for part in parents:
            doc = doc[part] if isinstance(part, int) else doc.setdefault(part, {})
        doc[last] = yaml.safe_load(value)
    except (KeyError, IndexError, TypeError) as err:
        raise TopologyError(f"--set {text}: no such place (expected path.to.key=value)") from err
