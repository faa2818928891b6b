import asyncio


async def work(trace, name):
    loop = asyncio.get_running_loop()
    got = await loop.run_in_executor(None, lambda: f"the result of {name}")
    trace.in_order(f"{name} got {got}")


async def main(trace):
    loop = asyncio.get_running_loop()
    ran = []
    for number in range(5):
        loop.run_in_executor(None, ran.append, number)
    tasks = [asyncio.create_task(work(trace, name)) for name in "abc"]
    for task in reversed(tasks):
        await task
    trace.in_order(f"in the executor ran {ran}")
    # A thread's callback from within runs after those that were called for before.
    calls = []
    loop.call_soon(calls.append, "soon")
    loop.call_soon_threadsafe(calls.append, "threadsafe")
    loop.call_soon(calls.append, "soon again")
    await loop.run_in_executor(None, loop.call_soon_threadsafe, calls.append, "from a thread")
    trace.in_order(", ".join(calls))
