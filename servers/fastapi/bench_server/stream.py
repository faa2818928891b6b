"""The body of /events for frameworks that take an iterator: what is sent when."""

import asyncio
from collections.abc import AsyncIterator

from bench_server import events


async def body(n: int, ms: int, method: str) -> AsyncIterator[bytes]:
    """`n` events, `ms` milliseconds apart; nothing where only the head is asked for."""
    if method != "GET":
        return
    for i, batch in enumerate(events.batches(n, ms)):
        if i > 0:
            # Also where no time is to pass: others get their turn.
            await asyncio.sleep(ms / 1000)
        yield batch
