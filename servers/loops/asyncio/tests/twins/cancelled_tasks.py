import asyncio


async def sleeper(trace, name, delay):
    trace.at_turn(f"{name} begins")
    try:
        await asyncio.sleep(delay)
        trace.at_turn(f"{name} slept")
    finally:
        trace.at_turn(f"{name} is left")


async def waiter(trace, name, task):
    try:
        await task
        trace.at_turn(f"{name} is done")
    except asyncio.CancelledError:
        trace.at_turn(f"{name} was cancelled")


async def main(trace):
    tasks = {name: asyncio.create_task(sleeper(trace, name, delay)) for name, delay in [("a", 9), ("b", 1), ("c", 0)]}
    unborn = asyncio.create_task(sleeper(trace, "never", 1))
    waiters = [asyncio.create_task(waiter(trace, f"{name}'s", task)) for name, task in tasks.items()]
    unborn.cancel()
    await asyncio.sleep(0)
    # Whoever is about to run is cancelled all the same.
    trace.at_turn(f"c can be cancelled: {str(tasks['c'].cancel()).lower()}")
    await asyncio.sleep(2)
    trace.at_turn(f"a can be cancelled: {str(tasks['a'].cancel()).lower()}")
    trace.at_turn(f"b can be cancelled: {str(tasks['b'].cancel()).lower()}")
    for task in waiters:
        await task
    trace.at_turn(f"all are done: {str(all(task.done() for task in tasks.values())).lower()}")
