"""godwit-sim scale: its figures are those of the RFCs where those say what they are, the same again
for the same seed and with every compiler, and bad input is refused by file, line and value."""
import csv
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin"))
SITES = ROOT / "sim/data/eua-sites-melbcbd.csv"
FILES = ("scale.csv", "handover-times.csv", "previous.csv", "counters.csv")
# Three sites in a row, and one node that visits them in turn and stays.
ROW = "SITE_ID,LATITUDE,LONGITUDE\na,-37.81,144.960\nb,-37.81,144.970\nc,-37.81,144.980\n"
WALK = ("time,node,latitude,longitude\n"
        "0,x,-37.81,144.960\n30,x,-37.81,144.960\n40,x,-37.81,144.970\n60,x,-37.81,144.970\n"
        "70,x,-37.81,144.980\n1000,x,-37.81,144.980\n")


def scale(out, *arguments, bin_dir=BIN, sites=SITES):
    out.mkdir(exist_ok=True)
    return subprocess.run([bin_dir / "godwit-sim", "scale", "--sites", sites, "--out", out,
                           "--quiet", *arguments], capture_output=True, text=True, check=False)


def rows(out):
    with open(out / "scale.csv", encoding="ascii") as f:
        return {r["mode"]: r for r in csv.DictReader(f)}


def walk(tmp_path, *arguments):
    (tmp_path / "row.csv").write_text(ROW)
    (tmp_path / "walk.csv").write_text(WALK)
    return scale(tmp_path / "out", "--trace", tmp_path / "walk.csv", "--maars", "3", "--warm", "0",
                 "--seconds", "100", "--hop", "1", "--centre", "3", *arguments,
                 sites=tmp_path / "row.csv")


def test_messages_are_those_of_the_rfcs(tmp_path):
    """RFC 8885 §3.2-3.4 with n = 0, 1, 2; RFC 5213, and RFC 5846's revocation at the MAG left."""
    assert walk(tmp_path, "--session", "1000").returncode == 0
    said = {m: float(r["msgs_per_attachment"]) * 3 for m, r in rows(tmp_path / "out").items()}
    assert said == pytest.approx({"proxy": 2 + 4 + 6, "relay": 2 + 4 + 6, "locator": 2 + 4 + 7,
                                  "pmip": 2 + 4 + 4}, abs=0.01)


def test_state_and_times_of_one_walk(tmp_path):
    assert walk(tmp_path, "--session", "1000").returncode == 0
    for mode, r in rows(tmp_path / "out").items():
        assert (r["mns"], r["attachments"], r["handovers"], r["unready"]) == ("1", "3", "2", "0")
        assert (r["retransmissions"], r["refused"]) == ("0", "0")
        assert r["prefixes"] == ("1" if mode == "pmip" else "3")
        # there and back between S-MAAR and each of two anchors; or between a MAG and the LMA
        assert r["tunnels"] == ("2" if mode == "pmip" else "4")
        # 4 ms each way to the centre; relay: to the anchors and back first; locator: 1 ms from them
        least = {"proxy": 8, "relay": 16, "locator": 9, "pmip": 8}[mode]
        assert least < float(r["ready_max_ms"]) < least + 0.1


def test_idle_anchors_are_released(tmp_path):
    assert walk(tmp_path, "--session", "1", "--idle", "2").returncode == 0
    said = rows(tmp_path / "out")
    assert said["proxy"]["prefixes"] == said["pmip"]["prefixes"] == "1"
    assert said["proxy"]["tunnels"] == "0"


def test_a_train_leaves(tmp_path):
    """Hundreds of nodes move within one round trip: no node of the domain is short of anything."""
    lines = [f"{t},{n},-37.81,{lon}" for n in range(600)
             for t, lon in ((0, 144.960), (30, 144.960), (30.001, 144.980), (1000, 144.980))]
    (tmp_path / "row.csv").write_text(ROW)
    (tmp_path / "walk.csv").write_text("\n".join(lines) + "\n")
    done = scale(tmp_path / "out", "--trace", tmp_path / "walk.csv", "--maars", "3", "--warm", "0",
                 "--seconds", "60", sites=tmp_path / "row.csv")
    assert done.returncode == 0
    for r in rows(tmp_path / "out").values():
        assert (r["attachments"], r["retransmissions"], r["refused"]) == ("1200", "0", "0"), r


def small(out, bin_dir, seed="7"):
    done = scale(out, "--maars", "12,200", "--mns", "300", "--seconds", "60", "--warm", "30",
                 "--ramp", "20", "--seed", seed, bin_dir=bin_dir)
    assert done.returncode == 0, done.stderr
    return [(out / name).read_bytes() for name in FILES]


def test_same_seed_same_files(tmp_path):
    builds = [ROOT / "build" / preset / "bin"
              for preset in os.environ.get("GODWIT_BUILDS", "").split()] # tools/check has made them
    first = small(tmp_path / "first", BIN)
    for i, d in enumerate([BIN, *builds]):
        assert small(tmp_path / f"again{i}", d) == first, d
    assert small(tmp_path / "other", BIN, seed="8") != first


@pytest.mark.parametrize("text, why", [
    ("", "has no positions"),
    ("0,a,-37.81\n", ":1: \"0\" time,node,latitude,longitude is expected"),
    ("time,node,lat,lon\nsoon,a,-37.81,144.96\n", ":2: \"soon\" is no time"),
    ("0,,-37.81,144.96\n", ":1: \"\" names no node"),
    ("0,a,-97.81,144.96\n", ":1: \"-97.81\" is no latitude"),
    ("0,a,-37.81,144.96\n1,a,-37.81,east\n", ":2: \"east\" is no longitude"),
    ("0,a,-37.81,144.96\n0,b,-37.81,144.96\n0,a,-37.82,144.96\n", "two positions at 0.000"),
])
def test_bad_trace_is_refused_by_line(tmp_path, text, why):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    said = scale(tmp_path / "out", "--trace", file)
    assert said.returncode == 2
    assert f"{file}" in said.stderr and why in said.stderr


@pytest.mark.parametrize("arguments, why", [
    (["--maars", "0"], "--maars takes up to 16 numbers from 1 to 65000, not \"0\""),
    (["--mns", "10,x"], "--mns takes"), (["--modes", "proxy,fast"], "not \"proxy,fast\""),
    (["--speed", "5-1"], "not \"5-1\""), (["--warm", "300"], "--warm must be less"),
    (["--idle", "-1"], "--idle takes a number, not \"-1\""),
])
def test_bad_option_is_refused_by_name(tmp_path, arguments, why):
    said = scale(tmp_path / "out", *arguments)
    assert said.returncode == 2 and why in said.stderr


def test_bad_sites_and_directory_are_refused(tmp_path):
    (tmp_path / "sites.csv").write_text("SITE_ID,LATITUDE,LONGITUDE\n1,-37.8,144.9\n2,here,144.9\n")
    said = scale(tmp_path / "out", sites=tmp_path / "sites.csv")
    assert said.returncode == 2 and "sites.csv:3: \"here\"" in said.stderr
    said = subprocess.run([BIN / "godwit-sim", "scale", "--sites", SITES, "--out",
                           tmp_path / "nowhere"], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and "nowhere/scale.csv: No such file" in said.stderr
