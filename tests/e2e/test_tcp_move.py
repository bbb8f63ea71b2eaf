"""Live moves of HTTP conversations, with their TCP connections, between two hosts that have the same anycast address
behind one router: real curl downloads a streamed answer and uploads at the same time, and sees one
connection and the very same octets. The agent is the daemon's own code in its sandbox (move_agent.c); instances
run without privileges."""
import json
import os
import pathlib
import select
import socket
import struct
import subprocess
import tempfile
import time

import pytest
from conftest import BIN, ROOT

from godwit_lab import netns
from godwit_lab.twohosts import CLIENT, CS_ID, TwoHosts

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

PORT = 80
TOKEN, NOBODY = "the-token-of-the-test", 65534
TRACE = ROOT / "sim/data/azure-llm-2023-conv.csv"
PATIENCE = 30


class Agent:
    def __init__(self, path, log):
        self.proc = subprocess.Popen([BIN / "move_agent", path, CS_ID, str(PORT)], bufsize=0,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.said = b""
        assert self.read()["event"] == "up"

    def read(self):
        while b"\n" not in self.said:
            assert select.select([self.proc.stdout], [], [], PATIENCE)[0], "the agent is silent"
            more = os.read(self.proc.stdout.fileno(), 65536)
            assert more, "the agent has ended"
            self.said += more
        line, self.said = self.said.split(b"\n", 1)
        return json.loads(line)

    def until(self, *events):
        seen = []
        while not seen or seen[-1]["event"] not in events:
            seen.append(self.read())
        return seen

    def say(self, line):
        self.proc.stdin.write(f"{line}\n".encode())

    def stop(self):
        self.proc.stdin.close()
        code = self.proc.wait(PATIENCE)
        self.proc.stdout.close()
        assert code == 0, f"move_agent: {code}"


class World:
    def __init__(self, prefix, directory, servers=("one", "two")):
        self.dir, self.procs, self.agent = pathlib.Path(directory), [], None
        os.chmod(directory, 0o755)
        self.log = open(self.dir / "log", "w", encoding="utf-8")
        self.net = TwoHosts(prefix)
        self.agent = Agent(str(self.dir / "agent.sock"), self.log)
        for name in servers:
            self.server(name)

    def spawn(self, namespace, argv, **more):
        proc = subprocess.Popen(netns.enter(self.net.names[namespace], argv), stderr=self.log,
                                **more)
        self.procs.append(proc)
        return proc

    def server(self, name, port=PORT, speed=20):
        """As nobody, with the right to open a port below 1024 only."""
        proc = self.spawn(name, [
            "setpriv", "--reuid", str(NOBODY), "--clear-groups", "--inh-caps=+net_bind_service",
            "--ambient-caps=+net_bind_service", "--bounding-set=-all,+net_bind_service",
            str(BIN / "token-server"), "--listen", "::", "--port", str(port), "--trace",
            str(TRACE), "--speed", str(speed), "--agent", str(self.dir / "agent.sock"), "--name",
            name, "--token", TOKEN], stdout=subprocess.PIPE, text=True)
        assert proc.stdout.readline() == "ready\n"
        return proc

    def curl(self, query, out, *more):
        return self.spawn("client", [
            "curl", "-sN", "--max-time", "60", "-H", "Expect:", "-o", str(self.dir / out), "-w",
            "%{http_code} %{num_connects}", *more,
            f"http://[{CS_ID}]:{PORT}/chat?{query}"], stdout=subprocess.PIPE, text=True)

    def size(self, out):
        path = self.dir / out
        return path.stat().st_size if path.exists() else 0

    def grown(self, out, by, proc):
        """Waits until curl has that much more of the answer."""
        goal, end = self.size(out) + by, time.monotonic() + PATIENCE
        while self.size(out) < goal and proc.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        assert self.size(out) >= goal, f"{self.size(out)} octets of {out}, not {goal}"

    def move(self, start, to):
        self.agent.say(f"move {CLIENT} {start} {to}")
        ready = self.agent.until("ready", "failed-out", "refused")
        assert ready[-1]["event"] == "ready", (ready, (self.dir / "log").read_text())
        self.net.switch(to)
        self.agent.say("switch")
        events = [e["event"] for e in self.agent.until("over")]
        assert sorted(events) == ["over", "released", "resumed"]
        return ready[-1]

    def finish(self, proc):
        out = proc.communicate(timeout=PATIENCE)[0]
        assert (proc.returncode, out) == (0, "200 1")

    def down(self):
        try:
            if self.agent is not None:
                self.agent.stop()
        finally:
            for proc in self.procs:
                if proc.poll() is None:
                    proc.terminate()
                    proc.wait(PATIENCE)
                if proc.stdout:
                    proc.stdout.close()
            self.net.down()
            self.log.close()
        said = (self.dir / "log").read_text()
        assert "Sanitizer" not in said and "runtime error" not in said, said


@pytest.fixture
def world(lab_name):
    with tempfile.TemporaryDirectory(prefix=lab_name) as directory:
        made = World(lab_name, directory)
        try:
            yield made
        finally:
            made.down()


@pytest.fixture
def bare(lab_name):
    """Without servers."""
    with tempfile.TemporaryDirectory(prefix=lab_name) as directory:
        made = World(lab_name, directory, servers=())
        try:
            yield made
        finally:
            made.down()


QUERY = "seed=7&context=600&tokens=1600&row=40"
LONG_QUERY = "seed=7&context=600&tokens=6000&row=40"  # outlasts many moves on a slow machine
UPLOAD = 1 << 20


def upload(world):
    path = world.dir / "upload"
    if not path.exists():
        path.write_bytes(bytes((i * 7 + (i >> 8)) & 255 for i in range(65536)) * (UPLOAD >> 16))
    return ("-X", "POST", "--data-binary", f"@{path}", "--limit-rate", "1M")


KNOWN = {}


def reference(world, query=QUERY):
    """The same answer from a server that nothing happens to; asked for once."""
    if query not in KNOWN:
        proc = world.curl(query, "reference", *upload(world))
        world.finish(proc)
        KNOWN[query] = (world.dir / "reference").read_bytes()
    return KNOWN[query]


@pytest.mark.sanitized
def test_download_and_upload_over_moves_there_and_back(world):
    wanted = reference(world)
    assert f"uploaded {UPLOAD} octets".encode() in wanted
    proc = world.curl(QUERY, "answer", *upload(world))
    for start, to in ((1, 2), (2, 1), (1, 2)):
        world.grown("answer", 500, proc)
        ready = world.move(start, to)
        assert ready["octets"] > 600 * 4096  # the context went along
    world.finish(proc)
    assert (world.dir / "answer").read_bytes() == wanted
    assert world.net.resets() == 0


@pytest.mark.sanitized
def test_abandoned_at_each_step_it_goes_on_where_it_was(world):
    wanted = reference(world, LONG_QUERY)
    proc = world.curl(LONG_QUERY, "answer", *upload(world))
    for step in ("begin", "state", "block", "whole", "ready"):
        world.grown("answer", 300, proc)
        world.agent.say(f"move {CLIENT} 1 2 {step}")
        events = [e["event"] for e in world.agent.until("over")]
        assert sorted(events) == ["failed-in", "failed-out", "over"]
    world.grown("answer", 300, proc)
    world.move(1, 2)  # and nothing of the tries is in the way
    world.finish(proc)
    assert (world.dir / "answer").read_bytes() == wanted
    assert world.net.resets() == 0


def ready_to_move(world):
    """A client in the middle of everything, whose connection is frozen."""
    proc = world.curl(QUERY, "answer", *upload(world))
    world.grown("answer", 500, proc)
    world.agent.say(f"move {CLIENT} 1 2")
    assert world.agent.until("ready", "failed-out")[-1]["event"] == "ready"
    return proc


def test_an_agent_that_is_killed_leaves_nothing_frozen(world):
    """The instance hands what is frozen to the next agent, and the client sees a pause."""
    wanted = reference(world)
    proc = ready_to_move(world)
    world.agent.proc.kill()
    world.agent.proc.wait()
    world.agent.proc.stdin.close()
    world.agent = Agent(str(world.dir / "agent.sock"), world.log)
    world.grown("answer", 500, proc)
    world.finish(proc)
    assert (world.dir / "answer").read_bytes() == wanted
    assert world.net.resets() == 0


def test_an_instance_that_is_killed_while_it_takes_costs_nothing(world):
    wanted = reference(world)
    proc = ready_to_move(world)
    world.procs[1].kill()
    events = [e["event"] for e in world.agent.until("over")]
    assert sorted(events) == ["failed-in", "failed-out", "over"]
    world.finish(proc)
    assert (world.dir / "answer").read_bytes() == wanted


def test_who_may_not(world):
    world.agent.say("move 2001:db8:c::99 1 2")  # a client that has nothing here
    why = [e for e in world.agent.until("over") if e["event"] == "failed-out"][0]["why"]
    assert "gives no transaction away" in why
    stranger = subprocess.run(["setpriv", "--reuid", str(NOBODY), "--clear-groups",
                               str(BIN / "token-server"), "--port", "8081", "--trace", str(TRACE),
                               "--agent", str(world.dir / "agent.sock"), "--name", "one",
                               "--token", "another"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert stranger.returncode == 1
    assert "no such instance, or its token is another" in stranger.stderr


def speak(world, *messages):
    """Registers as an instance, sends what it likes, and returns what comes back until the end."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.connect(str(world.dir / "agent.sock"))
    sock.sendall(json.dumps({"register": "one", "frames": True}).encode() + b"\n")
    assert json.loads(sock.makefile("rb", buffering=0).readline())["ok"]
    for octets, descriptors in messages:
        socket.send_fds(sock, [octets], descriptors)
    said = b""
    while more := sock.recv(65536):
        said += more
    return said


def test_who_breaks_the_framing_is_cut_off(bare):
    def head(length, kind):
        return struct.pack(">IBBHQ", length, kind, 0, 0, 1)

    report = b'{"in-flight": 1}'
    spoken = speak(bare, (head(len(report), 32) + report, []), (head(5, 32) + b"what?", []),
                   (b"\xff" * 16, []))
    assert spoken[4] == spoken[17 + 4] == 10 and spoken[16] == 0 and spoken[17 + 16] == 1
    assert speak(bare, (head(0, 200), [])) == b""  # no such frame
    assert speak(bare, (head(65537, 36), [])) == b""  # too long
    assert speak(bare, (head(0, 37), [])) == b""  # without its descriptor
    assert speak(bare, *[(head(0, 35)[:1], [0] * 8)] * 9) == b""  # too many of them
    # Of moves that there are not; a descriptor to be thawed that is no connection.
    spoken = speak(bare, (head(1, 35) + b"\0", []), (head(0, 37), [0]), (head(0, 34), [0]),
                   (b"\xff" * 16, []))
    assert spoken[4] == 11 and spoken[16] == 2
    assert (bare.dir / "log").read_text().count("instance-cut-off") == 6
    open_now = len(os.listdir(f"/proc/{bare.agent.proc.pid}/fd"))
    speak(bare, (head(0, 37), [0]), (b"\xff" * 16, []))
    assert len(os.listdir(f"/proc/{bare.agent.proc.pid}/fd")) <= open_now


USER = """
#include <godwit/instance.h>
#include <stdio.h>
int main(void)
{
    gwi *g;
    int rc = gwi_open(&g, "/nonexistent/agent.sock", "x", NULL, NULL, NULL);
    printf("%d %s", rc, gwi_error(NULL));
    return g != NULL;
}
"""


def test_the_installed_library_is_found_by_pkg_config(tmp_path):
    subprocess.run(["cmake", "--install", str(BIN.parent), "--prefix", str(tmp_path)], check=True,
                   capture_output=True)
    config = next(tmp_path.rglob("godwit-instance.pc")).parent
    env = dict(os.environ, PKG_CONFIG_PATH=str(config))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "godwit-instance"], env=env,
                           check=True, capture_output=True, text=True).stdout.split()
    (tmp_path / "user.c").write_text(USER, encoding="ascii")
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", str(tmp_path / "user"),
                    str(tmp_path / "user.c"), *flags, f"-Wl,-rpath,{config.parent}"], check=True)
    said = subprocess.run([tmp_path / "user"], check=True, capture_output=True, text=True).stdout
    assert said == "-2 /nonexistent/agent.sock: No such file or directory"


COUNT = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
lines = s.makefile("r")
print("connected", flush=True)
for want in range(1, 121):
    got = int(lines.readline())
    assert got == want, (got, want)
    if want % 25 == 0:
        print(want, flush=True)
"""


def test_python_instances(bare):
    """A client that is told every number once, in order, whoever counts."""
    library = BIN.parent / "lib/libgodwit-instance.so.1"
    for name in ("one", "two"):
        proc = bare.spawn(name, ["/usr/bin/python3", str(ROOT / "examples/counter-server.py"),
                                 CS_ID, str(PORT), str(bare.dir / "agent.sock"), name, TOKEN],
                          stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, GODWIT_INSTANCE_LIBRARY=str(library)))
        assert proc.stdout.readline() == "ready\n"
    client = bare.spawn("client", ["/usr/bin/python3", "-c", COUNT, CS_ID, str(PORT)],
                        stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "connected\n"
    for start, to in ((1, 2), (2, 1)):
        client.stdout.readline()
        bare.move(start, to)
    client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
