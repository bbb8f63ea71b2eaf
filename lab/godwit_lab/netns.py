"""Namespaces and links: the only module that speaks to the kernel's network configuration.

Building goes through ip(8) in batches; what must be quick (a mobile node's move) through a netlink
socket of our own. A namespace is entered with nsenter, not `ip netns exec`, which would put a new
/sys in place and so hide the bpffs.
"""

import ctypes
import os
import socket
import struct
import subprocess
import time

RUN = "/run/netns"
CLONE_NEWNET = 0x40000000
RTM_SETLINK, NLMSG_ERROR = 19, 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
IFLA_MASTER, IFLA_PROTINFO, IFLA_BRPORT_ISOLATED = 10, 12, 33
NLA_F_NESTED = 0x8000
IFF_UP = 1
_libc = ctypes.CDLL(None, use_errno=True)


class NetError(Exception):
    """The kernel or ip(8) refused."""


def run(argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode != 0:
        raise NetError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def enter(namespace, argv):
    """The argument vector that runs argv inside the namespace."""
    return ["nsenter", f"--net={RUN}/{namespace}", *argv]


def batch(namespace, lines):
    """ip(8) commands in one namespace, in one process."""
    argv = ["ip", "-batch", "-"] if namespace is None else ["ip", "-n", namespace, "-batch", "-"]
    if lines:
        run(argv, input="\n".join(lines) + "\n")


def sysctl(namespace, values):
    run(enter(namespace, ["sysctl", "-qw", *[f"{k}={v}" for k, v in values.items()]]))


def exists(namespace):
    return os.path.exists(f"{RUN}/{namespace}")


def add(namespace):
    run(["ip", "netns", "add", namespace])
    batch(namespace, ["link set lo up"])


def delete(namespace):
    if exists(namespace):
        run(["ip", "netns", "del", namespace])


def pids(namespace):
    if not exists(namespace):
        return []
    return [int(p) for p in run(["ip", "netns", "pids", namespace]).split()]


class Within:
    """Puts the calling thread into a namespace for a few calls."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.home = None

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"{RUN}/{self.namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._set(there)
        finally:
            os.close(there)
        return self

    def __exit__(self, *exc):
        try:
            self._set(self.home)
        finally:
            os.close(self.home)

    @staticmethod
    def _set(fd):
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _attribute(kind, payload):
    data = struct.pack("=HH", 4 + len(payload), kind) + payload
    return data + bytes(-len(data) % 4)


class Ports:
    """Moves bridge ports of one namespace. An acknowledged request is in force."""

    def __init__(self, namespace):
        with Within(namespace):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self.index = {name: i for i, name in socket.if_nameindex()}
        self.sock.bind((0, 0))
        self.sock.settimeout(5)
        self.seq = 0

    def close(self):
        self.sock.close()

    def _set(self, port, family=0, flags=0, change=0, attributes=b""):
        self.seq += 1
        body = struct.pack("=BxHiII", family, 0, self.index[port], flags, change) + attributes
        head = struct.pack("=IHHII", 16 + len(body), RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK,
                           self.seq, 0)
        self.sock.send(head + body)
        answer = self.sock.recv(65536)
        _, kind, _, seq, _ = struct.unpack_from("=IHHII", answer)
        error = struct.unpack_from("=i", answer, 16)[0]
        if kind != NLMSG_ERROR or seq != self.seq or error != 0:
            raise NetError(f"link {port}: {os.strerror(-error)}")

    def up(self, port, is_up):
        self._set(port, flags=IFF_UP if is_up else 0, change=IFF_UP)

    def move(self, port, bridge):
        """Takes the port to another bridge in one request; (begin, end) on the monotonic clock.
        Then isolates it: the stations of one access point do not hear each other."""
        master = _attribute(IFLA_MASTER, struct.pack("=I", self.index[bridge]))
        isolated = _attribute(IFLA_PROTINFO | NLA_F_NESTED,
                              _attribute(IFLA_BRPORT_ISOLATED, b"\x01"))
        begin = time.monotonic_ns()
        self._set(port, attributes=master)
        end = time.monotonic_ns()
        self._set(port, family=socket.AF_BRIDGE if hasattr(socket, "AF_BRIDGE") else 7,
                  attributes=isolated)
        return begin, end
