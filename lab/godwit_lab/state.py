"""What a running lab consists of, on disk, so that any later command (or the same one after a
crash) finds exactly what was made: /run/godwit-lab/NAME/state.json.

A process is named by its pid and its start time: a pid that came round again is not ours.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time

BASE = "/run/godwit-lab"


class LabError(Exception):
    """A command cannot be carried out; the text says why."""


def start_time(pid):
    """Of a live process (zombies are dead), in clock ticks since boot; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def identify(pid):
    return {"pid": pid, "start": start_time(pid)}


def alive(process):
    return process["start"] is not None and start_time(process["pid"]) == process["start"]


def reap(pid):
    """Takes a dead child off the process table; harmless if it is somebody else's child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def wait_gone(process, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reap(process["pid"])
        if not alive(process):
            return True
        time.sleep(0.005)
    return not alive(process)


def stop(process, sig=signal.SIGTERM, seconds=5):
    """Signals it and waits; SIGKILL if it does not listen. True if the first signal was enough."""
    for attempt in (sig, signal.SIGKILL):
        if not alive(process):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["pid"], attempt)
        if wait_gone(process, seconds):
            return attempt == sig
    raise LabError(f"process {process['pid']} does not die")


class State:
    """The state file of one lab."""

    def __init__(self, name):
        self.name = name
        self.directory = f"{BASE}/{name}"
        self.file = f"{self.directory}/state.json"

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    @contextlib.contextmanager
    def locked(self):
        os.makedirs(BASE, exist_ok=True)
        with open(f"{BASE}/{self.name}.lock", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def exists(self):
        return os.path.exists(self.file)

    def read(self):
        try:
            with open(self.file, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            raise LabError(f"lab {self.name} is not up") from None

    def write(self, value):
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
        os.rename(self.file + ".new", self.file)

    def create(self, value):
        """Claims the name."""
        with self.locked():
            if self.exists():
                raise LabError(f"lab {self.name} is already up ({self.file}); "
                               "take it down first: lab down")
            os.makedirs(self.directory, exist_ok=True)
            os.chmod(self.directory, 0o700)
            self.write(value)

    @contextlib.contextmanager
    def edit(self):
        with self.locked():
            value = self.read()
            yield value
            self.write(value)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{BASE}/{self.name}.lock")
        with contextlib.suppress(OSError):
            os.rmdir(BASE)
