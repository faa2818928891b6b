"""The shared modules, without sockets and without time."""

import asyncio
import subprocess
import sys
import unittest
from typing import Any

from bench_server import bounds, chat, events, query, work
from bench_server.failures import BadRequest
from bench_server.lag import Histogram
from tests.running import ROOT


class Query(unittest.TestCase):
    def test_numbers_have_one_spelling(self) -> None:
        for text, value in (("0", 0), ("7", 7), ("60000", 60_000)):
            self.assertEqual(query.number("ms", text, 0, 60_000), value)
        for text in ("", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "1.0", "0x1", "１", "60001", "9" * 20, "1\n"):
            with self.assertRaises(BadRequest, msg=text):
                query.number("ms", text, 0, 60_000)

    def test_parameters_are_known_and_there_once(self) -> None:
        known = ("a", "b")
        for text, values in ((b"", {}), (b"a=1", {"a": "1"}), (b"b=&a==", {"a": "=", "b": ""}), (b"a", {"a": ""})):
            self.assertEqual(query.parameters(text, known), values)
        for text in (b"c=1", b"a=1&a=1", b"a=1&", b"&", b"=1", b"%61=1", b"A=1", b"\xff"):
            with self.assertRaises(BadRequest, msg=text):
                query.parameters(text, known)

    def test_a_refusal_repeats_no_more_than_can_be_read(self) -> None:
        self.assertLess(len(query.quoted("x" * 10_000)), 80)


class Work(unittest.TestCase):
    def test_the_computations_give_known_values(self) -> None:
        for rounds, state in (
            (0, "92d68ca2"),
            (1, "2b1f4d63"),
            (2, "94dacb7a"),
            (10, "9e2f3e39"),
            (100_000, "0bb69297"),
        ):
            self.assertEqual(work.xorshift(rounds), state)
        for kib, start in ((0, "e3b0c442"), (1, "785b0751"), (64, "7daca209"), (1000, "062af9cc")):
            self.assertEqual(work.sha256(kib)[:8], start)


class Imports(unittest.TestCase):
    def test_the_bare_application_does_not_carry_the_framework(self) -> None:
        code = "import sys, bench_server.server, bench_server.asgi_app; sys.exit('fastapi' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode, 0)


class Lag(unittest.TestCase):
    def check(self, values: list[int], percent: int, expected: int, maximum: int = bounds.MAX_LAG_US) -> None:
        histogram = Histogram(maximum)
        for value in values:
            histogram.record(value)
        got = histogram.percentile(percent)
        self.assertLessEqual(expected, got)
        self.assertLessEqual(got, expected + expected // 128)

    def test_what_was_counted_is_told_value_by_value(self) -> None:
        histogram = Histogram(1_000_000)
        for value in (3, 3, 70_000, 2_000_000):
            histogram.record(value)
        counts = histogram.counts()
        self.assertEqual([count for _, count in counts], [2, 1, 1])
        for (told, _), value in zip(counts, (3, 70_000, 1_000_000), strict=True):
            self.assertTrue(value <= told <= value + value // 128, counts)
        largest = counts[-1]
        for value in (80_000, 2_000_000):
            histogram.record(value)
        self.assertEqual(histogram.counts()[-1], (largest[0], 2), "it is told as it was before")

    def test_percentiles_are_those_of_the_nearest_rank(self) -> None:
        self.check([], 50, 0)
        self.check([7], 1, 7)
        self.check(list(range(1, 101)), 50, 50)
        self.check(list(range(1, 101)), 99, 99)
        self.check([100 * value for value in range(1, 1001)], 50, 50_000)
        self.check([100 * value for value in range(1, 1001)], 99, 99_000)

    def test_no_value_lies_outside(self) -> None:
        for value in (0, 1, 127, 128, 129, 255, 256, 257, 65_535, 10**6, bounds.MAX_LAG_US - 1, bounds.MAX_LAG_US):
            self.check([value], 100, value)
        self.check([bounds.MAX_LAG_US + 1, 10**12], 100, bounds.MAX_LAG_US)


class Events(unittest.TestCase):
    def test_events_with_time_between_them_go_out_one_by_one(self) -> None:
        self.assertEqual(list(events.batches(3, 1)), [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"])

    def test_others_share_writes_of_bounded_size(self) -> None:
        for n in (1, 2, 1000, bounds.MAX_EVENTS):
            batches = list(events.batches(n, 0))
            together = b"".join(batches)
            self.assertEqual(together, b"".join(events.event(number) for number in range(1, n + 1)))
            self.assertEqual(events.length(n), len(together))
            for batch in batches:
                self.assertLessEqual(len(batch), events.MAX_BATCH_BYTES)
            for batch in batches[:-1]:
                self.assertGreater(len(batch), events.MAX_BATCH_BYTES - 32)


class Room(unittest.IsolatedAsyncioTestCase):
    async def test_who_leaves_too_many_messages_unread_is_dropped(self) -> None:
        room = chat.Room()
        with room.joined() as member:
            for _ in range(bounds.MAX_UNREAD_MESSAGES):
                room.say("x")
            self.assertFalse(member.dropped.done())
            room.say("x")
            self.assertTrue(member.dropped.done())

    async def test_who_leaves_too_many_bytes_unread_is_dropped(self) -> None:
        room = chat.Room()
        with room.joined() as member:
            for _ in range(bounds.MAX_UNREAD_BYTES // bounds.MAX_MESSAGE_BYTES):
                room.say("ß" * (bounds.MAX_MESSAGE_BYTES // 2))
            self.assertFalse(member.dropped.done())
            room.say("x")
            self.assertTrue(member.dropped.done())

    async def test_what_has_been_read_does_not_count(self) -> None:
        room = chat.Room()
        with room.joined() as member:
            for number in range(3 * bounds.MAX_UNREAD_MESSAGES):
                room.say(str(number))
                self.assertEqual(await member.next(), str(number))
            self.assertFalse(member.dropped.done())

    async def test_the_fast_hear_what_the_slow_have_lost(self) -> None:
        room = chat.Room()
        with room.joined(), room.joined() as fast:
            for number in range(2 * bounds.MAX_UNREAD_MESSAGES):
                room.say(str(number))
                self.assertEqual(await fast.next(), str(number))

    async def test_a_closing_room_dismisses_everyone_after_the_last_message(self) -> None:
        room = chat.Room()
        with room.joined() as early:
            room.say("last")
            room.close()
            self.assertEqual(await early.next(), "last")
            self.assertIsNone(await early.next())
        with room.joined() as late:
            self.assertIsNone(await late.next())

    async def test_a_member_that_is_stuck_in_a_write_is_let_go(self) -> None:
        room = chat.Room()
        said: list[Any] = []

        async def receive() -> Any:
            await asyncio.Future()

        async def send(message: Any) -> None:
            said.append(message)
            await asyncio.Future()

        taking_part = asyncio.create_task(chat.take_part(room, receive, send))
        await asyncio.sleep(0)
        for _ in range(bounds.MAX_UNREAD_MESSAGES + 2):
            room.say("x")
            await asyncio.sleep(0)
        await taking_part
        self.assertEqual([message["type"] for message in said], ["websocket.send"])


if __name__ == "__main__":
    unittest.main()
