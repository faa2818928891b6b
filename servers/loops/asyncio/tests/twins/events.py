import asyncio


async def waiter(trace, name, event):
    await event.wait()
    trace.at_turn(f"{name} goes on, set: {str(event.is_set()).lower()}")


async def main(trace):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiter(trace, name, event)) for name in "abc"]
    await asyncio.sleep(0)
    trace.at_turn("sets it")
    event.set()
    # Who was woken goes on all the same, and who comes now waits.
    event.clear()
    tasks.append(asyncio.create_task(waiter(trace, "d", event)))
    tasks[1].cancel()
    await asyncio.sleep(0)
    trace.at_turn("a turn later")
    await asyncio.sleep(0)
    event.set()
    event.set()
    await event.wait()
    trace.at_turn("no turn where it is set")
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass
    trace.at_turn("all are done")
