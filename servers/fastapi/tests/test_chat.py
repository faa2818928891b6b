"""The chat, over sockets."""

import struct
import threading

from bench_server import bounds
from tests.http_client import Connection
from tests.running import ServerTest, for_each_server
from tests.ws_client import BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, Member, ask, frame


class Chat(ServerTest):
    def join(self, **headers: str) -> Member:
        member = Member(self.port, headers)
        self.addCleanup(member.__exit__)
        return member

    def test_a_message_goes_to_everyone_unchanged(self) -> None:
        members = [self.join() for _ in range(3)]
        for text in ("hello", "", "ß € 😀", "x" * 125, "x" * 126, "x" * bounds.MAX_MESSAGE_BYTES):
            members[0].say(text)
            for member in members:
                self.assertEqual(member.hear(), text)

    def test_everyone_hears_the_same_order(self) -> None:
        members = [self.join() for _ in range(4)]
        each = 200

        def say(member: Member, name: int) -> None:
            for i in range(each):
                member.say(f"{name}:{i}")

        speakers = [threading.Thread(target=say, args=pair) for pair in zip(members, range(4), strict=True)]
        for speaker in speakers:
            speaker.start()
        heard = [[member.hear() for _ in range(each * len(members))] for member in members]
        for speaker in speakers:
            speaker.join()
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        for name in range(4):
            own = [text for text in heard[0] if text.startswith(f"{name}:")]
            self.assertEqual(own, [f"{name}:{i}" for i in range(each)])

    def test_a_message_may_come_in_fragments(self) -> None:
        member = self.join()
        member.send(TEXT, b"one, ", fin=False)
        member.send(PING, b"between")
        member.send(0, b"two, ", fin=False)
        member.send(0, b"three")
        self.assertEqual(member.receive(), (PONG, b"between"))
        self.assertEqual(member.hear(), "one, two, three")

    def test_what_is_not_taken_is_closed_with_its_code(self) -> None:
        most = b"x" * bounds.MAX_MESSAGE_BYTES
        cases = [
            ([(BINARY, b"bytes", True)], 1003),
            ([(TEXT, most + b"x", True)], 1009),
            ([(TEXT, most, False), (0, b"x", True)], 1009),
            ([(TEXT, b"\xff", True)], 1007),
            ([(3, b"", True)], 1002),
        ]
        for frames, code in cases:
            witness = self.join()
            with Member(self.port) as member:
                for opcode, payload, fin in frames:
                    member.send(opcode, payload, fin)
                self.assertEqual(member.closed_with(), code)
            witness.say("still here")
            self.assertEqual(witness.hear(), "still here")

    def test_a_client_that_closes_gets_its_close_back(self) -> None:
        member = self.join()
        member.send(CLOSE, struct.pack(">H", 1000))
        self.assertEqual(member.receive(), (CLOSE, struct.pack(">H", 1000)))
        self.assertTrue(member.connection.is_at_end())

    def test_a_client_that_vanishes_is_no_member_any_more(self) -> None:
        with Member(self.port) as member:
            member.say("hello")
        stays = self.join()
        for text in ("one", "two"):
            stays.say(text)
            self.assertEqual(stays.hear(), text)

    def test_neither_extension_nor_subprotocol_is_agreed_on(self) -> None:
        offers = {"Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "chat"}
        member = self.join(**offers)
        self.assertNotIn("sec-websocket-extensions", member.headers)
        self.assertNotIn("sec-websocket-protocol", member.headers)

    def test_without_an_upgrade_it_is_required(self) -> None:
        with Connection(self.port) as connection:
            reply = connection.get("/chat")
            self.assertEqual((reply.status, reply.headers["upgrade"]), (426, "websocket"))
            self.assertEqual(connection.get("/plaintext").status, 200)

    def test_a_handshake_that_is_wrong_is_refused(self) -> None:
        for target, headers, statuses in [
            ("/chat", {"Sec-WebSocket-Version": "12"}, {400, 426}),
            ("/chat", {"Sec-WebSocket-Key": "short"}, {400}),
            ("/chat?x=1", {}, {400}),
            # FastAPI's router refuses an unknown WebSocket as ASGI has it, by closing before accepting.
            ("/nope", {}, {404, 403}),
            ("/plaintext", {}, {404, 403}),
        ]:
            self.assertIn(ask(self.port, target, {**UPGRADE, **headers}).status, statuses, (target, headers))

    def test_a_slow_reader_is_disconnected_and_costs_the_others_nothing(self) -> None:
        slow, speaker = self.join(), self.join()
        message = "x" * bounds.MAX_MESSAGE_BYTES
        # As many as no kernel buffers for one connection; the speaker hears each before it says the next.
        said = 400
        for _ in range(said):
            speaker.say(message)
            self.assertEqual(speaker.hear(), message)
        heard = 0
        try:
            while slow.hear() == message:
                heard += 1
        except (AssertionError, OSError):
            # The connection ended, in the middle of a message or between two.
            pass
        self.assertLess(heard, said)
        speaker.say("still here")
        self.assertEqual(speaker.hear(), "still here")


load_tests = for_each_server(Chat)
