import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()
    # Which of several equal timers is first is the heap's own affair.
    for number in range(40):
        loop.call_at(number * 7 % 3 + 1, trace.at_turn, f"timer {number}")
    await asyncio.sleep(5)
    # So many are cancelled here that the heap is made anew, which changes the order of those that are left.
    timers = [loop.call_at(10 + number * 5 % 4, trace.at_turn, f"one of many, {number}") for number in range(150)]
    for number, timer in enumerate(timers):
        if number % 5:
            timer.cancel()
    await asyncio.sleep(10)
    trace.at_turn("main")
