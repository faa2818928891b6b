import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()

    def hold(seconds):
        trace.at_turn("holding the loop")
        loop.now += seconds
        loop.call_soon(trace.at_turn, "called for while it was held")

    for delay in [4, 2, 7, 3]:
        loop.call_later(delay, trace.at_turn, f"due after {delay} s")
    loop.call_later(1, hold, 4)
    asyncio.create_task(late_sleeper(trace))
    await asyncio.sleep(6)
    trace.at_turn("main")
    await asyncio.sleep(2)
    trace.at_turn("main")


async def late_sleeper(trace):
    for _ in range(3):
        await asyncio.sleep(1)
        trace.at_turn("slept a second, or more")
