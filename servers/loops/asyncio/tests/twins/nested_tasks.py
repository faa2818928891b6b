import asyncio


async def grow(trace, name, depth):
    trace.at_turn(f"{name} begins")
    if depth:
        left = asyncio.create_task(grow(trace, name + "l", depth - 1))
        right = asyncio.create_task(grow(trace, name + "r", depth - 1))
        # Awaited as it is, a coroutine takes no step of its own.
        await grow(trace, name + "m", 0)
        await right
        await left
    trace.at_turn(f"{name} ends")


async def main(trace):
    await asyncio.create_task(grow(trace, "root", 3))
    trace.at_turn("main")
