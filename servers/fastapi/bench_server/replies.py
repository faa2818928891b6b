"""Replies of the upstream, whichever client reads them."""

from collections.abc import AsyncIterator

from bench_server.bounds import MAX_REPLY_BYTES
from bench_server.failures import BadGateway

UNREACHABLE = "the upstream can't be reached: is it running, and within its limit of connections?"
NOT_HTTP = "the upstream's reply can't be read as HTTP"
CUT_OFF = "the upstream closed the connection before its reply was complete"


async def read(parts: AsyncIterator[bytes]) -> bytes:
    """Reads a body, and no further than its bound."""
    body = b""
    async for part in parts:
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise BadGateway(f"the upstream's reply is longer than {MAX_REPLY_BYTES} bytes")
    return body
