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
            lines += '', 'File: %s' % inspect.getsourcefile(value), '', inspect.getsource(value).rstrip()
        except Exception:
            pass
    data = '\n'.join(lines).encode('utf-8', 'rialto')[:262144]
    return b'\2\1' + pack_forms({'text/plain': data})
