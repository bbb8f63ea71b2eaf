"""The evaluation of steering: a run is a function of its options and the data, from every build; a
small slice of what doc/steering.md says; bad input is refused by name, line and value."""
import csv
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin"))
BUILDS = [ROOT / "build" / preset / "bin" for preset in os.environ.get("GODWIT_BUILDS", "").split()]


def run(*arguments, bin_dir=BIN):
    return subprocess.run([bin_dir / "godwit-sim", "steer", *arguments], capture_output=True,
                          text=True, check=False)


def table(*arguments):
    said = run(*arguments)
    assert said.returncode == 0, said.stderr
    return {(row["policy"], int(row["interval_ms"])): row
            for row in csv.DictReader(said.stdout.splitlines()) if row["seed"] == "all"}


def test_same_figures_everywhere():
    options = ["--policies", "all", "--seconds", "60", "--seeds", "7-8", "--intervals", "50,2000"]
    said = {str(d): run(*options, bin_dir=d).stdout for d in [BIN, *BUILDS]}
    again = run(*options).stdout
    assert again.count("\n") == 1 + 11 * 2 * 3
    assert set(said.values()) == {again}


def test_a_slice_of_the_evaluation():
    row = table("--policies", "all", "--intervals", "100,10000", "--seeds", "11-12", "--part", "2",
                "--seconds", "900")
    p99 = {case: int(r["p99_ms"]) for case, r in row.items()}
    for interval in (100, 10000):
        default = p99["prequal", interval]
        best = min(v for (policy, at), v in p99.items()
                   if at == interval and policy not in ("prequal", "oracle"))
        assert default <= 1.1 * best # two seeds: the tails are short of requests
        for policy in ("nearest", "random", "round-robin"):
            assert default < p99[policy, interval] / 1.5
    assert p99["prequal", 100] <= 1.5 * p99["oracle", 100]
    # Who runs after the same report swings; who does not, does not.
    swing = {case: float(r["oscillation"]) for case, r in row.items()}
    assert swing["argmin", 10000] > 4 * swing["prequal", 10000]


def test_an_instance_that_fails_at_once_attracts_nobody():
    row = table("--failing", "--policies", "prequal,random,least-connections", "--seconds", "600")
    for case in row.values():
        failed, all_of_them = int(case["failed"]), int(case["failed"]) + int(case["requests"])
        # One of 24 fails for a third of the time: its share is 1.4 %.
        assert 0 < failed < all_of_them / 100


@pytest.mark.parametrize("options, why", [
    (["--loads", "much"], "--loads takes numbers such as 0.9, not \"much\""),
    (["--policies", "best"], "--policies takes names of policies"),
    (["--intervals", "0"], "--intervals takes a number from 1"),
    (["--width", "9"], "--width takes a number from 1 to 8, not \"9\""),
    (["--seeds", "5-1"], "--seeds takes a seed or a range"),
    (["--data", "/nowhere"], "/nowhere/eua-sites-melbcbd.csv: cannot be opened"),
    (["--csv", "/nowhere/out.csv"], "/nowhere/out.csv"),
])
def test_bad_options_are_refused(options, why):
    said = run(*options)
    assert said.returncode == 2
    assert why in said.stderr


@pytest.mark.parametrize("file, line, text", [
    ("eua-sites-melbcbd.csv", 3, "1,-37.8,east,\n"),
    ("eua-users-melbcbd.csv", 2, "-37.81\n"),
    ("azure-llm-2023-conv.csv", 4, "2023-11-16 18:15:50.0000000,many,1\n"),
    ("azure-llm-2023-conv.csv", 5, "2023-11-16 17:15:50.0000000,1,1\n"),
])
def test_bad_data_is_refused_by_line(tmp_path, file, line, text):
    for name in (ROOT / "sim/data").glob("*.csv"):
        shutil.copy(name, tmp_path)
    lines = (tmp_path / file).read_text(encoding="utf-8").splitlines(keepends=True)
    lines[line - 1] = text
    (tmp_path / file).write_text("".join(lines), encoding="utf-8")
    said = run("--data", tmp_path)
    assert said.returncode == 2
    assert f"{tmp_path / file}:{line}: " in said.stderr
