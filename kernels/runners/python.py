"""The Python runner: reads commands from a channel, runs them as Python's own REPL would, and sends what happens.

It shares its process with the user's code, which may replace builtins, empty sys.modules, close descriptors and install
signal handlers. So everything the runner needs is bound in this namespace at the start (builtins included), the channel is a
high descriptor, and no exception can arise between two bytes of a frame.

How interrupts stay out of the runner's own work: every Python signal handler is installed as `on_signal`. It lets the
user's handler run only while user code does: `S.crit` is 0, and the function on top of the stack is not one of this file.
Otherwise the signal is noted in `due`, and delivered on the way out. An interrupt that comes while nothing runs and no
command waits in the channel is for nobody; reading a fence forgets those that are due.
"""
import sys
import posix
import time
import select
import fcntl
import builtins
import os
import _io
import _thread
import _signal
import _struct
import _codecs
from _collections import deque

ME = '<rialto>'
CHUNK = 60 * 1024 - 64          # of output in one frame; the other side may add half a character
FULL = 48 * 1024                # so much unsent output is sent by whoever writes
INLINE_RESULT = 16 * 1024
MAX_DISPLAY = 64 * 1024 * 1024
TICK = 0.01
PID = posix.getpid()
MAIN = _thread.get_ident()
SIGINT = int(_signal.SIGINT)
LINUX = sys.platform == 'linux'
FIONREAD = 0x541B if LINUX else 0x4004667F
TIOCOUTQ = 0x5411 if LINUX else 0x40047473
ZERO = b'\0\0\0\0'

get_ident = _thread.get_ident
monotonic = time.monotonic
sleep = time.sleep
ioctl = fcntl.ioctl
os_write = posix.write
os_writev = posix.writev
os_read = posix.read
os_readv = posix.readv
os_exit = posix._exit
getpid = posix.getpid
pack = _struct.pack
unpack_from = _struct.unpack_from
gettrace, settrace = sys.gettrace, sys.settrace
getprofile, setprofile = sys.getprofile, sys.setprofile
pthread_kill = _signal.pthread_kill
modules = sys.modules
user_main = modules['__main__']
ns = user_main.__dict__


def high(fd, least):
    """A copy of the descriptor where user code does not look, closed in programs that it starts."""
    for floor in (least, 200, 60, 3):
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
        except OSError:
            pass
    raise OSError('no descriptor is free')


CTL = high(0, 900)
FD1 = high(1, 900)
FD2 = high(2, 900)


class State:
    __slots__ = ('crit', 'idle', 'waiting', 'running', 'parked', 'n', 'child', 'owner', 'size', 'sent_at', 'flood', 'native',
                 'unread', 'flags', 'loop', 'awaiting', 'ask', 'eof_at', 'path0', 'shutdown', 'later', 'trace', 'interrupted', 'kept')


S = State()
S.crit = 1          # the runner's own code runs in the main thread
S.idle = False      # ... waiting for a command
S.waiting = False   # ... waiting for input: interruptible
S.running = False   # an eval runs
S.parked = True     # the helper sleeps until it is woken
S.n = 0
S.child = False     # this process is a fork of the kernel
S.owner = 0         # the thread that holds `sending`
S.size = 0          # bytes in `pieces`, about
S.sent_at = 0.0
S.flood = 0.0       # until then somebody fills the pipes without a pause
S.native = False    # C code was loaded that may hold output in its own buffers
S.unread = bytearray()  # received and not yet a whole frame
S.flags = 0         # of `from __future__ import`
S.loop = None
S.awaiting = None
S.ask = 0
S.eof_at = -1
S.path0 = ''
S.shutdown = False
S.later = ''        # the source of the second part, until it is compiled
S.trace = None      # the user's trace and profile functions, between evals
S.interrupted = False
S.kept = 0          # characters in `sources`

BUFFER = bytearray(65536)
VIEW = memoryview(BUFFER)
BUFFERS = (BUFFER,)

due = deque()       # signals to deliver when user code goes on
pieces = deque()    # unsent output: bytes for stdout, a tuple with bytes for stderr
sending = _thread.allocate_lock()
receiving = _thread.allocate_lock()
backlog = deque()   # frames for the main thread that another thread has read
answers = {}        # ask -> (data, eof)
sources = {}        # file name -> code, for tracebacks: the last 2,000, the last 16 MiB
source_order = deque()

# ---- signals -------------------------------------------------------------------------------------------------------

handlers = {SIGINT: _signal.default_int_handler}
real_signal = _signal.signal
real_getsignal = _signal.getsignal


def on_signal(sig, frame):
    if S.child:
        handler = handlers.get(sig)
        return handler(sig, frame) if callable(handler) else None
    if S.idle:
        if sig == SIGINT and handlers.get(sig) is default_int:
            # For the eval whose command is already on its way, or for nobody.
            if S.unread or BUFFER[:4] != ZERO or ioctl(CTL, FIONREAD, ZERO) != ZERO:
                due.append(sig)
            return None
        return beside(handlers.get(sig), sig, frame)
    if S.waiting:
        S.waiting = False
        handlers[sig](sig, frame)
        S.waiting = True
    elif S.crit or frame is None or frame.f_code.co_filename == ME:
        if sig not in due:
            due.append(sig)
    elif S.awaiting is not None and sig == SIGINT and handlers.get(sig) is default_int and in_loop(frame):
        # Raising in the middle of the event loop would break it: cancel the task instead.
        S.interrupted = True
        S.awaiting.cancel()
        S.loop.call_soon_threadsafe(int)
    else:
        return handlers[sig](sig, frame)


default_int = _signal.default_int_handler


def in_loop(frame):
    name = frame.f_code.co_filename
    return name.endswith('selectors.py') or '/asyncio/' in name


def beside(handler, sig, frame):
    """Runs a user's handler while nothing runs: what it raises is told and goes nowhere."""
    if not callable(handler):
        return
    S.idle = False
    try:
        ok, value = user(handler, sig, frame)
        if not ok:
            say(failure(value)[2])
    finally:
        S.idle = True


def deliver():
    """Runs the handlers of the signals that came meanwhile; they may raise."""
    while due:
        sig = due.popleft()
        handler = handlers.get(sig)
        if callable(handler):
            handler(sig, sys._getframe(1))


def signal(signum, handler):
    """Set the action for the given signal."""
    signum = int(signum)
    if not callable(handler):
        was = getsignal(signum)
        real_signal(signum, handler)
        handlers.pop(signum, None)
        return was
    was = getsignal(signum)
    real_signal(signum, on_signal)
    handlers[signum] = handler
    return was


def getsignal(signalnum):
    """Return the current action for the given signal."""
    now = real_getsignal(signalnum)
    return handlers.get(int(signalnum)) if now is on_signal else now


# ---- the channel ---------------------------------------------------------------------------------------------------

def outq():
    return ioctl(CTL, TIOCOUTQ, ZERO)


def settle():
    """Waits until the other side has read what is in the pipes, so that what is sent next comes after it."""
    if ioctl(FD1, FIONREAD, ZERO) == ZERO and ioctl(FD2, FIONREAD, ZERO) == ZERO:
        return
    spins = 0 if monotonic() > S.flood else 40
    while spins < 40:
        sleep(0.00005 if spins < 20 else 0.001)
        if ioctl(FD1, FIONREAD, ZERO) == ZERO and ioctl(FD2, FIONREAD, ZERO) == ZERO:
            return
        spins += 1
    # Somebody fills the pipes without a pause, or the other side is busy. It has read the bytes in question once it has
    # worked off one frame, and it has worked off one once it has taken the next.
    S.flood = monotonic() + 1
    for _ in (1, 2):
        transmit(b'\x01\0\0\0\x0a')
        while outq() != ZERO:
            sleep(0.0002)


def transmit(data):
    """Writes all of it; the caller holds `sending`."""
    n = os_write(CTL, data)
    if n != len(data):
        view = memoryview(data)[n:]
        while view:
            view = view[os_write(CTL, view):]


def drain():
    """Text printed before this moves to `pieces`."""
    raw_dict['flush'] = int
    try:
        stdout.flush()
    finally:
        raw_dict.pop('flush', None)


def pull():
    """Moves what print has buffered to `pieces`.

    The buffer's `write` is a C function meanwhile: no other thread can come between taking the text and appending it.
    """
    raw_dict['flush'] = int
    raw_dict['write'] = pieces.append
    try:
        stdout.flush()
    except BaseException:
        pass
    finally:
        raw_dict.pop('write', None)
        raw_dict.pop('flush', None)


def pump(tail=b''):
    """Sends what is in `pieces`, then `tail`; the caller holds `sending`. Calls only C functions between two writes."""
    S.size = 0
    while pieces:
        settle()
        background = b'\0' if S.running else b'\1'
        head = pack('<BQ', 2, S.n) + background
        parts, size, stream, run = [], 0, 0, []
        while pieces and size < CHUNK:
            piece = pieces.popleft()
            kind = 1
            if type(piece) is tuple:
                kind, piece = 2, piece[0]
            if not piece:
                continue
            if size + len(piece) > CHUNK:
                if size:
                    pieces.appendleft(piece if kind == 1 else (piece,))
                    break
                view = memoryview(piece)
                for at in range(0, len(piece), CHUNK):
                    part = view[at:at + CHUNK]
                    front = pack('<I', len(part) + 15) + head + pack('<BI', kind, len(part))
                    n = os_writev(CTL, (front, part))
                    if n < len(front):
                        transmit(front[n:] + bytes(part))
                    elif n < len(front) + len(part):
                        transmit(part[n - len(front):])
                break
            if kind != stream:
                if run:
                    data = b''.join(run)
                    parts.append(pack('<BI', stream, len(data)))
                    parts.append(data)
                stream, run = kind, []
                size += 5
            run.append(piece)
            size += len(piece)
        if run:
            data = b''.join(run)
            parts.append(pack('<BI', stream, len(data)))
            parts.append(data)
            data = head + b''.join(parts)
            if tail and not pieces:
                transmit(pack('<I', len(data)) + data + tail)
                tail = b''
            else:
                transmit(pack('<I', len(data)) + data)
    if tail:
        transmit(tail)
    S.sent_at = monotonic()


def send(kind, body=b'', more=()):
    """Sends everything written so far, then this frame, and `more` frames that nothing may come between."""
    me = get_ident()
    main = me == MAIN
    if main:
        before, S.crit = S.crit, 1
    tracing = hush()
    if S.owner == me:
        # A signal handler in the middle of a send: only output can be asked for here, and it will be sent.
        if main:
            S.crit = before
        return
    sending.acquire()
    S.owner = me
    try:
        pull()
        pump()
        settle()
        transmit(pack('<IB', len(body) + 1, kind) + body)
        for frame in more:
            transmit(frame)
    finally:
        S.owner = 0
        sending.release()
        if tracing:
            unhush(tracing)
        if main:
            S.crit = before
    if main and due and not before:
        deliver()


def flush():
    """Sends everything written so far."""
    if S.child:
        return child_flush()
    me = get_ident()
    if S.owner == me:
        return
    main = me == MAIN
    if main:
        before, S.crit = S.crit, 1
    tracing = hush()
    sending.acquire()
    S.owner = me
    try:
        pull()
        if pieces:
            pump()
    finally:
        S.owner = 0
        sending.release()
        if tracing:
            unhush(tracing)
        if main:
            S.crit = before
    if main and due and not before:
        deliver()


def hush():
    """Switches the user's trace and profile functions off: they could raise in the middle of a frame."""
    if gettrace() is None and getprofile() is None:
        return None
    was = gettrace(), getprofile()
    settrace(None)
    setprofile(None)
    return was


def unhush(was):
    setprofile(was[1])
    settrace(was[0])


# ---- standard streams ----------------------------------------------------------------------------------------------

def broken_text(error):
    """Text that is no text: bytes that were read as surrogates become those bytes again, the rest is spelled out."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    out = bytearray()
    for char in error.object[error.start:error.end]:
        code = ord(char)
        out += bytes((code - 0xDC00,)) if 0xDC80 <= code <= 0xDCFF else b'\\u%04x' % code
    return bytes(out), error.end


_codecs.register_error('rialto', broken_text)


class Raw(_io._BufferedIOBase):
    """What stands behind sys.stdout or sys.stderr: `sys.stdout.buffer`."""
    closed = False
    mode = 'wb'

    def __init__(self, fd, name):
        self._fd = fd
        self.name = name

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def isatty(self):
        return False

    def fileno(self):
        return self._fd

    def close(self):
        pass

    def detach(self):
        raise OSError('the standard streams cannot be detached')

    def flush(self):
        # Asked for by name, so at once; asked for with every line, with the tick.
        if not S.child and monotonic() - S.sent_at > TICK:
            flush()

    @property
    def raw(self):
        return self

    def write(self, data):
        if type(data) is not bytes:
            if isinstance(data, str):
                raise TypeError("a bytes-like object is required, not 'str'")
            data = bytes(data)
        if S.child:
            return child_write(self._fd, data)
        if self._fd == 1:
            # Text printed before this is still in the buffer above, unless this is that text.
            drain()
            pieces.append(data)
            S.size += len(data)
            if S.size >= FULL:
                flush()
        else:
            drain()
            pieces.append((data,))
            S.size += len(data)
            # The last words before a crash matter; a flood of them is sent by the tick.
            if S.size >= FULL or monotonic() - S.sent_at > TICK:
                flush()
        return len(data)


def make_stream(raw, name, **more):
    stream = _io.TextIOWrapper(raw, encoding='utf-8', errors='rialto', newline='\n', **more)
    stream.mode = 'w'
    try:
        stream._CHUNK_SIZE = 64 * 1024
    except Exception:
        pass
    return stream


raw_out, raw_err = Raw(1, '<stdout>'), Raw(2, '<stderr>')
raw_dict = raw_out.__dict__
stdout = make_stream(raw_out, '<stdout>')
stderr = make_stream(raw_err, '<stderr>', write_through=True)


def say(text):
    """To stderr, whatever sys.stderr is now."""
    try:
        stderr.write(text)
    except BaseException:
        pass


# ---- input ---------------------------------------------------------------------------------------------------------

def ask(prompt, secret, line):
    """Asks for input and waits for it, interruptibly. Bytes, or None at the end of input."""
    main = get_ident() == MAIN
    if S.child or S.owner == get_ident() or (main and not S.running):
        # Nobody answers a fork, a finalizer in the middle of a frame, or a signal handler while nothing runs.
        return None
    if S.eof_at == S.n and not line:
        return None
    S.ask += 1
    number = S.ask
    data = str(prompt).encode('utf-8', 'rialto')[:32768]
    send(6, pack('<QQBBI', S.n, number, secret, line, len(data)) + data)
    while number not in answers:
        if main:
            before, S.crit = S.crit, 1
            try:
                take_frame(before == 0)
            finally:
                S.crit = before
            if due and not before:
                deliver()
        elif S.running:
            if receiving.acquire(timeout=0.05):
                try:
                    if POLL.poll(50):
                        receive()
                        sort()
                finally:
                    receiving.release()
        else:
            sleep(0.02)
    data, eof = answers.pop(number)
    if eof and not data:
        S.eof_at = S.n
        return None
    return data


def wait_readable():
    try:
        S.waiting = True
        POLL.poll()
    finally:
        S.waiting = False


def take_frame(interruptible):
    """The main thread, in an eval: reads until a frame is there."""
    if interruptible and not due:
        wait_readable()
    with receiving:
        if POLL.poll(0 if interruptible else None):
            receive()
        sort()


def sort():
    """Input goes to who asked; the rest is for the main loop, or for the fences that it owes."""
    while True:
        frame = whole_frame()
        if frame is None:
            return
        if frame[0] == 3:
            number, eof = unpack_from('<QB', frame, 1)
            answers[number] = bytes(frame[10:]), eof
        elif frame[0] == 2 and get_ident() == MAIN:
            fence(frame)
        else:
            backlog.append(frame)


def user_input(prompt='', /):
    """Read a string from standard input. The trailing newline is stripped.

    The prompt string, if given, is shown before reading input.
    If the user hits EOF, raise EOFError.
    """
    if getattr(sys, 'stdin', None) is not stdin:
        return real_input(prompt)
    if reader.left:
        text = stdin.readline()
        return text[:-1] if text.endswith('\n') else text
    data = ask(prompt, False, True)
    if data is None:
        raise EOFError('EOF when reading a line')
    return data.decode('utf-8', 'surrogateescape')


def user_getpass(prompt='Password: ', stream=None, **_):
    """Prompt for a password, with echo turned off."""
    data = ask(prompt, True, True)
    if data is None:
        raise EOFError
    return data.decode('utf-8', 'surrogateescape')


class Reader(_io._RawIOBase):
    """What stands behind sys.stdin: asks for whatever comes next, and gives it on line by line."""
    name = '<stdin>'
    mode = 'rb'

    def __init__(self):
        self.left = b''

    def readable(self):
        return True

    def fileno(self):
        return 0

    def isatty(self):
        return False

    def readinto(self, into):
        if not self.left:
            self.left = ask('', False, False) or b''
        end = self.left.find(b'\n') + 1 or len(self.left)
        end = min(end, len(into))
        into[:end] = self.left[:end]
        self.left = self.left[end:]
        return end


def make_stdin():
    global reader, stdin
    reader = Reader()
    stdin = _io.TextIOWrapper(_io.BufferedReader(reader), encoding='utf-8', errors='surrogateescape')
    stdin.mode = 'r'


make_stdin()
real_input = builtins.input

# ---- children ------------------------------------------------------------------------------------------------------

def in_child():
    """A fork of the kernel: it has no channel, and writes to the descriptors."""
    S.child = True
    for fd in (CTL, FD1, FD2, WAKE_R, WAKE_W):
        try:
            posix.close(fd)
        except OSError:
            pass
    try:
        pull()
        pieces.clear()
        stdout.reconfigure(line_buffering=True)
        _signal.set_wakeup_fd(-1)
    except BaseException:
        pass
    S.crit = 0


def child_write(fd, data):
    view = memoryview(data)
    while view:
        view = view[os_write(fd, view):]
    return len(data)


def child_flush():
    try:
        stdout.flush()
    except BaseException:
        pass


def child_end(error):
    """A fork that has come to the end of the eval's code: it must never return into the loop."""
    code = 0
    try:
        if isinstance(error, SystemExit):
            code, message = exit_code(error)
            if message is not None:
                stderr.write(message + '\n')
        elif error is not None:
            code = 1
            stderr.write(failure(error)[2])
        atexit = modules.get('atexit')
        if atexit is not None:
            atexit._run_exitfuncs()
        stdout.flush()
    except BaseException:
        code = code or 1
    finally:
        os_exit(code)


FLUSHING = frozenset((
    'os.system', 'os.fork', 'os.forkpty', 'os.posix_spawn', 'os.exec', 'os.spawn', 'subprocess.Popen', 'pty.spawn', 'os.kill',
    'os.killpg', 'signal.pthread_kill', 'ctypes.string_at', 'ctypes.wstring_at', 'ctypes.cdata', 'ctypes.dlsym',
    'ctypes.dlsym/handle', 'faulthandler.dump_traceback',
))
NATIVE = '/lib-dynload/'


def on_audit(event, args):
    if event in FLUSHING:
        if S.owner != get_ident():
            if S.native and event in ('os.fork', 'os.forkpty'):
                fflush()
            flush()
    elif event == 'import' and args[1] and (NATIVE not in args[1] or '_ctypes' in args[1]):
        S.native = True


def user_write(fd, data, /):
    """Write a bytes object to a file descriptor."""
    if fd == 1 or fd == 2:
        flush()
    return os_write(fd, data)


def user_exit(status):
    """Exit to the system with specified status, without normal exit processing."""
    flush()
    os_exit(status)


def user_abort():
    """Abort the interpreter immediately."""
    flush()
    posix_abort()


posix_abort = posix.abort

# ---- the helper thread: the tick that sends output, and the lifeline ------------------------------------------------

WAKE_R, WAKE_W = posix.pipe()
WAKE_R, WAKE_W = high(WAKE_R, 900), high(WAKE_W, 900)
posix.set_blocking(WAKE_R, False)
posix.set_blocking(WAKE_W, False)
POLL = select.poll()
POLL.register(CTL, select.POLLIN)
HELPER_POLL = select.poll()
HELPER_POLL.register(CTL, 0)
HELPER_POLL.register(WAKE_R, select.POLLIN)


def helper():
    idle_since = monotonic()
    timeout = None
    while True:
        try:
            for fd, _ in HELPER_POLL.poll(timeout):
                if fd != WAKE_R:
                    # The supervisor is gone, or user code has closed the channel: nobody will ever hear of this process.
                    posix.killpg(0, 9) if posix.getpgrp() == PID else posix.kill(PID, 9)
                os_read(WAKE_R, 512)
                idle_since = monotonic()
        except BlockingIOError:
            pass
        now = monotonic()
        if S.running or _thread._count() > 1:
            idle_since = now
        if now - idle_since > 1:
            S.parked = True
            if S.running or _thread._count() > 1:
                S.parked = False
            timeout = 10 if not S.parked else None
        else:
            S.parked = False
            timeout = 10
        try:
            flush()
        except BaseException:
            pass
        # An interrupt that came in the last instructions before user code went on.
        if due and S.running and not S.crit and not S.waiting:
            pthread_kill(MAIN, due.popleft())


def wake():
    try:
        os_write(WAKE_W, b'w')
    except OSError:
        pass


# ---- running -------------------------------------------------------------------------------------------------------

def user(function, *args):
    """Runs user code: interruptible. (True, value) or (False, exception)."""
    try:
        S.crit = 0
        if due:
            deliver()
        return True, function(*args)
    except BaseException as error:
        return False, error
    finally:
        S.crit = 1


ONLY_AST = 0x400
TOP_AWAIT = 0x2000
CO_COROUTINE = 0x80
# `from __future__ import annotations`, the one that still changes anything, stays in force for later evals.
FUTURE = 0x1000000 if sys.version_info >= (3, 9) else 0x100000


def compile_user(code, filename, show):
    """The code objects to run, in order, and whether the last one's value is to be shown."""
    flags = S.flags | TOP_AWAIT
    if show:
        if '\n' not in code:
            try:
                return (compile(code, filename, 'eval', flags, True),), True
            except SyntaxError:
                # No expression, or an error that the next try tells better.
                pass
        tree = compile(code, filename, 'exec', flags | ONLY_AST, True)
        body = tree.body
        if body and type(body[-1]).__name__ == 'Expr':
            last = type_expression()(body.pop().value)
            last = compile(last, filename, 'eval', flags, True)
            if not body:
                return (last,), True
            return (compile(tree, filename, 'exec', flags, True), last), True
        return (compile(tree, filename, 'exec', flags, True),), False
    return (compile(code, filename, 'exec', flags, True),), False


def type_expression():
    import _ast
    return _ast.Expression


def run(codes):
    value = None
    for code in codes:
        if code.co_flags & CO_COROUTINE:
            value = part('run_coroutine')(eval(code, ns))
        else:
            value = eval(code, ns)
        S.flags |= code.co_flags & FUTURE
    return value


PLAIN = frozenset((int, str, float, bool, complex, list, dict, tuple, bytes, bytearray, set, frozenset, range))
exec_displayhook = sys.displayhook


def show_value(value):
    """The forms of a result; None where nothing is shown."""
    if value is None:
        return None
    if getattr(sys, 'displayhook', None) is not exec_displayhook:
        sys.displayhook(value)
        return None
    builtins._ = value
    if type(value) in PLAIN:
        return {'text/plain': repr(value).encode('utf-8', 'rialto')}
    return part('forms_of')(value)


def evaluate(filename, code, show):
    codes, shows = compile_user(code, filename, show)
    value = run(codes)
    return show_value(value) if shows else None


def execute(frame):
    n, show, argc = unpack_from('<QBH', frame, 1)
    S.n = n
    S.running = True
    if S.parked:
        wake()
    at = 12
    filename = '<cell %d>' % n
    argv = None
    if argc != 0xFFFF:
        argv = []
        for _ in range(argc):
            length, = unpack_from('<I', frame, at)
            argv.append(frame[at + 4:at + 4 + length].decode('utf-8', 'surrogateescape'))
            at += 4 + length
    code = frame[at:].decode('utf-8', 'surrogateescape')
    if argv is not None:
        filename = part('become_program')(argv) or filename
    remember(filename, code)
    if stdin.closed:
        exchange = getattr(sys, 'stdin', None) is stdin
        make_stdin()
        if exchange:
            sys.stdin = stdin
    if S.trace is not None:
        unhush(S.trace)
    ok, value = user(evaluate, filename, code, show)
    S.trace = hush()
    if S.child:
        child_end(None if ok else value)
    result = b'\0'
    display = None
    if ok:
        how = b'\0'
        if value is not None:
            result, display = pack_result(value)
    elif isinstance(value, SystemExit):
        number, message = exit_code(value)
        data = (message or '').encode('utf-8', 'rialto')[:65536]
        how = pack('<BBBI', 3, number, message is not None, len(data)) + data
    else:
        how = bytes((2 if isinstance(value, KeyboardInterrupt) else 1,))
        for text, most in zip(failure(value), (1024, 65536, 262144)):
            data = text.encode('utf-8', 'rialto')
            if len(data) > most:
                data = data[:most // 2] + b'\n[...]\n' + data[-most // 2:]
            how += pack('<I', len(data)) + data
    value = None
    if 'matplotlib.pyplot' in modules:
        ok, error = user(part('show_figures'))
        if not ok:
            say(failure(error)[2])
            error = None
    if getattr(sys, 'stdout', None) is not stdout or getattr(sys, 'stderr', None) is not stderr:
        user(flush_theirs)
    if S.native:
        fflush()
    if display is not None:
        display()
    finish(b'\x07' + pack('<Q', n) + how + result)


def finish(body):
    """The last output of an eval and its end, in one write."""
    sending.acquire()
    S.owner = MAIN
    try:
        pull()
        pump(pack('<I', len(body)) + body)
        S.running = False
    finally:
        S.owner = 0
        sending.release()


def give_up(error):
    """Something of the user's has broken the runner's own work on an eval: that eval ends, and the kernel goes on."""
    S.crit = 1
    S.trace = S.trace or hush()
    if S.child:
        os_exit(1)
    if not S.running:
        return
    how = b'\1'
    for text in (type(error).__name__, 'the eval broke the runner', 'Traceback (most recent call last):\n  (of the runner)\n'):
        data = text.encode('utf-8', 'replace')
        how += pack('<I', len(data)) + data
    finish(b'\x07' + pack('<Q', S.n) + how + b'\0')


def pack_result(forms):
    if sum(map(len, forms.values())) <= INLINE_RESULT:
        return b'\1' + pack_forms(forms), None
    return b'\0', lambda: part('send_display')(forms, True)


def pack_forms(forms):
    out = [pack('<H', len(forms))]
    for mime, data in forms.items():
        mime = mime.encode('utf-8', 'rialto')
        out.append(pack('<I', len(mime)) + mime + pack('<I', len(data)))
        out.append(data)
    return b''.join(out)


def flush_theirs():
    for name in ('stdout', 'stderr'):
        try:
            getattr(sys, name).flush()
        except Exception:
            pass


def exit_code(error):
    code = error.code
    if code is None:
        return 0, None
    if isinstance(code, int):
        return code & 0xFF, None
    ok, text = user(str, code)
    return 1, text if ok else type(code).__name__


def remember(filename, code):
    """Keeps the source for tracebacks."""
    if filename not in sources:
        source_order.append(filename)
    S.kept += len(code) - len(sources.get(filename, ''))
    sources[filename] = code
    while len(source_order) > 2000 or (S.kept > 16 * 1024 * 1024 and len(source_order) > 1):
        S.kept -= len(sources.pop(source_order.popleft()))
    linecache = modules.get('linecache')
    if linecache is not None:
        try:
            part('feed_linecache')(linecache, filename, code)
        except Exception:
            pass  # user code has broken it


def failure(error):
    """(name, value, traceback) of an exception."""
    try:
        return part('describe_failure')(error)
    except BaseException:
        return type(error).__name__, '', 'Traceback (most recent call last):\n  (it could not be shown)\n%s\n' % type(error).__name__


def fflush():
    """Flushes C's own buffers."""
    try:
        part('c_flush')()
    except BaseException:
        S.native = False


def part(name):
    """A function of the second part, which is compiled when one of them is first needed."""
    if S.later:
        source, S.later = S.later, ''
        exec(compile(source, ME, 'exec', 0, True), globals())
    return globals()[name]


# ---- the loop ------------------------------------------------------------------------------------------------------

def whole_frame():
    unread = S.unread
    if len(unread) < 5:
        return None
    length, = unpack_from('<I', unread)
    if len(unread) < length + 4:
        return None
    frame = bytes(unread[4:length + 4])
    del unread[:length + 4]
    return frame


def receive():
    data = os_read(CTL, 65536)
    if not data:
        posix.killpg(0, 9) if posix.getpgrp() == PID else os_exit(1)
    S.unread += data


def next_frame():
    """The main thread, with nothing to do."""
    while True:
        if backlog:
            return backlog.popleft()
        with receiving:
            frame = whole_frame()
            if frame is not None:
                return frame
            S.idle = True
            # Into a buffer that is known: `on_signal` must see a command that has been read and not yet looked at.
            size = os_readv(CTL, BUFFERS)
            S.idle = False
            if not size:
                posix.killpg(0, 9) if posix.getpgrp() == PID else os_exit(1)
            length, = unpack_from('<I', BUFFER)
            frame = None
            if size == length + 4 and not S.unread:
                frame = bytes(VIEW[4:size])
            else:
                S.unread += VIEW[:size]
            BUFFER[:4] = ZERO
            if frame is not None:
                return frame


def settled():
    """Calling a function lets Python run the handlers of signals that have already come."""
    return None


def fence(frame):
    settled()
    due.clear()
    send(8, frame[1:5])


def main():
    while not S.shutdown:
        frame = next_frame()
        kind = frame[0]
        if kind == 1:
            try:
                execute(frame)
            except BaseException as error:
                give_up(error)
        elif kind == 2:
            fence(frame)
        elif kind == 3:
            number, eof = unpack_from('<QB', frame, 1)
            answers[number] = frame[10:], eof
        elif kind == 4:
            part('answer_query')(frame)
        elif kind == 5:
            S.shutdown = True
    S.crit = 0


def begin():
    null = posix.open('/dev/null', posix.O_RDWR)
    posix.dup2(null, 0)
    if null > 2:
        posix.close(null)
    while True:
        frame = whole_frame()
        if frame is not None:
            break
        receive()
    count, = unpack_from('<H', frame, 1)
    at = 3
    words = []
    for _ in range(count * 2):
        length, = unpack_from('<I', frame, at)
        words.append(frame[at + 4:at + 4 + length].decode('utf-8', 'surrogateescape'))
        at += 4 + length
    for name, value in zip(words[::2], words[1::2]):
        os.environ[name] = value
    S.later = frame[at:].decode('utf-8')
    for name in list(ns):
        if not (name.startswith('__') and name.endswith('__')):
            del ns[name]
    sys.argv[:] = ['']
    if sys.path and sys.path[0] == '':
        S.path0 = ''
    else:
        S.path0 = None
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = stdin, stdout, stderr
    builtins.input = user_input
    builtins.display = display
    for module in (posix, os):
        module.write, module._exit, module.abort = user_write, user_exit, user_abort
    _signal.signal, _signal.getsignal = signal, getsignal
    real_signal(SIGINT, on_signal)
    _signal.set_wakeup_fd(WAKE_W, warn_on_full_buffer=False)
    posix.register_at_fork(after_in_child=in_child)
    sys.meta_path.insert(0, Watcher())
    try:
        import _warnings
        _warnings.filters.insert(0, ('ignore', ForkWarning(), DeprecationWarning, None, 0))
        _warnings._filters_mutated()
    except Exception:
        pass
    import atexit
    atexit.register(flush)
    old = _signal.pthread_sigmask(_signal.SIG_BLOCK, range(1, 32))
    _thread.start_new_thread(helper, ())
    _signal.pthread_sigmask(_signal.SIG_SETMASK, old)
    sys.addaudithook(on_audit)
    body = b''
    for text in ('python', '%d.%d.%d' % sys.version_info[:3], sys.executable or ''):
        data = text.encode('utf-8', 'rialto')
        body += pack('<I', len(data)) + data
    send(1, body)


class ForkWarning:
    """A warning filter: the helper thread alone is no reason to warn of a fork."""

    def match(self, text, *_):
        return 'use of fork' in text and _thread._count() <= 1


def display(*objects, raw=False, **_):
    """Shows objects in their richest forms. With raw=True each is a dict of MIME type to data."""
    for value in objects:
        part('display_one')(value, raw)


class Watcher:
    """An import hook that looks at modules as they are first loaded, to fit them to a kernel without a terminal."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == 'getpass' or name == 'linecache' or name == 'matplotlib' or name == 'matplotlib.pyplot':
            return part('watch_import')(name, path, target)
        return None


begin()
main()
