import asyncio


async def sleeper(trace, name, delay):
    try:
        await asyncio.sleep(delay)
        trace.at_turn(f"{name} slept")
    finally:
        trace.at_turn(f"{name} is left")


async def main(trace):
    asyncio.get_running_loop().call_later(4, trace.at_turn, "a timer")
    # What `wait_for` has been since Python 3.12; in 3.11 that makes a task, whose end takes more turns.
    for name, delay, limit in [("quick", 1, 2), ("slow", 3, 2), ("exact", 2, 2), ("yields", 0, 1)]:
        try:
            async with asyncio.timeout(limit):
                await sleeper(trace, name, delay)
            trace.at_turn(f"{name} was in time")
        except TimeoutError:
            trace.at_turn(f"{name} was not")
    await asyncio.sleep(5)
    trace.at_turn("main")
