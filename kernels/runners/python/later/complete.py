# What could stand at the cursor.

def complete(code, cursor, _):
    before = code[:cursor].decode('utf-8', 'replace')
    word, found = possible(before)
    shown = [name for name in found if not name.startswith('_')] if not word.startswith('_') else None
    names = sorted(shown or found, key=lambda name: (found[name] != 'argument', name.startswith('_'), name.startswith('__'), name))
    start = cursor - len(word.encode('utf-8', 'rialto'))
    out = [pack('<BIIBH', 1, max(start, 0), cursor, len(names) > 500, min(len(names), 500))]
    for name in names[:500]:
        out.append(field(name[:1000]) + field(found[name][:1000]))
    return b''.join(out)


def possible(before):
    """(what is typed of it, {what could stand there: its kind})"""
    import re
    string, brackets = surroundings(before[-100000:])
    before = before[-100000:]
    line = before[before.rfind('\n') + 1:]
    if string:
        return inside_string(before, brackets, *string)
    if string is None:
        return '', {}
    token = re.search(r'[\w.]*$', line).group()
    word = token.rpartition('.')[2]
    ahead = before[:len(before) - len(token)]
    from_ = re.match(r'\s*from\s+([\w.]+)\s+import\s+(?:\(?\s*)?(?:[\w.]+\s*,\s*)*\w*$', line)
    if from_:
        return word, module_names(from_.group(1), word)
    if re.match(r'\s*(import|from)\s+[\w., ]*$', line):
        return word, module_names(token.rpartition('.')[0], word, False)
    if '.' in token:
        path = token.rpartition('.')[0]
        ok, value = resolve(path) if path else (ahead[-1:] in ('"', "'"), '')
        return word, {n: about(static(value, n), not isinstance(value, (type, type(sys)))) for n in names_of(value) if n.startswith(word)} if ok else {}
    if word[:1].isdigit():
        return word, {}
    found = {}
    if brackets and ahead.rstrip()[-1:] in ('(', ',', '['):
        bracket, at = brackets[-1]
        called = re.search(r'[\w.]+$', before[:at])
        ok, value = resolve(called.group()) if called else (False, None)
        if ok and bracket == '(':
            given = set(re.findall(r'(\w+)\s*=', before[at:]))
            found = {n + '=': 'argument' for n in arguments_of(value) if n.startswith(word) and n not in given}
        elif ok and bracket == '[' and not word:
            found = {repr(key): 'key' for key in keys_of(value)}
        if found and not word:
            return word, found
    import keyword
    for name in keyword.kwlist:
        found[name] = 'keyword'
    for names in (builtins.__dict__, ns):
        for name in list(names):
            if type(name) is str and name.startswith(word):
                found[name] = about(names[name])
    return word, {name: kind for name, kind in found.items() if name.startswith(word)}


def surroundings(text):
    """(the string that is open: its prefix, its quote and where it begins; None inside a comment; else ()), and the brackets."""
    import re
    token = re.compile(r'#[^\n]*|(?:\b([rRbBuUfF]{1,2}))?(\'\'\'|"""|\'|")|[()\[\]{}]')
    at, brackets = 0, []
    while True:
        match = token.search(text, at)
        if match is None:
            return (), brackets
        at = match.end()
        quote = match.group(2)
        if quote:
            body = r'(?:\\.|[^\\])*?' if len(quote) == 3 else r'(?:\\.|[^\\\n])*?'
            end = re.compile(body + quote, re.S).match(text, at)
            if end:
                at = end.end()
            elif len(quote) == 3 or '\n' not in text[at:]:
                prefix = (match.group(1) or '').lower()
                field = text[at:].replace('{{', '').rpartition('{')
                if 'f' in prefix and field[1] and '}' not in field[2]:
                    # A field of an f-string is code.
                    at = len(text) - len(field[2])
                    brackets.append(('{', at - 1))
                    continue
                return (prefix, quote, at), brackets
            else:
                at = text.index('\n', at)
        elif match.group()[0] == '#':
            if at == len(text):
                return None, brackets
        elif match.group() in '([{':
            brackets.append((match.group(), match.start()))
        elif brackets:
            brackets.pop()


def inside_string(before, brackets, prefix, quote, at):
    """Keys where something is subscripted by the string, else files."""
    import re
    text = before[at:]
    if '\\' in text or '\n' in text:
        return '', {}
    fits = lambda name: name.isprintable() and quote[0] not in name and '\\' not in name
    subscripted = re.search(r'([\w.]+)\s*\[\s*$', before[:at - len(quote) - len(prefix)])
    if subscripted:
        ok, value = resolve(subscripted.group(1))
        keys = keys_of(value) if ok else ()
        return text, {key: 'key' for key in keys if type(key) is str and key.startswith(text) and fits(key)}
    folder, slash, word = text.rpartition('/')
    found = {}
    try:
        with os.scandir(os.path.expanduser(folder + slash) or '.') as entries:
            for count, entry in enumerate(entries):
                # A folder of more is not looked through to its end.
                if count == 20000 or len(found) > 500:
                    break
                if entry.name.startswith(word) and fits(entry.name) and (word or entry.name[0] != '.'):
                    folder = entry.is_dir()
                    found[entry.name + '/' * folder] = 'folder' if folder else 'file'
    except (OSError, ValueError):
        pass
    return word, found


def keys_of(value):
    """What a value can be subscripted by, where asking it runs nobody's code: a dictionary's keys, a table's columns."""
    import itertools
    table = modules.get('pandas')
    if issubclass(type(value), dict):
        keys = itertools.islice(dict.keys(value), 20000)
    elif table is not None and type(value) in (getattr(table, 'DataFrame', None), getattr(table, 'Series', None)):
        keys = itertools.islice(value.columns if hasattr(value, 'columns') else value.index, 20000)
    else:
        return ()
    try:
        return [key for key in keys if type(key) in (str, int)]
    except RuntimeError:
        # Another thread has changed it meanwhile.
        return ()


def about(value, bound=False):
    """What it is and, behind a tab, what it is called with, as far as that can be told without running anybody's code."""
    kind = kind_of(value)
    text = signature_of(value, bound) if kind in ('function', 'class') else None
    return kind + '\t' + text if text else kind


def signature_of(value, bound):
    import types
    function, method = types.FunctionType, type(value) in (types.MethodType, classmethod) or bound and type(value) is not staticmethod
    if type(value) in (types.MethodType, classmethod, staticmethod):
        value = value.__func__
    if issubclass(type(value), type):
        made, method = static(value, '__init__'), True
        value = made if type(made) is function else value
    for _ in range(10):
        if type(value) is not function or '__wrapped__' not in value.__dict__:
            break
        value = value.__dict__['__wrapped__']
    if type(value) is not function:
        text = getattr(value, '__text_signature__', None) if type(value) in (type, type(len), type(str.join)) else None
        return text.replace('($self, ', '(').replace('($self', '(').replace('($module, ', '(').replace('($module', '(').replace('(/, ', '(').replace('(/)', '()') if text else None
    code, shown = value.__code__, []
    plain = code.co_varnames[:code.co_argcount]
    defaults = (value.__defaults__ or ())
    for at, name in enumerate(plain):
        behind = at - len(plain) + len(defaults)
        shown.append(name + ('=' + short(defaults[behind]) if behind >= 0 else ''))
        if at + 1 == code.co_posonlyargcount:
            shown.append('/')
    names, rest = code.co_varnames[code.co_argcount:], code.co_argcount + code.co_kwonlyargcount
    if code.co_flags & 4:
        shown.append('*' + code.co_varnames[rest])
        rest += 1
    elif code.co_kwonlyargcount:
        shown.append('*')
    named = value.__kwdefaults__ or {}
    shown += [name + ('=' + short(named[name]) if name in named else '') for name in names[:code.co_kwonlyargcount]]
    if code.co_flags & 8:
        shown.append('**' + code.co_varnames[rest])
    return '(' + ', '.join(shown[1:] if method and plain else shown) + ')'


def short(value):
    """A default, where showing it runs nobody's code."""
    text = repr(value) if value is None or type(value) in (bool, int, float, str, bytes) else '...'
    return text if len(text) < 30 else '...'


def arguments_of(value):
    """The names by which something may be given its arguments, as they stand in its code: no signature of its own is asked."""
    import types
    function, skip = types.FunctionType, 0
    for _ in range(10):
        if type(value) is types.MethodType:
            value, skip = value.__func__, 1
        elif issubclass(type(value), type):
            made = [static(value, '__init__'), static(value, '__new__')]
            made = [m.__func__ if type(m) is staticmethod else m for m in made]
            made = [m for m in made if type(m) is function]
            if not made:
                return of_text(value)
            value, skip = made[0], 1
        elif type(value) is function and '__wrapped__' in value.__dict__:
            value = value.__dict__['__wrapped__']
        else:
            break
    if type(value) is not function:
        return of_text(value)
    code = value.__code__
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    return names[max(skip, code.co_posonlyargcount):]


def of_text(value):
    """The same of what is written in C, from the text that it comes with."""
    import re
    text = value.__text_signature__ if type(value) in (type, type(len)) else None
    text = (text or '').rpartition('/')[2]
    return re.findall(r'(?<![*$\w.=])([A-Za-z]\w*)(?=\s*[=,)])', text)


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
                found[name] = about(static(module, name))
        if path:
            for module in pkgutil.iter_modules(path):
                found[module.name] = 'module'
    return {name: kind for name, kind in found.items() if name.startswith(word)}
