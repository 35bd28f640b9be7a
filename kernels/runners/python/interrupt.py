# Which code a signal may interrupt, and how an interrupt stays out of every other.
#
# Every Python signal handler is installed as `on_signal`. It lets the user's handler run only while user code does: `S.crit`
# is 0, and the function on top of the stack is not one of the runner's. Otherwise the signal is noted in `due`, and delivered on
# the way out. An interrupt that comes while nothing runs and no command waits in the channel is for nobody; reading a fence
# forgets those that are due.
#
# Python notes a signal and runs its handler a little later. When that little later is a call that blocks, and the signal came in
# the instant before it, the handler would run when the call is over: perhaps never. So each signal is also told to the helper
# thread (by Python's wakeup descriptor), and one whose handler has not run within two milliseconds is followed by a nudge, which
# ends the blocking call. A nudge means nothing, so that it may come too late, or twice.

handlers = {SIGINT: _signal.default_int_handler}
real_signal = _signal.signal
real_getsignal = _signal.getsignal
real_set_wakeup_fd = _signal.set_wakeup_fd
# One that no program uses, that nothing happens by where nobody handles it, and that debuggers let through.
NUDGE = int(_signal.SIGURG)


def on_signal(sig, frame):
    S.heard += 1
    if S.child:
        handler = handlers.get(sig)
        return handler(sig, frame) if callable(handler) else None
    if S.idle:
        if sig == SIGINT and handlers.get(sig) is default_int:
            # For the eval whose command is already on its way, or for nobody.
            if S.unread or BUFFER[4] or ioctl(IN, FIONREAD, ZERO) != ZERO or ioctl(AHEAD, FIONREAD, ZERO) != ZERO:
                due.append(sig)
            return None
        return beside(handlers.get(sig), sig, frame)
    if S.waiting:
        S.waiting = False
        handlers[sig](sig, frame)
        S.waiting = True
    elif S.crit or frame is None or frame.f_code.co_filename == ME:
        if sig not in due:
            due.append(sig)
    elif S.awaiting is not None and sig == SIGINT and handlers.get(sig) is default_int and in_loop(frame):
        # Raising in the middle of the event loop would break it: cancel the task instead.
        S.interrupted = True
        S.awaiting.cancel()
        S.loop.call_soon_threadsafe(int)
    else:
        return handlers[sig](sig, frame)


def on_nudge(sig, frame):
    S.nudged = True
    # A signal that came in the last instructions before user code went on.
    if due and S.running and not S.idle and not S.child:
        sig = due.popleft()
        if callable(handlers.get(sig)):
            on_signal(sig, frame)


default_int = _signal.default_int_handler


def in_loop(frame):
    name = frame.f_code.co_filename
    return name.endswith('selectors.py') or '/asyncio/' in name


def beside(handler, sig, frame):
    """Runs a user's handler while nothing runs: what it raises is told and goes nowhere."""
    if not callable(handler):
        return
    S.idle = False
    try:
        ok, value = user(handler, sig, frame)
        if not ok:
            say(failure(value)[2])
    finally:
        S.idle = True


def deliver():
    """Runs the handlers of the signals that came meanwhile; they may raise."""
    while due:
        sig = due.popleft()
        handler = handlers.get(sig)
        if callable(handler):
            handler(sig, sys._getframe(1))


def signal(signum, handler):
    """Set the action for the given signal."""
    signum = int(signum)
    if not callable(handler):
        was = getsignal(signum)
        real_signal(signum, handler)
        handlers.pop(signum, None)
        return was
    was = getsignal(signum)
    real_signal(signum, on_signal)
    handlers[signum] = handler
    return was


def getsignal(signalnum):
    """Return the current action for the given signal."""
    now = real_getsignal(signalnum)
    if now is on_nudge:
        return _signal.SIG_DFL
    return handlers.get(int(signalnum)) if now is on_signal else now


def set_wakeup_fd(fd, *, warn_on_full_buffer=True):
    """Sets the fd to be written to (with the signal number) when a signal comes in."""
    if S.child:
        # Nobody else needs to hear of its signals, and the kernel's own descriptors are closed in it.
        S.wakeup = fd
        return real_set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    # Python looks whether it will do, and who asks. What comes then is passed on by the helper thread, which must hear it too.
    real_set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    real_set_wakeup_fd(WAKE_W, warn_on_full_buffer=False)
    was, S.wakeup = S.wakeup, fd
    return was


def settled():
    """Calling a function lets Python run the handlers of signals that have already come."""
    return None


def fence(frame):
    settled()
    due.clear()
    send(8, frame[1:5])
