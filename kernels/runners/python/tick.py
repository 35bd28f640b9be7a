# The helper thread: the tick that sends output while code runs, and the lifeline that ends a kernel nobody hears of.

WAKE_R, WAKE_W = posix.pipe()
WAKE_R, WAKE_W = high(WAKE_R, 900), high(WAKE_W, 900)
posix.set_blocking(WAKE_R, False)
posix.set_blocking(WAKE_W, False)
POLL = select.poll()
POLL.register(IN, select.POLLIN)
LOOK = select.poll()
LOOK.register(IN, select.POLLIN)
LOOK.register(AHEAD, select.POLLIN)
HELPER_POLL = select.poll()
HELPER_POLL.register(IN, 0)
HELPER_POLL.register(OUT, 0)
HELPER_POLL.register(WAKE_R, select.POLLIN)


def helper():
    idle_since = monotonic()
    timeout = None
    told = 0        # signals that have come, of which `S.heard` have been handled
    patience = 2    # how long the next nudge waits, in milliseconds
    while True:
        nudge = False
        try:
            for fd, _ in HELPER_POLL.poll(timeout):
                if S.nudged and patience > 2:
                    # All that came before the nudge has been handled, even where two in one instant were handled as one.
                    told, patience = S.heard, 2
                if fd != WAKE_R:
                    # The supervisor is gone, or user code has closed the channel: nobody will ever hear of this process.
                    posix.killpg(0, 9) if posix.getpgrp() == PID else posix.kill(PID, 9)
                told += pass_on(os_read(WAKE_R, 512))
                idle_since = monotonic()
                break
            else:
                nudge = True
        except BlockingIOError:
            pass
        now = monotonic()
        if S.running or _thread._count() > 1:
            idle_since = now
        if now - idle_since > 1:
            S.parked = True
            if S.running or _thread._count() > 1:
                S.parked = False
            timeout = 10 if not S.parked else None
        else:
            S.parked = False
            timeout = 10
        try:
            flush()
        except BaseException:
            pass
        if told < S.heard or S.nudged and patience > 2:
            told, patience = S.heard, 2
        if told > S.heard or due and S.running and (S.waiting or not S.crit):
            if real_getsignal(NUDGE) is not on_nudge:
                # The user has a use for it, so there are no nudges.
                told = S.heard
                continue
            if nudge:
                patience = min(patience * 2, 1000)
                S.nudged = False
                pthread_kill(MAIN, NUDGE)
            timeout = patience if timeout is None else min(patience, timeout)


def pass_on(signals):
    """What was written into the wake pipe: how many signals, which the user's own wakeup descriptor gets as well."""
    signals = signals.translate(None, b'w')
    if signals and S.wakeup >= 0:
        try:
            os_write(S.wakeup, signals)
        except OSError:
            pass
    return len(signals) - signals.count(NUDGE)


def wake():
    try:
        os_write(WAKE_W, b'w')
    except OSError:
        pass
