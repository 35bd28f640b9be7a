# What all of the runner stands on: what it needs of Python, bound before user code can replace it, and what it remembers.
#
# The runner reads commands from a channel, runs them as Python's own REPL would, and sends what happens. It shares its process
# with the user's code, which may replace builtins, empty sys.modules, close descriptors and install signal handlers. So
# everything it needs is bound in its namespace at the start (builtins included), the channel is a high descriptor, and no
# exception can arise between two bytes of a frame.
#
# The files of this folder are one program in one namespace, put together in the order of `python.rs` when Rialto is built.

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
sys_dict = sys.__dict__
builtins_dict = builtins.__dict__


def high(fd, least):
    """A copy of the descriptor where user code does not look, closed in programs that it starts."""
    for floor in (least, 200, 60, 3):
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
        except OSError:
            pass
    raise OSError('no descriptor is free')


IN = high(0, 900)
OUT = high(int(sys.argv[1]), 900)
posix.close(int(sys.argv[1]))
# Evals that are handed over before their turn. It does not block.
AHEAD = high(int(sys.argv[2]), 900)
posix.close(int(sys.argv[2]))
FD1 = high(1, 900)
FD2 = high(2, 900)


class State:
    __slots__ = ('crit', 'idle', 'waiting', 'running', 'parked', 'n', 'child', 'owner', 'size', 'sent_at', 'flood', 'native',
                 'unread', 'flags', 'loop', 'awaiting', 'ask', 'eof_at', 'path0', 'shutdown', 'later', 'trace', 'interrupted', 'kept',
                 'stdin_closed', 'heard', 'nudged', 'wakeup', 'traced', 'look')


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
S.later = b''       # the source of the second part, until it is compiled
S.trace = None      # the user's trace and profile functions, between evals
S.interrupted = False
S.kept = 0          # characters in `sources`, about
S.stdin_closed = False
S.heard = 0         # signals whose handlers were run
S.nudged = True     # ... and those that came before the last nudge were
S.traced = None     # what TRACEPARENT was before an eval that came with one
S.wakeup = -1       # the user's own wakeup descriptor
S.look = False      # the next eval may lie in AHEAD

BUFFER = bytearray(65536)
VIEW = memoryview(BUFFER)
BUFFERS = (BUFFER,)
SLOT = (VIEW[:512],)    # one eval of those in AHEAD: whoever handed them over may still take back the others

due = deque()       # signals to deliver when user code goes on
pieces = deque()    # unsent output: bytes for stdout, a tuple with bytes for stderr
sending = _thread.allocate_lock()
receiving = _thread.allocate_lock()
loading = _thread.allocate_lock()
backlog = deque()   # frames for the main thread that another thread has read
answers = {}        # ask -> (data, eof)
# For tracebacks, the code of the last evals: what is short by its number, in a ring,
SHORT = 4096        # characters
RECENT = 2048
recent = [''] * RECENT
# the rest by its file name, at most 16 MiB of it.
MAX_KEPT = 16 * 1024 * 1024
sources = {}
