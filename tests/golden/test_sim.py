"""A run of the simulator is a function of its schedule: the same trace hash the second time, and from
every build there is (compilers, optimised or with sanitizers)."""
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin"))


def run(bin_dir, *arguments):
    return subprocess.run([bin_dir / "godwit-sim", *arguments], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("arguments", [["--seed", "1"], ["--seed", "2"], ["--seed", "3"],
                                       *(["--kind", "cats", "--seed", n] for n in "123")])
def test_same_hash_everywhere(arguments):
    builds = [ROOT / "build" / preset / "bin"
              for preset in os.environ.get("GODWIT_BUILDS", "").split()] # tools/check has made them
    said = {str(d): run(d, *arguments).stdout for d in [BIN, *builds]}
    again = run(BIN, *arguments).stdout
    assert "hash" in again
    assert set(said.values()) == {again}, said


@pytest.mark.parametrize("kind", [[], ["--kind", "cats"]])
def test_schedule_written_and_read_is_the_same_run(tmp_path, kind):
    drawn = run(BIN, "--seed", "5", "--print", *kind).stdout
    (tmp_path / "five.sim").write_text(drawn)
    assert run(BIN, "--schedule", tmp_path / "five.sim").stdout == \
        run(BIN, "--seed", "5", *kind).stdout


@pytest.mark.parametrize("text, why", [
    ("", "no \"domain\" line"),
    ("domain maars=0\n", ":1: \"maars=0\""),
    ("domain maars=2 stations=1\n1.000000 jump mn=0\n", ":2: \"jump\""),
    ("domain maars=2 stations=1\n1.000000 attach mn=x node=1\n", ":2: \"mn=x\""),
    ("domain maars=2\n1.000000 link node=0 other=1 mtu=1319\n", ":2: \"mtu=1319\""),
    ("domain maars=2\n1.000000 link node=0 other=1 rate=0\n", ":2: \"rate=0\""),
    ("domain kind=cats maars=65 stations=1\n", "maars=65"),
    ("domain kind=cats maars=4\n1.000000 instance mn=0 node=1\n", ":2: \"node=1\""),
    ("domain maars=2 stations=1\n2.000000 leave mn=0\n1.000000 leave mn=0\n", ":3: \"1.000000\""),
])
def test_bad_schedule_is_refused_by_line(tmp_path, text, why):
    file = tmp_path / "bad.sim"
    file.write_text(text)
    said = run(BIN, "--schedule", file)
    assert said.returncode == 2
    assert f"{file}" in said.stderr and why in said.stderr


def test_many_seeds_are_reported_alike_by_any_number_of_jobs():
    one, three = (run(BIN, "--seed", "1", "--count", "12", "--jobs", jobs).stdout for jobs in "13")
    assert "12 seeds from 1: " in one and "12 passed, 0 failed" in one
    assert one == three


def children(pid):
    try:
        return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_a_crash_is_one_seeds_and_the_others_go_on(tmp_path):
    many = subprocess.Popen([BIN / "godwit-sim", "--seed", "1", "--count", "6", "--ops", "2000",
                             "--out", tmp_path],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while many.poll() is None and not children(many.pid):
        time.sleep(0.001)
    os.kill(children(many.pid)[0], signal.SIGKILL)
    said, _ = many.communicate()
    assert many.returncode == 128 + signal.SIGKILL
    assert f"exit {128 + signal.SIGKILL}, crash" in said
    assert "5 passed, 1 failed" in said
    assert len(list(tmp_path.glob("seed-*.sim"))) == 1
