# How a frame gets from here to the other side and back, whole, whatever happens meanwhile.

def outq():
    return ioctl(OUT, FIONREAD, ZERO)


def settle():
    """Waits until the other side has read what is in the pipes, so that what is sent next comes after it."""
    if ioctl(FD1, FIONREAD, ZERO) == ZERO and ioctl(FD2, FIONREAD, ZERO) == ZERO:
        return
    spins = 0 if monotonic() > S.flood else 40
    while spins < 40:
        sleep(0.00005 if spins < 20 else 0.001)
        if ioctl(FD1, FIONREAD, ZERO) == ZERO and ioctl(FD2, FIONREAD, ZERO) == ZERO:
            return
        spins += 1
    # Somebody fills the pipes without a pause, or the other side is busy. It has read the bytes in question once it has
    # worked off one frame, and it has worked off one once it has taken the next.
    S.flood = monotonic() + 1
    for _ in (1, 2):
        transmit(b'\x01\0\0\0\x0a')
        while outq() != ZERO:
            sleep(0.0002)


def transmit(data):
    """Writes all of it; the caller holds `sending`."""
    n = os_write(OUT, data)
    if n != len(data):
        view = memoryview(data)[n:]
        while view:
            view = view[os_write(OUT, view):]


def send(kind, body=b'', more=()):
    """Sends everything written so far, then this frame, and `more` frames that nothing may come between."""
    me = get_ident()
    main = me == MAIN
    if main:
        before, S.crit = S.crit, 1
    tracing = hush()
    if S.owner == me:
        # A signal handler in the middle of a send: only output can be asked for here, and it will be sent.
        if main:
            S.crit = before
        return
    sending.acquire()
    S.owner = me
    try:
        pull()
        pump()
        settle()
        transmit(pack('<IB', len(body) + 1, kind) + body)
        for frame in more:
            transmit(frame)
    finally:
        S.owner = 0
        sending.release()
        if tracing:
            unhush(tracing)
        if main:
            S.crit = before
    if main and due and not before:
        deliver()


def hush():
    """Switches the user's trace and profile functions off: they could raise in the middle of a frame."""
    if gettrace() is None and getprofile() is None:
        return None
    was = gettrace(), getprofile()
    settrace(None)
    setprofile(None)
    return was


def unhush(was):
    setprofile(was[1])
    settrace(was[0])

def whole_frame():
    unread = S.unread
    if len(unread) < 5:
        return None
    length, = unpack_from('<I', unread)
    if len(unread) < length + 4:
        return None
    frame = bytes(unread[4:length + 4])
    del unread[:length + 4]
    return frame


def receive():
    data = os_read(IN, 65536)
    if not data:
        posix.killpg(0, 9) if posix.getpgrp() == PID else os_exit(1)
    S.unread += data


def read_ahead():
    """The next frame of what has been read already, or None after one more read. The caller holds `receiving`."""
    if backlog:
        return backlog.popleft()
    frame = whole_frame()
    if frame is None:
        S.idle = True
        receive()
        S.idle = False
    return frame


def from_buffer(size):
    """The frame that has just been read into BUFFER, or None where that was less than one, or more."""
    if not size:
        posix.killpg(0, 9) if posix.getpgrp() == PID else os_exit(1)
    S.unread += VIEW[:size]
    BUFFER[4] = 0
    return whole_frame()
