"""The calls that /upstream makes, over connections that are kept alive."""

import asyncio
from typing import Literal

import aiohttp

from bench_server.bounds import CALL_EXTRA_MS, IDLE_CONNECTION_S, MAX_REPLY_BYTES, MAX_UPSTREAM_CONNECTIONS
from bench_server.failures import BadGateway, Unavailable

Mode = Literal["seq", "par"]


class Upstream:
    """The upstream at one address, or none. To be closed with the server.

    aiohttp makes a call once more, on a new connection, where a kept one turns out to be closed (RFC 9112 §9.3.1 allows
    that for GET).
    """

    def __init__(self, address: str | None) -> None:
        self._base = f"http://{address}"
        self._session = None
        if address is not None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_UPSTREAM_CONNECTIONS, keepalive_timeout=IDLE_CONNECTION_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def close(self) -> None:
        """Closes the idle connections."""
        if self._session is not None:
            await self._session.close()

    async def total(self, calls: int, ms: int, mode: Mode) -> int:
        """Makes the calls, one after the other or all at once, and sums what they answer."""
        if self._session is None:
            raise Unavailable("this server was started without --upstream")
        numbers = range(1, calls + 1)
        if mode == "seq":
            return sum([await self._call(self._session, number, ms) for number in numbers])
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._call(self._session, number, ms)) for number in numbers]
        except ExceptionGroup as failed:
            # One is enough to say; the group has cancelled the others.
            raise failed.exceptions[0] from None
        return sum(task.result() for task in tasks)

    async def _call(self, session: aiohttp.ClientSession, number: int, ms: int) -> int:
        timeout = aiohttp.ClientTimeout(total=(ms + CALL_EXTRA_MS) / 1000)
        try:
            async with session.get(f"{self._base}/call/{number}?ms={ms}", timeout=timeout) as response:
                if response.status != 200:
                    raise BadGateway(f"the upstream answered with status {response.status} instead of 200")
                return _number(await _read(response))
        except TimeoutError:
            raise BadGateway(f"the upstream took {CALL_EXTRA_MS} ms longer than it was asked to") from None
        except aiohttp.ClientConnectorError:
            raise BadGateway(
                "the upstream can't be reached: is it running, and within its limit of connections?"
            ) from None
        except aiohttp.ClientResponseError:
            raise BadGateway("the upstream's reply can't be read as HTTP") from None
        except (aiohttp.ClientError, OSError):
            raise BadGateway("the upstream closed the connection before its reply was complete") from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise BadGateway(f"the upstream's reply is longer than {MAX_REPLY_BYTES} bytes")
    return body


def _number(reply: bytes) -> int:
    # `int` alone would also take a sign, spaces and underscores.
    if not reply.isdigit():
        raise BadGateway("the upstream's reply is not a number that can be summed")
    return int(reply)
