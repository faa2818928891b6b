"""What `database_psycopg` and `cache` are, for operations that run in threads: the same libraries, but they wait."""

from collections.abc import Sequence

import psycopg
import redis
from psycopg_pool import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench_server.bounds import DATABASE_WAIT_S
from bench_server.database import Row
from bench_server.database_psycopg import CONNECTION, ITEM, ORDER, PRODUCT, PRODUCTS
from bench_server.orders import Order


class Driver:
    """See `database.Driver`."""

    errors = (psycopg.Error,)

    def __init__(self, url: str, connections: int) -> None:
        self._pool = ConnectionPool(
            url, min_size=connections, max_size=connections, timeout=DATABASE_WAIT_S, kwargs=CONNECTION, open=False
        )

    async def open(self) -> None:
        self._pool.open()

    def product(self, id: int) -> Row:
        with self._pool.connection() as connection:
            return connection.execute(PRODUCT, (id,)).fetchone()

    def products(self, id: int, count: int) -> list[Row]:
        with self._pool.connection() as connection:
            return connection.execute(PRODUCTS, (id, count)).fetchall()

    def products_one_by_one(self, ids: Sequence[int]) -> list[Row]:
        with self._pool.connection() as connection:
            return [connection.execute(PRODUCT, (id,)).fetchone() for id in ids]

    def insert_order(self, order: Order) -> None:
        with self._pool.connection() as connection, connection.transaction():
            cursor = connection.execute(ORDER, (order.customer.id, order.receipt().total_cents))
            id = cursor.fetchone()["id"]
            items = [(id, item.sku, item.quantity, item.unit_price_cents) for item in order.items]
            cursor.executemany(ITEM, items)

    async def close(self) -> None:
        self._pool.close()


class Cache:
    """See `cache.Cache`."""

    errors = (redis.RedisError, OSError)

    def __init__(self, url: str, connections: int) -> None:
        retry = Retry(NoBackoff(), 1)
        self._redis = redis.Redis.from_pool(
            redis.BlockingConnectionPool.from_url(url, max_connections=connections, retry=retry)
        )

    def get(self, key: str) -> bytes | None:
        return self._redis.get(key)

    def set(self, key: str, value: bytes, seconds: int) -> None:
        self._redis.set(key, value, ex=seconds)

    async def close(self) -> None:
        self._redis.close()
