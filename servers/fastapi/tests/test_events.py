"""The stream of /events."""

import json

from bench_server import bounds
from tests.http_client import Connection, encode
from tests.running import ServerTest, for_each_server


def events(n: int) -> bytes:
    return b"".join(b"data: %d\n\n" % number for number in range(1, n + 1))


class Events(ServerTest):
    def test_all_events_come_and_the_connection_is_kept(self) -> None:
        with Connection(self.port) as connection:
            for n, ms in ((1, 0), (3, 0), (3, 5), (bounds.MAX_EVENTS, 0), (1, bounds.MAX_EVENT_MS)):
                reply = connection.get(f"/events?n={n}&ms={ms}")
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
                self.assertEqual(reply.headers["cache-control"], "no-cache")
                self.assertEqual(reply.headers["transfer-encoding"], "chunked")
                self.assertEqual(reply.body, events(n))

    def test_each_event_goes_out_when_it_is_due(self) -> None:
        with Connection(self.port) as connection:
            connection.send(encode("GET", f"/events?n=2&ms={bounds.MAX_EVENT_MS}"))
            connection.head()
            # The second is due in a minute; the first is here.
            self.assertEqual(next(connection.chunks()), events(1))

    def test_events_with_time_between_them_do_not_share_a_write(self) -> None:
        with Connection(self.port) as connection:
            connection.send(encode("GET", "/events?n=4&ms=1"))
            connection.head()
            self.assertEqual(list(connection.chunks()), [b"data: %d\n\n" % number for number in range(1, 5)])

    def test_head_has_no_events_and_does_not_wait_for_them(self) -> None:
        with Connection(self.port) as connection:
            reply = connection.request("HEAD", f"/events?n={bounds.MAX_EVENTS}&ms={bounds.MAX_EVENT_MS}")
            self.assertEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
            self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_http_1_0_gets_the_events_as_they_are_and_then_the_end(self) -> None:
        with Connection(self.port) as connection:
            connection.send(b"GET /events?n=12&ms=1 HTTP/1.0\r\n\r\n")
            _, headers = connection.head()
            self.assertNotIn("transfer-encoding", headers)
            self.assertEqual(connection.rest(), events(12))

    def test_a_client_that_leaves_ends_its_stream(self) -> None:
        server = self.start()
        with Connection(server.port) as observer:

            def tasks() -> int:
                return json.loads(observer.get("/stats").body)["tasks_alive"]

            before = tasks()
            leavers = [Connection(server.port) for _ in range(5)]
            for leaver in leavers:
                leaver.send(encode("GET", f"/events?n=2&ms={bounds.MAX_EVENT_MS}"))
                leaver.head()
            self.assertGreaterEqual(tasks(), before + len(leavers))
            for leaver in leavers:
                leaver.close()
            self.wait_until(lambda: tasks() <= before)

    def test_a_client_that_does_not_read_is_waited_for(self) -> None:
        # More events than all buffers between the two hold, over one connection.
        streams = 150
        with Connection(self.port) as slow, Connection(self.port) as other:
            slow.send(encode("GET", f"/events?n={bounds.MAX_EVENTS}&ms=0") * streams)
            self.assertEqual(other.get("/plaintext").status, 200)
            for _ in range(streams):
                self.assertEqual(slow.reply().body, events(bounds.MAX_EVENTS))


load_tests = for_each_server(Events)
