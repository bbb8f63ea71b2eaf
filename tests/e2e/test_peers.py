"""What peers owe each other besides registrations, between real daemons: heartbeats (RFC 5847), what is done
when one has lost its state, and keys that are changed while everything goes on."""
import base64
import os
import pathlib
import secrets
import shutil
import signal
import statistics

import pytest
import yaml
from conftest import BIN
from domain import AUTH, CMD, MN, SERVER, Domain, messages
from godwit_lab import signalling
from godwit_lab.domain import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

HEARTBEAT, INTERVAL = 13, 0.5
FIELDS = ["frame.time_epoch", "ipv6.src", "ipv6.dst", "mip6.hb.u_flag", "mip6.hb.r_flag", "mip6.hb.seqnr", "mip6.rc"]
TABLES = ("bindings", "stations", "prefixes", "tunnels", "peers", "counters", "handovers", "operations", "revoked")


@pytest.fixture
def domain(lab_name, clean):
    """Makes domains; `clean` takes them down."""
    def made(**options):
        d = Domain(lab_name, BIN, **options)
        d.capture()
        return d
    return made


# -- heartbeats -----------------------------------------------------------------------------------

def flag(text):
    return text in ("1", "True")


class Beats:
    """The heartbeats of a capture between two nodes, as tshark has them."""

    def __init__(self, d):
        self.rows = [dict(zip(FIELDS, r))
                     for r in signalling.tshark_fields(d.file, FIELDS, f"mip6.mhtype == {HEARTBEAT}")]

    def of(self, src, dst, response, unsolicited=False):
        return [r for r in self.rows if (r["ipv6.src"], r["ipv6.dst"]) == (src, dst)
                and flag(r["mip6.hb.r_flag"]) == response and flag(r["mip6.hb.u_flag"]) == unsolicited]


def peer(d, node, name):
    return next(p for p in d.lab.show(node, "peers") if p["name"] == name)


def check_exchange(beats, a, b):
    """Requests of a to b, one per interval, with numbers that go up by one; each answered once, with b's
    counter, which does not change."""
    asked, answered = beats.of(a, b, False), beats.of(b, a, True)
    assert len(asked) >= 4, "asked again and again"
    numbers = [int(r["mip6.hb.seqnr"], 0) for r in asked]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    times = [float(r["frame.time_epoch"]) for r in asked]
    gap = statistics.median(y - x for x, y in zip(times, times[1:]))
    assert INTERVAL * 0.9 <= gap, "not more often than is configured"
    assert [int(r["mip6.hb.seqnr"], 0) for r in answered][:len(numbers) - 1] == numbers[:-1]
    counters = {r["mip6.rc"] for r in answered}
    assert len(counters) == 1 and counters != {""}
    assert all(r["mip6.rc"] == "" for r in asked)
    return int(counters.pop(), 0)


def beats(d):
    """What has been captured; from now on into another file."""
    d.stop_capture()
    found = Beats(d)
    assert found.rows and signalling.malformed(d.file) == []
    d.file = d.lab.state.path(f"{len(found.rows)}.pcap")
    d.capture()
    return found


@pytest.mark.sanitized
def test_a_restart_without_its_store_is_noticed_and_made_good(domain):
    d = domain(maars=2, godwit={"heartbeat": {"interval": INTERVAL}})
    cmd, maar1 = d.address(CMD), d.address("maar1")
    first = d.usable("maar1")
    d.talk(first)
    began = d.lab.move(MN, "ap2")["begin_ns"]
    wait_for("maar2 to serve", lambda: d.serves("maar2", began), 10)
    wait_for("heartbeats", lambda: min(d.lab.show(n, "counters")["node"]["out-heartbeat"]
                                       for n in (CMD, "maar1")) > 4 * 6, 20, 0.2)
    found = beats(d)
    check_exchange(found, maar1, cmd)
    before = check_exchange(found, cmd, maar1)
    assert peer(d, CMD, "maar1")["state"] == "up"
    assert peer(d, CMD, "maar1")["restart_counter"] == before
    assert d.lab.show("maar1", "prefixes")[0]["kind"] == "moved"

    d.lab.kill("maar1", signal.SIGKILL)
    wait_for("its silence", lambda: peer(d, CMD, "maar1")["state"] == "down", 20, 0.1)
    shutil.rmtree(d.lab.state.path("maar1.state"))
    d.lab.start("maar1")
    wait_for("its return", lambda: peer(d, CMD, "maar1")["state"] == "up", 20, 0.1)
    wait_for("the prefix that it had anchored", lambda: [
        p["kind"] for p in d.lab.show("maar1", "prefixes")] == ["moved"], 20, 0.1)
    assert d.lab.show(CMD, "counters")["node"]["peer-restarted"] == 1
    d.lab.run(MN, ["ping", "-6", "-c", "3", "-i", "0.2", "-W", "5", "-I", first, d.address(SERVER)])
    (said,) = beats(d).of(maar1, cmd, True, unsolicited=True)
    assert int(said["mip6.rc"], 0) > before, "it says at once that it has forgotten"
    assert peer(d, CMD, "maar1")["restart_counter"] == int(said["mip6.rc"], 0)


# -- keys -----------------------------------------------------------------------------------------

def configured(d, node):
    return yaml.safe_load(pathlib.Path(d.lab.config_file(node)).read_text(encoding="utf-8"))["godwit"]


class Keys:
    """The keys between two nodes, in files that only root may read; the first signs."""

    def __init__(self, d, a, b):
        self.d, self.nodes, self.used = d, (a, b), []

    def draw(self, spi):
        key = secrets.token_hex(32)
        file = pathlib.Path(self.d.lab.state.path(f"key-{spi}"))
        file.touch(0o600)
        file.write_text(key + "\n", encoding="ascii")
        self.used.append(key)
        return {"spi": spi, "algorithm": "hmac-sha-256-128", "secret-file": str(file)}

    def give(self, node, *keys):
        """Puts them into the configuration of one of the two and reloads it."""
        other = self.nodes[self.nodes[0] == node]
        file = pathlib.Path(self.d.lab.config_file(node))
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        entry = next(p for p in document["godwit"]["peers"] if p["name"] == other)
        entry["keys"] = list(keys)
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return reload(self.d, node)


def reload(d, node):
    done = d.lab.run(node, [d.lab.program("godwit"), "--socket", d.lab.socket_file(node), "reload"], check=False)
    return done.returncode, done.stdout + done.stderr


def signalled(d, keys):
    """A registration on demand: UPN, UPA, PBU, PBA, each signed by its sender; by whose SPI."""
    before = len(messages(d.file))
    d.lab.godwit(CMD, "notify", "--peer", keys.nodes[1])
    d.quiet()
    found = messages(d.file)[before:]
    assert len(found) == 4, "nothing had to be sent again"
    return {m.src: int.from_bytes(m.one(AUTH)[1:5], "big") for m in found}


def troubles(d, node):
    counters = d.lab.show(node, "counters")["node"]
    return [counters[c] for c in ("drop-auth-failed", "drop-replay", "retransmissions")]


def everything_said(d):
    """All that daemons and the command line say, and what was on the wire."""
    yield "capture", pathlib.Path(d.file).read_bytes()
    for node in d.lab.daemons():
        yield f"{node}'s log", d.lab.log(node).encode()
        argv = [d.lab.program("godwit"), "--socket", d.lab.socket_file(node)]
        for words in [["status"], ["config", "show", d.lab.config_file(node), "--hide-secrets"],
                      *[["show", t] for t in TABLES]]:
            words = words if words[0] == "config" else argv[1:] + words
            for form in ([], ["--json"]) if words[0] != "config" else ([],):
                done = d.lab.run(node, [argv[0], *words, *form])
                yield f"{node}: {words} {form}", (done.stdout + done.stderr).encode()


def test_keys_are_changed_while_everything_goes_on(domain):
    d = domain(maars=2, godwit={"daemon": {"log": {"level": "debug"}}})
    cmd, maar = d.address(CMD), d.address("maar1")
    keys = Keys(d, CMD, "maar1")
    old, new = keys.draw(300), keys.draw(301)
    for node in keys.nodes:
        assert keys.give(node, old)[0] == 0
    d.usable("maar1")
    d.talk(d.usable("maar1"))
    d.quiet()
    assert signalled(d, keys) == {cmd: 300, maar: 300}
    before = [troubles(d, node) for node in keys.nodes]
    for node, order, signs in ((CMD, (old, new), (300, 300)), ("maar1", (new, old), (300, 301)),
                               (CMD, (new,), (301, 301)), ("maar1", (new,), (301, 301))):
        assert keys.give(node, *order)[0] == 0
        assert signalled(d, keys) == dict(zip((cmd, maar), signs))

    exposed = pathlib.Path(new["secret-file"])
    exposed.chmod(0o644)
    status, said = reload(d, "maar1")
    assert status == 1 and str(exposed) in said and "is open to others" in said, said
    assert signalled(d, keys) == {cmd: 301, maar: 301}
    exposed.chmod(0o600)

    assert [troubles(d, node) for node in keys.nodes] == before
    records = d.echo.finish()
    assert all(answered for _, answered in records[5:-20]), "no packet was lost"
    d.stop_capture()
    assert signalling.malformed(d.file) == []
    inline = [k["secret"] for n in d.lab.daemons() for p in configured(d, n)["peers"] for k in p["keys"]
              if "secret" in k]
    assert inline
    for where, said in everything_said(d):
        for key in keys.used + inline:
            raw = bytes.fromhex(key)
            for form in (key.encode(), key.upper().encode(), raw, base64.b64encode(raw)):
                assert form not in said, f"a key is in {where}"
