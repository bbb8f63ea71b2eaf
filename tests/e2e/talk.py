"""One TCP connection from a mobile node that lasts as long as a test wants: a line every 50 ms, and
each is read back before the next."""
from godwit_lab.domain import PATIENCE, wait_for

TALKER = """
import os, socket, sys, time
s = socket.create_connection((sys.argv[2], int(sys.argv[3])), float(sys.argv[5]), (sys.argv[1], 0))
f = s.makefile("rb")
n = 0
while not os.path.exists(sys.argv[4]):
    s.sendall(b"%d\\n" % n)
    assert f.readline() == b"%d\\n" % n
    n += 1
    print(n, flush=True)
    time.sleep(0.05)
"""
ECHO = """
import socket, sys
l = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6)
s, _ = l.accept()
while data := s.recv(4096):
    s.sendall(data)
"""
PYTHON = "/usr/bin/python3"


class Talk:
    def __init__(self, lab, mn, source, server, address, port=7010):
        self.lab, self.stop = lab, lab.state.path("talk.stop")
        lab.spawn(server, "tcp-echo", [PYTHON, "-c", ECHO, address, str(port)])
        wait_for("the server", lambda: f":{port} " in lab.run(server, ["ss", "-Hltn"]).stdout, 10)
        self.talker = lab.spawn(mn, "talker", [PYTHON, "-c", TALKER, source, address, str(port),
                                               self.stop, str(20 * PATIENCE)])
        self.goes_on()

    def lines(self):
        """How many came back so far."""
        return self.lab.log("talker").count("\n")

    def alive(self):
        return self.talker.poll() is None

    def goes_on(self, lines=1, seconds=20):
        """Waits until as many more have come back."""
        had = self.lines()
        wait_for("lines on the connection",
                 lambda: not self.alive() or self.lines() >= had + lines, seconds)
        assert self.alive(), self.lab.log("talker")

    def finish(self):
        """Ends it in order; how many lines came back in all."""
        with open(self.stop, "w", encoding="ascii"):
            pass
        assert self.talker.wait(20 * PATIENCE) == 0, self.lab.log("talker")
        return self.lines()
