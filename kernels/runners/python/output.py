# How what is written to sys.stdout and sys.stderr gets into frames, in order.

def drain():
    """Text printed before this moves to `pieces`."""
    raw_dict['flush'] = int
    try:
        stdout.flush()
    finally:
        raw_dict.pop('flush', None)


def pull():
    """Moves what print has buffered to `pieces`.

    The buffer's `write` is a C function meanwhile: no other thread can come between taking the text and appending it.
    """
    raw_dict['flush'] = int
    raw_dict['write'] = pieces.append
    try:
        stdout.flush()
    except BaseException:
        pass
    finally:
        raw_dict.pop('write', None)
        raw_dict.pop('flush', None)


def pump(tail=b''):
    """Sends what is in `pieces`, then `tail`; the caller holds `sending`. Calls only C functions between two writes."""
    S.size = 0
    while pieces:
        settle()
        background = b'\0' if S.running else b'\1'
        head = pack('<BQ', 2, S.n) + background
        parts, size, stream, run = [], 0, 0, []
        while pieces and size < CHUNK:
            piece = pieces.popleft()
            kind = 1
            if type(piece) is tuple:
                kind, piece = 2, piece[0]
            if not piece:
                continue
            if size + len(piece) > CHUNK:
                if size:
                    pieces.appendleft(piece if kind == 1 else (piece,))
                    break
                view = memoryview(piece)
                for at in range(0, len(piece), CHUNK):
                    part = view[at:at + CHUNK]
                    front = pack('<I', len(part) + 15) + head + pack('<BI', kind, len(part))
                    n = os_writev(OUT, (front, part))
                    if n < len(front):
                        transmit(front[n:] + bytes(part))
                    elif n < len(front) + len(part):
                        transmit(part[n - len(front):])
                break
            if kind != stream:
                if run:
                    data = b''.join(run)
                    parts.append(pack('<BI', stream, len(data)))
                    parts.append(data)
                stream, run = kind, []
                size += 5
            run.append(piece)
            size += len(piece)
        if run:
            data = b''.join(run)
            parts.append(pack('<BI', stream, len(data)))
            parts.append(data)
            data = head + b''.join(parts)
            if tail and not pieces:
                transmit(pack('<I', len(data)) + data + tail)
                tail = b''
            else:
                transmit(pack('<I', len(data)) + data)
    if tail:
        transmit(tail)
    S.sent_at = monotonic()


def flush():
    """Sends everything written so far."""
    if S.child:
        return child_flush()
    me = get_ident()
    if S.owner == me:
        return
    main = me == MAIN
    if main:
        before, S.crit = S.crit, 1
    tracing = hush()
    sending.acquire()
    S.owner = me
    try:
        pull()
        if pieces:
            pump()
    finally:
        S.owner = 0
        sending.release()
        if tracing:
            unhush(tracing)
        if main:
            S.crit = before
    if main and due and not before:
        deliver()

def broken_text(error):
    """Text that is no text: bytes that were read as surrogates become those bytes again, the rest is spelled out."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    out = bytearray()
    for char in error.object[error.start:error.end]:
        code = ord(char)
        out += bytes((code - 0xDC00,)) if 0xDC80 <= code <= 0xDCFF else b'\\u%04x' % code
    return bytes(out), error.end


_codecs.register_error('rialto', broken_text)


class Raw(_io._BufferedIOBase):
    """What stands behind sys.stdout or sys.stderr: `sys.stdout.buffer`."""
    closed = False
    mode = 'wb'

    def __init__(self, fd, name):
        self._fd = fd
        self.name = name

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def isatty(self):
        return False

    def fileno(self):
        return self._fd

    def close(self):
        pass

    def detach(self):
        raise OSError('the standard streams cannot be detached')

    def flush(self):
        # Asked for by name, so at once; asked for with every line, with the tick.
        if not S.child and monotonic() - S.sent_at > TICK:
            flush()

    @property
    def raw(self):
        return self

    def write(self, data):
        if type(data) is not bytes:
            if isinstance(data, str):
                raise TypeError("a bytes-like object is required, not 'str'")
            data = bytes(data)
        if S.child:
            return child_write(self._fd, data)
        if self._fd == 1:
            # Text printed before this is still in the buffer above, unless this is that text.
            drain()
            pieces.append(data)
            S.size += len(data)
            if S.size >= FULL:
                flush()
        else:
            drain()
            pieces.append((data,))
            S.size += len(data)
            # The last words before a crash matter; a flood of them is sent by the tick.
            if S.size >= FULL or monotonic() - S.sent_at > TICK:
                flush()
        return len(data)


def make_stream(raw, name, **more):
    stream = _io.TextIOWrapper(raw, encoding='utf-8', errors='rialto', newline='\n', **more)
    stream.mode = 'w'
    try:
        stream._CHUNK_SIZE = 16 * 1024
    except Exception:
        pass
    return stream


raw_out, raw_err = Raw(1, '<stdout>'), Raw(2, '<stderr>')
raw_dict = raw_out.__dict__
stdout = make_stream(raw_out, '<stdout>')
stderr = make_stream(raw_err, '<stderr>', write_through=True)


def say(text):
    """To stderr, whatever sys.stderr is now."""
    try:
        stderr.write(text)
    except BaseException:
        pass
