"""The calls that /upstream makes, over connections that are kept alive."""

import asyncio
import importlib
from typing import Any, Literal

from bench_server.bounds import CALL_EXTRA_MS
from bench_server.failures import BadGateway, Unavailable
from bench_server.settings import ClientName

Mode = Literal["seq", "par"]


class Upstream:
    """The upstream at one address, or none. To be closed with the server."""

    def __init__(self, address: str | None, client: ClientName) -> None:
        self._client: Any = None
        if address is not None:
            # Imported here: no server carries the client in its memory that it does not use.
            self._client = importlib.import_module(f"bench_server.upstream_{client}").Client(f"http://{address}")

    async def close(self) -> None:
        """Closes the idle connections."""
        if self._client is not None:
            await self._client.close()

    async def total(self, calls: int, ms: int, mode: Mode) -> int:
        """Makes the calls, one after the other or all at once, and sums what they answer."""
        if self._client is None:
            raise Unavailable("this server was started without --upstream")
        numbers = range(1, calls + 1)
        if mode == "seq":
            return sum([await self._call(number, ms) for number in numbers])
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._call(number, ms)) for number in numbers]
        except ExceptionGroup as failed:
            # One is enough to say; the group has cancelled the others.
            raise failed.exceptions[0] from None
        return sum(task.result() for task in tasks)

    async def _call(self, number: int, ms: int) -> int:
        try:
            status, reply = await self._client.get(f"/call/{number}?ms={ms}", (ms + CALL_EXTRA_MS) / 1000)
        except TimeoutError:
            raise BadGateway(f"the upstream took {CALL_EXTRA_MS} ms longer than it was asked to") from None
        if status != 200:
            raise BadGateway(f"the upstream answered with status {status} instead of 200")
        return _number(reply)


def _number(reply: bytes) -> int:
    # `int` alone would also take a sign, spaces and underscores.
    if not reply.isdigit():
        raise BadGateway("the upstream's reply is not a number that can be summed")
    return int(reply)
