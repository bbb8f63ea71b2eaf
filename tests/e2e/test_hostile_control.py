"""Hostile requests on the control socket of real daemons: as root, who may ask, and as somebody else.
Each gets an error or a closed connection, none changes what any daemon holds, and the next rightful
request is answered.
"""
import json
import multiprocessing
import os
import socket

import pytest
from enemy import Arena, unchanged, wait_for

pytestmark = [pytest.mark.sanitized,
              pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]
NOBODY = 65534


def attach(**fields):
    return json.dumps({"cmd": "attach", "interface": "ap1", "lladdr": "02:00:00:00:00:77"} | fields)


def detach(**fields):
    return json.dumps({"cmd": "detach", "interface": "ap1", "lladdr": "02:00:00:00:00:01"} | fields)


def operate(command, **fields):
    return json.dumps({"cmd": command} | fields)


NODE = "02:00:00:00:00:01"
REQUESTS = {
    "nothing": "", "a line feed": "\n", "blanks": " " * 1000, "NUL": b"\0", "NULs": bytes(4096),
    "octets that are no text": bytes(range(128, 256)), "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"cmd":"status"}'.encode("utf-16"), "null": "null", "true": "true", "a number": "7",
    "a text": '"status"', "an array": '[{"cmd":"status"}]', "an empty object": "{}",
    "half an object": '{"cmd":"status"', "half a text": '{"cmd":"stat', "half an escape": '{"cmd":"\\u00',
    "a lone surrogate": '{"cmd":"\\ud800"}', "overlong UTF-8": b'{"cmd":"\xc0\xaf"}',
    "UTF-8 beyond Unicode": b'{"cmd":"\xf7\xbf\xbf\xbf"}', "NUL in a text": '{"cmd":"status\\u0000"}',
    "NUL as octet": b'{"cmd":"sta\0tus"}', "single quotes": "{'cmd':'status'}",
    "a comment": '{"cmd":"status"/**/}', "a comma too many": '{"cmd":"status",}',
    "two objects": '{"cmd":"status"}{"cmd":"status"}', "words behind": '{"cmd":"status"} and more',
    "not a number": '{"cmd":"show","what":NaN}', "an endless number": '{"n":1' + "0" * 5000 + "}",
    "deep arrays": "[" * 60000, "deep objects": '{"a":' * 10000, "deep in a member":
    '{"cmd":"show","what":' + "[" * 3000 + "]" * 3000 + "}", "longer than a request": "x" * 70000,
    "longer than a request, right": '{"cmd":"status","x":"' + "x" * 70000 + '"}',
    "no command": '{"what":"bindings"}', "unknown command": '{"cmd":"shutdown"}',
    "empty command": '{"cmd":""}', "command in capitals": '{"cmd":"STATUS"}',
    "command with a blank": '{"cmd":"status "}', "command is null": '{"cmd":null}',
    "command is a number": '{"cmd":0}', "command is an array": '{"cmd":["status"]}',
    "command is an object": '{"cmd":{"cmd":"status"}}', "a long command": '{"cmd":"' + "s" * 60000 + '"}',
    "a format": '{"cmd":"%s%n%s%n"}', "a path": '{"cmd":"../../etc/passwd"}',
    "show nothing": '{"cmd":"show"}', "show what is not": '{"cmd":"show","what":"keys"}',
    "show a number": '{"cmd":"show","what":1}', "show a long word":
    '{"cmd":"show","what":"' + "b" * 60000 + '"}', "show a format": '{"cmd":"show","what":"%n%n%n"}',
    "attach nothing": '{"cmd":"attach"}', "attach nowhere": attach(interface="ap9"),
    "attach at the core": attach(interface="core"), "attach at a number": attach(interface=1),
    "attach nobody": attach(lladdr=""), "attach a word": attach(lladdr="mn1"),
    "attach a group": attach(lladdr="33:33:00:00:00:01"),
    "attach everybody": attach(lladdr="ff:ff:ff:ff:ff:ff"),
    "attach five octets": attach(lladdr="02:00:00:00:00"),
    "attach seven octets": attach(lladdr="02:00:00:00:00:77:01"),
    "attach 1000 octets": attach(lladdr=":".join(["02"] * 1000)),
    "attach what is no hexadecimal": attach(lladdr="02:00:00:00:00:gg"),
    "attach a number": attach(lladdr=2), "attach under a name too long": attach(**{"mn-id": "n" * 256}),
    "attach under a very long name": attach(**{"mn-id": "n" * 60000}),
    "attach whom the policy denies": attach(lladdr="0a:00:00:00:00:77"),
    "detach nothing": '{"cmd":"detach"}', "detach a stranger": detach(lladdr="02:00:00:00:00:99"),
    "detach nowhere": detach(interface="nowhere"), "detach at another place": detach(interface="ap2"),
    "detach everybody": detach(lladdr="*"), "revoke nothing": '{"cmd":"revoke"}',
    "revoke a node and a peer": operate("revoke", **{"mn-id": NODE, "peer": "maar1"}),
    "revoke nobody": operate("revoke", **{"mn-id": "nobody@example.org"}),
    "revoke an empty name": operate("revoke", **{"mn-id": ""}),
    "revoke a name too long": operate("revoke", **{"mn-id": "n" * 256}),
    "revoke a number": operate("revoke", **{"mn-id": 1}),
    "revoke everybody": operate("revoke", **{"mn-id": "*"}),
    "revoke an unknown peer's": operate("revoke", peer="maar9"),
    "revoke a stranger's": operate("revoke", peer="2001:db8:e::1"),
    "revoke for less than nothing": operate("revoke", **{"mn-id": NODE, "hold": -1}),
    "revoke for ever": operate("revoke", **{"mn-id": NODE, "hold": 1 << 62}),
    "revoke for half a second": operate("revoke", **{"mn-id": NODE, "hold": 0.5}),
    "revoke for a word": operate("revoke", **{"mn-id": NODE, "hold": "long"}),
    "allow nobody": '{"cmd":"allow"}', "allow a peer's": operate("allow", peer="maar1"),
    "allow who is not kept out": operate("allow", **{"mn-id": NODE}),
    "notify nobody": '{"cmd":"notify"}', "notify an unknown peer": operate("notify", peer="maar9"),
    "notify an unknown node": operate("notify", **{"mn-id": "nobody@example.org"}),
}


@pytest.fixture(scope="module")
def arena():
    made = Arena()
    yield made
    made.close()


def ask(path, request):
    """The answer's octets; the end of the stream comes whatever was asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(path)
        try:
            sock.sendall(request if isinstance(request, bytes) else request.encode())
            sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had heard enough
        answer = b""
        try:
            while piece := sock.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def test_requests(arena):
    assert len(REQUESTS) >= 64
    taken = []
    with unchanged(arena):
        for node in ("maar1", "cmd"):
            path = arena.lab.socket_file(node)
            for name, request in REQUESTS.items():
                answer = ask(path, request)
                if answer and json.loads(answer).get("ok") is not False:
                    taken.append((node, name, answer[:100]))
                assert arena.lab.ask(node, {"cmd": "status"})["name"] == node, name
    assert taken == []


def _as_nobody(path, result):
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    refused = 0
    for request in REQUESTS.values():
        try:
            ask(path, request)
        except OSError as err:
            refused += isinstance(err, PermissionError)
    result.value = refused


def test_requests_of_somebody_else(arena):
    with unchanged(arena):
        for node in ("maar1", "cmd"):
            before = arena.count(node, "control-requests", "daemon")
            refused = multiprocessing.Value("i", -1)
            asker = multiprocessing.Process(target=_as_nobody,
                                            args=(arena.lab.socket_file(node), refused))
            asker.start()
            asker.join()
            assert refused.value == len(REQUESTS)
            # Only this question and the one before were heard.
            assert arena.count(node, "control-requests", "daemon") == before + 1


def served(arena, node):
    """False while it has not noticed that the others have gone."""
    try:
        return arena.lab.ask(node, {"cmd": "status"})["name"] == node
    except ConnectionError:
        return False


def test_clients_that_say_half(arena):
    """As many as there may be, and more, that never end their request."""
    with unchanged(arena):
        for node in ("maar1", "cmd"):
            idle = []
            try:
                for _ in range(64):
                    idle.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                    idle[-1].connect(arena.lab.socket_file(node))
                    idle[-1].send(b'{"cmd":')
            except ConnectionError:
                pass  # too many: turned away
            finally:
                for sock in idle:
                    sock.close()
            wait_for(f"{node} serves again", lambda n=node: served(arena, n), 10)
