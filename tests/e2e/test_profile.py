"""A domain with the drafts' code points: real daemons, judged by raw octets and by the Wireshark dissector
in its own profile."""
import os
import subprocess

import pytest
from conftest import BIN, ROOT
from domain import CMD, PBU, PREVIOUS, Domain, messages
from godwit_lab import signalling

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")

SCRIPT = ROOT / "packaging/wireshark/godwit.lua"
DRAWN_PBU, DRAWN_PBA = 0x8000 | 0x0200 | 0x0100, 0x20 | 0x10  # A, P, D; P, D


def dissected(file, fields, condition="godwit"):
    """Rows of what the dissector says."""
    out = subprocess.run(
        ["tshark", "-n", "-X", f"lua_script:{SCRIPT}", "-o", "godwit.profile:as-drawn", "-r", file,
         "-Y", condition, "-T", "fields", *[w for f in fields for w in ("-e", f"godwit.{f}")]],
        check=True, capture_output=True, text=True)
    return [line.split("\t") for line in out.stdout.splitlines()]


def test_a_handover_as_drawn(lab_name, clean):
    d = Domain(lab_name, BIN, maars=2, godwit={"protocol": {"profile": "as-drawn"}})
    d.capture()
    d.talk(d.usable("maar1"))
    d.move("ap2")
    d.stop_capture()
    found = messages(d.file)[-4:]
    for m in found:
        assert m.checksum_ok
        assert m.flags == (DRAWN_PBU if m.kind == PBU else DRAWN_PBA)
    answer = next(m for m in found if m.all(PREVIOUS))
    body = answer.one(PREVIOUS)
    assert len(body) == 33 and body[0] == 64, "no reserved octet"

    rows = dissected(d.file, ["type", "flags", "flag.d", "previous_maar", "serving_maar"])[-4:]
    maar1, maar2 = d.address("maar1"), d.address("maar2")
    assert sorted((r[0], r[1]) for r in rows) == [("5", "APD")] * 2 + [("6", "PD")] * 2
    assert {r[3] for r in rows} == {"", maar1} and {r[4] for r in rows} == {"", maar2}
    assert dissected(d.file, ["type"], "godwit.malformed || godwit.checksum.bad "
                     "|| godwit.protocol") == []
    assert d.lab.show(CMD, "bindings")[0]["serving"] == maar2
    assert signalling.malformed(d.file) == []
