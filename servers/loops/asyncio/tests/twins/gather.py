import asyncio


async def work(trace, name, delay):
    trace.at_turn(f"{name} begins")
    await asyncio.sleep(delay)
    trace.at_turn(f"{name} ends")
    return name


async def main(trace):
    delays = [("a", 2), ("b", 0), ("c", 1), ("d", 2)]
    results = await asyncio.gather(*(work(trace, name, delay) for name, delay in delays))
    trace.at_turn("gathered " + " ".join(results))
