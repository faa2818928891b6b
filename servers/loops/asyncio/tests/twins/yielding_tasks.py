import asyncio


async def count(trace, name, times):
    for number in range(times):
        trace.at_turn(f"{name} {number}")
        await asyncio.sleep(0)
    trace.at_turn(f"{name} is done")


async def main(trace):
    tasks = [asyncio.create_task(count(trace, name, times)) for name, times in [("a", 3), ("b", 1), ("c", 2)]]
    trace.at_turn("no task has begun")
    for task in tasks:
        await task
        trace.at_turn("main")
