"""Uvicorn's httptools protocol with a bound on request heads, which it has not by itself.

(Its h11 protocol has one: `h11_max_incomplete_event_size`.) Knows heads; must never know what is asked for.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from bench_server.bounds import MAX_HEAD_BYTES
from bench_server.upgrade_order import OrderedUpgradeProtocol

# `GET /path HTTP/1.1\r\n` has so many bytes beside the method and the path, a field so many beside its name and value,
# and the head ends with an empty line.
_LINE_BYTES = len("  HTTP/1.1\r\n")
_FIELD_BYTES = len(": \r\n")
_END_BYTES = len("\r\n")


class HeadTooLong(Exception):
    """Raised inside the parser, which then gives up."""


class LimitedHttpToolsProtocol(OrderedUpgradeProtocol):
    """Answers heads over the bound with 431 and closes the connection.

    The parser does not say where in a piece of input a head begins. So two counts are kept: what the head has at most,
    which spares all ordinary requests a closer look, and what it has at least, which ends heads that never end.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_between_messages = True
        self._is_in_head = False
        self._piece_bytes = 0
        self._own_bytes = 0
        self._at_most = 0
        self._at_least = 0

    def data_received(self, data: bytes) -> None:
        self._piece_bytes = len(data)
        if self._is_in_head:
            self._at_most += len(data)
            self._at_least += len(data)
        # All of a piece belongs to the head that begins with it, as long as no other follows.
        self._own_bytes = len(data) if self._is_between_messages else 0
        super().data_received(data)
        if self._is_in_head and self._at_least > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._send_431_response()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_between_messages = False
        self._is_in_head = True
        self._at_most = self._piece_bytes
        self._at_least = self._own_bytes
        self._own_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._at_most > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            raise HeadTooLong
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_between_messages = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._at_most > MAX_HEAD_BYTES and not self._is_between_messages and self._head_bytes() > MAX_HEAD_BYTES:
            self._send_431_response()
        else:
            super().send_400_response(msg)

    def _head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + _FIELD_BYTES for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + _LINE_BYTES + fields + _END_BYTES

    def _send_431_response(self) -> None:
        text = b"The request's head is longer than %d bytes." % MAX_HEAD_BYTES
        fields = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        lines = [STATUS_LINE[431], *(b"%b: %b\r\n" % field for field in fields), b"\r\n", text]
        self.transport.write(b"".join(lines))
        self.transport.close()
