"""From a topology to namespaces, links and routes. No daemons, no state file.

Every node and mobile node has a namespace. Two more stand for what is between them: `air` holds a
bridge per access point and the other end of each mobile node's port; `wire` holds the inner ends
of the links that a linkem joins.

Inside a node an interface is named after whom it leads to; an access interface after its access
point; a mobile node's is wlan0.
"""

import ipaddress

from . import netns

MN_IFACE = "wlan0"
# A virtio-net header cannot say "tunnelled", so senders onto an emulated link segment tunnel
# packets themselves; everything else passes whole.
TUNNEL_OFFLOADS = ("tx-ipxip4-segmentation", "tx-ipxip6-segmentation")


def link_local(index, end):
    return f"fe80::a:{index:x}:{end}"


def port_lladdr(index, end):
    return f"02:0a:00:{index // 256:02x}:{index % 256:02x}:{end:02x}"


class Builder:
    def __init__(self, topology):
        self.topology = topology
        self.names = {n: f"{topology.name}-{n}"
                      for n in (*topology.nodes, *topology.mobile_nodes, "air", "wire")}

    def namespaces(self):
        used = set(self.names)
        if not any(link.emulated for link in self.topology.links):
            used.discard("wire")
        if not self.topology.access_points:
            used.discard("air")
        return [self.names[n] for n in self.names if n in used]

    def _as_cards(self, namespace, *interfaces):
        """Native XDP on a veth wants its peer to poll, and frames with checksums in them: what it
        passes on has no place for "the card will do it". A real card has both."""
        for iface in interfaces if self.topology.xdp else ():
            netns.run(netns.enter(namespace, ["ethtool", "-K", iface, "gro", "on", "tx", "off"]))

    def build(self):
        for namespace in self.namespaces():
            netns.add(namespace)
        for silent in ("air", "wire"):
            if self.names[silent] in self.namespaces():
                netns.sysctl(self.names[silent], {"net.ipv6.conf.all.disable_ipv6": 1,
                                                  "net.ipv6.conf.default.disable_ipv6": 1})
        self._nodes()
        for index, link in enumerate(self.topology.links):
            self._link(index, link)
        self._routes()
        self._air()

    def _nodes(self):
        for node in self.topology.nodes.values():
            namespace = self.names[node.name]
            if node.forwards:
                netns.sysctl(namespace, {"net.ipv6.conf.all.forwarding": 1})
            netns.batch(namespace, [f"addr add {a}/128 dev lo nodad"
                                    for a in (node.address, *node.anycast)])

    def _link(self, index, link):
        a, b = link.ends
        ns_a, ns_b = self.names[a], self.names[b]
        if link.emulated:
            wire = self.names["wire"]
            netns.batch(None, [f"link add name {b} netns {ns_a} type veth peer name l{index}a netns {wire}",
                               f"link add name {a} netns {ns_b} type veth peer name l{index}b netns {wire}"])
            netns.batch(wire, [f"link set l{index}{x} mtu {link.mtu} up" for x in "ab"])
            self._as_cards(wire, f"l{index}a", f"l{index}b")
            for namespace, iface in ((ns_a, b), (ns_b, a)):
                netns.run(netns.enter(namespace, [
                    "ethtool", "-K", iface, *[w for o in TUNNEL_OFFLOADS for w in (o, "off")]]))
        else:
            netns.batch(None, [f"link add name {b} netns {ns_a} type veth peer name {a} netns {ns_b}"])
        for end, namespace, iface in ((0, ns_a, b), (1, ns_b, a)):
            netns.batch(namespace, [
                f"link set dev {iface} address {port_lladdr(index, end)} mtu {link.mtu}",
                f"link set dev {iface} addrgenmode none",
                f"link set dev {iface} up",
                f"addr add {link_local(index, end)}/64 dev {iface} nodad"])
            if link.emulated:  # else a message waits now and then for the link-layer address
                netns.batch(namespace, [f"neigh replace {link_local(index, 1 - end)} lladdr "
                                        f"{port_lladdr(index, 1 - end)} dev {iface} nud permanent"])
            self._as_cards(namespace, iface)

    def _hidden(self, target, node):
        """Is it in a network that can be reached through another maar only?"""
        return any(ipaddress.IPv6Address(target.address) in ipaddress.IPv6Network(p)
                   for maar in self.topology.nodes.values() if maar not in (node, target)
                   for p in maar.godwit.get("mobility", {}).get("local-prefixes", []))

    def _routes(self):
        """Static: to every node's address and what else it has (an anchor's pools), of which what is
        left (prefixes nobody has) ends there. A client asks its router for everything."""
        for node in self.topology.nodes.values():
            lines = [f"route add unreachable {p} metric 4096" for p in (*node.pools, *node.routed)]
            if node.roles == ("client",):
                router, index, end = self.topology.neighbours(node.name)[0]
                lines.append(f"route add default via {link_local(index, 1 - end)} dev {router} "
                             f"src {node.address}")
            for target, (index, end) in self.topology.next_hops(node.name).items():
                link = self.topology.links[index]
                where = (f"via {link_local(index, 1 - end)} dev {link.ends[1 - end]} "
                         f"src {node.address}")
                other = self.topology.nodes[target]
                if self._hidden(other, node) or node.roles == ("client",):
                    continue
                lines += [f"route add {p} {where}"
                          for p in (f"{other.address}/128", *other.pools, *other.routed)]
            netns.batch(self.names[node.name], lines)

    def _air(self):
        if not self.topology.access_points:
            return
        air = self.names["air"]
        for ap in self.topology.access_points.values():
            maar = self.names[ap.at]
            netns.batch(None, [f"link add name {ap.name} netns {maar} type veth peer name {ap.name} "
                               f"netns {air}"])
            # An access point hears the EAPOL that a bridge by itself would keep (802.1X's group).
            netns.batch(air, [f"link add name br-{ap.name} type bridge mcast_snooping 0 "
                              "group_fwd_mask 8",
                              f"link set dev {ap.name} master br-{ap.name}",
                              f"link set br-{ap.name} up", f"link set dev {ap.name} up"])
            netns.batch(maar, [f"link set dev {ap.name} up"])
            self._as_cards(maar, ap.name)
            self._as_cards(air, ap.name)
        for mn in self.topology.mobile_nodes.values():
            netns.batch(None, [f"link add name {MN_IFACE} netns {self.names[mn.name]} address {mn.lladdr} "
                               f"type veth peer name {mn.name} netns {air}"])
            netns.batch(air, [f"link set dev {mn.name} master br-{mn.at}",
                              f"link set dev {mn.name} type bridge_slave isolated on",
                              f"link set dev {mn.name} up"])
            self._as_cards(self.names[mn.name], MN_IFACE)
            self._as_cards(air, mn.name)

    def wake(self, mn):
        """The mobile node's interface comes up: its stack does what a stock stack does then."""
        netns.batch(self.names[mn], [f"link set {MN_IFACE} up"])
