# How the code of one eval is compiled and run, and what its end says.

EXEC_HEAD = _struct.Struct('<QBH').unpack_from
MAX_KEPT = 16 * 1024 * 1024    # characters of source


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
    if show and '\n' not in code:
        try:
            codes = compile(code, filename, 'eval', S.flags | TOP_AWAIT, True),
            shows = True
        except SyntaxError:
            # No expression, or an error that the next try tells better.
            codes = None
        if codes is None:
            codes, shows = compile_user(code, filename, show)
    else:
        codes, shows = compile_user(code, filename, show)
    value = run(codes)
    return show_value(value) if shows and value is not None else None


def execute(frame):
    n, show, argc = EXEC_HEAD(frame, 1)
    S.n = n
    S.running = True
    if S.parked:
        wake()
    if argc == 0xFFFF:
        filename = '<cell %d>' % n
        code = str(frame[12:], 'utf-8', 'surrogateescape')
    else:
        filename, code = part('program')(frame, argc, n)
    # For tracebacks.
    sources[filename] = code
    source_order.append(filename)
    S.kept += len(code)
    if S.kept > MAX_KEPT or len(source_order) > 2000:
        forget()
    if S.stdin_closed:
        S.stdin_closed = False
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
            if type(value) is bytes and len(value) <= INLINE_RESULT:
                result = PLAIN_HEAD + pack('<I', len(value)) + value
            else:
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


def forget():
    """Lets go of the oldest sources."""
    while len(source_order) > 2000 or (S.kept > MAX_KEPT and len(source_order) > 1):
        S.kept -= len(sources.pop(source_order.popleft(), ''))


def fit_linecache(linecache):
    """Python's own module for source lines finds those of the evals, once somebody asks for them."""
    of_files = linecache.updatecache

    def updatecache(filename, module_globals=None):
        code = sources.get(filename)
        if code is None:
            return of_files(filename, module_globals)
        lines = [line + '\n' for line in code.split('\n')]
        # No time of change: linecache must not look for a file of this name.
        linecache.cache[filename] = len(code), None, lines, filename
        return lines

    linecache.updatecache = updatecache
