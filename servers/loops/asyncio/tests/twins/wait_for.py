import asyncio


async def sleeper(trace, name, delay):
    try:
        await asyncio.sleep(delay)
        trace.in_order(f"{name} slept")
        return name
    finally:
        trace.in_order(f"{name} is left")


async def limited(trace, name, delay, limit):
    try:
        got = await asyncio.wait_for(sleeper(trace, name, delay), limit)
        trace.in_order(f"got {got} in time")
    except TimeoutError:
        trace.in_order(f"{name} was late")


async def main(trace):
    await asyncio.gather(
        limited(trace, "late", 9, 2),
        limited(trace, "quick", 1, 4),
        limited(trace, "slower", 3, 4),
        limited(trace, "later", 9, 5),
    )
    trace.in_order("main")
