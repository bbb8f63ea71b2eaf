"""godwit's command line: exit statuses, where the daemon is looked for, what people see. The daemon
here is a script that answers what a test wants, the wrong things above all; tests/e2e has real ones.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GODWIT = str(pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin")) / "godwit")
CONF = ROOT / "tests/conf"
SECRET = "000102030405060708090a0b0c0d0e0f"


def godwit(*args, env=None):
    return subprocess.run([GODWIT, *map(str, args)], capture_output=True, text=True, timeout=30,
                          check=False, env={"PATH": "/usr/bin:/bin", **(env or {})})


class Daemon:
    """Answers each connection with the next of its answers and keeps the requests."""

    def __init__(self, path, *answers):
        self.requests, self.path = [], path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, args=(answers,), daemon=True)
        self.thread.start()

    def serve(self, answers):
        for answer in answers:
            connection, _ = self.listener.accept()
            with connection:
                text = b""
                while not text.endswith(b"\n"):
                    text += connection.recv(4096)
                self.requests.append(json.loads(text))
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    connection.sendall(json.dumps(answer).encode() + b"\n")

    def close(self):
        self.thread.join(10)
        self.listener.close()


@pytest.fixture
def daemon(tmp_path):
    made = []

    def make(*answers):
        made.append(Daemon(tmp_path / "d.sock", *answers))
        return made[-1]

    yield make
    for d in made:
        d.close()


def ok(result=None):
    return {"ok": True, "result": result}


# ---- the command line ----

@pytest.mark.parametrize("args", [
    [], ["bindings"], ["show"], ["show", "everything"], ["show", "bindings", "peers"],
    ["show", "bindings", "--mn-id", "x"], ["show", "bindings", "--watch=0"],
    ["show", "bindings", "--watch=nan"], ["attach", "ap1"], ["attach", "ap1", "02:00"],
    ["config"], ["config", "check"], ["config", "eat", "file"], ["config", "check", "f", "--json"],
    ["--no-such-option"], ["decode"], ["export"], ["export", "dns"], ["export", "zebra"],
    ["export", "dns", ".", CONF / "good/steering.yaml"],
    ["export", "dns", "a..b", CONF / "good/steering.yaml"],
    ["export", "dns", "two words", CONF / "good/steering.yaml"],
    ["export", "dns", "edge." * 60, CONF / "good/steering.yaml"],
    ["export", "bird", CONF / "good/steering.yaml", "more"],
    ["export", "bird", CONF / "good/minimal.yaml"],
    ["export", "bird", CONF / "bad/many.yaml"],
])
def test_wrong_command_line(args):
    done = godwit(*args)
    assert done.returncode == 2
    assert done.stderr != "" and done.stdout == ""


def test_help_and_version():
    done = godwit("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("show", "status", "attach", "detach", "reload", "config check", "config show",
                 "config strongswan", "decode", "export dns", "export bird"):
        assert f"godwit {word}" in done.stdout
    assert godwit("--version").stdout.startswith("godwit ")


# ---- export ----

def export(*args, **kwargs):
    done = godwit("export", *args, **kwargs)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line[0] not in ";#!"]


def test_export_dns():
    for zone in ("edge.example", "edge.example."):
        assert export("dns", zone, CONF / "good/steering.yaml") == [
            "media.edge.example. 300 IN AAAA 2001:db8:5::2",
            "Web-1.edge.example. 300 IN AAAA 2001:db8:5::1",
            "_Web-1._tcp.edge.example. 300 IN SRV 0 0 8080 Web-1.edge.example.",
            "dns.edge.example. 300 IN AAAA 2001:db8:5::1",
            "_dns._udp.edge.example. 300 IN SRV 0 0 53 dns.edge.example."]


def test_export_bird_warns_when_nobody_would_enable_it():
    done = godwit("export", "bird", CONF / "good/d-router.yaml")
    assert "protocol static godwit_web {" in done.stdout and "disabled;" in done.stdout
    assert "no steering/announce" in done.stderr
    assert "no steering/announce" not in godwit("export", "bird", CONF / "good/steering.yaml").stderr


def test_export_frr():
    """Two services share an address; it is one route."""
    assert export("frr", CONF / "good/steering.yaml") == [
        "ipv6 prefix-list godwit permit 2001:db8:5::2/128",
        "ipv6 prefix-list godwit permit 2001:db8:5::1/128",
        "route-map godwit permit 10", " match ipv6 address prefix-list godwit", "exit"]
    assert "kernel-routes" not in godwit("export", "frr", CONF / "good/steering.yaml").stderr
    assert "no steering/announce/kernel-routes" in godwit("export", "frr", CONF / "good/d-router.yaml").stderr


def test_export_asks_the_daemon(daemon):
    rows = [{"service": "web-1", "cs_id": "2001:db8:5::1", "protocol": 6, "port": 80}]
    d = daemon(ok(rows), ok(rows), ok([{"service": "x", "cs_id": "none"}]), ok([]))
    assert export("dns", "e.example", "--socket", d.path) == [
        "web-1.e.example. 300 IN AAAA 2001:db8:5::1",
        "_web-1._tcp.e.example. 300 IN SRV 0 0 80 web-1.e.example."]
    assert d.requests[0] == {"cmd": "show", "what": "services"}
    assert export("bird", "--socket", d.path)[0] == "protocol static godwit_web_1 {"
    for status in (1, 2):
        assert godwit("export", "bird", "--socket", d.path).returncode == status


# ---- config ----

def test_config_check():
    assert godwit("config", "check", CONF / "good/cmd.yaml").returncode == 0
    bad = CONF / "bad/many.yaml"
    done = godwit("config", "check", bad)
    assert (done.returncode, done.stdout) == (2, "")
    wanted = (CONF / "bad/many.errors").read_text().splitlines()
    said = [line for line in done.stderr.splitlines() if ": warning: " not in line]
    assert said == [f"{bad}:{line}" for line in wanted]


def test_config_of_no_file(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        for verb in ("check", "show"):
            done = godwit("config", verb, path)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith(f"{path}:1: /: cannot be read: ")


@pytest.mark.parametrize("path", sorted((CONF / "good").glob("*.yaml")), ids=lambda p: p.stem)
def test_config_show_is_its_own_normal_form(path, tmp_path):
    once = godwit("config", "show", path)
    assert once.returncode == 0
    again = tmp_path / "again.yaml"
    again.write_text(once.stdout)
    assert godwit("config", "show", again).stdout == once.stdout


def test_config_strongswan():
    """tests/e2e/test_ipsec.py has strongSwan's own opinion of it."""
    path = CONF / "good/cmd.yaml"  # of its three peers one is under IPsec
    done = godwit("config", "strongswan", path)
    assert done.returncode == 0
    said = [line.split("#")[0].strip() for line in done.stdout.splitlines()]
    assert [line for line in said if line.endswith("addrs = 2001:db8:f::3")] == ["remote_addrs = 2001:db8:f::3"]
    assert said.count("auth = psk") == 2 and "maar1" not in done.stdout and SECRET not in done.stdout
    done = godwit("config", "strongswan", path, "--certificates")
    assert done.stdout.count("auth = pubkey") == 2 and done.stdout.count("certs = cmd.pem") == 1
    for words in (("strongswan", CONF / "good/minimal.yaml"), ("strongswan", CONF / "bad/many.yaml"),
                  ("strongswan", path, "--hide-secrets"), ("show", path, "--certificates")):
        done = godwit("config", *words)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr != ""


def test_config_show_hides_keys():
    path = CONF / "good/minimal.yaml"
    assert SECRET in godwit("config", "show", path).stdout
    done = godwit("config", "show", path, "--hide-secrets")
    assert done.returncode == 0
    assert SECRET not in done.stdout + done.stderr


def test_normal_form_is_yaml_of_others_too():
    """PyYAML reads the same values, though it knows an older YAML."""
    yaml = pytest.importorskip("yaml")
    full = CONF / "good/full.yaml"
    shown = yaml.safe_load(godwit("config", "show", full).stdout)["godwit"]
    assert shown["interfaces"][0]["access-point"] == 'Röhre "3"\t\\'
    assert shown["dlif"]["link-layer"].lower() == "02:00:5e:00:01:01"
    assert shown["timers"]["replay-window"] == 1.125
    assert shown["policy"][2] == {"any": True, "action": "deny", "prefixes": 1}


# ---- the daemon ----

ROWS = [
    {"mn": "02:00:00:00:00:10", "sequence": 7, "anchored": [{"maar": "::1", "state": "bound"}]},
    {"mn": "02:00:00:00:00:9", "sequence": 12345, "anchored": [], "pending": True},
    {"mn": "evil\x1b[2J\n", "sequence": 1, "anchored": []},
]


def test_table(daemon):
    d = daemon(ok(ROWS))
    done = godwit("show", "bindings", "--socket", d.path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["MN", "SEQUENCE", "ANCHORED", "PENDING"]
    # sorted as people count, numbers to the right, nothing that steers a terminal
    assert [line.split()[0] for line in lines[1:]] == [
        "02:00:00:00:00:9", "02:00:00:00:00:10", "evil?[2J?"]
    assert lines[1].split()[1:] == ["12345", "-", "yes"]
    assert "maar=::1 state=bound" in lines[2]
    assert len({line.index(number) + len(number)
                for line, number in zip(lines[1:], ("12345", " 7", " 1"))}) == 1
    assert d.requests == [{"cmd": "show", "what": "bindings"}]


def test_json_is_the_answer(daemon):
    d = daemon(ok(ROWS))
    done = godwit("show", "bindings", "--json", "--socket", d.path)
    assert json.loads(done.stdout) == ROWS


def test_no_rows(daemon):
    assert godwit("show", "stations", "--socket", daemon(ok([])).path).stdout == "no stations\n"


def test_counters(daemon):
    d = daemon(ok({"node": {"pbu-sent": 3}, "plane": {"drop-source": 14}}))
    done = godwit("show", "counters", "--socket", d.path)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["node.pbu-sent", "3"], ["plane.drop-source", "14"]]


def test_handovers_are_relative(daemon):
    steps = {"attachment_seen": 5_000_000_000, "pbu_sent": 5_000_120_000,
             "pba_received": 5_001_000_000}
    rows = [{"number": 9, "steps": {"pbu_sent": 3_000_000}},
            {"number": 10, "steps": steps,
             "previous_maars": [{"maar": "::1", "pbu_sent": 5_000_050_000, "pba_received": 0}]}]
    d = daemon(ok(rows), ok(rows))
    text = godwit("show", "handovers", "--socket", d.path).stdout
    assert "attachment_seen=0 pbu_sent=120 pba_received=1000" in text
    assert "maar=::1 pbu_sent=50" in text and "5000" not in text
    assert [line.split()[0] for line in text.splitlines()] == ["NUMBER", "9", "10"]
    assert json.loads(godwit("show", "handovers", "--json", "--socket", d.path).stdout) == rows


def test_a_later_column_stands_where_its_row_has_it(daemon):
    d = daemon(ok([{"number": 1, "to": "::2"}, {"number": 2, "from": "::2", "to": "::3"}]))
    lines = godwit("show", "handovers", "--socket", d.path).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["NUMBER", "FROM", "TO"], ["1", "-", "::2"], ["2", "::2", "::3"]]


def test_attach(daemon):
    d = daemon(ok(), ok(), {"ok": False, "error": "no such interface"})
    where = ("--socket", d.path)
    assert godwit("attach", "ap1", "02:00:00:00:00:0A", "--mn-id", "a@b", *where).returncode == 0
    assert godwit("detach", "ap1", "02:00:00:00:00:0a", *where).returncode == 0
    done = godwit("attach", "ap9", "02:00:00:00:00:0a", *where)
    assert (done.returncode, done.stderr) == (1, "godwit: no such interface\n")
    assert d.requests[:2] == [
        {"cmd": "attach", "interface": "ap1", "lladdr": "02:00:00:00:00:0a", "mn-id": "a@b"},
        {"cmd": "detach", "interface": "ap1", "lladdr": "02:00:00:00:00:0a"}]


def test_attach_does_not_leave_out_an_identity(tmp_path):
    where = ("--socket", tmp_path / "nobody.sock")
    for bad in (("ap1", "02:00:00:00:00:0a", "--mn-id", "\udcff"), ("\udcff", "02:00:00:00:00:0a")):
        done = godwit("attach", *bad, *where)
        assert (done.returncode, "UTF-8" in done.stderr) == (2, True)


def test_refused_reload_says_all(daemon):
    d = daemon({"ok": False, "error": "the old configuration stays at work",
                "problems": ["a.yaml:3: /godwit: x", "/node/name: y"]})
    done = godwit("reload", "--socket", d.path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["godwit: the old configuration stays at work",
                                        "a.yaml:3: /godwit: x", "/node/name: y"]


@pytest.mark.parametrize("answer", [b"", b"hello\n", b"[]\n", b"{}\n", b'{"ok":true', b"\xff\n"])
def test_answers_of_no_daemon(daemon, answer):
    done = godwit("status", "--socket", daemon(answer).path)
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.startswith("godwit: ")


def test_where_the_daemon_is(daemon, tmp_path):
    d = daemon(ok({"name": "a"}))
    assert godwit("status", env={"GODWIT_SOCKET": str(d.path)}).stdout.split() == ["name", "a"]
    for args, env in ((["--socket", tmp_path / "none"], {}), ([], {"GODWIT_SOCKET": "/none"}),
                      (["-n", "no-such-node"], {"GODWIT_SOCKET": str(d.path)}),
                      (["--socket", "/" + "x" * 200], {})):
        done = godwit("status", *args, env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("godwit: ")


def test_nobody_listens(tmp_path):
    path = tmp_path / "old.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    done = godwit("status", "--socket", path)
    assert done.returncode == 1
    assert "no daemon at" in done.stderr and "not running" in done.stderr


def test_watch_goes_on(daemon):
    """A failure in between is said and does not end it."""
    d = daemon(ok([]), {"ok": False, "error": "busy"}, ok([{"name": "p"}]))
    with subprocess.Popen([GODWIT, "show", "peers", "--watch", "0.05", "--json", "--socket",
                           str(d.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert json.loads(process.stdout.readline()) == []
        assert json.loads(process.stdout.readline()) == [{"name": "p"}]
        process.kill()
        assert "godwit: busy" in process.stderr.read()


# ---- the documents ----

def examples():
    for path in sorted((ROOT / "doc").glob("*.md")):
        blocks = path.read_text().split("```yaml\n")[1:]
        for number, block in enumerate(blocks):
            text = block.split("```")[0]
            if text.startswith("godwit:"):
                yield pytest.param(text, id=f"{path.stem}-{number}")


@pytest.mark.parametrize("text", examples())
def test_examples_in_the_documents_are_good(text, tmp_path):
    for name in re.findall(r"(?:secret|token)-file: ([\w.-]+)", text):
        key = tmp_path / name
        key.write_text(SECRET + "\n")
        key.chmod(0o600)
    config = tmp_path / "node.yaml"
    config.write_text(text)
    done = godwit("config", "check", config)
    assert (done.returncode, done.stderr) == (0, "")


def test_there_are_examples():
    assert len(list(examples())) >= 3
