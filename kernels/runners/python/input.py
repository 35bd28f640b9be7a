# What reads from the user: input(), getpass, sys.stdin.

def ask(prompt, secret, line):
    """Asks for input and waits for it, interruptibly. Bytes, or None at the end of input."""
    main = get_ident() == MAIN
    if S.child or S.owner == get_ident() or (main and not S.running):
        # Nobody answers a fork, a finalizer in the middle of a frame, or a signal handler while nothing runs.
        return None
    if S.eof_at == S.n and not line:
        return None
    S.ask += 1
    number = S.ask
    data = str(prompt).encode('utf-8', 'rialto')[:32768]
    send(6, pack('<QQBBI', S.n, number, secret, line, len(data)) + data)
    while number not in answers:
        if main:
            before, S.crit = S.crit, 1
            try:
                take_frame(before == 0)
            finally:
                S.crit = before
            if due and not before:
                deliver()
        elif S.running:
            if receiving.acquire(timeout=0.05):
                try:
                    if POLL.poll(50):
                        receive()
                        sort()
                finally:
                    receiving.release()
        else:
            sleep(0.02)
    data, eof = answers.pop(number)
    if eof and not data:
        S.eof_at = S.n
        return None
    return data


def wait_readable():
    try:
        S.waiting = True
        POLL.poll()
    finally:
        S.waiting = False


def take_frame(interruptible):
    """The main thread, in an eval: reads until a frame is there."""
    if interruptible and not due:
        wait_readable()
    with receiving:
        if POLL.poll(0 if interruptible else None):
            receive()
        sort()


def sort():
    """Input goes to who asked; the rest is for the main loop, or for the fences that it owes."""
    while True:
        frame = whole_frame()
        if frame is None:
            return
        if frame[0] == 3:
            number, eof = unpack_from('<QB', frame, 1)
            answers[number] = bytes(frame[10:]), eof
        elif frame[0] == 2 and get_ident() == MAIN:
            fence(frame)
        else:
            backlog.append(frame)


def user_input(prompt='', /):
    """Read a string from standard input. The trailing newline is stripped.

    The prompt string, if given, is shown before reading input.
    If the user hits EOF, raise EOFError.
    """
    if getattr(sys, 'stdin', None) is not stdin:
        return real_input(prompt)
    if reader.left:
        text = stdin.readline()
        return text[:-1] if text.endswith('\n') else text
    data = ask(prompt, False, True)
    if data is None:
        raise EOFError('EOF when reading a line')
    return data.decode('utf-8', 'surrogateescape')


def user_getpass(prompt='Password: ', stream=None, **_):
    """Prompt for a password, with echo turned off."""
    data = ask(prompt, True, True)
    if data is None:
        raise EOFError
    return data.decode('utf-8', 'surrogateescape')


class Reader(_io._RawIOBase):
    """What stands behind sys.stdin: asks for whatever comes next, and gives it on line by line."""
    name = '<stdin>'
    mode = 'rb'

    def __init__(self):
        self.left = b''

    def readable(self):
        return True

    def fileno(self):
        return 0

    def isatty(self):
        return False

    def close(self):
        # The next eval gets a new one.
        S.stdin_closed = S.stdin_closed or self is reader
        _io._RawIOBase.close(self)

    def readinto(self, into):
        if not self.left:
            self.left = ask('', False, False) or b''
        end = self.left.find(b'\n') + 1 or len(self.left)
        end = min(end, len(into))
        into[:end] = self.left[:end]
        self.left = self.left[end:]
        return end


def make_stdin():
    global reader, stdin
    reader = Reader()
    stdin = _io.TextIOWrapper(_io.BufferedReader(reader), encoding='utf-8', errors='surrogateescape')
    stdin.mode = 'r'


make_stdin()
real_input = builtins.input
