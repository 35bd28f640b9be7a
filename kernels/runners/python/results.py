# What the end of an eval says: the value's forms, the failure, the code of an exit.

PLAIN = frozenset((int, str, float, bool, complex, list, dict, tuple, bytes, bytearray, set, frozenset, range))
PLAIN_HEAD = b'\1' + pack('<HI', 1, 10) + b'text/plain'
exec_displayhook = sys.displayhook


def show_value(value):
    """The forms of a result, or only the bytes of the plain one; None where nothing is shown."""
    if getattr(sys, 'displayhook', None) is not exec_displayhook:
        sys.displayhook(value)
        return None
    builtins._ = value
    if type(value) in PLAIN:
        return repr(value).encode('utf-8', 'rialto')
    return part('forms_of')(value)


def finish(body):
    """The last output of an eval and its end, in one write."""
    sending.acquire()
    S.owner = MAIN
    try:
        pull()
        body = pack('<I', len(body)) + body
        if pieces:
            pump(body)
        else:
            transmit(body)
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
