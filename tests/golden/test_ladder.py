"""`godwit ladder` over what three nodes have recorded, each by clocks of its own."""
import json
import subprocess
import xml.etree.ElementTree as ElementTree

import captures
import pytest

CLIENT = "2001:db8:1::7"
NAMES = {"2001:db8:f::1": "in1", "2001:db8:f::2": "in2", "2001:db8:f::e": "eg1"}
OF = {name: address for address, name in NAMES.items()}
# When it was sent and received, in ms; None: by nobody.
RUN = [
    (0, 0, "in2", "in2", "attached"), (0.1, 2.1, "in2", "in1", "request"),
    (2.3, 4.3, "in1", "in2", "notification"), (4.4, 6.4, "in2", "in1", "indication"),
    (4.5, None, "in2", "eg1", "indication"), (104.5, 107.5, "in2", "eg1", "indication"),
    (107.6, 110.6, "eg1", "in2", "acknowledgement"), (110.7, 110.7, "in2", "in2", "flows set"),
]


def record(node, off_ms=0):
    """What the node says, whose clock is off."""
    def event(at, sender, receiver, what):
        return {"at_us": 10**15 + round((at + off_ms) * 1000), "from": OF[sender], "to": OF[receiver],
                "what": what, "count": 2 if what == "flows set" else 0, "result": "ok"}

    events = []
    for sent, received, sender, receiver, what in RUN:
        if sender == node:
            events.append(event(sent, sender, receiver, what))
        elif receiver == node and received is not None:
            events.append(event(received, sender, receiver, what))
    return {"client": CLIENT, "node": node, "address": OF[node], "names": NAMES, "events": events}


def ladder(tmp_path, *records, options=()):
    files = []
    for r in records:
        files.append(tmp_path / f"{r['node']}.json")
        files[-1].write_text(json.dumps(r))
    return subprocess.run([captures.program("godwit"), "ladder", CLIENT, *options, *files], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("off_ms", [0, 300, -300])
def test_records_of_several_clocks_are_one_sequence(tmp_path, off_ms):
    """The second ingress's clock is right, late or early by more than any message takes."""
    done = ladder(tmp_path, record("in1"), record("in2", off_ms), record("eg1"), options=["--json"])
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [(r["from"], r["to"], r["what"]) for r in rows] == [
        ("client" if what == "attached" else sender, to, what) for _, _, sender, to, what in RUN]
    assert [r["lost"] for r in rows] == [received is None for _, received, *_ in RUN]
    took = [r["received_us"] - r["sent_us"] for r in rows if r["from"] not in ("client", r["to"]) and not r["lost"]]
    assert all(0 <= t <= 4100 for t in took), took
    if off_ms == 0:
        assert took == [2000, 2000, 2000, 3000, 3000]


def test_one_node_alone_tells_what_it_has_sent_and_received(tmp_path):
    rows = json.loads(ladder(tmp_path, record("in1"), options=["--json"]).stdout)
    assert [(r["what"], r["sent_us"], r["received_us"]) for r in rows] == [
        ("request", None, 0), ("notification", 200, None), ("indication", None, 4300)]
    assert not any(r["lost"] for r in rows)


def test_drawn_with_characters(tmp_path):
    text = ladder(tmp_path, record("in1"), record("in2"), record("eg1")).stdout
    lines = text.splitlines()
    assert lines[0].split() == ["ms", "client", "in1", "in2", "eg1"]
    assert len(lines) == 1 + len(RUN)
    middle = [lines[0].index(name) + len(name) // 2 for name in ("client", "in1", "in2", "eg1")]
    request = lines[2]
    assert request.startswith("     0.100") and request.endswith("2.000")
    assert request[middle[1]] == "|" and request[middle[1] + 1] == "<"
    assert "request" in request[middle[1]:middle[2]]
    lost = lines[5]
    assert lost.endswith("lost") and lost[middle[3] - 1] == "x"
    assert "* flows set (2)" in lines[8]


def test_drawn_as_svg(tmp_path):
    file = tmp_path / "out.svg"
    strange = record("in1")
    strange["names"] = {**NAMES, OF["in1"]: "<a&b>"}
    done = ladder(tmp_path, strange, record("in2"), options=["--svg", file])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    root = ElementTree.parse(file).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<a&b>", "in2", "request", "notification", "flows set (2)"} <= set(texts)


def test_what_is_no_record_is_named(tmp_path):
    file = tmp_path / "other.json"
    for text, said in (("{", "line 1"), ("[]", "expected what"), ('{"events": []}', None)):
        file.write_text(text)
        done = subprocess.run([captures.program("godwit"), "ladder", CLIENT, file], capture_output=True, text=True, check=False)
        assert done.returncode == (1 if said else 0)
        assert (said in done.stderr and str(file) in done.stderr) if said else "no handover" in done.stdout
