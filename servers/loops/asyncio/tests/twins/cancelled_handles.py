import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()

    def cancel(name, handle):
        trace.at_turn(f"{name} cancels another")
        handle.cancel()

    never = loop.call_soon(trace.at_turn, "never, cancelled at once")
    never.cancel()
    never.cancel()
    # Within one turn, the first can still cancel the second.
    handles = []
    loop.call_soon(lambda: cancel("a callback", handles[0]))
    handles.append(loop.call_soon(trace.at_turn, "never, cancelled in its own turn"))
    loop.call_later(3, trace.at_turn, "a timer")
    late = loop.call_later(2, trace.at_turn, "never, cancelled before its time")
    loop.call_later(1, cancel, "a timer", late)
    # Both are due in the same turn, and the first cancels the second.
    twin = []
    loop.call_at(4, lambda: cancel("a twin", twin[0]))
    twin.append(loop.call_at(4, trace.at_turn, "never, cancelled by its twin"))
    await asyncio.sleep(10)
    handles[0].cancel()
    trace.at_turn("main")
