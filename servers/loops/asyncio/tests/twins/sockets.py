import asyncio
import socket


async def echo(trace, stream):
    loop = asyncio.get_running_loop()
    while received := await loop.sock_recv(stream, 100):
        trace.in_order(f"echoes {received.decode()}")
        await loop.sock_sendall(stream, received)
    trace.in_order("the echo's input is over")


async def main(trace):
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    for stream in [ours, theirs]:
        stream.setblocking(False)
    task = asyncio.create_task(echo(trace, theirs))
    await asyncio.sleep(0)
    for text in [b"one", b"two"]:
        # What is ready runs while the answer is on its way.
        loop.call_soon(trace.in_order, f"sent {text.decode()}")
        await loop.sock_sendall(ours, text)
        got = await loop.sock_recv(ours, 100)
        trace.in_order(f"got {got.decode()}")
    ours.shutdown(socket.SHUT_WR)
    await task
    trace.in_order("main")
