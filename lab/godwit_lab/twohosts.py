"""A client, a router, and two hosts with the same anycast address: where TCP connections move."""

import subprocess

from . import netns

CS_ID, CLIENT = "2001:db8:ca75::1", "2001:db8:c::2"


class TwoHosts:
    """client - router - one, two: namespaces PREFIX-client and so on. The path leads to `one` first."""

    def __init__(self, prefix):
        self.names = {n: f"{prefix}-{n}" for n in ("client", "router", "one", "two")}
        self.down()
        for name in self.names.values():
            netns.add(name)
        for n, net in (("client", "c"), ("one", "d1"), ("two", "d2")):
            netns.batch(None, [f"link add v{n} netns {self.names[n]} type veth peer name v{n} "
                               f"netns {self.names['router']}"])
            netns.batch(self.names["router"], [f"addr add 2001:db8:{net}::1/64 dev v{n} nodad",
                                               f"link set v{n} up"])
            netns.batch(self.names[n], [f"addr add 2001:db8:{net}::2/64 dev v{n} nodad",
                                        f"link set v{n} up",
                                        f"route add default via 2001:db8:{net}::1"])
            if n != "client":
                netns.batch(self.names[n], [f"addr add {CS_ID}/128 dev lo nodad"])
        netns.sysctl(self.names["router"], {"net.ipv6.conf.all.forwarding": 1})
        self.switch(1)

    def via(self, host):
        return f"2001:db8:d{host}::2"

    def switch(self, host):
        """1 or 2: where the path leads from now on."""
        netns.batch(self.names["router"], [f"route replace {CS_ID}/128 via {self.via(host)}"])

    def resets(self):
        """TCP resets that the client has got or sent."""
        text = netns.run(netns.enter(self.names["client"], ["nstat", "-asz"]))
        values = dict(line.split()[:2] for line in text.splitlines() if line.startswith("Tcp"))
        return int(values["TcpEstabResets"]) + int(values["TcpOutRsts"])

    def down(self):
        for name in self.names.values():
            if netns.exists(name):
                subprocess.run(["ip", "netns", "del", name], check=False)
