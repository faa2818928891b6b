"""The routes of /db, by every application and its driver."""

import asyncio
import functools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from tests.database import OwnDatabase, database
from tests.http_client import Connection, Reply
from tests.running import Server, ServerTest, for_each_server

ITEM = {"sku": "A-1", "quantity": 2, "unit_price_cents": 1999}
JSON = {"Content-Type": "application/json"}
READS = ("product", "products", "queries", "cached")


def row(id: int) -> dict[str, Any]:
    return {"id": id, "name": f"product {id}", "price_cents": 100 + id * 37 % 9900}


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def order(*items: dict[str, Any]) -> bytes:
    return encoded({"customer": {"id": 42, "email": "ada@example.com"}, "items": items})


def rows(statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database()["DATABASE_URL"])
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(ask())


@functools.cache
def shared(app: str, loop: str) -> Server:
    return Server(app, loop, env={**database(), "DATABASE_POOL_SIZE": "2"})


class Databases(ServerTest):
    @property
    def port(self) -> int:
        return shared(self.app, self.loop).port

    @classmethod
    def tearDownClass(cls) -> None:
        shared(cls.app, cls.loop).__exit__()

    def test_rows_are_read_by_their_keys(self) -> None:
        with Connection(self.port) as connection:
            for id in (1, 7, 10_000):
                for route in ("product", "cached", "cached"):
                    reply = connection.get(f"/db/{route}/{id}")
                    self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/json"), reply.body)
                    self.assertEqual(reply.body, encoded(row(id)))
            for id in (1, 9_981):
                self.assertEqual(connection.get(f"/db/products/{id}").body, encoded([row(id + i) for i in range(20)]))
            for id in (1, 10_000):
                ids = [(id - 1 + i * 487) % 10_000 + 1 for i in range(20)]
                self.assertEqual(connection.get(f"/db/queries/{id}").body, encoded([row(each) for each in ids]))

    def test_many_at_once_share_the_pool(self) -> None:
        def ask(id: int) -> Reply:
            with Connection(self.port) as connection:
                return connection.get(f"/db/queries/{id}")

        with ThreadPoolExecutor(20) as threads:
            for id, reply in enumerate(threads.map(ask, range(1, 61)), 1):
                self.assertEqual((reply.status, json.loads(reply.body)[0]), (200, row(id)))

    def test_an_order_is_written_whole_or_refused(self) -> None:
        items = [ITEM, {"sku": "B-2 ß", "quantity": 1, "unit_price_cents": 5}]
        ((before,),) = rows("select coalesce(max(id), 0) from orders")
        with Connection(self.port) as connection:
            reply = connection.request("POST", "/db/orders", order(*items), JSON)
            self.assertEqual((reply.status, reply.body), (200, b'{"customer_id":42,"item_count":2,"total_cents":4003}'))
            most = order(*[{"sku": "x", "quantity": 1_000, "unit_price_cents": 1_000_000}] * 100)
            reply = connection.request("POST", "/db/orders", most, JSON)
            self.assertEqual(reply.body, b'{"customer_id":42,"item_count":100,"total_cents":100000000000}')
            reply = connection.request("POST", "/db/orders", order({**ITEM, "quantity": 0}), JSON)
            self.assertEqual((reply.status, reply.body), (422, b'{"field":"items.0.quantity"}'))
            self.assertEqual(connection.request("POST", "/db/orders", b"{", JSON).status, 400)
        orders = rows("select id, customer_id, total_cents from orders where id > $1 order by id", before)
        self.assertEqual([found[1:] for found in orders], [(42, 4_003), (42, 100_000_000_000)])
        select = "select sku, quantity, unit_price_cents from order_items where order_id = $1 order by unit_price_cents desc"
        self.assertEqual(rows(select, orders[0][0]), [tuple(item.values()) for item in items])

    def test_what_is_asked_wrongly_is_refused(self) -> None:
        with Connection(self.port) as connection:
            for target in ("product/0", "product/10001", "products/9982", "queries/x", "queries/10001", "cached/-1"):
                self.assertEqual(connection.get(f"/db/{target}").status, 400, target)
            for target in ("/db", "/db/", "/db/nope/1", "/db/product", "/db/product/1/2"):
                self.assertEqual(connection.get(target).status, 404, target)
            for method, target, allowed in (
                ("POST", "/db/product/1", {"GET", "HEAD"}),
                ("DELETE", "/db/cached/1", {"GET", "HEAD"}),
                ("GET", "/db/orders", {"POST"}),
            ):
                reply = connection.request(method, target, None if method == "GET" else b"")
                self.assertEqual((reply.status, set(reply.headers["allow"].split(", "))), (405, allowed), target)

    def test_a_database_that_is_not_there_costs_the_request_alone(self) -> None:
        own = OwnDatabase()
        self.addCleanup(own.stop)
        server = self.start(env=own.env, bounds="bounds.DATABASE_WAIT_S = 1")
        with Connection(server.port) as connection:

            def statuses() -> set[int]:
                replies = [connection.get(f"/db/{route}/1") for route in READS]
                replies.append(connection.request("POST", "/db/orders", order(ITEM), JSON))
                return {reply.status for reply in replies}

            self.assertEqual(statuses(), {200})
            own.stop()
            # The first may find connections that are closed, the second finds nobody who accepts any.
            for _ in range(2):
                self.assertEqual(statuses(), {503})
            self.assertEqual(connection.get("/plaintext").status, 200)
        # It starts without one as well.
        server = self.start(env=own.env, bounds="bounds.DATABASE_WAIT_S = 1")
        with Connection(server.port) as connection:
            self.assertEqual(statuses(), {503})
            server.ask_to_stop()
        self.assertEqual(server.wait()[0], 0)

    def test_without_a_database_the_routes_are_unavailable(self) -> None:
        with Connection(self.start().port) as connection:
            for route in READS:
                self.assertEqual(connection.get(f"/db/{route}/1").status, 503)


load_tests = for_each_server(
    Databases,
    [
        ("fastapi", "asyncio"),
        ("fastapi", "uvloop"),
        ("fastapi_def", "asyncio"),
        ("fastapi_psycopg", "asyncio"),
        ("fastapi_sqlalchemy", "asyncio"),
        ("starlette", "asyncio"),
        ("asgi", "uvloop"),
    ],
)
