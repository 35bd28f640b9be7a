# What the end of an eval says: the value's forms, the failure, the code of an exit.

PLAIN = frozenset((int, str, float, bool, complex, list, dict, tuple, bytes, bytearray, set, frozenset, range))
exec_displayhook = sys.displayhook


def finish(end):
    """The last output of an eval and the frame of its end, in one write."""
    sending.acquire()
    S.owner = MAIN
    try:
        pull()
        if pieces:
            pump(end)
        else:
            if S.look:
                # The next may begin before this end is heard: what the pipes hold now must not be taken for the next one's.
                settle()
            n = os_write(OUT, end)
            if n != len(end):
                transmit(end[n:])
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
    finish(pack('<IBQ', 10 + len(how), 7, S.n) + how + b'\0')


def pack_result(forms):
    if type(forms) is bytes:
        forms = {'text/plain': forms}
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
