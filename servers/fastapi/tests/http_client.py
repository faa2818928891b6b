"""A connection that sends bytes and reads replies. Knows HTTP/1.1's framing, and believes nothing else."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

# So long does a test wait for an answer before it gives up; nothing depends on how fast one comes.
PATIENCE_S = 30


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A client's side of a connection."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_S)
        self._input = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._input.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        self.send(encode(method, target, body, headers))
        return self.reply(method)

    def get(self, target: str) -> Reply:
        return self.request("GET", target)

    def reply(self, method: str = "GET") -> Reply:
        status, headers = self.head()
        if method == "HEAD":
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = b"".join(self.chunks())
        elif "content-length" in headers:
            length = int(headers["content-length"])
            body = self._input.read(length)
            assert len(body) == length, f"{len(body)} bytes of {length}"
        else:
            body = self._input.read()
        return Reply(status, headers, body)

    def head(self) -> tuple[int, dict[str, str]]:
        line = self._line()
        assert line.startswith("HTTP/1.1 "), line
        headers: dict[str, str] = {}
        while field := self._line():
            name, _, value = field.partition(":")
            assert name.lower() not in headers, field
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers

    def chunks(self) -> Iterator[bytes]:
        while size := int(self._line(), 16):
            yield self._input.read(size)
            assert self._line() == ""
        assert self._line() == ""

    def read(self, size: int) -> bytes:
        data = self._input.read(size)
        assert len(data) == size, f"{len(data)} bytes of {size}"
        return data

    def rest(self) -> bytes:
        """What comes until the server closes."""
        return self._input.read()

    def is_at_end(self) -> bool:
        return self.rest() == b""

    def _line(self) -> str:
        line = self._input.readline()
        assert line.endswith(b"\r\n"), f"the server closed behind {line!r}"
        return line[:-2].decode("latin-1")


def encode(method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    fields = {"Host": "test", **(headers or {})}
    if body is not None and "Transfer-Encoding" not in fields:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
