"""How servers start and end."""

import socket
import subprocess
import sys

from tests.backend import Backend, Gathering
from tests.http_client import Connection, encode
from tests.running import ROOT, ServerTest, for_each_server
from tests.ws_client import CLOSE, Member


class Stop(ServerTest):
    def test_an_idle_server_ends_at_once_and_has_said_nothing(self) -> None:
        server = self.start()
        with Connection(server.port) as idle, Connection(server.port) as half:
            self.assertEqual(idle.get("/plaintext").status, 200)
            half.send(b"GET /js")
            server.ask_to_stop()
            self.assertTrue(idle.is_at_end())
            self.assertTrue(half.is_at_end())
        self.assertEqual(server.wait(), (0, "", ""))
        with self.assertRaises(ConnectionRefusedError):
            Connection(server.port)

    def test_requests_in_flight_are_finished(self) -> None:
        gathering = Gathering(2)
        with Backend(gathering) as backend:
            server = self.start("--upstream", backend.address)
            with Connection(server.port) as calling, Connection(server.port) as streaming:
                streaming.send(encode("GET", "/events?n=20&ms=20"))
                streaming.head()
                calling.send(encode("GET", "/plaintext") + encode("GET", "/upstream?calls=1&ms=0"))
                self.assertEqual(calling.reply().status, 200)
                server.ask_to_stop()
                with Connection(int(backend.address.rpartition(":")[2])) as second:
                    # The call can't have been answered before the stop: the backend waits for two.
                    second.send(encode("GET", "/call/1?ms=0"))
                    self.assertEqual(calling.reply().body, b'{"calls":1,"sum":1}')
                self.assertEqual(b"".join(streaming.chunks()).count(b"data: "), 20)
                self.assertTrue(calling.is_at_end() and streaming.is_at_end())
            self.assertEqual(server.wait(), (0, "", ""))

    def test_the_grace_is_not_overstayed_even_by_a_thread(self) -> None:
        server = self.start(bounds="bounds.GRACE_S = 1")
        with Connection(server.port) as sleeping, Connection(server.port) as computing:
            sleeping.send(encode("GET", "/plaintext") + encode("GET", "/sleep/60000"))
            computing.send(encode("GET", "/plaintext") + encode("GET", "/cpu/100000000?offload=1"))
            for busy in (sleeping, computing):
                self.assertEqual(busy.reply().status, 200)
            server.ask_to_stop()
            code, _, _ = server.wait()
            self.assertEqual(code, 0)

    def test_the_chat_is_told_goodbye(self) -> None:
        server = self.start()
        members = [Member(server.port) for _ in range(3)]
        for member in members:
            self.addCleanup(member.__exit__)
        members[0].say("last words")
        for member in members:
            self.assertEqual(member.hear(), "last words")
        server.ask_to_stop()
        for member in members:
            self.assertEqual(member.closed_with(), 1001)
            member.send(CLOSE, b"\x03\xe9")
            self.assertTrue(member.connection.is_at_end())
        self.assertEqual(server.wait(), (0, "", ""))

    def test_members_that_say_nothing_do_not_hold_up_the_stop(self) -> None:
        server = self.start()
        with Member(server.port) as silent:
            server.ask_to_stop()
            self.assertEqual(server.wait(), (0, "", ""))
            self.assertEqual(silent.closed_with(), 1001)

    def test_a_taken_port_is_named_with_a_remedy(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, error = self.run_with("--port", str(port))
        self.assertEqual(code, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}", error)
        self.assertIn("choose another --port", error)

    def test_it_listens_at_the_address_that_it_is_given_and_not_on_127_0_0_1(self) -> None:
        # All of 127.0.0.0/8 is this machine. A server that listens on 127.0.0.1 finds its port taken.
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            server = self.start("--host", "127.0.0.2", "--port", str(port))
            self.assertEqual((server.host, server.port), ("127.0.0.2", port))
            with Connection(port, server.host) as connection:
                self.assertEqual(connection.get("/json").status, 200)

    def test_wrong_flags_are_told(self) -> None:
        for flags, message in [
            (["--host", "localhost"], "argument --host: must be an IP address, as in --host 10.0.0.5"),
            (["--host", "[::1]"], "must be an IP address"),
            (["--host", "127.0.0.1:80"], "must be an IP address"),
            (["--port", "65536"], "from 0 to 65535"),
            (["--port", "http"], "from 0 to 65535"),
            (["--pool", "0"], "from 1 to 1024"),
            (["--workers", "0"], "from 1 to 1024"),
            (["--data-dir", "/no/such/place"], "'/no/such/place' is no directory"),
            (["--upstream", "localhost"], "must be HOST:PORT"),
            (["--upstream", "localhost:0"], "must be HOST:PORT"),
            (["--loop", "trio"], "invalid choice"),
            (["--threads", "4"], "unrecognized arguments"),
        ]:
            code, error = self.run_with(*flags)
            self.assertEqual(code, 2, flags)
            self.assertIn(message, error)

    def run_with(self, *flags: str) -> tuple[int, str]:
        command = [sys.executable, "serve.py", "--app", self.app, "--loop", self.loop, *flags]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        return ended.returncode, ended.stderr


load_tests = for_each_server(Stop)
