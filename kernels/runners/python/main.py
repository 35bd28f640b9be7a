# How the runner begins: what of Python it changes for the user's code, and the loop that takes commands.

def part(name):
    """A function of the second part, which is compiled when one of them is first needed."""
    if S.later:
        main = get_ident() == MAIN
        if main:
            before, S.crit = S.crit, 1
        loading.acquire()
        try:
            if S.later:
                exec(load(S.later), globals())
                S.later = b''
        finally:
            loading.release()
            if main:
                S.crit = before
    return globals()[name]


def took_slot():
    """Waits for whatever comes next. True: an eval that was handed over before its turn, now in BUFFER; else it is a command."""
    while True:
        try:
            return os_readv(AHEAD, SLOT)
        except BlockingIOError:
            pass
        S.idle = True
        ready = LOOK.poll()
        S.idle = False
        # What lies there is older than a command.
        if ready[0][0] == IN and len(ready) == 1:
            return False


def main():
    while not S.shutdown:
        with receiving:
            if backlog or S.unread:
                frame = read_ahead()
            elif S.look and took_slot():
                length, kind, n, show, size = EXEC_HEAD(BUFFER)
                frame = True
                code = str(VIEW[16:16 + size], 'utf-8', 'surrogateescape')
                BUFFER[4] = 0
            else:
                S.idle = True
                # Into a buffer that is known: `on_signal` must see a command that has been read and not yet looked at.
                size = os_readv(IN, BUFFERS)
                S.idle = False
                length, kind, n, show, argc = EXEC_HEAD(BUFFER)
                if kind == 1 and argc == 0xFFFF and show < 2 and size == length + 4:
                    frame = True
                    S.look = False
                    code = str(VIEW[16:size], 'utf-8', 'surrogateescape')
                    BUFFER[4] = 0
                else:
                    frame = from_buffer(size)
        if frame is True:
            try:
                execute(n, show, '<cell %d>' % n, code)
            except BaseException as error:
                give_up(error)
            continue
        if frame is None:
            continue
        kind = frame[0]
        if kind == 1:
            try:
                execute(*read_exec(frame))
            except BaseException as error:
                give_up(error)
            if S.traced is not None:
                part('untraced')()
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
    S.later = frame[at:]
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
        module.write, module.system, module._exit, module.abort = user_write, user_system, user_exit, user_abort
    _signal.signal, _signal.getsignal, _signal.set_wakeup_fd = signal, getsignal, set_wakeup_fd
    if 'signal' in modules:
        modules['signal'].set_wakeup_fd = set_wakeup_fd
    real_signal(SIGINT, on_signal)
    if real_getsignal(NUDGE) == _signal.SIG_DFL:
        real_signal(NUDGE, on_nudge)
    real_set_wakeup_fd(WAKE_W, warn_on_full_buffer=False)
    posix.register_at_fork(after_in_child=in_child)
    sys.meta_path.insert(0, Watcher())
    if 'linecache' in modules:
        fit_linecache(modules['linecache'])
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
