# What is told of an exception: its traceback, without the runner in it.

def without_runner(trace):
    """The traceback without this file's frames."""
    kept = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename != ME:
            kept.append(trace)
        trace = trace.tb_next
    out = None
    for trace in reversed(kept):
        out = type(trace)(out, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
    return out


def clean(error, seen):
    """Takes the runner out of an exception's traceback, and of those behind it."""
    todo = [error]
    while todo:
        error = todo.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        error.__traceback__ = without_runner(error.__traceback__)
        todo += error.__cause__, error.__context__
        todo += getattr(error, 'exceptions', None) or ()


def describe_failure(error):
    kind = type(error)
    try:
        clean(error, set())
    except BaseException:
        pass
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, error.__traceback__
    sys.last_exc = error
    ok, value = user(str, error)
    if not ok or type(value) is not str:
        value = '<its str() failed>'
    ok, text = user(format_failure, error)
    if not ok:
        text = plain_failure(error, value)
    return kind.__name__, value, text


def format_failure(error):
    import traceback
    return ''.join(traceback.format_exception(type(error), error, error.__traceback__))


def plain_failure(error, value):
    """Without the traceback module, which user code may have broken."""
    out = ['Traceback (most recent call last):\n']
    trace = error.__traceback__
    while trace is not None and len(out) < 200:
        code = trace.tb_frame.f_code
        out.append('  File "%s", line %d, in %s\n' % (code.co_filename, trace.tb_lineno, code.co_name))
        lines = (source_of(code.co_filename) or '').split('\n')
        if 0 < trace.tb_lineno <= len(lines):
            out.append('    %s\n' % lines[trace.tb_lineno - 1].strip())
        trace = trace.tb_next
    out.append('%s: %s\n' % (type(error).__name__, value))
    return ''.join(out)
