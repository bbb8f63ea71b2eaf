"""The demo of steering: real clients, real servers, one domain, and the same load under one policy after the
other.

While each policy is in force, others load one site, the forwarder of another one is killed and its link is cut,
and comes back. The requests are those of the Azure trace, the same for each policy; long connections run beside
them. What it finds goes to the terminal and to report.json.
"""

import contextlib
import json
import os
import re
import time

from . import steering_report, steering_trace, steering_view
from .domain import wait_for
from .sites import Sites, service_of
from .state import LabError

NAME = "gwsteer"
POLICIES = ("nearest", "round-robin", "prequal")
SERVICES = {"chat": 0.6, "embed": 0.4}  # shares of the requests
CLIENTS = {"cl1": 0.5, "cl2": 0.3, "cl3": 0.2}
SECONDS = 20  # of load with each policy
RATE = 55  # requests a second, of all clients
SEED, SKIP = 8885, 600  # the trace begins slowly
LOADED, DEAD = "1", "2"  # sites
OTHERS = "other"
OTHERS_RATE = {"chat": 14, "embed": 14}  # what they send to the loaded site, requests a second
EVENTS = ((3, f"others load site {LOADED}"), (8, f"site {DEAD} dies"),
          (11, f"the others leave site {LOADED}"), (12, f"site {DEAD} is back"))
WINDOWS = {"calm": (0, 3), "a site is loaded": (3, 11), "another one is dead": (8, 12),
           "it is back": (12, SECONDS)}
STREAM_MS = (SECONDS - 2) * 1000
DRAIN_SECONDS = 17  # a request is given up after 15
RETRANSMISSION_NS = 900_000_000  # of a SYN: 1 s


class Demo:
    def __init__(self, plan, bin_dir, out, policies=POLICIES):
        self.sites, self.out, self.policies = Sites(plan, bin_dir), out, policies
        self.lab, self.view = self.sites.lab, steering_view.View()
        self.found, self.problems = {}, []

    # -- the load ---------------------------------------------------------------------------------

    def start_load(self, policy):
        requests = steering_trace.requests(RATE, SECONDS, CLIENTS, SERVICES, SEED, SKIP)
        return {client: self.sites.generate(client, f"load-{client}-{policy}", [
            (r.at, r.service, self.sites.cs_id[r.service], r.steps)
            for r in requests if r.client == client]) for client in CLIENTS}

    def start_streams(self, policy):
        """A long connection of each client, with the service that is everywhere."""
        for client in CLIENTS:
            self.sites.stream(client, f"stream-{client}-{policy}", "chat", STREAM_MS)

    def others_begin(self, policy):
        """Others use a site: they do not come through our ingresses."""
        begin, end = EVENTS[0][0], EVENTS[2][0]
        for instance in self.sites.site(LOADED):
            service = service_of(instance)
            made = steering_trace.requests(OTHERS_RATE[service], end - begin, {OTHERS: 1},
                                           {service: 1}, SEED, SKIP + 5000)
            host = self.sites.plan.nodes[instance].address
            self.sites.generate(OTHERS, f"others-{instance}-{policy}",
                                [(r.at, service, host, r.steps) for r in made])

    # -- one policy -------------------------------------------------------------------------------

    def run_policy(self, policy):
        self.sites.choose_policy(policy)
        self.view.say(f"policy {policy}: {RATE} requests a second for {SECONDS} s")
        begin = time.monotonic_ns()
        files = self.start_load(policy)
        self.start_streams(policy)
        happened = {}
        acts = (lambda: self.others_begin(policy), lambda: self.sites.die(DEAD), lambda: None,
                lambda: self.sites.come_back(DEAD))
        due = [(at, text, act) for (at, text), act in zip(EVENTS, acts)]
        while (now := (time.monotonic_ns() - begin) / 1e9) < SECONDS:
            if due and now >= due[0][0]:
                _, text, act = due.pop(0)
                act()
                happened[text] = time.monotonic_ns()
                self.view.say(f"    {text}")
            self.view.tick(policy, now, files, self.sites.servers)
            time.sleep(0.05)
        self.drain(policy)
        return self.figures(policy, begin, files, happened)

    def drain(self, policy):
        names = [n for n in self.lab.state.read()["processes"] if n.endswith(f"-{policy}")]
        wait_for("the last answers", lambda: not self.sites.running(*names), DRAIN_SECONDS, 0.1)
        self.sites.await_candidates(self.sites.servers)

    # -- the figures ------------------------------------------------------------------------------

    def figures(self, policy, begin, files, happened):
        records = sorted((dict(r, client=c) for c, f in files.items()
                          for r in steering_report.read(f)), key=lambda r: r["start_ns"])
        with open(os.path.join(self.out, f"{policy}.records"), "w", encoding="ascii") as file:
            file.writelines(json.dumps(r) + "\n" for r in records)
        windows = {name: steering_report.summary(steering_report.within(records, begin, w))
                   for name, w in WINDOWS.items()}
        wrong = steering_report.wrong_digests(records)
        if wrong:
            self.problems.append(f"{policy}: requests of {wrong} steps were answered differently")
        return {"windows": {"all": steering_report.summary(records), **windows},
                "services": {s: steering_report.summary([r for r in records if r["service"] == s])
                             for s in SERVICES},
                "instances": steering_report.share(records),
                "timeline": steering_report.timeline(records, begin, SECONDS),
                "death": self.death(policy, records, happened),
                "streams": self.streams(policy),
                "late_ms": round(max(r["late_ms"] for r in records), 1)}

    def death(self, policy, records, happened):
        """What the site's death did: to requests that were there (they wait until it is back or, when
        their client has something to say meanwhile, are told by another instance that they are unknown), to
        those that were still sent there (their handshake has to be repeated), and when it had flows again."""
        died, back = happened[EVENTS[1][1]], happened[EVENTS[3][1]]
        failed = [r for r in records if not steering_report.answered(r)]
        there = [r for r in records if r["instance"] in self.sites.site(DEAD)]
        sent = [r["start_ns"] for r in records if died < r["start_ns"] < back
                and r.get("connected_ns", r["end_ns"]) - r["start_ns"] > RETRANSMISSION_NS]
        again = [r["start_ns"] for r in there if r["start_ns"] > back]
        broken = [r for r in failed if r["start_ns"] < died < r["end_ns"]]
        if len(failed) > len(broken):
            self.problems.append(f"{policy}: {len(failed) - len(broken)} requests failed that were "
                                 f"not at a site when it died: {failed}")
        if not again:
            self.problems.append(f"{policy}: nothing went to site {DEAD} when it was back")
        return {"held": sum(r["start_ns"] < died < r["end_ns"] for r in there),
                "broken": len(broken),
                "sent_there": len(sent),
                "last_sent_ms": round((max(sent) - died) / 1e6) if sent else None,
                "back_ms": round((min(again) - back) / 1e6) if again else None}

    def streams(self, policy):
        """The long connections: those that ended early, and those whose instance changed."""
        broken = moved = 0
        lines = STREAM_MS // 50
        for client in CLIENTS:
            text = self.lab.log(f"stream-{client}-{policy}")
            found = re.findall(r"^(\d+) (\w+)$", text, re.M)
            instances = {i for _, i in found}
            whole = [int(n) for n, _ in found] == list(range(lines))
            moved += len(instances) > 1
            broken += not whole
            if not whole:
                self.problems.append(f"{policy}: the long connection of {client} with "
                                     f"{', '.join(instances) or 'nobody'} broke: {text[-200:]}")
        if moved:
            self.problems.append(f"{policy}: {moved} long connections changed their instance")
        return {"count": len(CLIENTS), "broken": broken, "moved": moved}

    def run(self):
        try:
            self.sites.up()
            self.view.say(f"domain is up: ingresses {', '.join(self.sites.ingresses)}; instances "
                          f"{', '.join(self.sites.servers)}")
            for policy in self.policies:
                self.found[policy] = self.run_policy(policy)
        except BaseException:
            self.keep_logs()
            raise
        finally:
            self.lab.down()
        result = {"policies": self.found, "windows": WINDOWS, "events": EVENTS,
                  "load": {"requests_per_second": RATE, "seconds": SECONDS, "clients": CLIENTS,
                           "services": SERVICES, "trace": "sim/data/azure-llm-2023-conv.csv",
                           "first_row": SKIP, "seed": SEED}}
        file = os.path.join(self.out, "report.json")
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(result, stream, indent=2)
        print()
        for line in steering_report.lines(result):
            print(line)
        print(f"written: {file}")
        return self.problems

    def keep_logs(self):
        """What the daemons said, when something went wrong."""
        with contextlib.suppress(LabError, OSError):
            for node in self.lab.daemons():
                with open(os.path.join(self.out, f"{node}.log"), "w", encoding="utf-8") as file:
                    file.write(self.lab.log(node))
