"""Every route and every refusal."""

import contextlib
import hashlib
import json
import os
import select
import tempfile
from pathlib import Path

from bench_server.bounds import FILE_SIZES_KIB
from tests.http_client import Connection, encode
from tests.running import POOL_THREADS, ServerTest, file_bytes, for_each_server

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"

SERVED = [
    ("/plaintext", TEXT, b"Hello, World!"),
    ("/json", JSON, b'{"message":"Hello, World!"}'),
    ("/sleep/0", TEXT, b"slept 0"),
    ("/sleep/20", TEXT, b"slept 20"),
    ("/upstream?calls=1&ms=0", JSON, b'{"calls":1,"sum":1}'),
    ("/upstream?calls=100&ms=0&mode=seq", JSON, b'{"calls":100,"sum":5050}'),
    ("/upstream?mode=par&ms=0&calls=7", JSON, b'{"calls":7,"sum":28}'),
    # Computed by a few lines from the definition; 2b1f4d63 is the first number of the paper's generator.
    ("/cpu/0", TEXT, b"92d68ca2"),
    ("/cpu/1", TEXT, b"2b1f4d63"),
    ("/cpu/1000", TEXT, b"c4a2b16c"),
    ("/cpu/100000?offload=1", TEXT, b"0bb69297"),
    ("/hash/0", TEXT, hashlib.sha256().hexdigest().encode()),
    ("/hash/1", TEXT, hashlib.sha256(bytes(range(256)) * 4).hexdigest().encode()),
    ("/hash/1000", TEXT, hashlib.sha256(bytes(range(256)) * 4000).hexdigest().encode()),
    ("/hash/0?offload=1", TEXT, hashlib.sha256().hexdigest().encode()),
    ("/hash/1000?offload=1", TEXT, hashlib.sha256(bytes(range(256)) * 4000).hexdigest().encode()),
    *((f"/file/{kib}", BYTES, file_bytes(kib)) for kib in FILE_SIZES_KIB),
]

REFUSED = {
    400: [
        "/sleep/-1",
        "/sleep/abc",
        "/sleep/1.5",
        "/sleep/60001",
        "/sleep/99999999999999999999",
        "/sleep/" + "9" * 5000,
        "/file/0",
        "/file/2048",
        "/cpu/100000001",
        "/cpu/0x10",
        "/cpu/1?offload=2",
        "/cpu/1?offload=",
        "/hash/65537",
        "/hash/65537?offload=1",
        "/hash/1?offload=2",
        "/hash/1?offload=",
        "/upstream",
        "/upstream?calls=1",
        "/upstream?ms=1",
        "/upstream?calls=0&ms=1",
        "/upstream?calls=101&ms=0",
        "/upstream?calls=1&ms=60001",
        "/upstream?calls=1&ms=0&mode=both",
        "/events",
        "/events?n=1",
        "/events?n=0&ms=0",
        "/events?n=10001&ms=0",
        "/events?n=1&ms=60001",
    ],
    404: [
        "/",
        "/nope",
        "/plaintexts",
        "/plaintext/",
        "/PLAINTEXT",
        "/json/x",
        "/sleep",
        "/sleep/",
        "/sleep/1/2",
        "/file/3",
        "/file/1000",
        "/docs",
        "/openapi.json",
    ],
}


class Routes(ServerTest):
    def test_every_route_answers_get_and_head(self) -> None:
        with Connection(self.port) as connection:
            for target, content_type, body in SERVED:
                with self.subTest(target):
                    reply = connection.get(target)
                    head = connection.request("HEAD", target)
                    self.assertEqual((reply.status, head.status), (200, 200))
                    self.assertEqual(reply.headers["content-type"], content_type)
                    self.assertEqual(reply.headers["content-length"], str(len(body)))
                    self.assertEqual(reply.body, body)
                    self.assertEqual(head.headers["content-length"], str(len(body)))

    def test_the_head_says_no_more_than_it_must(self) -> None:
        with Connection(self.port) as connection:
            for target in ("/plaintext", "/json", "/file/1", "/upstream?calls=1&ms=0"):
                expected = {"date", "server", "content-type", "content-length"}
                self.assertEqual(set(connection.get(target).headers), expected, target)

    def test_what_is_asked_wrongly_is_refused_and_the_connection_kept(self) -> None:
        with Connection(self.port) as connection:
            for status, targets in REFUSED.items():
                for target in targets:
                    method, body = ("POST", b"{}") if target.startswith("/orders") else ("GET", None)
                    reply = connection.request(method, target, body)
                    self.assertEqual(reply.status, status, (target[:80], reply.body))

    def test_a_method_that_is_not_taken_is_answered_with_those_that_are(self) -> None:
        cases = [
            ("POST", "/plaintext", {"GET", "HEAD"}),
            ("DELETE", "/json", {"GET", "HEAD"}),
            ("OPTIONS", "/sleep/1", {"GET", "HEAD"}),
            ("PUT", "/events?n=1&ms=0", {"GET", "HEAD"}),
            ("POST", "/chat", {"GET", "HEAD"}),
            ("GET", "/orders", {"POST"}),
            ("HEAD", "/orders", {"POST"}),
        ]
        with Connection(self.port) as connection:
            for method, target, allowed in cases:
                reply = connection.request(method, target, None if method in ("GET", "HEAD") else b"ignored")
                self.assertEqual(reply.status, 405, (method, target))
                self.assertEqual(set(reply.headers["allow"].split(", ")), allowed, (method, target))

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        targets = ["/sleep/20", "/plaintext", "/cpu/1?offload=1", "/file/64", "/json", "/cpu/0"]
        bodies = {target: body for target, _, body in SERVED}
        bodies["/cpu/1?offload=1"] = bodies["/cpu/1"]
        with Connection(self.port) as connection:
            connection.send(b"".join(encode("GET", target) for target in targets))
            for target in targets:
                self.assertEqual(connection.reply().body, bodies[target], target)

    def test_a_request_may_come_byte_by_byte(self) -> None:
        with Connection(self.port) as connection:
            for byte in encode("GET", "/plaintext"):
                connection.send(bytes([byte]))
            self.assertEqual(connection.reply().body, b"Hello, World!")

    def test_a_slow_request_delays_no_other(self) -> None:
        with Connection(self.port) as slow, Connection(self.port) as quick:
            slow.send(encode("GET", "/sleep/60000"))
            self.assertEqual(quick.get("/plaintext").status, 200)
            self.assertEqual(quick.get("/cpu/10?offload=1").status, 200)

    def test_http_1_0_is_answered_and_closed_upon(self) -> None:
        with Connection(self.port) as connection:
            connection.send(b"GET /plaintext HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.reply().body, b"Hello, World!")
            self.assertTrue(connection.is_at_end())

    def test_stats_have_the_contracts_members_in_order(self) -> None:
        with Connection(self.port) as connection:
            reply = connection.get("/stats")
        self.assertEqual((reply.status, reply.headers["content-type"]), (200, JSON))
        stats = json.loads(reply.body)
        members = (
            "runtime loop_turns longest_blocked_us loop_lag_us pool_queue_depth pool_queue_depth_max tasks_run tasks_alive "
            "run_queue_depth worker_parks workers_busy_us task_moves loop_lag_us_counts blocked_us_counts pool_wait_us_counts "
            "loop_work_us_counts python"
        )
        self.assertEqual(list(stats), members.split())
        self.assertEqual(list(stats["loop_lag_us"]), ["p50", "p99", "max"])
        self.assertGreaterEqual(stats["tasks_alive"], 3, "this request, the lag's sampler and the server itself")
        for part, is_named in {
            "CPython 3.": True,
            "uvicorn ": True,
            "FastAPI ": self.app == "fastapi",
            "uvloop ": self.loop == "uvloop",
        }.items():
            self.assertEqual(part in stats["runtime"], is_named, stats["runtime"])

    def test_stats_count_how_long_the_loop_was_held_and_jobs_waited(self) -> None:
        with Connection(self.port) as connection:

            def counted() -> tuple[int, int]:
                stats = json.loads(connection.get("/stats").body)
                held = stats["loop_work_us_counts"]["/hash"]
                return sum(n for _, n in held), sum(n for _, n in stats["pool_wait_us_counts"])

            held, waited = counted()
            self.assertEqual(connection.get("/hash/1").status, 200)
            self.assertEqual(connection.get("/hash/1?offload=1").status, 200)
            self.assertEqual(counted(), (held + 1, waited + 1))

    def test_stats_tell_how_many_jobs_wait_for_the_pool(self) -> None:
        waiting = 3
        with tempfile.TemporaryDirectory() as directory:
            # Whoever reads a pipe waits for someone who writes.
            pipe = Path(directory, "1.bin")
            os.mkfifo(pipe)
            server = self.start("--data-dir", directory)
            jobs = [Connection(server.port) for _ in range(POOL_THREADS + waiting)]
            with Connection(server.port) as connection:

                def pool() -> tuple[int, int]:
                    stats = json.loads(connection.get("/stats").body)
                    return stats["pool_queue_depth"], stats["pool_queue_depth_max"]

                self.assertEqual(pool(), (0, 0))
                for job in jobs:
                    job.send(encode("GET", "/file/1"))
                self.wait_until(lambda: pool() == (waiting, waiting))
                for job in jobs:
                    self.wait_until(lambda job=job: has_heard(job) or release(pipe))
                    self.assertEqual(job.reply().status, 200)
                    job.close()
                self.assertEqual(pool(), (0, waiting))

    def test_a_missing_file_is_not_found_and_an_unreadable_one_unavailable(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "4.bin").mkdir()
            server = self.start("--data-dir", directory)
            with Connection(server.port) as connection:
                self.assertEqual(connection.get("/file/2").status, 404)
                self.assertEqual(connection.get("/file/4").status, 503)


def release(pipe: Path) -> bool:
    """Lets those go on who wait for the pipe now, if there are any."""
    with contextlib.suppress(OSError):
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return False


def has_heard(connection: Connection) -> bool:
    return bool(select.select([connection.socket], [], [], 0)[0])


load_tests = for_each_server(Routes)
