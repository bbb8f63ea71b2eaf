"""What the end-to-end tests share: root, the lab, and a name of their own for every lab."""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GODWIT_BIN", ROOT / "build/release/bin"))
sys.path.insert(0, str(ROOT / "lab"))


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: also run with the sanitized programs")


@pytest.fixture
def lab_name():
    """Short: an interface or namespace of a lab carries it; one per test process."""
    return f"gT{os.getpid() % 100000}"


def leftovers(name):
    """What a lab of this name has left behind: namespaces, files, pins, processes."""
    found = [n for n in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True,
                                       check=True).stdout.split() if n.startswith(f"{name}-")]
    for path in (f"/run/godwit-lab/{name}", f"/run/godwit-lab/{name}.lock",
                 f"/sys/fs/bpf/godwit-lab/{name}"):
        if os.path.exists(path):
            found.append(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"/run/godwit-lab/{name}/" in command:
            found.append(f"{pid}: {command}")
    return found


@pytest.fixture
def clean(lab_name):
    """Takes the test's lab down whatever happens, and fails the test if anything is left or a
    sanitizer had something to say."""
    from godwit_lab.domain import Lab

    yield
    lab = Lab(lab_name)
    said = complaints(lab) if lab.state.exists() else {}
    lab.down()
    assert leftovers(lab_name) == []
    assert said == {}


def complaints(lab):
    """Ends the daemons that run, so that leaks are reported, and reads what sanitizers said."""
    running = lab.state.read()["processes"]
    for node in lab.daemons():
        if node in running:
            lab.kill(node)
    logs = {node: lab.log(node) for node in lab.daemons()}
    return {node: log for node, log in logs.items()
            if "Sanitizer" in log or "runtime error" in log}
