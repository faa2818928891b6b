"""Uvicorn's WebSocket protocol with a bound on the pongs that wait for a client, which it has not by itself.

It answers every ping whether or not the client reads: whoever sends pings and never reads would fill the memory. Knows pings;
must never know what is said.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from bench_server.bounds import MAX_UNREAD_BYTES


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Disconnects a client that lets too much wait, as the chat does where it is messages that wait."""

    def handle_ping(self) -> None:
        if self.transport.is_closing():
            # Pings that came with those that were too many. What they would be answered is nobody's any more.
            self.conn.data_to_send()
            return
        super().handle_ping()
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()
