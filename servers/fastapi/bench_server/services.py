"""What a running application works with, made when it starts and ended when it stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench_server.chat import Room
from bench_server.database import Database
from bench_server.held import LoopWork
from bench_server.lag import LoopLag
from bench_server.pool import Pool
from bench_server.settings import Settings
from bench_server.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Services:
    """One of each for the whole server: it has one process and one loop."""

    settings: Settings
    pool: Pool
    upstream: Upstream
    database: Database
    room: Room
    lag: LoopLag
    held: LoopWork


@asynccontextmanager
async def running(settings: Settings, driver: str = "database_asyncpg", cache: str = "cache") -> AsyncIterator[Services]:
    """The services, on the loop that runs now; `driver` and `cache` are those of `database`."""
    upstream = Upstream(settings.upstream, settings.client)
    database = Database(settings, driver, cache)
    await database.open()
    lag = LoopLag()
    sampler = asyncio.create_task(lag.sample(), name="loop lag sampler")
    try:
        yield Services(settings, Pool(settings.pool_threads), upstream, database, Room(), lag, LoopWork())
    finally:
        sampler.cancel()
        await upstream.close()
        await database.close()
