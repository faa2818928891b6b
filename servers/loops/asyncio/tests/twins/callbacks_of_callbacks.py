import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()

    def call(name, depth):
        trace.at_turn(f"{name} {depth}")
        if depth:
            loop.call_soon(call, name, depth - 1)
            if depth == 2:
                loop.call_soon(call, name + "'", 0)

    loop.call_soon(call, "a", 3)
    loop.call_soon(call, "b", 2)
    # A timer that is due at once runs after what is ready already.
    loop.call_later(0, call, "timer", 1)
    await asyncio.sleep(1)
    trace.at_turn("main")
