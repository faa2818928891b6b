#!/usr/bin/env python3
"""A server that answers every request alike, and writes down when each arrived.

    arrivals.py HOST LOG

It prints `listening on HOST:PORT`. A line of LOG is a reading of CLOCK_MONOTONIC in nanoseconds and what was asked for.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import IO

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection, whose requests have no bodies."""

    def __init__(self, log: IO[str]) -> None:
        self.log = log
        self.unread = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was accepted."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers what is whole."""
        at_ns = time.monotonic_ns()
        assert self.transport is not None
        *heads, self.unread = (self.unread + data).split(END)
        for head in heads:
            target = head.split(b" ", 2)[1].decode()
            self.log.write(f"{at_ns} {target}\n")
            self.transport.write(REPLY)


async def serve(host: str, path: str) -> None:
    """Serves until it is killed."""
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(log), host, 0)
        print(f"listening on {host}:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
