"""The domain that tests and measurements share: a star of one CMD, MAARs with an access point each
and a server, all on one core router, which therefore sees every message."""

from . import topology

MN, CMD, SERVER, CORE = "mn1", "cmd", "srv1", "core"
LOCAL, LOCAL_NET = "srv2", "2001:db8:6::/64"


def plan(name, maars=3, delay=0, loss=0, mobile_nodes=1, godwit=None, hook="auto", maar_delay=0,
         local=False):
    """delay, loss: of the CMD's link, one way; maar_delay: of each MAAR's. local: another server,
    which only maar1 reaches, and mobile nodes but the first begin at maar2."""
    names = [f"maar{i}" for i in range(1, maars + 1)]
    nodes = {CORE: {"role": "router", "address": "2001:db8:f::f"},
             CMD: {"role": "cmd", "address": "2001:db8:f::c"},
             SERVER: {"role": "server", "address": "2001:db8:5::1"}}
    for i, maar in enumerate(names, 1):
        nodes[maar] = {"role": "maar", "address": f"2001:db8:f::{i}",
                       "pools": [f"2001:db8:{i}000::/36"], "hook": hook}
    links = [{"ends": [CMD, CORE], "delay": delay, "loss": loss},
             *[{"ends": [n, CORE], "delay": maar_delay} for n in names],
             {"ends": [SERVER, CORE]}]
    if local:
        nodes[LOCAL] = {"role": "server", "address": LOCAL_NET.replace("/64", "1")}
        nodes["maar1"]["godwit"] = {"mobility": {"local-prefixes": [LOCAL_NET]}}
        links.append({"ends": [LOCAL, "maar1"]})
    return topology.from_dict({
        "nodes": nodes,
        "links": links,
        "access-points": {f"ap{i}": {"at": m} for i, m in enumerate(names, 1)},
        "mobile-nodes": {f"mn{i}": {"at": "ap2" if local and i > 1 else "ap1"}
                         for i in range(1, mobile_nodes + 1)},
        "policy": [{"lladdr": "02:00:*", "action": "allow"}],
        # Heartbeats, and what a restart makes peers say, would be counted as messages of a move.
        "godwit": {"heartbeat": {"interval": 0}, **(godwit or {})}}, name)
