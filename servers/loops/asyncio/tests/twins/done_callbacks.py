import asyncio


async def waiter(trace, name, future):
    trace.at_turn(f"{name} got {await future}")


async def main(trace):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.add_done_callback(lambda _: trace.at_turn("first callback"))
    first = asyncio.create_task(waiter(trace, "first task", future))
    second = asyncio.create_task(waiter(trace, "second task", future))
    await asyncio.sleep(0)
    future.add_done_callback(lambda _: trace.at_turn("last callback"))
    loop.call_soon(trace.at_turn, "called for before the result")
    future.set_result("a result")
    loop.call_soon(trace.at_turn, "called for after the result")
    trace.at_turn("main goes on first")
    await second
    future.add_done_callback(lambda _: trace.at_turn("a callback of what is done"))
    trace.at_turn(f"main got {await future} at once")
    await first

    cancelled = loop.create_future()
    cancelled.add_done_callback(lambda _: trace.at_turn("callback of what was cancelled"))
    loop.call_soon(cancelled.cancel)
    try:
        await cancelled
    except asyncio.CancelledError:
        trace.at_turn("main sees that it was cancelled")
