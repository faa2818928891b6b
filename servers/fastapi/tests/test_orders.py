"""Orders: the bounds, one by one, and the member that is named."""

import copy
import json
from typing import Any

from bench_server import bounds
from tests.http_client import Connection, chunked, encode
from tests.running import ServerTest, for_each_server

ORDER: dict[str, Any] = {
    "customer": {"id": 42, "email": "ada@example.com"},
    "items": [{"sku": "A-1", "quantity": 2, "unit_price_cents": 1999}],
}
ITEM = ORDER["items"][0]
JSON = {"Content-Type": "application/json"}

# Where, what, and the field that the answer must name; none where it is valid.
CHANGES: list[tuple[str, Any, str | None]] = [
    ("customer.id", 1, None),
    ("customer.id", bounds.MAX_CUSTOMER_ID, None),
    ("customer.id", 0, "customer.id"),
    ("customer.id", bounds.MAX_CUSTOMER_ID + 1, "customer.id"),
    ("customer.id", 10**30, "customer.id"),
    ("customer.id", "42", "customer.id"),
    ("customer.id", 42.0, "customer.id"),
    ("customer.id", True, "customer.id"),
    ("customer.id", None, "customer.id"),
    ("customer.email", "name@example.com", None),
    ("customer.email", "not-an-email", "customer.email"),
    ("customer.email", "", "customer.email"),
    ("customer.email", 7, "customer.email"),
    ("customer", [], "customer"),
    ("customer", "ada", "customer"),
    ("items", [], "items"),
    ("items", [ITEM] * bounds.MAX_ITEMS, None),
    ("items", [ITEM] * (bounds.MAX_ITEMS + 1), "items"),
    ("items", {"0": ITEM}, "items"),
    ("items", [ITEM, 1], "items.1"),
    ("items.0.sku", "s" * bounds.MAX_SKU_CHARACTERS, None),
    ("items.0.sku", "ß" * bounds.MAX_SKU_CHARACTERS, None),
    ("items.0.sku", "s" * (bounds.MAX_SKU_CHARACTERS + 1), "items.0.sku"),
    ("items.0.sku", "", "items.0.sku"),
    ("items.0.sku", 1, "items.0.sku"),
    ("items.0.quantity", 1, None),
    ("items.0.quantity", bounds.MAX_QUANTITY, None),
    ("items.0.quantity", 0, "items.0.quantity"),
    ("items.0.quantity", bounds.MAX_QUANTITY + 1, "items.0.quantity"),
    ("items.0.quantity", "2", "items.0.quantity"),
    ("items.0.quantity", 2.5, "items.0.quantity"),
    ("items.0.unit_price_cents", 0, None),
    ("items.0.unit_price_cents", bounds.MAX_UNIT_PRICE_CENTS, None),
    ("items.0.unit_price_cents", -1, "items.0.unit_price_cents"),
    ("items.0.unit_price_cents", bounds.MAX_UNIT_PRICE_CENTS + 1, "items.0.unit_price_cents"),
    ("items.0.sku", "NaN, Infinity", None),
    ("customer.unknown", [1], None),
    ("unknown", {"a": None}, None),
]

MISSING = ["customer", "customer.id", "customer.email", "items", "items.0.sku", "items.0.quantity"]

# JSON, but no object.
NO_OBJECT = [b"1", b'"order"', b"[]", b"null", b"true", b" [1, 2] "]

NO_JSON = [
    b"",
    b" \r\n",
    b"{",
    b"{'customer': 1}",
    b"customer",
    b"\xff\xfe\x00",
    b'{"customer": "\xff"}',
    b"{} {}",
    b"[" * 100_000,
    b'{"customer": {"id": 01}}',
]


class Orders(ServerTest):
    def order(self, connection: Connection, body: bytes) -> tuple[int, str, Any]:
        reply = connection.request("POST", "/orders", body, JSON)
        return reply.status, reply.headers["content-type"], json.loads(reply.body)

    def test_a_valid_order_gets_its_receipt(self) -> None:
        with Connection(self.port) as connection:
            reply = connection.request("POST", "/orders", json.dumps(ORDER).encode(), JSON)
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, "application/json"))
        self.assertEqual(reply.body, b'{"customer_id":42,"item_count":1,"total_cents":3998}')

    def test_every_bound_and_every_type(self) -> None:
        with Connection(self.port) as connection:
            for path, value, field in CHANGES:
                order = changed(path, value)
                status, content_type, answer = self.order(connection, json.dumps(order).encode())
                self.assertEqual(content_type, "application/json")
                if field is None:
                    total = sum(item["quantity"] * item["unit_price_cents"] for item in order["items"])
                    receipt = {
                        "customer_id": order["customer"]["id"],
                        "item_count": len(order["items"]),
                        "total_cents": total,
                    }
                    self.assertEqual((status, answer), (200, receipt), (path, value))
                else:
                    self.assertEqual((status, answer), (422, {"field": field}), (path, value))

    def test_a_missing_member_is_named(self) -> None:
        with Connection(self.port) as connection:
            for path in MISSING:
                order = copy.deepcopy(ORDER)
                *parents, last = path.split(".")
                del reach(order, parents)[last]
                status, _, answer = self.order(connection, json.dumps(order).encode())
                self.assertEqual((status, answer), (422, {"field": path}))

    def test_json_that_is_no_object_has_the_empty_path(self) -> None:
        with Connection(self.port) as connection:
            for body in NO_OBJECT:
                self.assertEqual(self.order(connection, body)[::2], (422, {"field": ""}), body)

    def test_what_is_no_json_is_a_bad_request(self) -> None:
        with Connection(self.port) as connection:
            for body in NO_JSON:
                self.assertEqual(self.order(connection, body)[0], 400, body[:20])

    def test_no_content_type_is_needed(self) -> None:
        with Connection(self.port) as connection:
            reply = connection.request("POST", "/orders", json.dumps(ORDER).encode())
        self.assertEqual(reply.status, 200)

    def test_a_body_of_1_mib_is_taken_and_one_byte_more_is_not(self) -> None:
        order = json.dumps(ORDER).encode()
        most = order + b" " * (bounds.MAX_BODY_BYTES - len(order))
        halves = most[: len(most) // 2], most[len(most) // 2 :]
        with Connection(self.port) as connection:
            for body, status in ((most, 200), (most + b" ", 413)):
                self.assertEqual(connection.request("POST", "/orders", body, JSON).status, status)
            for parts, status in ((halves, 200), ((*halves, b" "), 413)):
                coded = {**JSON, "Transfer-Encoding": "chunked"}
                self.assertEqual(connection.request("POST", "/orders", chunked(*parts), coded).status, status)
            self.assertEqual(connection.get("/plaintext").status, 200)

    def test_a_body_that_is_announced_too_long_is_refused_before_it_comes(self) -> None:
        for target in ("/orders", "/json"):
            with Connection(self.port) as connection:
                head = encode("POST", target, headers={"Content-Length": str(bounds.MAX_BODY_BYTES + 1)})
                connection.send(head)
                self.assertEqual(connection.reply().status, 413)

    def test_a_body_may_be_asked_for(self) -> None:
        body = json.dumps(ORDER).encode()
        with Connection(self.port) as connection:
            head = encode("POST", "/orders", body, {**JSON, "Expect": "100-continue"})
            connection.send(head.removesuffix(body))
            self.assertEqual(connection.head()[0], 100)
            connection.send(body)
            self.assertEqual(connection.reply().status, 200)


def reach(value: Any, path: list[str]) -> Any:
    for step in path:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def changed(path: str, value: Any) -> Any:
    order = copy.deepcopy(ORDER)
    *parents, last = path.split(".")
    reach(order, parents)[last] = value
    return order


load_tests = for_each_server(Orders)
