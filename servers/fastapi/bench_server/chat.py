"""The chat: one room, whose members get every message in the same order.

Speaks in ASGI's WebSocket messages, which both applications have. Everything here runs on the one loop, and a message is
handed to all members without a pause in between: that is what makes the order one for all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench_server.bounds import MAX_UNREAD_BYTES, MAX_UNREAD_MESSAGES

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# RFC 6455 §7.4.1.
GOING_AWAY = 1001
UNSUPPORTED_DATA = 1003


class Member:
    """One who is connected: the messages that still have to be sent there."""

    def __init__(self) -> None:
        self._unread: asyncio.Queue[tuple[str, int] | None] = asyncio.Queue()
        self._unread_bytes = 0
        # Done once the member has left too much unread.
        self.dropped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def offer(self, text: str, size: int) -> bool:
        """Adds a message of so many bytes; says whether the member still keeps up."""
        if self._unread.qsize() >= MAX_UNREAD_MESSAGES or self._unread_bytes + size > MAX_UNREAD_BYTES:
            if not self.dropped.done():
                self.dropped.set_result(None)
            return False
        self._unread.put_nowait((text, size))
        self._unread_bytes += size
        return True

    def dismiss(self) -> None:
        """Ends the member's messages after those that it still has to get."""
        self._unread.put_nowait(None)

    async def next(self) -> str | None:
        """The next message, or none where the room has closed."""
        unread = await self._unread.get()
        if unread is None:
            return None
        text, size = unread
        self._unread_bytes -= size
        return text


class Room:
    """Everyone who is connected."""

    def __init__(self) -> None:
        # A dict for its order: members are served in the order in which they came.
        self._members: dict[Member, None] = {}
        self._is_closed = False

    @contextmanager
    def joined(self) -> Iterator[Member]:
        """A new member, for as long as the context lasts."""
        member = Member()
        self._members[member] = None
        if self._is_closed:
            member.dismiss()
        try:
            yield member
        finally:
            self._members.pop(member, None)

    def say(self, text: str) -> None:
        """Hands a message to every member. Who has too much unread already leaves the room."""
        size = len(text.encode())
        slow = [member for member in self._members if not member.offer(text, size)]
        for member in slow:
            del self._members[member]

    def close(self) -> None:
        """Dismisses everyone, and whoever comes later."""
        self._is_closed = True
        for member in self._members:
            member.dismiss()


async def take_part(room: Room, receive: Receive, send: Send) -> None:
    """Has an accepted connection take part until either side ends it."""
    with room.joined() as member:
        listening = asyncio.ensure_future(_listen(room, receive))
        delivering = asyncio.ensure_future(_deliver(member, send))
        try:
            await asyncio.wait((listening, delivering, member.dropped), return_when=asyncio.FIRST_COMPLETED)
            # Who was dropped for being slow would not read a close frame either; the server then ends the connection
            # when this returns.
            code = None
            if listening.done():
                code = listening.result()
            elif delivering.done():
                code = delivering.result()
        finally:
            member.dropped.cancel()
            await _cancel(listening, delivering)
    if code is not None:
        await send({"type": "websocket.close", "code": code, "reason": ""})


async def _listen(room: Room, receive: Receive) -> int | None:
    """Passes on what the client says; returns the code to close with, or none where the client has gone."""
    while True:
        message: Message = await receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if text is None:
            return UNSUPPORTED_DATA
        room.say(text)


async def _deliver(member: Member, send: Send) -> int:
    """Sends the member's messages as fast as the client takes them; returns the code to close with."""
    while (text := await member.next()) is not None:
        await send({"type": "websocket.send", "text": text})
    return GOING_AWAY


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    # What they failed with no longer matters: the client has gone.
    await asyncio.gather(*tasks, return_exceptions=True)
