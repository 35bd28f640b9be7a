"""The part of the Python runner that not every session needs; compiled into the namespace of `python.py` by `part` there."""

def run_coroutine(coroutine):
    """Runs top-level `await` on the one event loop of this kernel."""
    import asyncio
    if S.loop is None or S.loop.is_closed():
        S.loop = asyncio.new_event_loop()
    loop = S.loop
    asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    S.interrupted = False
    S.awaiting = task
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if S.interrupted:
            raise KeyboardInterrupt from None
        raise
    except KeyboardInterrupt:
        if not task.done():
            task.cancel()
            try:
                loop.run_until_complete(task)
            except BaseException:
                pass
        raise
    finally:
        S.awaiting = None


def become_program(argv):
    """What Python does for `python FILE ARGUMENTS`. The file name for the code, where there is one."""
    sys.argv = list(argv)
    path = argv[0] if argv else ''
    if path.startswith('-') or not path:
        folder = ''
        ns.pop('__file__', None)
    else:
        folder = os.path.dirname(os.path.realpath(path))
        ns['__file__'] = path
    if S.path0 is not None and sys.path and sys.path[0] == S.path0:
        sys.path[0] = folder
    else:
        sys.path.insert(0, folder)
    S.path0 = folder
    return None if path.startswith('-') else path


# ---- displays ------------------------------------------------------------------------------------------------------

REPRS = (
    ('_repr_html_', 'text/html'),
    ('_repr_markdown_', 'text/markdown'),
    ('_repr_svg_', 'image/svg+xml'),
    ('_repr_png_', 'image/png'),
    ('_repr_jpeg_', 'image/jpeg'),
    ('_repr_latex_', 'text/latex'),
    ('_repr_json_', 'application/json'),
)


def form(mime, data):
    """The bytes of one form."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, str):
        if mime.startswith('image/') and mime != 'image/svg+xml':
            # Notebooks want pictures as base64, so objects made for them give that.
            import binascii
            return binascii.a2b_base64(data)
        return data.encode('utf-8', 'rialto')
    import json
    return json.dumps(data, default=repr).encode('utf-8', 'rialto')


def has(value, name):
    """Whether the value's class has the method: asking the value itself would ask objects that answer to every name."""
    try:
        return not isinstance(value, type) and callable(getattr(type(value), name, None))
    except Exception:
        return False


def forms_of(value):
    """A value in all its forms, by MIME type. What a rich form's method raises only costs that form."""
    out = {}
    if has(value, '_repr_mimebundle_'):
        try:
            bundle = value._repr_mimebundle_(include=None, exclude=None)
            bundle = bundle[0] if isinstance(bundle, tuple) else bundle
            for mime, data in dict(bundle or ()).items():
                if data is not None:
                    out[str(mime)] = form(str(mime), data)
        except Exception:
            out = {}
    for name, mime in REPRS:
        if mime not in out and has(value, name):
            try:
                data = getattr(value, name)()
                data = data[0] if isinstance(data, tuple) else data
                if data is not None:
                    out[mime] = form(mime, data)
            except Exception:
                pass
    if 'text/plain' not in out:
        out['text/plain'] = repr(value).encode('utf-8', 'rialto')
    return out


def display_one(value, raw):
    forms = {str(mime): form(str(mime), data) for mime, data in value.items()} if raw else forms_of(value)
    if S.child:
        child_write(1, forms.get('text/plain', b'') + b'\n')
    else:
        send_display(forms, False)


def send_display(forms, result):
    sizes = {mime: len(data) for mime, data in forms.items()}
    total = sum(sizes.values())
    if total > MAX_DISPLAY or len(forms) > 1000 or any(len(mime) > 1000 for mime in forms):
        largest = max(sizes, key=sizes.get)[:100]
        text = '<a value of %d bytes (%s) is not shown: the limit is %d bytes>' % (total, largest, MAX_DISPLAY)
        forms = {'text/plain': text.encode()}
        total = 0
    head = pack('<QB', S.n, result)
    if total + 64 * len(forms) <= CHUNK:
        return send(3, head + pack_forms(forms))
    body = [head, pack('<H', len(forms))]
    for mime, data in forms.items():
        mime = mime.encode('utf-8', 'rialto')
        body.append(pack('<I', len(mime)) + mime + pack('<Q', len(data)))
    send(4, b''.join(body), pieces_of(forms))


def pieces_of(forms):
    for data in forms.values():
        for at in range(0, len(data), CHUNK):
            piece = data[at:at + CHUNK]
            yield pack('<IB', len(piece) + 1, 5) + piece


def show_figures():
    """Shows and closes the figures that are open, unless they have a window of their own."""
    pyplot = modules['matplotlib.pyplot']
    numbers = pyplot.get_fignums()
    if not numbers or 'agg' != str(pyplot.get_backend()).lower():
        return
    for number in numbers:
        picture = _io.BytesIO()
        pyplot.figure(number).savefig(picture, format='png', bbox_inches='tight')
        pyplot.close(number)
        send_display({'image/png': picture.getvalue(), 'text/plain': b'<Figure %d>' % number}, False)


# ---- failures ------------------------------------------------------------------------------------------------------

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
        lines = sources.get(code.co_filename, '').split('\n')
        if 0 < trace.tb_lineno <= len(lines):
            out.append('    %s\n' % lines[trace.tb_lineno - 1].strip())
        trace = trace.tb_next
    out.append('%s: %s\n' % (type(error).__name__, value))
    return ''.join(out)


def feed_linecache(linecache, filename, code):
    lines = [line + '\n' for line in code.split('\n')]
    # No time of change: linecache must not look for a file of this name.
    linecache.cache[filename] = len(code), None, lines, filename


# ---- imports that are looked at ------------------------------------------------------------------------------------

def watch_import(name, path, target):
    for finder in sys.meta_path:
        if isinstance(finder, Watcher):
            continue
        spec = finder.find_spec(name, path, target)
        if spec is None:
            continue
        loader = spec.loader
        if loader is not None and not isinstance(loader, type):
            load = loader.exec_module

            def exec_module(module):
                load(module)
                try:
                    imported(name, module)
                except Exception:
                    pass

            loader.exec_module = exec_module
        return spec
    return None


def imported(name, module):
    if name == 'getpass':
        module.getpass = user_getpass
    elif name == 'linecache':
        for filename, code in list(sources.items()):
            feed_linecache(module, filename, code)
    elif name == 'matplotlib':
        if not os.environ.get('MPLBACKEND'):
            module.use('agg')
    elif name == 'matplotlib.pyplot':
        module.show = lambda *_, **__: show_figures()


_fflush = None


def c_flush():
    global _fflush
    import _ctypes
    if _fflush is None:
        _fflush = _ctypes.dlsym(_ctypes.dlopen(None, 2), 'fflush')
    _ctypes.call_function(_fflush, (None,))


# ---- questions -----------------------------------------------------------------------------------------------------

def answer_query(frame):
    number, kind, cursor, detail = unpack_from('<QBIB', frame, 1)
    code = frame[15:]
    ok, body = user((complete, inspect_name, is_complete)[kind - 1], code, min(cursor, len(code)), detail)
    if not ok:
        body = b'\0' + field(type(body).__name__)
    send(9, pack('<Q', number) + body)


def field(text):
    data = text.encode('utf-8', 'rialto')
    return pack('<I', len(data)) + data


def static(value, name):
    """An attribute without running anybody's code: what stands in the dictionaries."""
    for place in (value,) + (value.__mro__ if isinstance(value, type) else type(value).__mro__):
        try:
            return object.__getattribute__(place, '__dict__')[name]
        except Exception:
            pass
    return None


def kind_of(value):
    cls = type(value)
    if isinstance(value, type):
        return 'class'
    if cls is type(sys):
        return 'module'
    if cls is property:
        return 'property'
    if cls.__name__ in ('function', 'builtin_function_or_method', 'method', 'method_descriptor', 'wrapper_descriptor',
                        'slot wrapper', 'classmethod', 'staticmethod', 'classmethod_descriptor', 'method-wrapper'):
        return 'function'
    return 'instance'


def resolve(path):
    """(found, value) of a dotted name."""
    names = path.split('.')
    if names[0] in ns:
        value = ns[names[0]]
    elif names[0] in builtins.__dict__:
        value = builtins.__dict__[names[0]]
    else:
        return False, None
    for name in names[1:]:
        try:
            value = getattr(value, name)
        except Exception:
            return False, None
    return True, value


def names_of(value):
    try:
        names = [name for name in dir(value) if isinstance(name, str)]
    except Exception:
        names = list(getattr(type(value), '__dict__', ()))
    return names


def complete(code, cursor, _):
    import re
    before = code[:cursor].decode('utf-8', 'replace')
    line = before[before.rfind('\n') + 1:]
    token = re.search(r'[\w.]*$', line).group()
    found = {}
    word = token.rpartition('.')[2]
    key = re.search(r'([\w.]+)\[([\'"])([^\'"\]\[]*)$', line)
    from_ = re.match(r'\s*from\s+([\w.]+)\s+import\s+(?:\(?\s*)?(?:[\w.]+\s*,\s*)*\w*$', line)
    if key:
        ok, value = resolve(key.group(1))
        word = key.group(3)
        if ok and isinstance(value, dict):
            found = {k: 'key' for k in list(value) if type(k) is str and k.startswith(word) and k.isprintable()}
    elif from_:
        found = module_names(from_.group(1), word)
    elif re.match(r'\s*(import|from)\s+[\w., ]*$', line):
        found = module_names(token.rpartition('.')[0], word, False)
    elif '.' in token:
        ok, value = resolve(token.rpartition('.')[0])
        if ok:
            found = {name: kind_of(static(value, name)) for name in names_of(value) if name.startswith(word)}
    elif not word[:1].isdigit():
        import keyword
        for name in keyword.kwlist:
            found[name] = 'keyword'
        for names in (builtins.__dict__, ns):
            for name in list(names):
                if type(name) is str:
                    found[name] = kind_of(names[name])
        found = {name: kind for name, kind in found.items() if name.startswith(word)}
    names = sorted(found, key=lambda name: (name.startswith('_'), name.startswith('__'), name))
    start = cursor - len(word.encode('utf-8', 'rialto'))
    out = [pack('<BIIBH', 1, max(start, 0), cursor, len(names) > 500, min(len(names), 500))]
    for name in names[:500]:
        out.append(field(name[:1000]) + field(found[name]))
    return b''.join(out)


def module_names(package, word, attributes=True):
    """Modules (and, after `from x import`, attributes) that could stand there. Imports nothing."""
    import pkgutil
    found = {}
    if not package:
        for name in list(sys.builtin_module_names):
            found[name] = 'module'
        for module in pkgutil.iter_modules():
            found[module.name] = 'module'
    else:
        module = modules.get(package)
        path = getattr(module, '__path__', None)
        if module is None:
            import importlib.util
            try:
                spec = importlib.util.find_spec(package) if '.' not in package else None
                path = spec.submodule_search_locations if spec else None
            except Exception:
                path = None
        elif attributes:
            for name in names_of(module):
                found[name] = kind_of(static(module, name))
        if path:
            for module in pkgutil.iter_modules(path):
                found[module.name] = 'module'
    return {name: kind for name, kind in found.items() if name.startswith(word)}


def inspect_name(code, cursor, detail):
    import re
    import inspect
    before = code[:cursor].decode('utf-8', 'replace')
    after = code[cursor:].decode('utf-8', 'replace')
    name = re.search(r'[\w.]*$', before).group() + re.match(r'\w*', after).group()
    if not name.strip('.'):
        # Inside a call: what is called.
        depth = 0
        for at in range(len(before) - 1, -1, -1):
            if before[at] in ')]}':
                depth += 1
            elif before[at] in '([{':
                if depth == 0:
                    name = re.search(r'[\w.]*$', before[:at]).group()
                    break
                depth -= 1
    found, value = resolve(name.strip('.')) if name.strip('.') else (False, None)
    if not found:
        return b'\2\0'
    lines = []
    try:
        lines.append(name + str(inspect.signature(value)))
    except Exception:
        lines.append('%s: %s' % (name, type(value).__name__))
    try:
        text = inspect.getdoc(value) or ''
    except Exception:
        text = ''
    if not callable(value) and not isinstance(value, type(sys)):
        try:
            lines.append(repr(value)[:1000])
        except Exception:
            pass
    if text:
        lines += '', text if detail else text.split('\n\n')[0]
    if detail:
        try:
            lines += '', 'File: %s' % inspect.getsourcefile(value), '', inspect.getsource(value).rstrip()
        except Exception:
            pass
    data = '\n'.join(lines).encode('utf-8', 'rialto')[:262144]
    return b'\2\1' + pack_forms({'text/plain': data})


COMPOUND = frozenset(('If', 'For', 'While', 'With', 'Try', 'TryStar', 'FunctionDef', 'ClassDef', 'AsyncFunctionDef', 'AsyncFor',
                      'AsyncWith', 'Match'))


def is_complete(code, _, __):
    import codeop
    import warnings
    text = code.decode('utf-8', 'replace')
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= TOP_AWAIT | S.flags
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            whole = compiler(text, ME, 'exec')
            if whole is not None and not text.endswith('\n'):
                # As in Python's own REPL, a block ends with an empty line.
                tree = compile(text, ME, 'exec', S.flags | TOP_AWAIT | ONLY_AST, True)
                if tree.body and type(tree.body[-1]).__name__ in COMPOUND:
                    whole = None
    except Exception:
        return b'\3\2'
    return b'\3\0' if whole is not None else b'\3\1' + field(next_indent(text))


def next_indent(text):
    lines = [line for line in text.split('\n') if line.strip()]
    if not lines:
        return ''
    last = lines[-1]
    indent = last[:len(last) - len(last.lstrip())]
    bare = last.split('#')[0].rstrip()
    if bare.endswith((':', '(', '[', '{')):
        return indent + ('\t' if indent.endswith('\t') else '    ')
    if bare.split() and bare.split()[0] in ('return', 'pass', 'break', 'continue', 'raise'):
        return indent[:-1] if indent.endswith('\t') else indent[:-4]
    return indent
