# Runs a module as `python -m` does. Its standard input is the lifeline: when that ends, whoever started it is gone. A kernel that is
# one of ipykernel's listens at sockets in a folder instead of at ports, and waits where nobody reads instead of losing what it says.

import os
import sys


def lifeline(folder):
    import threading
    watched = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch():
        while True:
            try:
                if not os.read(watched, 1):
                    break
            except OSError:
                return
        import shutil
        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(os.getpgrp(), 9)

    threading.Thread(target=watch, name='lifeline', daemon=True).start()


def prepare(base):
    # What stands in the folder of the session must not be taken for a part of the kernel.
    here = sys.path[:1]
    if here == ['']:
        del sys.path[0]
    import codecs
    import select
    import threading
    import time
    try:
        import zmq
        from ipykernel.iostream import OutStream
        from ipykernel.kernelapp import IPKernelApp
    except ImportError:
        return
    finally:
        if here == ['']:
            sys.path[:0] = here

    load = IPKernelApp.load_connection_file
    bind = IPKernelApp._bind_socket
    write = OutStream.write
    piece = 256 * 1024

    def load_connection_file(self, *args, **kwargs):
        load(self, *args, **kwargs)
        self.transport, self.ip = 'ipc', base
        self.shell_port, self.iopub_port, self.stdin_port, self.control_port, self.hb_port = 1, 2, 3, 4, 5

    def _bind_socket(self, s, port):
        if s.socket_type in (zmq.PUB, zmq.XPUB):
            s.setsockopt(zmq.XPUB_NODROP, 1)
        return bind(self, s, port)

    # What children and C code write goes by a pipe. It is taken before the language writes more, and before an eval ends, so that it
    # keeps its place; and once: ipykernel would write it on to where we read it as well.
    setup = getattr(OutStream, '_setup_stream_redirects', None)
    locks = {}

    def redirect(self, name):
        locks[self] = threading.RLock(), codecs.getincrementaldecoder('utf-8')('replace')
        setup(self, name)

    def drain(self):
        if self not in locks or os.getpid() != self._master_pid:
            return
        lock, decoder = locks[self]
        with lock:
            while select.select([self._fid], [], [], 0)[0]:
                data = os.read(self._fid, 65536)
                if not data or not self._should_watch:
                    break
                write(self, decoder.decode(data))

    def watch(self):
        try:
            while self._should_watch:
                select.select([self._fid], [], [])
                drain(self)
                self.pub_thread.schedule(self._flush)
        except Exception:
            self._exc = sys.exc_info()

    # What is printed is gathered and sent by another thread. Who prints faster than that is read waits for it; and what was
    # written to the other stream before goes before.
    last = [None]
    # A look at the pipe lets other threads run, which costs more than what is written; and in less than this no child was started
    # and waited for. Nanoseconds.
    soon, wrote = 200000, [0]
    clock = time.perf_counter_ns

    sent = OutStream.flush

    def flush(self):
        drain(self)
        sent(self)

    def bounded(self, text):
        if not isinstance(text, str):
            return write(self, text)
        other, last[0] = last[0], self
        if other is not None and other is not self:
            other.flush()
        if clock() - wrote[0] > soon:
            drain(self)
        for at in range(0, len(text) or 1, piece):
            part = text[at:at + piece]
            write(self, part)
            self._rialto_waiting = getattr(self, '_rialto_waiting', 0) + len(part)
            if self._rialto_waiting >= piece:
                self._rialto_waiting = 0
                self.flush()
        wrote[0] = clock()
        return len(text)

    IPKernelApp.load_connection_file = load_connection_file
    IPKernelApp._bind_socket = _bind_socket
    if setup and hasattr(OutStream, '_watch_pipe_fd'):
        OutStream._setup_stream_redirects = redirect
        OutStream._watch_pipe_fd = watch
        OutStream.flush = flush
    OutStream.write = bounded
    OutStream.flush_timeout = None


def main():
    folder, base, module = sys.argv[1:4]
    del sys.argv[1:4]
    lifeline(folder)
    prepare(base)
    import runpy
    runpy.run_module(module, run_name='__main__', alter_sys=True)


main()
