import asyncio


async def yields(trace, name):
    for number in range(3):
        await asyncio.sleep(0)
        trace.at_turn(f"{name} {number}")


async def main(trace):
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(yields(trace, "a"))
    loop.call_soon(trace.at_turn, "soon")
    second = asyncio.create_task(yields(trace, "b"))
    # Already over when they are asked for; they still come by way of the heap.
    loop.call_at(0, trace.at_turn, "a timer of the past")
    await asyncio.sleep(0)
    loop.call_soon(trace.at_turn, "sooner")
    loop.call_later(0, trace.at_turn, "a timer of now")
    await second
    await first
    trace.at_turn("main")
