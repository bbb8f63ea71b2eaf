"""A MAAR that is none of ours: its signalling is this file's, with mhbuild.py's messages, and its
tunnels are the kernel's own. The node is a lab's `maar` whose daemon does not run; what it says and
hears goes over raw sockets.

Seg6Peer: RFC 8986 H.Encaps.Red with a single segment, which is a plain IPv6 header in front of the
packet (RFC 2473), and End.DT6, which takes one away. Its address is taken from the loopback device,
so that packets to it meet the End.DT6 route.

Ip6tnlPeer: the ip6_tunnel devices of kernels that have them.
"""
import contextlib
import socket
import threading

import mhbuild
import yaml
from domain import ATT, HI, HNP, MNID, PBU, SERVING, TIMESTAMP, Message
from godwit_lab import netns
from godwit_lab.domain import wait_for
from scapy.layers.inet6 import IPv6

MH, ETH_IPV6, ETH_HEADER = 135, 0x86dd, 14


class KernelPeer:
    def __init__(self, lab, plan, name, core="core"):
        self.lab, self.name, self.core = lab, name, core
        self.address = plan.nodes[name].address
        self.cmd, self.ours = plan.nodes["cmd"].address, plan.nodes["maar1"].address
        with open(lab.config_file(name), encoding="utf-8") as file:
            peers = yaml.safe_load(file)["godwit"]["peers"]
        self.key = bytes.fromhex(next(p for p in peers if p["name"] == "cmd")["keys"][0]["secret"])
        self.sequence, self.heard, self.stop = 0, [], False
        with netns.Within(lab.namespace(name)):
            self.out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_IPV6))
        self.ear.bind((core, ETH_IPV6))
        self.ear.settimeout(0.05)
        self.open_tunnel_end()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def close(self):
        self.stop = True
        self.thread.join()
        self.ear.close()
        self.out.close()

    def ip(self, *lines):
        netns.batch(self.lab.namespace(self.name), list(lines))

    # -- signalling -------------------------------------------------------------------------------

    def _send(self, message):
        packet = mhbuild.ip6(self.address, self.cmd, message)
        self.out.sendto(packet, (self.cmd, 0))

    def register(self, lladdr, hnp):
        """This MAAR has the node now; the CMD's answer."""
        self.sequence += 1
        self._send(mhbuild.registration(lladdr, hnp, self.address, self.cmd, seq=self.sequence,
                                        key=self.key))

        def answer():
            return next((m for m in self.heard if m.kind != PBU and
                         m.sequence == self.sequence), None)
        return wait_for("a PBA", answer, 5)

    def _listen(self):
        while not self.stop:
            with contextlib.suppress(TimeoutError):
                frame, where = self.ear.recvfrom(65536)
                packet = frame[ETH_HEADER:]
                if where[2] == socket.PACKET_OUTGOING or packet[6] != MH or \
                        packet[24:40] != mhbuild.addr(self.address):
                    continue
                message = Message(IPv6(packet))
                self.heard.append(message)
                if message.kind == PBU:
                    self._acknowledge(message)

    def _acknowledge(self, pbu):
        echo = [(kind, body) for kind, body, _ in pbu.options
                if kind in (MNID, HNP, HI, ATT, TIMESTAMP, SERVING)]
        self._send(mhbuild.pba(pbu.sequence, pbu.lifetime, 0, echo, self.address, self.cmd,
                               key=self.key))

    def told(self):
        """The latest PBU of the CMD, waited for: (previous prefix, serving MAAR)."""
        def latest():
            return next((m for m in reversed(self.heard) if m.kind == PBU), None)
        pbu = wait_for("a PBU", latest, 5)
        return pbu.hnp(), socket.inet_ntop(socket.AF_INET6, pbu.one(SERVING))


class Seg6Peer(KernelPeer):
    def open_tunnel_end(self):
        netns.sysctl(self.lab.namespace(self.name), {"net.ipv6.conf.all.seg6_enabled": 1,
                                                     f"net.ipv6.conf.{self.core}.seg6_enabled": 1})
        self.ip(f"addr del {self.address}/128 dev lo", f"sr tunsrc set {self.address}",
                f"route add {self.address}/128 encap seg6local action End.DT6 table main "
                f"dev {self.core}")

    def tunnel_to(self, prefix, peer, table="main"):
        """Packets to a prefix (or, in another table, all that are looked up there) go to peer."""
        self.ip(f"route add {prefix} encap seg6 mode encap.red segs {peer} dev {self.core} "
                f"table {table}")


class Ip6tnlPeer(KernelPeer):
    def open_tunnel_end(self):
        self.ip(f"link add name tnl type ip6tnl mode ip6ip6 local {self.address} "
                f"remote {self.ours} encaplimit none tclass inherit dev {self.core}",
                "link set tnl up")

    def tunnel_to(self, prefix, _peer, table="main"):
        self.ip(f"route add {prefix} dev tnl table {table}")
