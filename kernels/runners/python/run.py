# How the code of one eval is compiled and run, and what its end says.

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
