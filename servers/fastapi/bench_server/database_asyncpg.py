"""PostgreSQL by asyncpg, which prepares by itself what it is asked."""

from collections.abc import Sequence

import asyncpg

from bench_server.database import Row
from bench_server.orders import Order

_PRODUCT = "select id, name, price_cents from products where id = $1"
_PRODUCTS = "select id, name, price_cents from products where id >= $1 order by id limit $2"
_ORDER = "insert into orders (customer_id, total_cents) values ($1, $2) returning id"
_ITEM = "insert into order_items (order_id, sku, quantity, unit_price_cents) values ($1, $2, $3, $4)"


class Driver:
    """See `database.Driver`."""

    errors = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

    def __init__(self, url: str, connections: int) -> None:
        # None at first, so that the server starts where the database is not there; those that were made stay.
        self._pool = asyncpg.create_pool(url, min_size=0, max_size=connections, max_inactive_connection_lifetime=0)

    async def open(self) -> None:
        await self._pool

    async def product(self, id: int) -> Row:
        return dict(await self._pool.fetchrow(_PRODUCT, id))

    async def products(self, id: int, count: int) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(_PRODUCTS, id, count)]

    async def products_one_by_one(self, ids: Sequence[int]) -> list[Row]:
        async with self._pool.acquire() as connection:
            return [dict(await connection.fetchrow(_PRODUCT, id)) for id in ids]

    async def insert_order(self, order: Order) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            id = await connection.fetchval(_ORDER, order.customer.id, order.receipt().total_cents)
            items = [(id, item.sku, item.quantity, item.unit_price_cents) for item in order.items]
            await connection.executemany(_ITEM, items)

    async def close(self) -> None:
        await self._pool.close()
