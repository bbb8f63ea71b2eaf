"""Bad configuration, as the daemon itself takes it: exit status 2, the file, line and path named,
and nothing started: no socket, no pin, no state, no change in the network namespace.
"""
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BIN

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

GOOD = """\
godwit:
  node:
    name: maar1
    roles: [maar]
    address: "2001:db8:f::1"
    cmd: "2001:db8:f::c"
  interfaces:
    - {name: ap1, side: access}
    - {name: core0, side: core}
  pools:
    - {prefix: "2001:db8:1000::/36", node-prefix-length: 64}
  peers:
    - name: cmd
      address: "2001:db8:f::c"
      roles: [cmd]
      keys:
        - {spi: 256, secret: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
  policy:
    - {any: true, action: allow}
  daemon:
    control-socket: DIR/sock
    state-directory: DIR/state
    pin-directory: /sys/fs/bpf/NAME
"""
# what is replaced, by what, the line that is named, a word of its path or message
BAD = {
    "unknown key": ("    name: maar1", "    nmae: maar1", 3, "nmae"),
    "unknown key below a list": ("side: access}", "side: access, colour: red}", 8, "colour"),
    "bad prefix": ("2001:db8:1000::/36", "2001:db8:1000::/136", 11, "prefix"),
    "host bits in a prefix": ("2001:db8:1000::/36", "2001:db8:1000::1/36", 11, "prefix"),
    "overlapping pools": (
        "node-prefix-length: 64}", 'node-prefix-length: 64}\n    - {prefix: "2001:db8:1800::/40"}',
        12, "pools"),
    "missing peer key": (
        """      keys:
        - {spi: 256, secret: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
""", "", 13, "keys"),
    "wrong type": ("spi: 256", "spi: many", 17, "spi"),
    "wrong shape": ("roles: [maar]", "roles: {maar: true}", 4, "roles"),
    "bad address": ('address: "2001:db8:f::1"', 'address: "2001:db8:f::1::"', 5, "address"),
    "no such role": ("roles: [maar]", "roles: [boss]", 4, "roles"),
    "a maar without its cmd": ('    cmd: "2001:db8:f::c"\n', "", 2, "cmd"),
    "key of odd length": ("eeff00112233445566778899aabbccddeeff", "e", 17, "secret"),
    "not YAML": ("  interfaces:", "  interfaces: [", 8, "YAML"),
    "a value out of range": ("core0, side: core}", "core0, side: core, hook: 7}", 9, "hook"),
}


class Place:
    """A namespace with the interfaces of GOOD, and a directory."""

    def __init__(self, directory):
        self.dir, self.name = directory, f"gG-conf{os.getpid()}"
        self.config = directory / "node.yaml"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        for iface in ("ap1", "core0"):
            self.run("ip", "link", "add", "name", iface, "type", "veth", "peer", "name",
                     f"p-{iface}")

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def run(self, *argv):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.name}", *argv], check=False,
                              capture_output=True, text=True, timeout=20)

    def write(self, text):
        self.config.write_text(text.replace("DIR", str(self.dir)).replace("NAME", self.name))
        self.config.chmod(0o600)  # there is a key in it
        self.config.chmod(0o600)  # there is a key in it

    def traces(self):
        """All that a daemon that starts would leave its mark on."""
        made = sorted(p.name for p in self.dir.iterdir())
        net = [self.run(*words.split()).stdout for words in (
            "ip -d link", "ip -6 addr", "ip -6 route show table all", "tc qdisc", "bpftool net")]
        sysctls = self.run("sh", "-c", "cat /proc/sys/net/ipv6/conf/*/*ipv6 "
                           "/proc/sys/net/ipv6/conf/*/forwarding").stdout
        pins = pathlib.Path("/sys/fs/bpf")
        return made, net, sysctls, [p for p in (pins.iterdir() if pins.is_dir() else [])
                                    if self.name in p.name]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("conf"))
    yield made
    made.close()


def test_the_good_one_is_good(place):
    """So that each bad one below is refused for its one fault."""
    place.write(GOOD)
    done = place.run(str(BIN / "godwitd"), "-c", str(place.config), "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("case", BAD)
def test_bad_configuration(place, case):
    old, new, line, word = BAD[case]
    assert GOOD.count(old) == 1
    place.write(GOOD.replace(old, new))
    before = place.traces()
    done = place.run(str(BIN / "godwitd"), "-c", str(place.config))
    assert done.returncode == 2, done.stderr
    said = re.findall(rf"^{re.escape(str(place.config))}:(\d+): (/\S*): (.*)$", done.stderr, re.M)
    assert len(said) == len(done.stderr.splitlines())
    assert any(int(at) == line and word in path + what for at, path, what in said), done.stderr
    assert place.traces() == before


def test_unreadable_file(place):
    before = place.traces()
    for path in (place.dir / "nowhere.yaml", place.dir):
        done = place.run(str(BIN / "godwitd"), "-c", str(path))
        assert done.returncode == 2
        assert str(path) in done.stderr
    assert place.traces() == before


def test_secret_file_missing(place):
    secret = '"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"'
    place.write(GOOD.replace(f"secret: {secret}", "secret-file: DIR/none"))
    before = place.traces()
    done = place.run(str(BIN / "godwitd"), "-c", str(place.config))
    assert done.returncode == 2
    assert "node.yaml:17" in done.stderr and "none" in done.stderr
    assert place.traces() == before
