# How the code of one eval is compiled and run, and what its end says.

EXEC_HEAD = _struct.Struct('<IBQBH').unpack_from
DONE = _struct.Struct('<IBQBB').pack
DONE_PLAIN = _struct.Struct('<IBQBBHI10sI').pack


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
        value = part('run_coroutine')(eval(code, ns)) if code.co_flags & CO_COROUTINE else eval(code, ns)
        S.flags |= code.co_flags & FUTURE
    return value


def evaluate(filename, code, show):
    only = None
    if show and '\n' not in code:
        try:
            only = compile(code, filename, 'eval', S.flags | TOP_AWAIT, True)
        except SyntaxError:
            # No expression, or an error that the next try tells better.
            pass
    if only is not None:
        value = part('run_coroutine')(eval(only, ns)) if only.co_flags & CO_COROUTINE else eval(only, ns)
    else:
        codes, show = compile_user(code, filename, show)
        value = run(codes)
    if not show or value is None:
        return None
    if sys_dict.get('displayhook') is not exec_displayhook:
        getattr(sys, 'displayhook')(value)
        return None
    builtins_dict['_'] = value
    if type(value) in PLAIN:
        return repr(value).encode('utf-8', 'rialto')
    return part('forms_of')(value)


def read_exec(frame):
    n, show, argc = unpack_from('<QBH', frame, 1)
    S.look = show > 3
    if show & 2:
        frame = part('traced')(frame)
    show &= 1
    if argc == 0xFFFF:
        return n, show, '<cell %d>' % n, frame[12:].decode('utf-8', 'surrogateescape')
    # From here on it may fail (no path has a null character in it), and then it is this eval that has failed.
    S.n, S.running = n, True
    filename, code = part('program')(frame, argc, n)
    if not filename:
        return n, show, '<cell %d>' % n, code
    keep(filename, code)
    return n, show, filename, code


def execute(n, show, filename, code):
    S.n = n
    S.running = True
    if S.parked:
        wake()
    if len(code) <= SHORT:
        recent[n % RECENT] = code
    else:
        keep(filename, code)
    if S.stdin_closed:
        S.stdin_closed = False
        exchange = getattr(sys, 'stdin', None) is stdin
        make_stdin()
        if exchange:
            sys.stdin = stdin
    if S.trace is not None:
        unhush(S.trace)
    ok, value = user(evaluate, filename, code, show)
    if gettrace() is not None or getprofile() is not None:
        S.trace = hush()
    else:
        S.trace = None
    if S.child:
        child_end(None if ok else value)
    display = None
    if ok:
        if value is None:
            end = DONE(11, 7, n, 0, 0)
        elif type(value) is bytes and len(value) <= INLINE_RESULT:
            size = len(value)
            end = DONE_PLAIN(31 + size, 7, n, 0, 1, 1, 10, b'text/plain', size) + value
        else:
            result, display = pack_result(value)
            end = DONE(10 + len(result), 7, n, 0, result[0]) + result[1:]
            value = None
    else:
        how = describe_end(value)
        end = pack('<IBQ', 10 + len(how), 7, n) + how + b'\0'
        value = None
    if 'matplotlib.pyplot' in modules:
        ok, error = user(part('show_figures'))
        if not ok:
            say(failure(error)[2])
            error = None
    if sys_dict.get('stdout') is not stdout or sys_dict.get('stderr') is not stderr:
        user(flush_theirs)
    if S.native:
        fflush()
    if display is not None:
        display()
    finish(end)


def describe_end(error):
    """How an eval ended that did not end well."""
    if isinstance(error, SystemExit):
        number, message = exit_code(error)
        data = (message or '').encode('utf-8', 'rialto')[:65536]
        return pack('<BBBI', 3, number, message is not None, len(data)) + data
    how = bytes((2 if isinstance(error, KeyboardInterrupt) else 1,))
    for text, most in zip(failure(error), (1024, 65536, 262144)):
        data = text.encode('utf-8', 'rialto')
        if len(data) > most:
            data = data[:most // 2] + b'\n[...]\n' + data[-most // 2:]
        how += pack('<I', len(data)) + data
    return how


def keep(filename, code):
    """Keeps a source by its file name, and lets go of the oldest."""
    S.kept += len(code) - len(sources.pop(filename, ''))
    sources[filename] = code
    while S.kept > MAX_KEPT or len(sources) > RECENT:
        S.kept -= len(sources.pop(next(iter(sources))))


def source_of(filename):
    """The code of an eval, by its file name; None where it is no eval, or long ago."""
    code = sources.get(filename)
    if code is None and filename.startswith('<cell ') and filename[6:-1].isdigit():
        n = int(filename[6:-1])
        if S.n - RECENT < n <= S.n:
            code = recent[n % RECENT]
    return code


def fit_linecache(linecache):
    """Python's own module for source lines finds those of the evals, once somebody asks for them."""
    of_files = linecache.updatecache

    def updatecache(filename, module_globals=None):
        code = source_of(filename)
        if code is None:
            return of_files(filename, module_globals)
        lines = [line + '\n' for line in code.split('\n')]
        # No time of change: linecache must not look for a file of this name.
        linecache.cache[filename] = len(code), None, lines, filename
        return lines

    linecache.updatecache = updatecache
