"""The demo of handover: a client streams a long answer token by token and uploads at the same time, over one TCP
connection, while it moves between four ingresses: announced and not, and back and forth. Where the instances can
give it away, the transaction moves to the edge site that is better now.

The messages are shown as they happen, as ladders; what was found goes to the terminal and to report.json.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

from . import measure
from .conversation import Conversation
from .demo import Say
from .domain import wait_for
from .roaming import MN, Roaming
from .state import LabError

NAME = "gwhand"
SECONDS = 44  # the answer, undisturbed
ROW = 0  # of the trace, where its pace begins
# (seconds since the answer began, where to, whether the old ingress is told before)
MOVES = ((4, "in4", True), (10, "in2", False), (20, "in3", False), (30, "in2", True), (31, "in3", False),
         (36, "in1", True))
NOTICE_SECONDS = 0.3  # from prediction to move
SETTLE_SECONDS = 4
TRANSFER_PORT = 7443
TLS = (["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=lab"],)


class Demo:
    def __init__(self, plan, bin_dir, out):
        self.plan, self.bin, self.out = plan, bin_dir, out
        self.say, self.roaming, self.moves, self.missing = Say(), None, [], []
        self.secrets = tempfile.mkdtemp(prefix="godwit-demo-")
        self.shown, self.source, self.talk, self.reference = 0, None, None, None

    # -- the domain -------------------------------------------------------------------------------

    def certificates(self):
        """An authority of the lab's, and for each forwarder a certificate with its address."""
        for argv in TLS:
            self.openssl(*argv)
        for name in self.forwarders():
            with open(os.path.join(self.secrets, "ext"), "w", encoding="ascii") as file:
                file.write(f"subjectAltName=IP:{self.plan.nodes[name].address},DNS:{name}\n")
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                         f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
            self.openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                         "-days", "2", "-extfile", "ext", "-out", f"{name}.pem")

    def openssl(self, *argv):
        done = subprocess.run(["openssl", *argv], cwd=self.secrets, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"openssl {argv[0]}: {done.stderr.strip()}")

    def forwarders(self):
        return [n.name for n in self.plan.nodes.values() if "d-router" in n.roles]

    def configure(self):
        """What the demo wants beyond the topology: servers that speak for themselves, and switching."""
        where = f"/run/godwit-lab/{self.plan.name}"
        for name in self.forwarders():
            node = self.plan.nodes[name]
            node.godwit = json.loads(json.dumps(node.godwit))  # the topology's parts are shared
            node.godwit.setdefault("handover", {})["transfer"] = {
                "port": TRANSFER_PORT, "again": 4, "gain": 100, "authority": f"{self.secrets}/ca.pem",
                "certificate": f"{self.secrets}/{name}.pem", "key": f"{self.secrets}/{name}.key"}
            for instance in node.godwit.get("instances", ()):
                node.godwit["steering"] = {"agent-socket": f"{where}/{name}-agent.sock"}
                instance["health"] = {"kind": "tcp", "port": 80, "interval": 0.5, "timeout": 0.4}
                if instance["service"] == "chat":
                    instance["token"] = "only-for-this-lab"
        for service in self.plan.steering["services"]:
            service["handover"]["switches"] = service["name"] == "chat"

    def prepare(self):
        self.certificates()
        self.configure()
        self.roaming = Roaming(self.plan, self.bin, "token-server")
        self.roaming.up()
        self.say(f"domain is up: ingresses {', '.join(self.roaming.ingresses)}; sites "
                 f"{', '.join(self.roaming.sites)}; {MN} at {self.roaming.ingresses[0]} has {self.roaming.address}")
        self.talk = Conversation(self.roaming, SECONDS, ROW)
        self.reference = self.talk.reference("srv1")

    # -- what happens -----------------------------------------------------------------------------

    def predict(self, ingress):
        """false: nobody can be told."""
        lab = self.roaming.lab
        before = self.where()
        done = lab.run(before, [lab.program("godwit"), "--socket", lab.socket_file(before), "predict",
                                self.source, self.plan.nodes[ingress].address], check=False)
        if done.returncode:
            self.missing.append(f"`godwit predict`: {done.stderr.strip()}")
        return done.returncode == 0

    def where(self):
        return self.moves[-1]["to"] if self.moves else self.roaming.ingresses[0]

    def move(self, ingress, announced):
        if not self.talk.running():
            raise LabError(f"the answer ended before the move to {ingress}: {self.roaming.lab.log('conversation')}")
        before = self.where()
        announced = announced and self.predict(ingress)
        if announced:
            time.sleep(NOTICE_SECONDS)
        self.say(f"{MN} moves {before} -> {ingress}, {'announced' if announced else 'not announced'}, "
                 f"{self.talk.times()[-1][1]} octets of the answer")
        made = self.roaming.move(ingress)
        self.moves.append({"from": before, "to": ingress, "announced": announced, "begin_ns": made["begin_ns"],
                           "end_ns": made["end_ns"]})
        with contextlib.suppress(LabError):
            wait_for("the handover", lambda: self.taken_over(ingress), 2, 0.05)

    def taken_over(self, ingress):
        rows = self.rows()
        return any(r["what"] == "taken over" and r["to"] == ingress for r in rows[self.shown:])

    def rows(self):
        return self.roaming.ladder(self.source)

    def show(self):
        """What has been added to the ladder, live."""
        lines = self.roaming.ladder(self.source, options=()).splitlines()
        rows = [line for line in lines[1:] if line[:11].strip()]
        if len(rows) > self.shown:
            print(lines[0])
            print("\n".join(rows[self.shown:]), flush=True)
        self.shown = max(self.shown, len(rows))

    def go(self):
        self.source = self.talk.begin()
        begin = time.monotonic()
        self.say(f"curl asks for {self.talk.tokens} tokens of chat and uploads {os.path.getsize(self.talk.body)} "
                 f"octets, from {self.source}")
        for at, ingress, announced in MOVES:
            while time.monotonic() - begin < at:
                time.sleep(0.1)
                if self.moves and time.monotonic_ns() - self.moves[-1]["begin_ns"] > 1_500_000_000:
                    self.show()
            self.show()
            self.move(ingress, announced)
        time.sleep(SETTLE_SECONDS)
        self.show()

    # -- the figures ------------------------------------------------------------------------------

    def segments(self, rows):
        """Rows of each move: from its hint or attachment on."""
        starts = [i for i, r in enumerate(rows) if r["what"] == "attached"][1:]
        starts = [next((k for k in range(i, max(0, i - 6), -1) if rows[k]["what"] == "hint"), i) for i in starts]
        return [rows[a:b] for a, b in zip(starts, [*starts[1:], len(rows)])]

    def handovers(self):
        received, found = self.talk.times(), []
        windows = measure.windows(self.moves, time.monotonic_ns())
        segments = self.segments(self.rows())
        if len(segments) != len(self.moves):
            raise LabError(f"{len(self.moves)} moves, {len(segments)} in the ladder")
        for move, window, rows in zip(self.moves, windows, segments):
            def since(what, rows=rows):
                attached = next(r["sent_us"] for r in rows if r["what"] == "attached")
                at = next((r["sent_us"] for r in rows if r["what"] == what), None)
                return None if at is None else round((at - attached) / 1000, 3)

            near = (move["begin_ns"], min(window[1], move["begin_ns"] + measure.NSEC))
            messages = [r for r in rows if r["from"] not in (r["to"], "client")]
            found.append({
                "from": move["from"], "to": move["to"],
                "kind": "reactive" if any(r["what"] == "request" for r in messages) else "proactive",
                "announced": move["announced"], "flows_set_ms": since("flows set"), "taken_over_ms": since("taken over"),
                "messages": len(messages), "lost": sum(r["lost"] for r in messages),
                "longest_silence_ms": round(measure.longest_gap_ms(received, near), 1),
                "switched": any(r["what"] == "flows switched" and not r["error"] for r in rows)})
        return found

    def result(self):
        answer = self.talk.finish(self.reference)
        handovers = self.handovers()
        transfers = {n: self.roaming.lab.show(n, "transfers") for n in self.forwarders()}
        switches = sum(h["switched"] for h in handovers)
        if not switches:
            self.missing.append("switching the transaction: none has taken place")
        return {"answer": answer, "handovers": handovers, "switches": switches,
                "transfers": {n: t for n, t in transfers.items() if t}, "missing": self.missing}

    @staticmethod
    def failures(result):
        answer, found = result["answer"], []
        if not answer["ended"]:
            found.append(f"the answer broke: {answer['error']}")
        elif not answer["as_undisturbed"]:
            found.append("the answer is not the one that an undisturbed client gets")
        if not answer["upload_ok"]:
            found.append("the upload did not arrive as it was sent")
        if answer["connections"] != 1:
            found.append(f"curl made {answer['connections']} connections")
        found += [f"{h['from']} -> {h['to']}: the flows were not taken over" for h in result["handovers"]
                  if h["flows_set_ms"] is None]
        return found

    @staticmethod
    def table(result):
        print(f"\n{'move':14}{'kind':11}{'flows set':>11}{'taken over':>12}{'messages':>10}{'silence':>9}  switched")
        for h in result["handovers"]:
            times = ["-" if h[k] is None else f"{h[k]:.1f} ms" for k in ("flows_set_ms", "taken_over_ms")]
            print(f"{h['from']} -> {h['to']:8}{h['kind']:11}{times[0]:>11}{times[1]:>12}{h['messages']:>10}"
                  f"{h['longest_silence_ms']:>6.0f} ms  {'yes' if h['switched'] else 'no'}")
        a = result["answer"]
        print(f"answer: {a['tokens']} tokens, {a['bytes']} octets, "
              f"{'as without moves' if a['as_undisturbed'] else 'DIFFERS'}; upload: {a['uploaded']} octets, "
              f"{'as sent' if a['upload_ok'] else 'DIFFERS'}; TCP connections: {a['connections']}")
        for text in dict.fromkeys(result["missing"]):
            print(f"left out: {text}")

    def run(self):
        try:
            self.prepare()
            self.go()
            result = self.result()
            self.roaming.ladder(self.source, options=("--svg", os.path.join(self.out, "ladder.svg")))
            with open(os.path.join(self.out, "ladder.txt"), "w", encoding="utf-8") as file:
                file.write(self.roaming.ladder(self.source, options=()))
        except BaseException:
            self.keep_logs()
            raise
        finally:
            if self.roaming:
                self.roaming.lab.down()
            shutil.rmtree(self.secrets, ignore_errors=True)
        self.table(result)
        file = os.path.join(self.out, "report.json")
        with open(file, "w", encoding="utf-8") as stream:
            json.dump(result, stream, indent=2)
        print(f"written: {file}, ladder.txt, ladder.svg")
        return self.failures(result)

    def keep_logs(self):
        """What the daemons said, when something went wrong."""
        lab = self.roaming.lab if self.roaming else None
        with contextlib.suppress(LabError, OSError, AttributeError):
            for node in lab.daemons():
                with open(os.path.join(self.out, f"{node}.log"), "w", encoding="utf-8") as file:
                    file.write(lab.log(node))
