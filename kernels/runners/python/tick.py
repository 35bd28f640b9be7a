# The helper thread: the tick that sends output while code runs, and the lifeline that ends a kernel nobody hears of.

WAKE_R, WAKE_W = posix.pipe()
WAKE_R, WAKE_W = high(WAKE_R, 900), high(WAKE_W, 900)
posix.set_blocking(WAKE_R, False)
posix.set_blocking(WAKE_W, False)
POLL = select.poll()
POLL.register(IN, select.POLLIN)
HELPER_POLL = select.poll()
HELPER_POLL.register(IN, 0)
HELPER_POLL.register(OUT, 0)
HELPER_POLL.register(WAKE_R, select.POLLIN)


def helper():
    idle_since = monotonic()
    timeout = None
    while True:
        try:
            for fd, _ in HELPER_POLL.poll(timeout):
                if fd != WAKE_R:
                    # The supervisor is gone, or user code has closed the channel: nobody will ever hear of this process.
                    posix.killpg(0, 9) if posix.getpgrp() == PID else posix.kill(PID, 9)
                os_read(WAKE_R, 512)
                idle_since = monotonic()
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
        # An interrupt that came in the last instructions before user code went on.
        if due and S.running and not S.crit and not S.waiting:
            pthread_kill(MAIN, due.popleft())


def wake():
    try:
        os_write(WAKE_W, b'w')
    except OSError:
        pass
