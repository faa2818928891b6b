"""PostgreSQL by psycopg 3 on asyncio, which prepares what it is asked five times."""

from collections.abc import Sequence

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench_server.bounds import DATABASE_WAIT_S
from bench_server.database import Row
from bench_server.orders import Order

PRODUCT = "select id, name, price_cents from products where id = %s"
PRODUCTS = "select id, name, price_cents from products where id >= %s order by id limit %s"
ORDER = "insert into orders (customer_id, total_cents) values (%s, %s) returning id"
ITEM = "insert into order_items (order_id, sku, quantity, unit_price_cents) values (%s, %s, %s, %s)"

# As the other drivers do: a query that stands alone is no transaction of three.
CONNECTION = {"autocommit": True, "row_factory": dict_row}


class Driver:
    """See `database.Driver`."""

    errors = (psycopg.Error,)

    def __init__(self, url: str, connections: int) -> None:
        self._pool = AsyncConnectionPool(
            url, min_size=connections, max_size=connections, timeout=DATABASE_WAIT_S, kwargs=CONNECTION, open=False
        )

    async def open(self) -> None:
        # It goes on trying in tasks of its own where the database is not there.
        await self._pool.open()

    async def product(self, id: int) -> Row:
        async with self._pool.connection() as connection:
            return await (await connection.execute(PRODUCT, (id,))).fetchone()

    async def products(self, id: int, count: int) -> list[Row]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(PRODUCTS, (id, count))).fetchall()

    async def products_one_by_one(self, ids: Sequence[int]) -> list[Row]:
        async with self._pool.connection() as connection:
            return [await (await connection.execute(PRODUCT, (id,))).fetchone() for id in ids]

    async def insert_order(self, order: Order) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(ORDER, (order.customer.id, order.receipt().total_cents))
            id = (await cursor.fetchone())["id"]
            items = [(id, item.sku, item.quantity, item.unit_price_cents) for item in order.items]
            await cursor.executemany(ITEM, items)

    async def close(self) -> None:
        await self._pool.close()
