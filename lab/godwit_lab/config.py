"""The nodes' configuration files, from the topology: keys are drawn here, once per pair."""

import itertools
import secrets

import yaml

from .topology import CATS

SPI = 256
STAMP = "stamp"  # the key of the whole domain's path measurements


class _Plain(yaml.SafeDumper):
    """What two places have in common is written twice: a configuration has no aliases."""

    def ignore_aliases(self, data):
        return True


def dump(document, stream):
    yaml.dump(document, stream, _Plain, sort_keys=False)


def merge(base, extra):
    """extra over base; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def draw_keys(topology):
    """One secret for each pair of daemons, and one for STAMP."""
    names = [n.name for n in topology.daemons()]
    return {p: secrets.token_hex(32)
            for p in (STAMP, *map(frozenset, itertools.combinations(names, 2)))}


def _peer(node, key):
    return {
        "name": node.name,
        "address": node.address,
        "roles": list(node.roles),
        **({"pools": node.pools} if node.pools else {}),
        "keys": [{"spi": SPI, "algorithm": "hmac-sha-256-128", "secret": key}],
    }


def _side(topology, node, peer):
    """Of the interface to a neighbour; None: it is none of Godwit's. An egress routes what its servers
    send as any router does, but with handover: results of a client that has moved leave in a tunnel."""
    if peer.roles == ("client",):
        return "client"
    plain = not topology.steering.get("handover", {}).get("enabled")
    return None if peer.roles == ("server",) and set(CATS) & set(node.roles) and plain else "core"


def _interfaces(topology, node):
    access = [{"name": ap.name, "side": "access", "hook": ap.hook}
              for ap in topology.access_points.values() if ap.at == node.name]
    beside = [{"name": peer, "side": side, "hook": node.hook}
              for peer, _, _ in topology.neighbours(node.name)
              if (side := _side(topology, node, topology.nodes[peer]))]
    return access + beside


def node_config(topology, node, keys, run_dir, pin_dir):
    """The document of one daemon, to be written as YAML."""
    daemons = topology.daemons()
    identity = {"name": node.name, "roles": list(node.roles), "address": node.address}
    for role, partner in (("maar", "cmd"), ("mag", "lma")):
        if role in node.roles:
            identity[partner] = topology.first(partner).address
    config = {
        "node": identity,
        "interfaces": _interfaces(topology, node),
        "peers": [_peer(n, keys[frozenset((n.name, node.name))]) for n in daemons if n is not node],
        "daemon": {
            "control-socket": f"{run_dir}/{node.name}.sock",
            "state-directory": f"{run_dir}/{node.name}.state",
            "pin-directory": f"{pin_dir}/{node.name}",
        },
    }
    if set(CATS) & set(node.roles):
        config = merge(merge(config, {"steering": {"stamp": {"secret": keys[STAMP]}}}), topology.steering)
    if not {*CATS, "location-server"}.issuperset(node.roles):
        config["policy"] = topology.policy
    if node.pools:
        config["pools"] = [{"prefix": p, "node-prefix-length": 64} for p in node.pools]
    return {"godwit": merge(merge(config, topology.godwit), node.godwit)}
