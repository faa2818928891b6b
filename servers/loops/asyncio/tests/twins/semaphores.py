import asyncio


async def worker(trace, name, semaphore, turns):
    async with semaphore:
        trace.at_turn(f"{name} begins")
        for _ in range(turns):
            await asyncio.sleep(0)
    trace.at_turn(f"{name} has ended")


async def main(trace):
    semaphore = asyncio.Semaphore(2)
    tasks = [asyncio.create_task(worker(trace, name, semaphore, turns)) for name, turns in zip("abcdef", [3, 1, 2, 1, 0, 1])]
    trace.at_turn(f"locked: {str(semaphore.locked()).lower()}")
    await asyncio.sleep(0)
    trace.at_turn(f"locked: {str(semaphore.locked()).lower()}")
    # One that waits, and one that has just been given its turn, give up.
    tasks[3].cancel()
    await asyncio.sleep(0)
    tasks[2].cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass
    trace.at_turn(f"locked: {str(semaphore.locked()).lower()}")
    async with semaphore, semaphore:
        trace.at_turn(f"no turn where it is free, locked: {str(semaphore.locked()).lower()}")
