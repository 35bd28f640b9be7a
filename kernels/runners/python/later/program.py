# What Python does for `python FILE ARGUMENTS`.

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
