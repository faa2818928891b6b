import asyncio
import socket


class Says(asyncio.Protocol):
    def __init__(self, trace, name):
        self.trace, self.name = trace, name
        self.lost = asyncio.Event()
        trace.at_turn(f"{name} is made")

    def connection_made(self, transport):
        self.trace.at_turn(f"{self.name} is connected")
        self.transport = transport

    def data_received(self, data):
        self.trace.at_turn(f"{self.name} received {data.decode()}")
        if self.name == "server":
            self.transport.write(data)

    def eof_received(self):
        self.trace.at_turn(f"{self.name} received the end")
        if self.name == "server":
            self.transport.write(b"bye")

    def connection_lost(self, error):
        self.trace.at_turn(f"{self.name} is lost, error: {str(error is not None).lower()}")
        self.lost.set()


async def main(trace):
    loop = asyncio.get_running_loop()
    servers = []

    def factory():
        servers.append(Says(trace, "server"))
        return servers[0]

    listener = socket.create_server(("127.0.0.1", 0))
    server = await loop.create_server(factory, sock=listener)
    trace.at_turn("connects")
    transport, client = await loop.create_connection(lambda: Says(trace, "client"), *listener.getsockname())
    trace.at_turn("has connected")
    server.close()
    transport.write(b"one")
    await asyncio.sleep(0)
    transport.write(b"two")
    transport.write_eof()
    await client.lost.wait()
    await servers[0].lost.wait()
    # What is lost takes nothing.
    transport.close()
    transport.abort()
    trace.at_turn(f"closing: {str(transport.is_closing()).lower()}")
