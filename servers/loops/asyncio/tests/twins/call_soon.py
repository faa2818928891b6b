import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()
    for name in "abc":
        loop.call_soon(trace.at_turn, name)
    trace.at_turn("main goes on first")
    await asyncio.sleep(0)
    trace.at_turn("main, after those that were called for before")
