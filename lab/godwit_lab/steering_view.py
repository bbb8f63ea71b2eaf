"""The demo of steering while it runs: on a terminal a panel that is drawn again and again, else a line every
two seconds."""

import collections
import sys
import time

from . import steering_report

WINDOW = 2  # seconds that what is shown is about
BAR = 24
UP, CLEAR = "\x1b[{}A", "\x1b[K"


class View:
    def __init__(self, out=sys.stdout):
        self.begin, self.out = time.monotonic(), out
        self.panel = out.isatty()
        self.every = 0.5 if self.panel else WINDOW
        self.due = 0.0
        self.drawn = 0  # lines of the panel that stand below the last event

    def _print(self, text):
        print(text, file=self.out, flush=True)

    def say(self, text):
        """An event; the panel goes on below it."""
        if self.drawn:
            self.out.write(UP.format(self.drawn))
        self._print(f"[{time.monotonic() - self.begin:6.1f}] {text}{CLEAR if self.drawn else ''}")
        if self.drawn:
            self.out.write("".join(CLEAR + "\n" for _ in range(self.drawn - 1)))
            self.out.write(UP.format(self.drawn - 1))
            self.drawn = 0

    def tick(self, policy, now, files, servers):
        """files: {client: records}; `now`: seconds since the load began."""
        if now < self.due <= now + self.every:
            return
        self.due = now + self.every
        since = time.monotonic_ns() - WINDOW * steering_report.NSEC
        ended = {c: [r for r in steering_report.read(f) if r["end_ns"] > since]
                 for c, f in files.items()}
        lines = list(self.lines(policy, now, ended, servers)) if self.panel \
            else [self.line(policy, now, ended, servers)]
        if self.drawn:
            self.out.write(UP.format(self.drawn))
        self._print("\n".join(f"{line}{CLEAR if self.panel else ''}" for line in lines))
        self.drawn = len(lines) if self.panel else 0

    @staticmethod
    def rates(ended):
        counts = collections.Counter(r["instance"] for part in ended.values() for r in part)
        return {instance: n / WINDOW for instance, n in counts.items()}

    @staticmethod
    def times(records):
        s = steering_report.summary(records)
        failed = f"  failed {s['failed']}" if s["failed"] else ""
        return failed if s["p50"] is None else f"p50 {s['p50']:4.0f}  p90 {s['p90']:5.0f} ms{failed}"

    def line(self, policy, now, ended, servers):
        rates = self.rates(ended)
        where = "  ".join(f"{s} {rates.get(s, 0):4.1f}" for s in servers)
        every = [r for part in ended.values() for r in part]
        return f"    {policy:12}{now:4.0f} s  answers/s: {where}   {self.times(every)}"

    def lines(self, policy, now, ended, servers):
        rates = self.rates(ended)
        most = max(rates.values(), default=1)
        yield f"  {policy}, second {now:.1f}"
        for server in servers:
            rate = rates.get(server, 0)
            yield f"    {server:8}{'█' * round(rate / most * BAR):{BAR}}{rate:6.1f} answers/s"
        for client, part in ended.items():
            yield f"    {client:8}{self.times(part)}"
