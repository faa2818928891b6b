"""A WebSocket client that shows every frame (RFC 6455 §5.2)."""

import base64
import hashlib
import struct
from typing import Self

from tests.http_client import Connection, Reply, encode

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_KEY = base64.b64encode(b"sixteen bytes ok").decode()
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": _KEY,
}


class Member:
    """Takes part in a chat."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.connection = Connection(port)
        self.connection.send(encode("GET", "/chat", headers={**UPGRADE, **(headers or {})}))
        status, self.headers = self.connection.head()
        assert status == 101, status
        digest = hashlib.sha1((_KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert self.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        self.connection.send(frame(opcode, payload, fin))

    def say(self, text: str) -> None:
        self.send(TEXT, text.encode())

    def receive(self) -> tuple[int, bytes]:
        first, second = self.connection.read(2)
        assert first & 0x70 == 0, "no extension, so no reserved bit"
        assert first & 0x80, "servers here send messages whole"
        assert second < 0x80, "servers do not mask"
        length = second
        if length == 126:
            (length,) = struct.unpack(">H", self.connection.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.connection.read(8))
        return first & 0x0F, self.connection.read(length)

    def hear(self) -> str:
        opcode, payload = self.receive()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def closed_with(self) -> int:
        """Reads up to the server's close frame and tells its code."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0]


def frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    # Clients must mask; the mask of zeros leaves the payload as it is.
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65_536:
        head += struct.pack(">BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack(">BQ", 0x80 | 127, len(payload))
    return head + bytes(4) + payload


def ask(port: int, target: str, headers: dict[str, str]) -> Reply:
    """A handshake that is to be refused."""
    with Connection(port) as connection:
        return connection.request("GET", target, headers=headers)
