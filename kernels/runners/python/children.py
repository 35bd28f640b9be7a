# What happens around other processes: a fork never becomes a second kernel, a child's output keeps its place.

def in_child():
    """A fork of the kernel: it has no channel, and writes to the descriptors."""
    S.child = True
    for fd in (IN, OUT, AHEAD, FD1, FD2, WAKE_R, WAKE_W):
        try:
            posix.close(fd)
        except OSError:
            pass
    try:
        pull()
        pieces.clear()
        stdout.reconfigure(line_buffering=True)
        real_set_wakeup_fd(S.wakeup)
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


def user_system(command):
    """Execute the command in a subshell."""
    status = posix_system(command)
    # C's system() keeps SIGINT from its caller. A command that ended by it was interrupted, as shells see it too.
    if status & 0x7F == SIGINT and not S.child and get_ident() == MAIN and handlers.get(SIGINT) is default_int:
        raise KeyboardInterrupt
    return status


def user_exit(status):
    """Exit to the system with specified status, without normal exit processing."""
    flush()
    os_exit(status)


def user_abort():
    """Abort the interpreter immediately."""
    flush()
    posix_abort()


posix_abort = posix.abort
posix_system = posix.system
