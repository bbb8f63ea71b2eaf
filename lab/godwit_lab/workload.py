"""What runs while the mobile node moves: downloads by curl from nginx, and a UDP echo."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys

from . import state
from .domain import wait_for
from .state import LabError

NGINX = """\
daemon off; master_process off; pid {dir}/nginx-{node}.pid; error_log stderr;
worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on;
    # limit_rate counts whole seconds; small pieces make it an even pace.
    sendfile_max_chunk 32k;
    client_body_temp_path {dir}/nginx-{node}-tmp; proxy_temp_path {dir}/nginx-{node}-tmp;
    fastcgi_temp_path {dir}/nginx-{node}-tmp; uwsgi_temp_path {dir}/nginx-{node}-tmp;
    scgi_temp_path {dir}/nginx-{node}-tmp;
    server {{
        {listen}
        root {root};
        limit_rate $arg_rate;
    }}
}}
"""


def make_file(path, size):
    """Random octets; their SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while size:
            piece = os.urandom(min(size, 1 << 20))
            digest.update(piece)
            file.write(piece)
            size -= len(piece)
    return digest.hexdigest()


def start_nginx(lab, node, address, ports, root):
    """Serves root; a request names its own pace: /file?rate=OCTETS-PER-SECOND."""
    config = lab.state.path(f"nginx-{node}.conf")
    listen = " ".join(f"listen [{address}]:{p};" for p in ports)
    with open(config, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=lab.state.directory, node=node, listen=listen, root=root))
    lab.spawn(node, f"nginx-{node}", ["nginx", "-c", config, "-e", "stderr"])
    wait_for(f"nginx on {node}",
             lambda: f":{ports[0]} " in lab.run(node, ["ss", "-Hltn"]).stdout, 10)


class Download:
    """One TCP connection from a mobile node: curl into a sink that keeps times and a checksum."""

    def __init__(self, lab, mn, name, server, port, path, sha256):
        self.lab, self.mn, self.name, self.port, self.sha256 = lab, mn, name, port, sha256
        self.out = lab.state.path(name)
        self.curl = lab.spawn(mn, name, ["curl", "-sSfN", "-o", "-", "--no-keepalive",
                                         f"http://[{server}]:{port}/{path}"],
                              stdout=subprocess.PIPE)
        sink = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink.py")
        self.sink = lab.spawn(mn, f"{name}-sink", [sys.executable, sink, self.out],
                              stdin=self.curl.stdout)
        self.curl.stdout.close()

    def source(self):
        """The address the connection took; None before there is one."""
        listed = self.lab.run(self.mn, ["ss", "-Htn", "dport", "=", f":{self.port}"]).stdout
        match = re.search(r"\[([0-9a-f:]+)(?:%\w+)?\]:\d+\s+\[", listed)
        return match[1] if match else None

    def running(self):
        return self.curl.poll() is None

    def finish(self, seconds):
        """Waits for the end: {ok, bytes, sha256_ok, error}."""
        try:
            status = self.curl.wait(seconds)
            self.sink.wait(10)
        except subprocess.TimeoutExpired:
            return {"ok": False, "bytes": self.received(), "sha256_ok": False,
                    "error": "still running, or stuck"}
        with open(f"{self.out}.json", encoding="ascii") as file:
            done = json.load(file)
        return {"ok": status == 0, "bytes": done["bytes"],
                "sha256_ok": done["sha256"] == self.sha256,
                "error": self.lab.log(self.name).strip() if status else ""}

    def times(self):
        """[(monotonic ns, octets so far)]"""
        try:
            with open(f"{self.out}.times", encoding="ascii") as file:
                return [tuple(map(int, line.split())) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def received(self):
        times = self.times()
        return times[-1][1] if times else 0


class Echo:
    """A UDP echo at a fixed interval from one address of the mobile node."""

    def __init__(self, lab, mn, source, server_node, server, port, interval_us):
        self.lab, self.out = lab, lab.state.path("echo.records")
        program = lab.program("udpecho")
        lab.spawn(server_node, "echo-server", [program, "serve", server, str(port)])
        wait_for("echo server",
                 lambda: f":{port} " in lab.run(server_node, ["ss", "-Hlun"]).stdout, 5)
        lab.spawn(mn, "echo", [program, "send", source, server, str(port), str(interval_us), "0",
                               self.out])

    def finish(self):
        """[(sent ns, answers)] of every packet."""
        if not state.alive(self.lab.process("echo")):
            raise LabError(f"the UDP echo ended by itself: {self.lab.log('echo')}")
        self.lab.stop("echo", signal.SIGTERM)
        self.lab.stop("echo-server")
        with open(self.out, encoding="ascii") as file:
            rows = [line.split() for line in file]
        return [(int(r[1]), int(r[2])) for r in rows]
