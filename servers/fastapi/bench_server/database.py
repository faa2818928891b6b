"""What the routes of /db do, whatever driver asks PostgreSQL; and the cache in Redis before it."""

import importlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from bench_server.bounds import CACHED_S, PRODUCTS, QUERIES, QUERY_STRIDE
from bench_server.failures import Unavailable
from bench_server.orders import Order
from bench_server.settings import Settings

# A product: `id`, `name` and `price_cents`, in this order.
Row = dict[str, Any]


class Driver(Protocol):
    """What modules that know a driver have as their class `Driver`."""

    # What it raises where the database is not there, or no longer.
    errors: tuple[type[Exception], ...]

    def __init__(self, url: str, connections: int) -> None: ...

    async def open(self) -> None:
        """Called once before the rest, on the loop that runs; waits for no connection."""
        ...

    async def product(self, id: int) -> Row:
        """The product with this id."""
        ...

    async def products(self, id: int, count: int) -> list[Row]:
        """So many products, from this id on."""
        ...

    async def products_one_by_one(self, ids: Sequence[int]) -> list[Row]:
        """Those with these ids, by a query for each, one after the other on one connection."""
        ...

    async def insert_order(self, order: Order) -> None:
        """Writes an order and its items in one transaction."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


class Database:
    """The database and the cache, or neither; failures of both cost the request and not the server."""

    def __init__(self, settings: Settings, driver: str, cache: str = "cache") -> None:
        """`driver` and `cache` are the modules that have the classes `Driver` and `Cache`."""
        self.driver: Any = None
        self.cache: Any = None
        # Imported here: no server carries a driver in its memory that is not asked for it.
        if settings.database_url is not None:
            module = importlib.import_module(f"bench_server.{driver}")
            self.driver = module.Driver(settings.database_url, settings.database_connections)
        if settings.redis_url is not None:
            module = importlib.import_module(f"bench_server.{cache}")
            self.cache = module.Cache(settings.redis_url, settings.database_connections)

    async def open(self) -> None:
        """Called once before the rest."""
        if self.driver is not None:
            await self.driver.open()

    async def close(self) -> None:
        """Closes the connections."""
        if self.driver is not None:
            await self.driver.close()
        if self.cache is not None:
            await self.cache.close()

    async def product(self, id: int) -> Row:
        """The product with this id."""
        with failing(self.driver) as driver:
            return await driver.product(id)

    async def products(self, id: int) -> list[Row]:
        """Products from this id on."""
        with failing(self.driver) as driver:
            return await driver.products(id, QUERIES)

    async def queries(self, id: int) -> list[Row]:
        """Products by a query each."""
        with failing(self.driver) as driver:
            return await driver.products_one_by_one(query_ids(id))

    async def insert_order(self, order: Order) -> None:
        """Writes an order."""
        with failing(self.driver) as driver:
            await driver.insert_order(order)

    async def cached(self, id: int) -> bytes:
        """A product as JSON, from the cache where it is there."""
        with failing(self.cache) as cache:
            hit = await cache.get(key(id))
        if hit is not None:
            return hit
        body = as_json(await self.product(id))
        with failing(self.cache) as cache:
            await cache.set(key(id), body, CACHED_S)
        return body


@contextmanager
def failing(service: Any) -> Iterator[Any]:
    """Gives what may be missing or fail, and blames this server's state for either."""
    if service is None:
        raise Unavailable("this server was started without DATABASE_URL, or without REDIS_URL")
    try:
        yield service
    except service.errors as error:
        raise Unavailable(f"the database failed: {error or type(error).__name__}") from None


def query_ids(id: int) -> list[int]:
    """The ids that /db/queries asks for."""
    return [(id - 1 + i * QUERY_STRIDE) % PRODUCTS + 1 for i in range(QUERIES)]


def key(id: int) -> str:
    """Where a product is in the cache."""
    return f"product:{id}"


def as_json(row: Row) -> bytes:
    """A product as it is answered, and as it is in the cache."""
    return json.dumps(row, separators=(",", ":")).encode()
