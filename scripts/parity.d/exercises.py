"""What is asked of a server, again and again: one request of each route."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conversation import Failed
from fleet import Client, Member, expect, order


@dataclass(frozen=True)
class Exercise:
    """One request. `marks` is what its first bytes look like when a server reads them. One that is `timed` waits for others: how often the loop
    turns meanwhile depends on how quick they are.
    """

    name: str
    ask: Callable[[Client], object]
    marks: str
    timed: bool = False
    open: Callable[[int], Client] = Client


def getting(target: str, timed: bool = False) -> Exercise:
    """A GET request."""
    return Exercise(f"GET {target}", lambda client: client.get(target), f'"GET {target[:6]}', timed)


def say(client: Client) -> None:
    """A message to a room of one."""
    assert isinstance(client, Member), "a chat is among members"
    client.say(b"hello")
    if (heard := client.hear()) != b"hello":
        raise Failed(f"a member of the chat heard {heard!r} instead of b'hello'")


EXERCISES = [
    getting("/plaintext"),
    getting("/json"),
    getting("/sleep/1", timed=True),
    getting("/upstream?calls=2&ms=0", timed=True),
    getting("/upstream?calls=2&ms=0&mode=par", timed=True),
    getting("/file/16", timed=True),
    getting("/cpu/1000"),
    getting("/cpu/1000?offload=1", timed=True),
    getting("/events?n=3&ms=1", timed=True),
    Exercise("POST /orders", lambda client: expect(client.ask(order()), "an order"), '"POST /o'),
    Exercise("a message of the chat", say, '"\\201', timed=True, open=Member),
]
