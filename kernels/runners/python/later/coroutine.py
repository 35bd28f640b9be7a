# Top-level `await`, on the one event loop of the kernel.
#
# This file and its neighbours in this folder are what not every session needs. They are compiled together, into the namespace
# of the others, when one of their functions is first needed.

def run_coroutine(coroutine):
    """Runs top-level `await` on the one event loop of this kernel."""
    import asyncio
    if S.loop is None or S.loop.is_closed():
        S.loop = asyncio.new_event_loop()
    loop = S.loop
    asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    S.interrupted = False
    S.awaiting = task
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        if S.interrupted:
            raise KeyboardInterrupt from None
        raise
    except KeyboardInterrupt:
        if not task.done():
            task.cancel()
            try:
                loop.run_until_complete(task)
            except BaseException:
                pass
        raise
    finally:
        S.awaiting = None
