"""The main job: a mobile node roams through a domain while real programs run on it.

A download started on MAAR 1, a UDP echo from an address of MAAR 1 and, after each move, one new
long-lived TCP connection; 1 -> 2 -> 3 -> 1 -> 2. Then, side by side, TCP goodput through a tunnel
and without. What it finds goes to the terminal and to report.json.
"""

import contextlib
import ipaddress
import json
import os
import time

from . import goodput, measure, report, signalling
from .domain import Lab, wait_for
from .state import LabError
from .workload import Download, Echo, make_file, start_nginx

NAME = "gwdemo"
MN = "mn1"
ROUTE = ("ap1", "ap2", "ap3", "ap1", "ap2")
DOWNLOAD_BYTES = 320_000_000
# One piece of nginx (32 KiB) in 3 ms: a whole number of the milliseconds it counts in, so that the
# pace is even. About 32 s in all: longer than the moves.
DOWNLOAD_RATE = 32768 * 1000 // 3
CONNECTION_BYTES = 2_000_000
ECHO_US = 5000
ECHO_PORT, HTTP_PORT, FIRST_PORT = 7007, 8000, 8001
SETTLE_SECONDS = 2.5  # between what one move is judged by and the next move
ADDRESS_SECONDS = 15
RUN_SECONDS = 36  # planned, from the first connection to the last octet
ALIAS = "2001:db8:5::101"


class Say:
    """Live output: a line per step, with the seconds since the start."""

    def __init__(self):
        self.begin = time.monotonic()

    def __call__(self, text):
        print(f"[{time.monotonic() - self.begin:7.3f}] {text}", flush=True)


class Demo:
    def __init__(self, plan, bin_dir, out):
        self.plan, self.bin, self.out = plan, bin_dir, out
        self.lab, self.say = Lab(NAME), Say()
        self.pools = {n.name: [ipaddress.IPv6Network(p) for p in n.pools]
                      for n in plan.nodes.values() if n.pools}
        self.scratch = os.path.join(out, "files")
        self.capture = os.path.join(out, "cmd.pcap")
        self.moves, self.connections, self.clocks = [], [], None

    # -- helpers ----------------------------------------------------------------------------------

    def anchor_of(self, address):
        """The MAAR whose pool an address is from; None if nobody's."""
        address = ipaddress.IPv6Address(address)
        for maar, pools in self.pools.items():
            if any(address in pool for pool in pools):
                return maar
        return None

    def usable(self, maar):
        """A preferred, non-tentative address of the mobile node from a MAAR's pool, or None."""
        for entry in self.lab.addresses(MN):
            if (self.anchor_of(entry["address"]) == maar and not entry["tentative"]
                    and not entry["deprecated"]):
                return entry["address"]
        return None

    def await_address(self, maar):
        return wait_for(f"an address of {maar} on {MN}", lambda: self.usable(maar),
                        ADDRESS_SECONDS, 0.05)

    def handover_rows(self):
        return [(node, row) for node in self.lab.daemons()
                for row in self.lab.godwit(node, "show", "handovers")]

    # -- the parts of the job ---------------------------------------------------------------------

    def prepare(self):
        os.makedirs(self.scratch, exist_ok=True)
        self.say("making the files to download")
        self.sums = {name: make_file(os.path.join(self.scratch, name), size)
                     for name, size in (("big", DOWNLOAD_BYTES), ("small", CONNECTION_BYTES))}
        self.lab.up(self.plan, self.bin, owned=True)
        self.say(f"domain is up: {', '.join(self.plan.nodes)}; {MN} at {ROUTE[0]}")
        self.lab.capture("cmd", "core", self.capture, "ip6 proto 135")
        self.clocks = (time.time_ns(), time.monotonic_ns())
        ports = range(FIRST_PORT, FIRST_PORT + len(ROUTE))
        self.server = {n: self.plan.nodes[n].address for n in ("srv1", "srv2")}
        start_nginx(self.lab, "srv1", self.server["srv1"], [HTTP_PORT], self.scratch)
        start_nginx(self.lab, "srv2", self.server["srv2"], ports, self.scratch)

    def start_traffic(self):
        first = self.plan.maar_of(ROUTE[0])
        self.home = self.await_address(first)
        self.say(f"{MN} has {self.home} of {first}")
        self.began = time.monotonic()
        self.download = Download(self.lab, MN, "download", self.server["srv1"], HTTP_PORT,
                                 f"big?rate={DOWNLOAD_RATE}", self.sums["big"])
        self.echo = Echo(self.lab, MN, self.home, "srv2", self.server["srv2"], ECHO_PORT, ECHO_US)
        source = wait_for("the download", self.download.source, 5)
        self.say(f"download of {DOWNLOAD_BYTES // 1_000_000} MB by curl from nginx on srv1, from "
                 f"{source}; UDP echo every {ECHO_US // 1000} ms with srv2")
        time.sleep(SETTLE_SECONDS)

    def move(self, ap):
        before, maar = self.moves[-1]["maar"] if self.moves else self.plan.maar_of(ROUTE[0]), \
            self.plan.maar_of(ap)
        if not self.download.running():
            raise LabError(f"the download ended before the move to {ap}: "
                           f"{self.lab.log('download').strip()}")
        made = self.lab.move(MN, ap)
        self.moves.append({**made, "maar": maar, "before": before})
        self.say(f"{MN} moves {before} -> {maar}, {self.download.received() / 1e6:.1f} MB "
                 f"received")
        self.await_forwarding(self.moves[-1])
        address = self.await_address(maar)
        self.say(f"    {address} of {maar} is usable after "
                 f"{(time.monotonic_ns() - made['begin_ns']) / 1e9:.2f} s")
        self.new_connection(self.moves[-1])
        time.sleep(SETTLE_SECONDS)

    def await_forwarding(self, move):
        def seen():
            window = (move["begin_ns"], 1 << 63)
            return measure.steps_us([(move["maar"], row) for row in
                                     self.lab.show(move["maar"], "handovers")],
                                    move["maar"], window)

        steps = wait_for(f"{move['maar']} serves {MN}",
                         lambda: s if "plane_programmed" in (s := seen()) else None, 10)
        self.say(f"    {move['maar']} forwards {steps['plane_programmed']:.0f} µs after it saw "
                 f"{MN}")

    def new_connection(self, move):
        number = len(self.moves)
        left = max(4.0, RUN_SECONDS - 6 - (time.monotonic() - self.began))
        made = Download(self.lab, MN, f"connection-{number}", self.server["srv2"],
                        FIRST_PORT + number - 1, f"small?rate={int(CONNECTION_BYTES / left)}",
                        self.sums["small"])
        self.connections.append(made)
        move["source"] = wait_for("the new connection", made.source, 5)
        anchor = self.anchor_of(move["source"])
        self.say(f"    new TCP connection from {move['source']} of {anchor}"
                 f"{'' if anchor == move['maar'] else ': NOT OF ' + move['maar']}")

    def finish_traffic(self):
        self.say("last move done; waiting for the downloads to end")
        self.ended = {d.name: d.finish(60) for d in (self.download, *self.connections)}
        for name, end in self.ended.items():
            self.say(f"    {name}: {end['bytes']} octets, SHA-256 "
                     f"{'as sent' if end['sha256_ok'] else 'DIFFERS'}"
                     f"{', BROKEN: ' + end['error'] if not end['ok'] else ''}")
        self.records = self.echo.finish()
        self.rows = self.handover_rows()
        self.lab.stop("capture-cmd-core")

    def measure_goodput(self):
        serving, anchor = self.plan.maar_of(ROUTE[-1]), self.plan.maar_of(ROUTE[0])
        self.say(f"TCP goodput with iperf3: through the tunnel {serving} - {anchor} and on the "
                 "same path without, in turn")
        goodput.prepare(self.lab, self.plan, "core", serving, anchor, "srv1", ALIAS)
        return goodput.compare(self.lab, MN, (self.home, self.server["srv1"]),
                               (self.usable(serving), ALIAS))

    # -- the figures ------------------------------------------------------------------------------

    def handovers(self):
        times = [measure.wall_to_monotonic(t, self.clocks)
                 for t in signalling.message_times(self.capture)]
        received = self.download.times()
        visited, found = {self.plan.maar_of(ROUTE[0])}, []
        for move, window in zip(self.moves, measure.windows(self.moves, time.monotonic_ns())):
            lost, duplicated = measure.udp_counts(self.records, window)
            stall = (move["begin_ns"], min(window[1], move["begin_ns"] + 2 * measure.NSEC))
            visited.add(move["maar"])
            found.append({
                "from": move["before"], "to": move["maar"], "previous_maars": len(visited) - 1,
                "udp_lost": lost, "udp_duplicated": duplicated,
                "tcp_stall_ms": round(measure.longest_gap_ms(received, stall), 3),
                "messages": measure.message_count(times, window),
                "steps_us": measure.steps_us(self.rows, move["maar"], window),
                "new_connection_source": move["source"]})
        return found

    def result(self, ratio):
        big = self.ended["download"]
        return {
            "handovers": self.handovers(),
            "download": {"bytes": big["bytes"], "sha256_ok": big["sha256_ok"]},
            "connections_broken": sum(not e["ok"] for e in self.ended.values()),
            "tunnel_goodput_ratio": round(ratio["ratio"], 4)}

    def failures(self, result):
        """Why the job failed; empty when it did not."""
        found = []
        if result["connections_broken"]:
            found.append(f"{result['connections_broken']} connections broke")
        found += [f"{name}: octets differ" for name, end in self.ended.items()
                  if end["ok"] and not end["sha256_ok"]]
        for move in self.moves:
            if self.anchor_of(move["source"]) != move["maar"]:
                found.append(f"after {move['before']} -> {move['maar']} a new connection took "
                             f"{move['source']} of {self.anchor_of(move['source'])}")
        return found

    def run(self):
        try:
            self.prepare()
            self.start_traffic()
            for ap in ROUTE[1:]:
                self.move(ap)
            self.finish_traffic()
            ratio = self.measure_goodput()
            result = self.result(ratio)
        except BaseException:
            self.keep_logs()
            raise
        finally:
            self.lab.down()
            for name in ("big", "small"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.scratch, name))
            with contextlib.suppress(OSError):
                os.rmdir(self.scratch)
        file = os.path.join(self.out, "report.json")
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(result, stream, indent=2)
        report.show(result, ratio)
        print(f"written: {file}")
        return self.failures(result)

    def keep_logs(self):
        """What the daemons said, when something went wrong."""
        with contextlib.suppress(LabError, OSError):
            for node in self.lab.daemons():
                with open(os.path.join(self.out, f"{node}.log"), "w", encoding="utf-8") as file:
                    file.write(self.lab.log(node))
