# What is known of a name.

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
            lines += source_lines(value)
        except Exception:
            pass
    data = '\n'.join(lines).encode('utf-8', 'rialto')[:262144]
    return b'\2\1' + pack_forms({'text/plain': data})


def source_lines(value):
    import inspect
    if isinstance(value, type) and value.__module__ == '__main__':
        file, text = source_of_class(value)
    else:
        file, text = inspect.getsourcefile(value) or inspect.getfile(value), inspect.getsource(value)
    return '', 'File: %s' % file, '', text.rstrip()


def source_of_class(cls):
    """Python finds no class that was typed: it asks for its module's file. So it is looked for where its methods come from, and in
    the last evals."""
    import ast
    methods = [getattr(value, '__code__', None) for value in list(cls.__dict__.values())]
    files = [code.co_filename for code in methods if code] + ['<cell %d>' % n for n in range(S.n, max(S.n - RECENT, 0), -1)]
    for file in dict.fromkeys(files):
        code = source_of(file) or ''
        if cls.__name__ not in code or len(code) > 1000000:
            continue
        todo = [('', node) for node in ast.parse(code).body]
        for path, node in todo:
            name = path + getattr(node, 'name', '')
            if isinstance(node, ast.ClassDef) and name == cls.__qualname__:
                first = min([node.lineno] + [d.lineno for d in node.decorator_list])
                return file, '\n'.join(code.split('\n')[first - 1:node.end_lineno])
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                path = name + ('.' if isinstance(node, ast.ClassDef) else '.<locals>.')
            todo += [(path, child) for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.excepthandler))]
    raise OSError('no source')
