"""Heads, and input that is no request."""

from bench_server.bounds import MAX_HEAD_BYTES
from tests.http_client import Connection, encode
from tests.running import ServerTest, for_each_server


def padded(size: int) -> bytes:
    """A request for /json whose head has so many bytes."""
    around = len(encode("GET", "/json", headers={"A": ""}))
    return encode("GET", "/json", headers={"A": "a" * (size - around)})


class Limits(ServerTest):
    def test_many_pipelined_heads_may_together_be_longer(self) -> None:
        requests = 100
        with Connection(self.port) as connection:
            connection.send(padded(1000) * requests + padded(1000)[:500])
            for _ in range(requests):
                self.assertEqual(connection.reply().status, 200)
            connection.send(padded(1000)[500:])
            self.assertEqual(connection.reply().status, 200)

    def test_a_body_is_no_part_of_the_next_head(self) -> None:
        with Connection(self.port) as connection:
            for _ in range(3):
                body = b"b" * (4 * MAX_HEAD_BYTES)
                second = encode("GET", "/json")
                connection.send(encode("POST", "/json", body) + second[:10])
                self.assertEqual(connection.reply().status, 405)
                connection.send(second[10:])
                self.assertEqual(connection.reply().status, 200)

    def test_what_cannot_be_read_is_refused_and_the_connection_closed(self) -> None:
        for data in (b"nonsense\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01", b"GET /json HTTP/1.1\r\nA : b\r\n\r\n"):
            with Connection(self.port) as connection:
                connection.send(data)
                self.assertEqual(connection.reply().status, 400)
                self.assertTrue(connection.is_at_end())


load_tests = for_each_server(Limits)
