import asyncio


async def forever(trace):
    while True:
        trace.at_turn("a task that never ends")
        await asyncio.sleep(0)


async def main(trace):
    loop = asyncio.get_running_loop()
    asyncio.create_task(forever(trace))
    await asyncio.sleep(0)

    def call(depth):
        trace.at_turn(f"called for at the end, {depth} deep")
        loop.call_soon(call, depth + 1)

    loop.call_soon(call, 1)
    # The loop stops after the turn in which the done callbacks run.
    trace.at_turn("main ends")
