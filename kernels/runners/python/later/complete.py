# What could stand at the cursor.

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
