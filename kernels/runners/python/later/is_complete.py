# Whether Python's own REPL would run this, or ask for more lines.

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
