"""The canary (sim/canary/run): the simulator finds planted faults, and the tool fails when it does
not, or when its list no longer fits the source. `make canary` plants them all."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "sim/canary/run"
SLICE = ("exchange-timer", "tunnel-to-anchor", "record-not-removed")

HARMLESS = """[[fault]]
name = "harmless"
what = "nothing"
file = "src/base/timer.c"
old = "#define DIR_FIRST   8u"
new = "#define DIR_FIRST   16u"
seeds = 50
"""


def canary(tmp_path, *arguments):
    """Runs the tool with the build under test."""
    build = pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin")).parent
    return subprocess.run([RUN, "--build", build, "--out", tmp_path, *arguments],
                          capture_output=True, text=True, check=False)


def test_planted_faults_are_found(tmp_path):
    """A slice of the list, which is what `make check` has of it."""
    said = canary(tmp_path, *SLICE)
    assert said.stdout.endswith(f"{1 + len(SLICE)} passed, 0 failed\n"), said.stdout + said.stderr
    assert said.returncode == 0


def test_fault_that_is_not_found_fails(tmp_path):
    """The tool can fail."""
    (tmp_path / "list.toml").write_text(HARMLESS)
    said = canary(tmp_path, "--faults", tmp_path / "list.toml")
    assert "FAILED harmless" in said.stdout and "not found with 50 seeds" in said.stdout
    assert said.returncode == 1


@pytest.mark.parametrize("change, why", [
    (("FIRST   8u", "FIRST   9u"), "src/base/timer.c: the text of harmless is there 0"),
    (("#define DIR_FIRST   8u", "DIR_FIRST"), "src/base/timer.c: the text of harmless is there 2"),
    (("src/base/timer.c", "src/base/none.c"), "src/base/none.c"),
    (("seeds = 50", "seeds = 5"), "harmless: at least 50 seeds"),
    (("16u", "("), "harmless: does not compile"),
])
def test_list_that_does_not_fit_is_refused(tmp_path, change, why):
    """By name of file and fault."""
    (tmp_path / "list.toml").write_text(HARMLESS.replace(*change))
    said = canary(tmp_path, "--faults", tmp_path / "list.toml")
    assert said.returncode == 2
    assert why in said.stderr
