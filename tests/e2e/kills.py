"""Daemons of CATS killed at random while clients use services: no flow that lives on a living instance breaks."""
import os
import random
import signal
import time

from godwit_lab import steering_report
from godwit_lab.domain import wait_for

KILLS = int(os.environ.get("GODWIT_KILLS", "3"))
SEED = int(os.environ.get("GODWIT_SEED", "8885"))
RATE = 10  # requests a second of each client


def even(sites, service, rate, seconds, steps):
    """Requests at an even pace, for Sites.generate()."""
    return [(i / rate, service, sites.cs_id[service], steps) for i in range(round(rate * seconds))]


def stream_lines(sites, name):
    """(line numbers, instances) of a long connection."""
    rows = [line.split() for line in sites.lab.log(name).splitlines(keepends=True) if line.endswith("\n")]
    assert all(len(r) == 2 for r in rows), rows[-3:]
    return [int(n) for n, _ in rows], {i for _, i in rows}


def _kill(sites, nodes):
    """Whom, in their order."""
    draw, killed = random.Random(SEED), []
    for _ in range(KILLS):
        killed.append(draw.choice(nodes))
        sites.lab.kill(killed[-1], signal.SIGKILL)
        time.sleep(draw.uniform(0, 0.3))
        sites.lab.start(killed[-1])
        time.sleep(draw.uniform(0, 0.3))
    return killed


def survive(sites, nodes, services):
    """Two long connections and a load of each client; services: what it uses, the load the first."""
    lab, limit = sites.lab, 60 + 10 * KILLS
    streams = {f"kill-{client}-{i}": (client, s[i % len(s)]) for client, s in services.items() for i in range(2)}
    for name, (client, service) in streams.items():
        sites.stream(client, name, service, 1000 * limit)
    loads = {f"kill-load-{c}": sites.generate(c, f"kill-load-{c}", even(sites, s[0], RATE, limit, 2))
             for c, s in services.items()}
    killed = _kill(sites, nodes)
    for name in streams:
        lines = len(stream_lines(sites, name)[0])
        wait_for(f"{name}: more lines", lambda n=name, k=lines: len(stream_lines(sites, n)[0]) > k + 20, 10)
    assert set(sites.running(*streams, *loads)) == {*streams, *loads}, killed
    for name in (*streams, *loads):
        lab.stop(name)
    for name in streams:
        numbers, instances = stream_lines(sites, name)
        assert numbers == list(range(len(numbers))) and len(instances) == 1, f"{name}: {killed}"
    requests = 0
    for name, file in loads.items():
        found = steering_report.read(file)
        requests += len(found)
        assert len(found) > 20
        assert [r for r in found if r["status"] != 200] == [], f"{name}: {killed}, seed {SEED}"
    print(f"\n{len(killed)} kills of {len(set(killed))} daemons, seed {SEED}: {len(streams)} connections and "
          f"{requests} requests, none broken")
    sites.await_candidates(sites.servers)
    return set(killed)
