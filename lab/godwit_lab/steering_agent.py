"""Speaks for an edge server: registers it with the metric agent over HTTP, reports what its /metrics say, and
withdraws it when it does not answer or this process is ended.

    steering_agent.py AGENT-ADDRESS AGENT-PORT NAME SERVER-ADDRESS SERVER-PORT    (the token: standard input)
"""

import contextlib
import http.client
import json
import re
import signal
import sys
import time

INTERVAL = 0.1
TIMEOUT = 1
REPORTED = {"edge_requests_in_flight": "in-flight", "edge_requests_queued": "queue",
            "edge_latency_us": "latency-us", "edge_sessions": "sessions", "edge_slots": "slots"}


class Agent:
    """One connection, kept open; opened again when it has failed."""

    def __init__(self, host, port, name, token):
        self.connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        self.path, self.headers = f"/v1/instances/{name}/", {"Authorization": f"Bearer {token}"}

    def say(self, verb, body=None):
        try:
            self.connection.request("POST", self.path + verb, json.dumps(body) if body else None,
                                    self.headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as err:
            self.connection.close()
            print(f"{verb}: {err}", flush=True)
            return
        if answer.status != 200:
            print(f"{verb}: {answer.status} {text}", flush=True)


def metrics(host, port):
    """What the server says of itself, as a report; None when it does not answer."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return {REPORTED[name]: int(value) for name, value in
            re.findall(r"^(\w+) (\d+)$", text, re.M) if name in REPORTED}


def main(words):
    agent_host, agent_port, name, host, port = words
    agent = Agent(agent_host, int(agent_port), name, sys.stdin.readline().strip())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    there = False
    with contextlib.ExitStack() as at_end:
        at_end.callback(agent.say, "withdraw")
        while True:
            report = metrics(host, int(port))
            if report is not None:
                if not there:
                    agent.say("register")
                agent.say("report", report)
            elif there:
                agent.say("withdraw")
            there = report is not None
            time.sleep(INTERVAL)


if __name__ == "__main__":
    main(sys.argv[1:])
