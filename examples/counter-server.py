#!/usr/bin/python3
"""An instance of a service in Python: to each client it counts, a number a line, and adds what the client sends.
A client's connection and count move to another instance by godwit_instance (doc/instance.md).

usage: counter-server.py ADDRESS PORT AGENT-SOCKET NAME TOKEN
"""
import json
import os
import select
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "python"))

import godwit_instance  # noqa: E402

INTERVAL = 0.02  # seconds between two numbers


class Counter(godwit_instance.Instance):
    def __init__(self, *args):
        self.clients = {}  # socket -> count
        super().__init__(*args)

    def begin_export(self, move):
        move.data = {s: n for s, n in self.clients.items() if move.covers(s)}
        if not move.data:
            raise LookupError("no such client")
        for label, sock in enumerate(move.data):
            move.give(sock, label)
            del self.clients[sock]

    def export_state(self, move):
        return json.dumps(list(move.data.values())).encode()

    def release(self, move):
        for sock in move.data or ():
            sock.detach()  # the library closes the descriptor

    def import_state(self, move, state):
        move.data = json.loads(state)

    def resume(self, move):
        for label, count in enumerate(move.data):
            self.clients[move.take(label)] = count

    def abandon(self, move, why):
        if isinstance(move.data, dict):  # they were ours, and are again
            self.clients.update(move.data)

    def serve(self, sock):
        """False: it is gone."""
        try:
            more = sock.recv(4096, socket.MSG_DONTWAIT)
            self.clients[sock] += len(more)
            return bool(more)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def count(self):
        for sock in list(self.clients):
            self.clients[sock] += 1
            try:
                sock.sendall(f"{self.clients[sock]}\n".encode())
            except OSError:
                self.clients.pop(sock).close()


def main(address, port, agent, name, token):
    listener = socket.create_server((address, int(port)), family=socket.AF_INET6)
    counter = Counter(agent, name, token)
    print("ready", flush=True)
    while True:
        ready = select.select([listener, counter, *counter.clients], [], [], INTERVAL)[0]
        if not ready:
            counter.count()
        for one in ready:
            if one is listener:
                counter.clients[listener.accept()[0]] = 0
            elif one is counter:
                if not counter.dispatch():
                    sys.exit("the agent is gone")
            elif one in counter.clients and not counter.serve(one):
                counter.clients.pop(one).close()


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
