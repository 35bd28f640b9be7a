"""A running program as a session that everyone can attach to.

    import rialto
    rialto.embed("web")

From then on `rialto web` in a terminal, `rialto exec -s web -c CODE`, agents and editors run code in this program's namespace, while its
own threads go on. Nothing is opened to anybody but this user: a socket in a folder of theirs, and a cookie.

One file, no dependency, Python 3.8 and later. `rialto python-module` prints it.

Code runs on a thread of its own, one eval after the other. What it prints is the session's; what the program prints stays the program's. An
interrupt raises KeyboardInterrupt in that thread alone, once it runs Python again: a call that blocks in C is not cut short. Whoever
detaches, or ends the session, leaves the program as it is; when the program ends, the session's kernel has died, and its history stays.
"""

import _thread
import ast
import atexit
import builtins
import codecs
import collections
import ctypes
import hmac
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

__all__ = ["embed", "Embedded"]

ME = __file__ if "__file__" in globals() else "<rialto>"
CHUNK = 32 * 1024               # of output in one frame
UNSENT = 1024 * 1024            # so much waits to be sent before whoever prints waits
INLINE = 16 * 1024              # a result that is larger goes in pieces
MAX_DISPLAY = 64 * 1024 * 1024
LONGEST = 17 * 1024 * 1024      # a frame from the other side
RECENT = 100                    # evals whose source is kept for tracebacks
ONLY_AST, TOP_AWAIT, CO_COROUTINE = 0x400, 0x2000, 0x80

codecs.register_error("rialto", lambda e: ("\ufffd" * (e.end - e.start), e.end) if isinstance(e, UnicodeEncodeError) else ("\ufffd", e.end))

_embedded = {}


def embed(name, namespace=None, rialto="rialto"):
    """Makes this program a session of this name, and returns at once.

    `namespace` is a dict or a module; without one it is that of whoever calls. `rialto` is the program to ask, or a
    list of it and its arguments. Calling it again with a
    name that is embedded already changes the namespace. The result has `name` and `close()`.
    """
    if namespace is None:
        namespace = sys._getframe(1).f_globals
    space = namespace if isinstance(namespace, dict) else vars(namespace)
    known = _embedded.get(name)
    if known is not None and known.lives():
        known.runner.space = space
        return known
    one = Embedded(name, space, rialto)
    _embedded[name] = one
    return one


class Embedded:
    """A program that is a session, until it ends or `close()` is called."""

    def __init__(self, name, space, rialto):
        self.name, self.pid = name, os.getpid()
        # What makes the socket's place and the session is the program itself: it knows where things live.
        command = ([rialto] if isinstance(rialto, str) else list(rialto)) + ["embed", name, "--pid", str(self.pid)]
        try:
            # A program is embedded where it runs.
            env = {key: value for key, value in os.environ.items() if key != "RIALTO_AT"}
            pipe = subprocess.PIPE
            helper = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        except OSError as why:
            raise RuntimeError("%s cannot be started: %s; embed(..., rialto=PATH) says where it is" % (command[0], why)) from None
        try:
            where = self._told(helper)
            self.path = where["socket"]
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            _listen(self.listener, self.path)
            self.runner = _Runner(self.listener, where["cookie"].encode(), space)
            helper.stdin.write(b"\n")
            helper.stdin.flush()
            self.session = self._told(helper)["session"]
        except BaseException:
            self.close()
            raise
        finally:
            helper.stdin.close()
            helper.wait()
            helper.stdout.close()
            helper.stderr.close()
        atexit.register(self.close)

    @staticmethod
    def _told(helper):
        line = helper.stdout.readline()
        if not line:
            said = helper.stderr.read(4096).decode("utf-8", "replace").strip()
            raise RuntimeError(said or "rialto embed ended without a word")
        return json.loads(line)

    def lives(self):
        return self.pid == os.getpid() and self.runner.open

    def close(self):
        """The session's kernel ends; the program goes on."""
        runner = getattr(self, "runner", None)
        if runner is not None and self.pid == os.getpid():
            runner.end()
        if self.pid == os.getpid() and hasattr(self, "path"):
            try:
                os.unlink(self.path)
            except OSError:
                pass


def _listen(listener, path):
    """A socket that died with the program before us is in the way; one that lives is somebody's."""
    try:
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            probe.connect(path)
        finally:
            probe.close()
    except OSError:
        try:
            os.unlink(path)
        except OSError:
            pass
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(4)
        return
    raise RuntimeError("another program is embedded under that name, and lives")


def _frame(kind, body):
    return struct.pack("<IB", len(body) + 1, kind) + body


def _text(text, most=1 << 20):
    data = text.encode("utf-8", "rialto")
    if len(data) > most:
        data = data[: most // 2] + b"\n[...]\n" + data[-most // 2 :]
    return struct.pack("<I", len(data)) + data


class _Job:
    """What the worker is to do: an eval, or a question."""

    __slots__ = ("n", "code", "show", "name", "frame", "begun", "outcome", "reported")

    def __init__(self, n=0, code="", show=False, name="", frame=None):
        self.n, self.code, self.show, self.name, self.frame = n, code, show, name, frame
        self.begun, self.outcome, self.reported = False, None, False


class _Runner:
    """Two threads. The coordinator speaks with the other side and is never interrupted; the worker runs code, and an exception that is
    raised in it from outside may arrive between any two of its instructions: so each of its steps can be taken again."""

    def __init__(self, listener, cookie, space):
        self.listener, self.cookie, self.space = listener, cookie, space
        self.open, self.sock, self.coming = True, None, None
        self.received, self.first, self.unsent = bytearray(), bytearray(), bytearray()
        self.out = collections.deque()
        # Bytes that the worker has put there, and that the coordinator has taken: each counts by itself, so neither miscounts.
        self.put, self.taken = 0, 0
        self.job, self.n, self.fences = None, 0, []
        self.answers, self.asks = {}, 0
        self.flags, self.loop, self.task = 0, None, None
        self.sources = collections.OrderedDict()
        self.parts = None
        self.wake = _thread.allocate_lock()
        self.wake.acquire()
        self.bell_read, self.bell = os.pipe()
        os.set_blocking(self.bell_read, False)
        os.set_blocking(self.bell, False)
        listener.setblocking(False)
        self.rung = False
        self.tid = None
        _split(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)
        for target in (self._work, self._coordinate):
            threading.Thread(target=target, name="rialto", daemon=True).start()

    # --- called by anybody

    def ring(self):
        # Once is enough, until it was heard.
        if self.rung:
            return
        self.rung = True
        try:
            os.write(self.bell, b"x")
        except (BlockingIOError, OSError):
            pass

    def end(self):
        self.open = False
        self.ring()

    def _in_child(self):
        """A fork has our descriptors and none of our threads: with a copy of the socket open, the end of the program would not be seen."""
        self.open = False
        self.tid = None
        for each in (self.sock, self.coming, self.listener):
            try:
                if each is not None:
                    each.close()
            except OSError:
                pass

    def write(self, stream, data):
        """Of the worker: what an eval prints. Waits while too much is unsent."""
        for at in range(0, len(data), CHUNK):
            part = data[at : at + CHUNK]
            self.put += len(part)
            self.out.append((stream, part))
        self.ring()
        while self.put - self.taken > UNSENT and self.open and self.sock is not None:
            time.sleep(0.002)

    def ask(self, prompt, secret=False):
        self.asks += 1
        ask = self.asks
        body = struct.pack("<QQBB", self.n, ask, secret, True) + _text(str(prompt), 32768)
        self.out.append((0, _frame(6, body)))
        self.ring()
        while ask not in self.answers:
            if self.sock is None:
                raise EOFError("nobody is there to be asked")
            time.sleep(0.01)
        data, eof = self.answers.pop(ask)
        if eof:
            raise EOFError("EOF when reading a line")
        return data.decode("utf-8", "surrogateescape")

    # --- the worker

    def _work(self):
        self.tid = get_ident()
        while self.open:
            try:
                self._step()
            except BaseException:
                # An interrupt for an eval that was over in this moment.
                continue

    def _step(self):
        job = self.job
        if job is None or job.reported:
            self.wake.acquire()
            return
        if job.outcome is None:
            if job.begun:
                # It was hit on its way here.
                job.outcome = 2, KeyboardInterrupt()
                return
            job.begun = True
            try:
                job.outcome = self._query(job) if job.frame is not None else self._evaluate(job)
            except SystemExit as error:
                job.outcome = 3, error
            except KeyboardInterrupt as error:
                job.outcome = 2, error
            except BaseException as error:
                job.outcome = 1, error
        job.reported = True
        self.ring()

    def _evaluate(self, job):
        flags = self.flags | TOP_AWAIT
        body = compile(job.code, job.name, "exec", flags | ONLY_AST, True)
        last = None
        if job.show and body.body and isinstance(body.body[-1], ast.Expr):
            last = compile(ast.Expression(body.body.pop().value), job.name, "eval", flags, True)
        self._run(compile(body, job.name, "exec", flags, True))
        value = self._run(last) if last is not None else None
        if value is None:
            return 0, None
        builtins._ = value
        return 0, self._parts()["forms_of"](value)

    def _run(self, code):
        value = eval(code, self.space)
        if not code.co_flags & CO_COROUTINE:
            return value
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        task = self.loop.create_task(value)
        self.task = task
        try:
            return self.loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        except KeyboardInterrupt:
            task.cancel()
            raise
        finally:
            self.task = None

    def _parts(self):
        """How values are shown and questions answered came with the greeting."""
        if isinstance(self.parts, bytes):
            space = {
                "__name__": "<rialto>", "sys": sys, "builtins": builtins, "modules": sys.modules, "pack": struct.pack,
                "unpack_from": struct.unpack_from, "S": self, "TOP_AWAIT": TOP_AWAIT, "ONLY_AST": ONLY_AST, "ME": ME,
                "RECENT": RECENT, "source_of": self.sources.get, "pack_forms": _forms, "os": os, "CHUNK": CHUNK,
            }
            exec(compile(self.parts, "<rialto>", "exec", 0, True), space)
            self.parts = space
        self.parts["ns"] = self.space
        return self.parts

    def _query(self, job):
        parts = self._parts()
        number, kind, cursor, detail = struct.unpack_from("<QBIB", job.frame, 1)
        code = job.frame[15:]
        answer = parts[("complete", "inspect_name", "is_complete")[kind - 1]]
        return 9, struct.pack("<Q", number) + answer(code, min(cursor, len(code)), detail)

    # --- the coordinator

    def _coordinate(self):
        while self.open:
            try:
                self._turn()
            except OSError:
                self._hang_up()
            except Exception:
                traceback.print_exc(file=sys.__stderr__)
                self._hang_up()
        self._hang_up()
        if self.coming is not None:
            self.coming.close()
        self.listener.close()
        self.wake_worker()

    def wake_worker(self):
        try:
            self.wake.release()
        except RuntimeError:
            pass

    def _turn(self):
        self._pump()
        reads = [self.listener, self.bell_read] + [sock for sock in (self.sock, self.coming) if sock is not None]
        writes = [self.sock] if self.sock is not None and self.unsent else []
        # Not without end: a bell that was full did not ring.
        readable, writable, _ = select.select(reads, writes, [], 1.0)
        if self.bell_read in readable:
            try:
                os.read(self.bell_read, 4096)
            except BlockingIOError:
                pass
            # Before what it was rung for is looked at.
            self.rung = False
        if self.listener in readable:
            self._accept()
        if self.sock is not None and self.sock in writable:
            sent = self.sock.send(self.unsent[:262144])
            del self.unsent[:sent]
        if self.sock is not None and self.sock in readable:
            data = self.sock.recv(65536)
            if not data:
                return self._hang_up()
            self.received += data
            self._frames()
        # Last: who greets takes the other's place, and nothing of it has been waited for yet.
        if self.coming is not None and self.coming in readable:
            self._greet()

    def _accept(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        if hasattr(socket, "SO_PEERCRED"):
            _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid not in (os.geteuid(), 0):
                return sock.close()
        if self.coming is not None:
            self.coming.close()
        sock.setblocking(False)
        self.coming = sock
        self.first.clear()

    def _greet(self):
        """Who comes shows the cookie first, and takes the place of the link that was: its supervisor has died, and this is the next."""
        try:
            data = self.coming.recv(65536)
        except OSError:
            data = b""
        self.first += data
        length = struct.unpack_from("<I", self.first)[0] if len(self.first) >= 4 else 0
        if not data or length > LONGEST:
            self.coming.close()
            self.coming = None
            return
        if len(self.first) < 4 or len(self.first) < length + 4:
            return
        frame, rest = bytes(self.first[4 : length + 4]), self.first[length + 4 :]
        size, = struct.unpack_from("<I", frame, 1)
        if frame[0] != 0 or not hmac.compare_digest(frame[5 : 5 + size], self.cookie):
            self.coming.close()
            self.coming = None
            return
        self._hang_up()
        self.sock, self.coming = self.coming, None
        self.received += rest
        self.parts = frame[5 + size :]
        version = "%d.%d.%d" % sys.version_info[:3]
        self._say(1, _text("python") + _text(version) + _text(sys.executable or ""))
        self._frames()

    def _hang_up(self):
        """Nobody is there: what runs is stopped, and the program goes on."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
            self._interrupt()
        self.received.clear()
        self.unsent.clear()
        self.fences.clear()
        self.answers.clear()

    def _pump(self):
        while self.out and len(self.unsent) < UNSENT:
            stream, data = self.out.popleft()
            if stream:
                parts, size = [data], len(data)
                while self.out and self.out[0][0] == stream and size + len(self.out[0][1]) <= CHUNK:
                    parts.append(self.out.popleft()[1])
                    size += len(parts[-1])
                self.taken += size
                data = b"".join(parts)
                background = self.job is None
                data = _frame(2, struct.pack("<QBBI", self.n, background, stream, len(data)) + data)
            if self.sock is not None:
                self.unsent += data
        job = self.job
        if job is not None and job.reported and not self.out:
            # From here on nothing is raised in the worker, and what was and has not arrived is taken back.
            _raise_in(self.tid, None)
            self.job = None
            self._over(job)
            for body in self.fences:
                self._say(8, body)
            self.fences.clear()

    def _say(self, kind, body, more=()):
        if self.sock is not None:
            self.unsent += _frame(kind, body)
            for frame in more:
                self.unsent += frame

    def _over(self, job):
        how, value = job.outcome
        if how == 9:
            return self._say(9, value)
        if job.frame is not None:
            number, = struct.unpack_from("<Q", job.frame, 1)
            return self._say(9, struct.pack("<QB", number, 0) + _text(type(value).__name__))
        head = struct.pack("<QB", job.n, how)
        if how == 0:
            forms = value or {}
            total = sum(map(len, forms.values()))
            if total > MAX_DISPLAY:
                said = "<a value of %d bytes is not shown: the limit is %d bytes>" % (total, MAX_DISPLAY)
                forms, total = {"text/plain": said.encode()}, 0
            if total > INLINE:
                body = struct.pack("<QBH", job.n, True, len(forms))
                for mime, data in forms.items():
                    body += _text(mime) + struct.pack("<Q", len(data))
                self._say(4, body, (_frame(5, data[at : at + CHUNK]) for data in forms.values() for at in range(0, len(data), CHUNK)))
                forms = {}
            body = head + (b"\1" + _forms(forms) if forms else b"\0")
        elif how == 3:
            code = value.code
            number = 0 if code is None else code & 0xFF if isinstance(code, int) else 1
            message = None if code is None or isinstance(code, int) else str(code)
            body = head + struct.pack("<BB", number, message is not None) + _text(message or "") + b"\0"
        else:
            body = head + _text(type(value).__name__, 1024) + _text(_safe(str, value), 65536) + _text(_told(value), 262144) + b"\0"
        self._say(7, body)

    def _frames(self):
        while len(self.received) >= 5:
            length, = struct.unpack_from("<I", self.received)
            if length > LONGEST:
                return self._hang_up()
            if len(self.received) < length + 4:
                return
            frame = bytes(self.received[4 : length + 4])
            del self.received[: length + 4]
            self._command(frame)
            if self.sock is None:
                return

    def _command(self, frame):
        kind = frame[0]
        if kind == 1:
            self._exec(frame)
        elif kind == 2:
            # Once what runs is over, no interrupt of before can hit anything.
            self.fences.append(frame[1:5]) if self.job is not None else self._say(8, frame[1:5])
        elif kind == 3:
            number, eof = struct.unpack_from("<QB", frame, 1)
            self.answers[number] = frame[10:], eof
        elif kind == 4:
            self._begin(_Job(frame=frame))
        elif kind == 5:
            self._hang_up()
        elif kind == 6:
            self._interrupt()

    def _exec(self, frame):
        n, show, argc = struct.unpack_from("<QBH", frame, 1)
        at = 12

        def word():
            nonlocal at
            length, = struct.unpack_from("<I", frame, at)
            at += 4 + length
            return frame[at - length : at].decode("utf-8", "surrogateescape")

        if show & 2:
            word()
        # The program's own sys.argv is the program's; a file's name is good for its tracebacks.
        words = [word() for _ in range(argc)] if argc != 0xFFFF else []
        name = words[0] if words and not words[0].startswith("-") else "<cell %d>" % n
        code = frame[at:].decode("utf-8", "surrogateescape")
        self._keep(name, code)
        self.n = n
        self._begin(_Job(n, code, bool(show & 1), name))

    def _keep(self, name, code):
        import linecache

        self.sources[name] = code
        linecache.cache[name] = len(code), None, [line + "\n" for line in code.split("\n")], name
        while len(self.sources) > RECENT:
            linecache.cache.pop(self.sources.popitem(last=False)[0], None)

    def _begin(self, job):
        self.job = job
        self.wake_worker()

    def _interrupt(self):
        job = self.job
        if job is None or job.reported or job.frame is not None:
            return
        loop, task = self.loop, self.task
        if task is not None:
            # It may wait in the event loop, where nothing of Python runs.
            loop.call_soon_threadsafe(task.cancel)
        else:
            _raise_in(self.tid, KeyboardInterrupt)


get_ident = _thread.get_ident


def _raise_in(tid, kind):
    """In that thread, before its next instruction of Python. None takes back what has not been raised yet."""
    if tid is not None:
        kind = ctypes.py_object(kind) if kind is not None else None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(tid), kind)


def _forms(forms):
    out = [struct.pack("<H", len(forms))]
    for mime, data in forms.items():
        out += _text(mime), struct.pack("<I", len(data)), data
    return b"".join(out)


def _safe(function, value):
    try:
        return function(value)
    except BaseException:
        return "<it could not be shown>"


def _told(error):
    """The traceback, without this file in it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == ME:
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:
        return "Traceback (most recent call last):\n%s\n" % type(error).__name__


class _Stream:
    """In the place of sys.stdout or sys.stderr: what an eval's thread writes is the session's, all else goes where it went."""

    def __init__(self, real, number):
        self.__dict__["_real"], self.__dict__["_number"] = real, number

    def _runner(self):
        me = get_ident()
        for runner in _runners:
            if runner.tid == me and runner.job is not None:
                return runner
        return None

    def write(self, text):
        runner = self._runner()
        if runner is None:
            return self._real.write(text)
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        runner.write(self._number, text.encode("utf-8", "rialto"))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        if self._runner() is None:
            self._real.flush()

    def isatty(self):
        return False if self._runner() is not None else self._real.isatty()

    @property
    def buffer(self):
        return _Buffer(self) if self._runner() is not None else self._real.buffer

    def __getattr__(self, name):
        return getattr(self._real, name)

    def __setattr__(self, name, value):
        setattr(self._real, name, value)


class _Buffer:
    """What an eval finds behind its stream: bytes, in their order among the text."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, data):
        data, runner = bytes(memoryview(data)), self._stream._runner()
        if runner is None:
            # Kept by the eval, and used by another thread or after its end.
            return self._stream._real.buffer.write(data)
        runner.write(self._stream._number, data)
        return len(data)

    def flush(self):
        self._stream.flush()

    def __getattr__(self, name):
        return getattr(self._stream._real.buffer, name)


_runners = []
_real_input = None


def _input(prompt="", /):
    """Read a string from whoever runs this: the session's clients in an eval, standard input elsewhere."""
    me = get_ident()
    for runner in _runners:
        if runner.tid == me and runner.job is not None:
            return runner.ask(prompt)
    return _real_input(prompt)


def _split(runner):
    global _real_input
    _runners[:] = [each for each in _runners if each.open] + [runner]
    if _real_input is None:
        _real_input = builtins.input
        builtins.input = _input
    for name, number in (("stdout", 1), ("stderr", 2)):
        now = getattr(sys, name)
        if now is not None and not isinstance(now, _Stream):
            setattr(sys, name, _Stream(now, number))
