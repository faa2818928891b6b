import asyncio
import socket


class Writer(asyncio.Protocol):
    def __init__(self, trace):
        self.trace = trace
        self.resumed, self.lost = asyncio.Event(), asyncio.Event()

    def pause_writing(self):
        self.trace.in_order("pause")

    def resume_writing(self):
        self.trace.in_order("resume")
        self.resumed.set()

    def connection_lost(self, error):
        self.trace.in_order(f"lost, error: {str(error is not None).lower()}")
        self.lost.set()


class Reader(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data):
        pass


async def main(trace):
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    writer, protocol = await loop.create_connection(lambda: Writer(trace), *listener.getsockname())
    reader = Reader()
    await loop.connect_accepted_socket(lambda: reader, listener.accept()[0])
    writer.write(b"little")
    trace.in_order(f"waiting: {writer.get_write_buffer_size()}")
    # More than the kernel's buffers hold; how much that is says the machine.
    much = bytes(32 * 1024 * 1024)
    writer.write(much)
    trace.in_order(f"waiting: {str(writer.get_write_buffer_size() > 64 * 1024).lower()}")
    writer.write(much)
    reader.transport.resume_reading()
    await protocol.resumed.wait()
    trace.in_order(f"waiting at most the low-water mark: {str(writer.get_write_buffer_size() <= 16 * 1024).lower()}")
    # Limits of our own: more than 0 is too much.
    protocol.resumed.clear()
    writer.set_write_buffer_limits(0)
    reader.transport.pause_reading()
    writer.write(much)
    trace.in_order("closes")
    writer.close()
    writer.write(b"after that")
    reader.transport.resume_reading()
    await protocol.lost.wait()
    trace.in_order(f"waiting: {writer.get_write_buffer_size()}, resumed: {str(protocol.resumed.is_set()).lower()}")
