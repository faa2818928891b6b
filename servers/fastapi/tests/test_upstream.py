"""The calls of /upstream, when all is well and when it is not."""

import socket

from tests.backend import Backend, Behaviour, Gathering, answer, answer_and_close, say
from tests.http_client import Connection
from tests.running import ServerTest, for_each_server, upstream

MODES = ["seq", "par"]


class Upstream(ServerTest):
    def backend(self, behave: Behaviour) -> Backend:
        """The shared server's upstream, which behaves like this for one test."""
        backend = upstream()
        backend.behave = behave
        self.addCleanup(setattr, backend, "behave", answer)
        return backend

    def test_calls_in_sequence_share_one_connection(self) -> None:
        with Connection(self.port) as connection:
            self.assertEqual(connection.get("/upstream?calls=1&ms=0").status, 200)
            connections = upstream().connections
            for _ in range(3):
                self.assertEqual(connection.get("/upstream?calls=10&ms=0").body, b'{"calls":10,"sum":55}')
            self.assertEqual(upstream().connections, connections)

    def test_parallel_calls_are_under_way_at_once(self) -> None:
        # An upstream of its own: a call that an earlier test broke off may still be on its way to the shared one, and would be counted.
        with Backend(Gathering(50)) as backend:
            server = self.start("--upstream", backend.address)
            with Connection(server.port) as connection:
                for _ in range(2):
                    reply = connection.get("/upstream?calls=50&ms=0&mode=par")
                    self.assertEqual(reply.body, b'{"calls":50,"sum":1275}')

    def test_a_kept_connection_that_the_upstream_closed_is_replaced(self) -> None:
        self.backend(answer_and_close)
        with Connection(self.port) as connection:
            for mode in MODES * 2:
                reply = connection.get(f"/upstream?calls=5&ms=0&mode={mode}")
                self.assertEqual((reply.status, reply.body), (200, b'{"calls":5,"sum":15}'))

    def test_an_upstream_that_fails_is_a_bad_gateway(self) -> None:
        too_long = b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n" + b"1" * 65
        cases = [
            (say(b""), "closed the connection"),
            (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1"), "closed the connection"),
            (say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"), "not a number"),
            (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n+1"), "not a number"),
            (say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "not a number"),
            (say(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\n1"), "status 500"),
            (say(b"hello\r\n\r\n"), "can't be read"),
            (say(too_long), "longer than 64 bytes"),
        ]
        with Connection(self.port) as connection:
            for behave, reason in cases:
                self.backend(behave)
                self.check_bad_gateway(connection, reason)
            self.backend(answer)
            self.assertEqual(connection.get("/upstream?calls=1&ms=0").status, 200)

    def test_httpx_calls_as_aiohttp_does(self) -> None:
        server = self.start("--client", "httpx", "--upstream", upstream().address)
        with Connection(server.port) as connection:
            self.assertEqual(connection.get("/upstream?calls=10&ms=0").body, b'{"calls":10,"sum":55}')
            self.assertEqual(connection.get("/upstream?calls=50&ms=0&mode=par").body, b'{"calls":50,"sum":1275}')
            for behave, reason in (
                (say(b""), "not to its end"),
                (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1"), "not to its end"),
                (say(b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\n1"), "status 500"),
                (say(b"HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n" + b"1" * 65), "longer than 64 bytes"),
                (say(b"hello\r\n\r\n"), "can't be read"),
            ):
                self.backend(behave)
                self.check_bad_gateway(connection, reason)

    def test_an_upstream_that_is_not_there_is_a_bad_gateway(self) -> None:
        # Bound, so that nobody else gets the port, but not listening.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{nobody.getsockname()[1]}"
            with Connection(self.start("--upstream", address).port) as connection:
                self.check_bad_gateway(connection, "can't be reached")

    def test_without_an_upstream_the_route_is_unavailable(self) -> None:
        with Connection(self.start().port) as connection:
            self.assertEqual(connection.get("/upstream?calls=1&ms=0").status, 503)

    def test_an_upstream_that_stays_silent_is_given_up(self) -> None:
        def hold(connection: socket.socket, _target: str) -> bool:
            # Until the other side has had enough.
            connection.recv(1)
            return False

        with Backend(hold) as backend:
            server = self.start("--upstream", backend.address, bounds="bounds.CALL_EXTRA_MS = 200")
            with Connection(server.port) as connection:
                self.check_bad_gateway(connection, "longer than it was asked to")

    def check_bad_gateway(self, connection: Connection, reason: str) -> None:
        for mode in MODES:
            reply = connection.get(f"/upstream?calls=3&ms=0&mode={mode}")
            self.assertEqual(reply.status, 502, (mode, reply.body))
            self.assertIn(reason, reply.body.decode())


load_tests = for_each_server(Upstream)
