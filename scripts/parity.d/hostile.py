"""What slow and greedy clients cost another client: its waits for `/plaintext`, and the server's memory, while they do their worst.

Four of them, one after the other, each on a server of its own:

- `bytes`: 500 connections send a head, a byte a second;
- `bodies`: 500 connections send half of a body of 1 MiB, and no more;
- `pipeline`: one connection sends 64 KiB of requests for `/cpu/1000000` at once;
- `readers`: 500 connections ask for 16 MiB of files and never read.

Another client asks for `/plaintext` again and again, on one connection, a pause after each answer; its 99th percentile alone and beside them is
compared. Then they wait until the server has closed all of the slow ones, which its limits say when.
"""

from __future__ import annotations

import argparse
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fleet
from builds import bench_binary
from conversation import EXIT_FAILED, EXIT_FINE, positive_int, say
from manifests import DATA, launch_command
from processes import Server, running, tree_of

CLIENTS = 500
BODY_BYTES = 1024 * 1024
PIPELINED_BYTES = 64 * 1024
READ_FILES = 16
# Another client's request every so often.
PAUSE_S = 0.002
ALONE_S = 5.0
# The limits of the reference servers are 60 and 75 s, and are looked at once a second; others are waited for as long.
GONE_AFTER_S = 90.0
# How much longer another client may wait at its 99th percentile than it does alone.
MOST_MS = 5.0
# What 500 clients may have a reference server keep: 256 MiB of answers that wait, as much again where buffers that grow are twice as large as
# what is in them, and 1 MiB for each body that is half there.
MOST_RSS_BYTES = 600 * 1024 * 1024
OTHERS = ["node", "fastapi"]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `hostile` takes."""
    command.add_argument("--server", action="append", choices=[*fleet.SERVERS, *OTHERS], help="only this one; may be repeated [all]")
    command.add_argument("--attack", action="append", choices=list(ATTACKS), help="only this one; may be repeated [all]")
    command.add_argument("--clients", type=positive_int, default=CLIENTS, help=f"slow connections [{CLIENTS}]")
    command.add_argument("--short", action="store_true", help="measure for 5 s, and do not wait for the slow ones' end")


@dataclass(frozen=True)
class Outcome:
    """What another client and the server made of it."""

    p99_alone_ms: float
    p99_ms: float
    most_bytes: int
    left: int | None  # of the slow connections, after the limits; None where that was not waited for


def run(args: argparse.Namespace) -> int:
    """Tries each server, and prints a table."""
    bench = bench_binary(args.bench)
    fleet.open_files(4 * args.clients + 1024)
    names = args.server or [*fleet.SERVERS, *OTHERS]
    print("| server | attack | `/plaintext` p99 alone | beside | memory at most | left after the limits |")
    print("|---|---|---:|---:|---:|---:|")
    exceeded = []
    with fleet.backend(bench) as upstream:
        for name in names:
            for attack in args.attack or ATTACKS:
                with started(bench, name, upstream) as server:
                    outcome = tried(server, ATTACKS[attack], args.clients, args.short)
                print(row(name, attack, outcome), flush=True)
                if name not in OTHERS:
                    exceeded += [f"{name}, {attack}: {what}" for what in beyond(outcome)]
    for what in exceeded:
        say(f"error: {what}")
    return EXIT_FAILED if exceeded else EXIT_FINE


def row(name: str, attack: str, outcome: Outcome) -> str:
    """A line of the table.

    >>> row("callback", "bytes", Outcome(0.21, 0.4, 5 << 20, 0))
    '| `callback` | bytes | 0.21 ms | 0.40 ms | 5 MiB | 0 |'
    """
    left = "not waited for" if outcome.left is None else str(outcome.left)
    return (
        f"| `{name}` | {attack} | {outcome.p99_alone_ms:.2f} ms | {outcome.p99_ms:.2f} ms | {outcome.most_bytes / (1 << 20):.0f} MiB | {left} |"
    )


def beyond(outcome: Outcome) -> list[str]:
    """What a reference server should not have let happen.

    >>> beyond(Outcome(0.2, 5.1, 0, 0)), beyond(Outcome(0.2, 5.3, 0, None)), beyond(Outcome(0.2, 0.2, 0, 3))
    ([], ['another client waited 5.3 ms at its 99th percentile, and 0.2 ms alone'], ['3 slow connections are still open'])
    """
    found = []
    if outcome.p99_ms > outcome.p99_alone_ms + MOST_MS:
        found.append(f"another client waited {outcome.p99_ms:.1f} ms at its 99th percentile, and {outcome.p99_alone_ms:.1f} ms alone")
    if outcome.most_bytes > MOST_RSS_BYTES:
        found.append(f"the server had {outcome.most_bytes >> 20} MiB in memory, of {MOST_RSS_BYTES >> 20} MiB that are its bound")
    if outcome.left:
        found.append(f"{outcome.left} slow connections are still open")
    return found


@contextmanager
def started(bench: Path, name: str, upstream: int) -> Iterator[Server]:
    """A reference server, or another target as its manifest says."""
    if name not in OTHERS:
        with fleet.serving(bench, name, upstream) as server:
            yield server
        return
    # A reference server writes the files of /file where they are missing.
    with running("callback", [str(bench), "serve", "callback", "--port", "0", "--data-dir", str(DATA)]):
        pass
    with running(name, launch_command(name, bench)) as server:
        yield server


def tried(server: Server, attack: Callable[[int, int], Attack], clients: int, is_short: bool) -> Outcome:
    """Measures another client alone and beside the slow ones, and waits for their end."""
    with fleet.Client(server.port) as client:
        client.get("/file/1024")
    alone_ms = p99_ms(server.port, ALONE_S)
    most = Most(server)
    with attack(server.port, clients) as slow:
        beside_ms = p99_ms(server.port, ALONE_S if is_short else 4 * ALONE_S)
        left = None
        if not is_short:
            deadline = time.monotonic() + GONE_AFTER_S
            while (left := slow.left()) and time.monotonic() < deadline:
                time.sleep(1.0)
    return Outcome(alone_ms, beside_ms, most.end(), left)


def p99_ms(port: int, for_s: float) -> float:
    """Another client's 99th percentile, in milliseconds."""
    took = []
    with fleet.Client(port) as client:
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            begun = time.perf_counter()
            client.get("/plaintext")
            took.append((time.perf_counter() - begun) * 1e3)
            time.sleep(PAUSE_S)
    return percentile(took, 0.99)


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank.

    >>> percentile([3.0, 1.0, 2.0], 0.99), percentile([1.0, 2.0], 0.5)
    (3.0, 1.0)
    """
    rank = max(1, -(-len(values) * round(share * 1000) // 1000))
    return sorted(values)[rank - 1]


class Most:
    """The most memory that a server and its processes had at a time."""

    def __init__(self, server: Server) -> None:
        self.bytes = 0
        self.server = server
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        """Looks ten times a second."""
        while not self.over.wait(0.1):
            self.bytes = max(self.bytes, sum(map(fleet.rss_bytes, tree_of(self.server.process.pid))))

    def end(self) -> int:
        """The most there was."""
        self.over.set()
        self.thread.join()
        return self.bytes


class Attack:
    """Slow connections; what they do over time is done on a thread."""

    def __init__(self, sockets: Sequence[socket.socket], every_s: float | None = None, piece: bytes = b"", reads: bool = True) -> None:
        self.sockets = list(sockets)
        self.reads = reads
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.trickle, args=(every_s, piece))
        self.thread.start()

    def __enter__(self) -> Attack:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        for connection in self.sockets:
            connection.close()

    def trickle(self, every_s: float | None, piece: bytes) -> None:
        """Sends a byte on each connection again and again, if that is its way."""
        at = 0
        while every_s is not None and not self.over.wait(every_s):
            for connection in self.sockets:
                try:
                    connection.send(piece[at % len(piece) : at % len(piece) + 1])
                except OSError:
                    continue
            at += 1

    def left(self) -> int:
        """Connections that the server has not ended: no end, no reset and no answer has come."""
        poll = select.poll()
        for connection in self.sockets:
            poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        return len(self.sockets) - len(poll.poll(0))


def connected(port: int, clients: int, request: bytes, room: int | None = None) -> list[socket.socket]:
    """Connections that have sent so much."""
    sockets = []
    for _ in range(clients):
        connection = socket.socket()
        if room is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connection.settimeout(fleet.TIMEOUT_S)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request)
        connection.setblocking(False)
        sockets.append(connection)
    return sockets


def send_bytes(port: int, clients: int) -> Attack:
    """A head that takes minutes to arrive."""
    head = b"GET /plaintext HTTP/1.1\r\nHost: test\r\nX: "
    return Attack(connected(port, clients, head[:1]), 1.0, head[1:] + b"a" * 4096)


def send_half_bodies(port: int, clients: int) -> Attack:
    """Half a body."""
    head = f"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode()
    return Attack(connected(port, clients, head + b" " * (BODY_BYTES // 2)))


def send_a_pipeline(port: int, _clients: int) -> Attack:
    """As many requests as 64 KiB have, for work on the loop."""
    request = fleet.get("/cpu/1000000")
    attack = Attack(connected(port, 1, request * (PIPELINED_BYTES // len(request))))
    # What is answered is read, all of it at the end: it is little. The connection stays, as it may.
    attack.left = lambda: 0  # type: ignore[method-assign]
    return attack


def read_nothing(port: int, clients: int) -> Attack:
    """Answers that nobody takes."""
    return Attack(connected(port, clients, fleet.get("/file/1024") * READ_FILES, room=4096))


ATTACKS: dict[str, Callable[[int, int], Attack]] = {
    "bytes": send_bytes,
    "bodies": send_half_bodies,
    "pipeline": send_a_pipeline,
    "readers": read_nothing,
}
