import asyncio
import socket


class Reader(asyncio.Protocol):
    def __init__(self, trace):
        self.trace = trace

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.trace.at_turn(f"received {data.decode()}")
        self.transport.pause_reading()

    def connection_lost(self, error):
        self.trace.at_turn(f"lost, error: {str(error is not None).lower()}")


async def main(trace):
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    transport, _ = await loop.create_connection(lambda: Reader(trace), *listener.getsockname())
    theirs, _ = listener.accept()
    theirs.send(b"one")
    await asyncio.sleep(1)
    theirs.send(b"two")
    await asyncio.sleep(1)
    trace.at_turn(f"reading: {str(transport.is_reading()).lower()}")
    transport.resume_reading()
    transport.resume_reading()
    await asyncio.sleep(1)
    # Aborted, what waits is dropped; the protocol hears of it in the next turn.
    transport.write(b"?")
    transport.abort()
    transport.abort()
    transport.resume_reading()
    trace.at_turn(f"aborted, reading: {str(transport.is_reading()).lower()}")
    await asyncio.sleep(1)
    trace.at_turn("main")
