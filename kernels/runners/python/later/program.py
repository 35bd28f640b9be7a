# What Python does for `python FILE ARGUMENTS`.

def program(frame, argc, n):
    """(file name or None, code) of an eval that comes with arguments."""
    at = 12
    argv = []
    for _ in range(argc):
        length, = unpack_from('<I', frame, at)
        argv.append(frame[at + 4:at + 4 + length].decode('utf-8', 'surrogateescape'))
        at += 4 + length
    filename = become_program(argv)
    if filename in sources:
        # The same file, run again, may have changed.
        getattr(modules.get('linecache'), 'cache', {}).pop(filename, None)
    return filename, frame[at:].decode('utf-8', 'surrogateescape')


def become_program(argv):
    """Sets the stage. The file name for the code, where there is one."""
    sys.argv = argv
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


def traced(frame):
    """Puts the trace that an eval belongs to where programs look for it, its children too. The frame without it."""
    length, = unpack_from('<I', frame, 12)
    if S.traced is None:
        S.traced = (os.environ.get('TRACEPARENT'),)
    os.environ['TRACEPARENT'] = frame[16:16 + length].decode('ascii', 'replace')
    return frame[:12] + frame[16 + length:]


def untraced():
    before, = S.traced
    S.traced = None
    if before is None:
        os.environ.pop('TRACEPARENT', None)
    else:
        os.environ['TRACEPARENT'] = before
