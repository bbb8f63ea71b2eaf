"""libgodwit-instance for Python: a server that is an instance of a service hands what a client has under way
over to another one, with the client's TCP connections, in the middle of them. doc/instance.md.

    class Chat(godwit_instance.Instance):
        def begin_export(self, move): move.give(self.sock, 0)       # leave it alone from here on
        def export_state(self, move): return json.dumps(...).encode()
        def release(self, move): ...                                 # it went on elsewhere: forget it
        def import_state(self, move, state): ...                     # bytes, whole
        def resume(self, move): self.sock = move.take(0)
        def abandon(self, move, why): ...                            # go on here (or forget it)

    instance = Chat("/run/godwit/agent.sock", "web1", token)
    # poll instance.fileno() for reading; when it is ready: instance.dispatch()

State is given and taken whole here; the C interface has pieces. Needs the C library only.
"""
import ctypes
import errno
import os
import socket

_SIZE, _VOID = ctypes.c_size_t, ctypes.c_void_p
_MOVE = ctypes.CFUNCTYPE(ctypes.c_int, _VOID, _VOID)
_DONE = ctypes.CFUNCTYPE(None, _VOID, _VOID)
_GIVE = ctypes.CFUNCTYPE(ctypes.c_ssize_t, _VOID, _VOID, _VOID, _SIZE)
_TAKE = ctypes.CFUNCTYPE(ctypes.c_int, _VOID, _VOID, _VOID, _SIZE)
_WHY = ctypes.CFUNCTYPE(None, _VOID, _VOID, ctypes.c_char_p)
_REFUSED = ctypes.CFUNCTYPE(None, _VOID, ctypes.c_char_p)


class _Callbacks(ctypes.Structure):
    _fields_ = [("size", _SIZE), ("begin_export", _MOVE), ("export_state", _GIVE),
                ("release", _DONE), ("begin_import", _MOVE), ("import_state", _TAKE),
                ("confirm", _MOVE), ("resume", _DONE), ("abandon", _WHY), ("refused", _REFUSED)]


class _Report(ctypes.Structure):
    _fields_ = [("size", _SIZE)] + [(name, ctypes.c_double) for name in (
        "in_flight", "queue", "sessions", "latency_us", "errors", "cpu", "memory", "pressure",
        "energy_mw", "bandwidth_kbps", "custom")] + [("slots", ctypes.c_int),
                                                     ("draining", ctypes.c_int)]


class _Client(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint8 * 16), ("prefix_len", ctypes.c_uint8)]


def _load():
    lib = ctypes.CDLL(os.environ.get("GODWIT_INSTANCE_LIBRARY", "libgodwit-instance.so.1"),
                      use_errno=True)
    lib.gwi_error.restype = ctypes.c_char_p
    lib.gwi_error.argtypes = [_VOID]
    lib.gwi_open.argtypes = [ctypes.POINTER(_VOID), ctypes.c_char_p, ctypes.c_char_p,
                             ctypes.c_char_p, ctypes.POINTER(_Callbacks), _VOID]
    lib.gwi_report.argtypes = [_VOID, ctypes.POINTER(_Report)]
    for name in ("gwi_close", "gwi_fd", "gwi_dispatch", "gwi_reconnect", "gwi_withdraw"):
        getattr(lib, name).argtypes = [_VOID]
    lib.gwi_give.argtypes = [_VOID, ctypes.c_int, ctypes.c_uint]
    lib.gwi_take.argtypes = [_VOID, ctypes.c_uint]
    lib.gwi_move_covers.argtypes = [_VOID, ctypes.c_int]
    lib.gwi_move_client.argtypes = [_VOID]
    lib.gwi_move_client.restype = _Client
    lib.gwi_labels.argtypes = [_VOID, ctypes.POINTER(ctypes.c_uint), _SIZE]
    lib.gwi_labels.restype = _SIZE
    return lib


class Move:
    """A transaction that leaves or comes; valid from begin_* until release, resume or abandon return."""

    def __init__(self, lib, pointer):
        self._lib, self._pointer = lib, pointer
        self.state, self.at = None, 0  # the binding's
        self.data = None  # the application's

    @property
    def client(self):
        """(address, prefix length)"""
        made = self._lib.gwi_move_client(self._pointer)
        return socket.inet_ntop(socket.AF_INET6, bytes(made.address)), made.prefix_len

    def covers(self, sock):
        """Is this connected socket one of the transaction's?"""
        return self._lib.gwi_move_covers(self._pointer, sock.fileno()) == 1

    def give(self, sock, label):
        """It goes along. After release it is closed: detach or forget the object then."""
        _check(self._lib.gwi_give(self._pointer, sock.fileno(), label), "give")

    def take(self, label):
        """Within resume: the connection of that label, a socket object."""
        return socket.socket(fileno=_check(self._lib.gwi_take(self._pointer, label), "take"))

    def labels(self):
        """Those that came."""
        made = (ctypes.c_uint * 256)()
        return list(made[:self._lib.gwi_labels(self._pointer, made, 256)])


def _check(rc, what):
    if rc < 0:
        raise OSError(-rc, f"{what}: {os.strerror(-rc)}")
    return rc


class Instance:
    """Derive from it, and override what follows the public methods."""

    def __init__(self, path, name, token=None):
        self._lib = _load()
        self._moves = {}
        self._self = _VOID()
        self.problem = None  # the exception that a callback has ended with, last
        # These objects must live as long as the library may call them.
        self._callbacks = _Callbacks(
            ctypes.sizeof(_Callbacks), _MOVE(self._begin_export), _GIVE(self._export),
            _DONE(lambda u, m: self._end(m, self.release)), _MOVE(self._begin_import),
            _TAKE(self._import), _MOVE(self._confirm),
            _DONE(lambda u, m: self._end(m, self.resume)),
            _WHY(lambda u, m, why: self._end(m, self.abandon, why.decode(errors="replace"))),
            _REFUSED(lambda u, why: self.refused(why.decode(errors="replace"))))
        rc = self._lib.gwi_open(ctypes.byref(self._self), path.encode(), name.encode(),
                                token.encode() if token is not None else None,
                                ctypes.byref(self._callbacks), None)
        if rc < 0:
            raise OSError(-rc, f"{path}: {self._lib.gwi_error(None).decode(errors='replace')}")

    def close(self):
        """Withdraws; what was under way is abandoned."""
        self._lib.gwi_close(self._self)
        self._self = _VOID()

    def fileno(self):
        return self._lib.gwi_fd(self._self)

    def dispatch(self):
        """Does what has arrived asks for. False: the agent is gone (reconnect)."""
        return self._lib.gwi_dispatch(self._self) == 0

    def reconnect(self):
        return self._lib.gwi_reconnect(self._self) == 0

    def report(self, **values):
        """in_flight=, queue=, sessions=, latency_us=, errors=, cpu=, ..., slots=, draining="""
        made = _Report(ctypes.sizeof(_Report), *([-1] * 11), 0, 0)
        for name, value in values.items():
            if not hasattr(made, name):
                raise TypeError(f"report: nothing is called {name}")
            setattr(made, name, value)
        _check(self._lib.gwi_report(self._self, ctypes.byref(made)), "report")

    def withdraw(self):
        _check(self._lib.gwi_withdraw(self._self), "withdraw")

    # -- to be overridden; an exception refuses the move --

    def begin_export(self, move):
        raise OSError(errno.EOPNOTSUPP, "it gives nothing away")

    def export_state(self, move):
        """bytes; called once, after begin_export"""
        return b""

    def release(self, move):
        pass

    def begin_import(self, move):
        pass

    def import_state(self, move, state):
        """bytes, whole; the connections come with resume"""
        raise OSError(errno.EOPNOTSUPP, "it takes nothing")

    def resume(self, move):
        pass

    def abandon(self, move, why):
        pass

    def refused(self, why):
        pass

    # -- what the library calls --

    def _guarded(self, call, *args):
        """No exception may pass through C: a negative errno value instead."""
        try:
            return call(*args), 0
        except OSError as error:
            self.problem = error
            return None, -(error.errno or errno.EIO)
        except Exception as error:  # pylint: disable=broad-except
            self.problem = error
            return None, -errno.EIO

    def _begin(self, pointer, call):
        move = Move(self._lib, pointer)
        rc = self._guarded(call, move)[1]
        if rc == 0:
            self._moves[pointer] = move
        return rc

    def _begin_export(self, _user, pointer):
        return self._begin(pointer, self.begin_export)

    def _begin_import(self, _user, pointer):
        return self._begin(pointer, self.begin_import)

    def _export(self, _user, pointer, buf, size):
        move = self._moves[pointer]
        if move.state is None:
            move.state, rc = self._guarded(self.export_state, move)
            if rc < 0:
                return rc
        piece = move.state[move.at:move.at + size]
        ctypes.memmove(buf, bytes(piece), len(piece))
        move.at += len(piece)
        return len(piece)

    def _import(self, _user, pointer, octets, size):
        move = self._moves[pointer]
        move.state = (move.state or b"") + ctypes.string_at(octets, size)
        return 0

    def _confirm(self, _user, pointer):
        move = self._moves[pointer]
        return self._guarded(self.import_state, move, move.state or b"")[1]

    def _end(self, pointer, call, *args):
        move = self._moves.pop(pointer, None)
        if move is not None:
            self._guarded(call, move, *args)
