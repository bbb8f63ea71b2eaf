"""One long exchange of the mobile node with the token server (examples/token-server.c): real curl, one TCP
connection, the answer token by token while the request's body is uploaded; and what of it must be right."""

import json
import os
import re
import subprocess
import sys

from . import steering_trace
from .domain import wait_for
from .roaming import CHAT_PORT, MN
from .state import LabError

CONTEXT = 64  # tokens; 4 KiB of state each
UPLOAD_RATE = 48_000  # octets a second
SEED = 8885
REFERENCE_PORT, REFERENCE_SPEED = 8099, 100_000
FNV_BASE, FNV_PRIME, MASK = 0xcbf29ce484222325, 0x100000001b3, (1 << 64) - 1


def tokens_of(seconds, row):
    """So many the server makes in that time, from that row of the trace on (examples/chat.c)."""
    rows, total, spent = list(steering_trace.rows()), 0, 0.0
    while spent < seconds:
        (at, _, generated), (after, _, _) = rows[row], rows[row + 1]
        pace = min(0.2, max(0.001, (after - at) / generated if generated else 0))
        total, spent, row = total + generated, spent + generated * pace, row + 1
    return total


def fnv(data):
    total = FNV_BASE
    for octet in data:
        total = ((total ^ octet) * FNV_PRIME) & MASK
    return f"{total:016x}"


class Conversation:
    def __init__(self, roaming, seconds, row):
        self.roaming, self.lab = roaming, roaming.lab
        self.seconds = seconds
        self.tokens = tokens_of(seconds, row)
        self.query = f"chat?seed={SEED}&context={CONTEXT}&tokens={self.tokens}&row={row}"
        self.body, self.out = self.lab.state.path("upload"), self.lab.state.path("answer")
        with open(self.body, "wb") as file:
            file.write(os.urandom(int(UPLOAD_RATE * seconds * 0.9)))
        self.curl = None

    def options(self, port, host, body):
        return ["curl", "-sSfgN", "-X", "POST", "-T", body, "-H", "Expect:", "-H", "Transfer-Encoding:", "-H",
                f"Content-Length: {os.path.getsize(self.body)}", "-w", "%{stderr}\nconnections: %{num_connects}\n",
                "-m", str(self.seconds + 30), f"http://[{host}]:{port}/{self.query}"]

    def reference(self, node):
        """The answer to the same, undisturbed and at once."""
        name = "reference"
        self.lab.spawn(node, name, [self.lab.program("token-server"), "--port", str(REFERENCE_PORT), "--speed",
                                    str(REFERENCE_SPEED), "--trace", steering_trace.TRACE])
        wait_for(name, lambda: "ready" in self.lab.log(name), 5)
        try:
            return self.lab.run(node, self.options(REFERENCE_PORT, "::1", self.body)).stdout
        finally:
            self.lab.stop(name)

    def begin(self):
        here = os.path.dirname(os.path.abspath(__file__))
        feed = self.lab.spawn(MN, "conversation-feed", [sys.executable, os.path.join(here, "feed.py"), self.body,
                                                        str(UPLOAD_RATE)], stdout=subprocess.PIPE)
        # "." for standard input, without waiting for it while there is an answer
        self.curl = self.lab.spawn(MN, "conversation", self.options(CHAT_PORT, self.roaming.cs_id, "."),
                                   stdin=feed.stdout, stdout=subprocess.PIPE)
        feed.stdout.close()
        self.lab.spawn(MN, "conversation-sink", [sys.executable, os.path.join(here, "sink.py"), self.out, "keep"],
                       stdin=self.curl.stdout)
        self.curl.stdout.close()
        return wait_for("the connection", self.source, 5)

    def source(self):
        listed = self.lab.run(MN, ["ss", "-Htn", "dport", "=", f":{CHAT_PORT}"]).stdout
        match = re.search(r"\[([0-9a-f:]+)\]:\d+\s+\[", listed)
        return match[1] if match else None

    def running(self):
        return self.curl.poll() is None

    def times(self):
        """[(monotonic ns, octets so far)]"""
        with open(f"{self.out}.times", encoding="ascii") as file:
            return [tuple(map(int, line.split())) for line in file if line.endswith("\n")]

    def finish(self, reference):
        """Waits for the end: what came, and whether it is right."""
        try:
            status = self.curl.wait(self.seconds + 60)
        except subprocess.TimeoutExpired as err:
            raise LabError("curl does not end") from err
        wait_for("the sink", lambda: os.path.exists(f"{self.out}.json"), 5)
        with open(f"{self.out}.json", encoding="ascii") as file:
            size = json.load(file)["bytes"]
        with open(self.out, encoding="latin-1") as file:
            answer = file.read()
        with open(self.body, "rb") as file:
            body = file.read()
        said = self.lab.log("conversation")
        connections = re.search(r"^connections: (\d+)", said, re.M)
        last = f"uploaded {len(body)} octets, FNV-1a {fnv(body)}\n"
        return {"ended": status == 0, "error": "" if status == 0 else said.strip(), "tokens": self.tokens,
                "bytes": size, "as_undisturbed": answer == reference, "uploaded": len(body),
                "upload_ok": answer.endswith(last), "connections": int(connections[1]) if connections else None}
