import asyncio


async def main(trace):
    loop = asyncio.get_running_loop()
    # Nothing else is ready, so that the loop waits for the result.
    trace.at_turn("asks")
    got = await loop.run_in_executor(None, lambda: "the result")
    trace.at_turn(f"got {got}")
    done = asyncio.Event()

    def callback(future):
        trace.at_turn(f"a callback got {future.result()}")
        done.set()

    loop.run_in_executor(None, lambda: "another").add_done_callback(callback)
    await done.wait()
    trace.at_turn("main")
