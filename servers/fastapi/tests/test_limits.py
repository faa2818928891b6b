"""Heads, and input that is no request."""

from bench_server.bounds import MAX_HEAD_BYTES
from tests.http_client import Connection, encode
from tests.running import ServerTest, for_each_server


def padded(size: int) -> bytes:
    """A request for /json whose head has so many bytes."""
    around = len(encode("GET", "/json", headers={"A": ""}))
    return encode("GET", "/json", headers={"A": "a" * (size - around)})


class Limits(ServerTest):
    def test_a_head_of_16_kib_is_taken_and_one_byte_more_is_not(self) -> None:
        for pieces in (1, 2, 50):
            with Connection(self.port) as connection:
                send_in_pieces(connection, padded(MAX_HEAD_BYTES), pieces)
                self.assertEqual(connection.reply().status, 200)
                # The limit holds for each head of a connection.
                send_in_pieces(connection, padded(MAX_HEAD_BYTES), pieces)
                self.assertEqual(connection.reply().status, 200)
                send_in_pieces(connection, padded(MAX_HEAD_BYTES + 1), pieces)
                self.assertEqual(connection.reply().status, 431)
                self.assertTrue(connection.is_at_end())

    def test_a_head_that_never_ends_is_refused(self) -> None:
        long = b"a" * MAX_HEAD_BYTES
        for start in (b"GET /json HTTP/1.1\r\nA: ", b"GET /json HTTP/1.1\r\nA", b"GET /"):
            with Connection(self.port) as connection:
                connection.send(start + long)
                self.assertEqual(connection.reply().status, 431)
                self.assertTrue(connection.is_at_end())

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


def send_in_pieces(connection: Connection, data: bytes, pieces: int) -> None:
    size = -(-len(data) // pieces)
    for start in range(0, len(data), size):
        connection.send(data[start : start + size])


load_tests = for_each_server(Limits)
