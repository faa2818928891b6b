"""What slow and greedy clients cost another client: its waits for `/plaintext`, and the server's memory, while they do their worst.

Four of them, each on a server of its own:

- `bytes`: 500 connections send a head, a byte a second;
- `bodies`: 500 connections send half of a body of 1 MiB, and no more;
- `pipeline`: one connection sends 64 KiB of requests for `/cpu/1000000` at once;
- `readers`: 500 connections ask for 16 MiB of files each and never read.

Another client asks for `/plaintext` again and again, on one connection, a pause after each answer. Its 99th percentile is taken alone, in the
first seconds of the attack, in which connections are made and asked-for work is done, and after that. The attack is a process of its own, so
that nothing but the server stands between the two. One server after the other is measured; all of them then wait together until the server
has closed the slow ones, which its limits say when.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import fleet
import manifests
from builds import bench_binary
from conversation import EXIT_FAILED, EXIT_FINE, Failed, Misused, positive_int, say
from processes import Server, end_with_parent, tree_of
from table import PAGE, with_hostile

CLIENTS = 500
BODY_BYTES = 1024 * 1024
PIPELINED_BYTES = 64 * 1024
GREEDY = "/cpu/1000000"
READ_FILES = 16
# Another client's request every so often.
PAUSE_S = 0.002
ALONE_S = 4.0
START_S = 4.0
AFTER_S = 6.0
# For how long a greedy client's request is asked for, to know what a turn's share takes.
SHARE_S = 0.5
# How often slow clients send, and how often the server's memory is looked at.
TRICKLE_S = 1.0
LOOK_S = 0.1
# The limits of the reference servers are 60 and 75 s, and are looked at once a second; others are waited for as long.
GONE_AFTER_S = 90.0
# How much longer another client may wait at its 99th percentile than it does alone, beyond one turn's share.
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
    command.add_argument("--short", action="store_true", help="do not wait for the slow ones' end")
    command.add_argument("--write", action="store_true", help="write the table into docs/parity.md; takes all servers and attacks")


@dataclass(frozen=True)
class Waits:
    """Another client's 99th percentiles, in milliseconds."""

    alone: float
    start: float
    after: float
    # What the attack may have of a turn: the time of one of its requests, where they compute.
    share: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What another client and the server made of it."""

    waits: Waits
    most_bytes: int
    left: int | None  # of the slow connections, after the limits; None where that was not waited for


def run(args: argparse.Namespace) -> int:
    """Tries each server, and prints a table."""
    if args.write and (args.server or args.attack or args.short or args.clients != CLIENTS):
        raise Misused("--write takes all servers and attacks in full: leave --server, --attack, --clients and --short out")
    bench = bench_binary(args.bench)
    names = args.server or [*fleet.SERVERS, *OTHERS]
    attacks = args.attack or list(ATTACKS)
    # An attack's connections have two ends, and those of all servers are open at once.
    fleet.open_files(4 * args.clients + 1024)
    lines = list(HEADER)
    exceeded = []
    with fleet.backend(bench) as upstream:
        for attack in attacks:
            for name, outcome in tried(bench, upstream, attack, names, args.clients, args.short):
                lines.append(row(name, attack, outcome))
                if name not in OTHERS:
                    exceeded += [f"{name}, {attack}: {what}" for what in beyond(outcome)]
    print("\n".join(lines))
    if args.write:
        PAGE.write_text(with_hostile(PAGE.read_text(), "\n".join([*WORDS, "", *lines, ""])))
    for what in exceeded:
        say(f"error: {what}")
    return EXIT_FAILED if exceeded else EXIT_FINE


HEADER = [
    "| server | attack | `/plaintext` p99 alone | at its start | after that | a turn's share | memory at most | left after the limits |",
    "|---|---|---:|---:|---:|---:|---:|---:|",
]

WORDS = [
    "`scripts/parity hostile --write` measures this, with a pause of 2 ms between another client's requests: `bytes` are 500 connections that send",
    "a head at a byte a second, `bodies` 500 half bodies of 1 MiB, `pipeline` is 64 KiB of requests for `/cpu/1000000` on one connection, and",
    "`readers` are 500 clients that ask for 16 MiB of files each and read nothing. The start is the first 4 s, in which the connections are made",
    "and what they ask for is begun. Reference servers must keep another client's 99th percentile within 5 ms and one turn's share of what it is",
    "alone, and their memory under 600 MiB. What is left are connections that the server has: what the kernel took to send to a client that reads",
    "nothing it keeps for minutes after the server's close.",
]


def row(name: str, attack: str, outcome: Outcome) -> str:
    """A line of the table.

    >>> row("callback", "bytes", Outcome(Waits(0.21, 0.4, 0.3), 5 << 20, 0))
    '| `callback` | bytes | 0.21 ms | 0.40 ms | 0.30 ms | – | 5 MiB | 0 |'
    """
    left = "not waited for" if outcome.left is None else str(outcome.left)
    waits = outcome.waits
    share = f"{waits.share:.2f} ms" if waits.share else "–"
    times = " | ".join(f"{ms:.2f} ms" for ms in (waits.alone, waits.start, waits.after))
    return f"| `{name}` | {attack} | {times} | {share} | {outcome.most_bytes / (1 << 20):.0f} MiB | {left} |"


def beyond(outcome: Outcome) -> list[str]:
    """What a reference server should not have let happen.

    >>> beyond(Outcome(Waits(0.2, 5.1, 5.1), 0, 0)), beyond(Outcome(Waits(0.2, 8.1, 0.2, 3.0), 0, None))
    ([], [])
    >>> beyond(Outcome(Waits(0.2, 5.3, 0.2), 0, 3))
    ['another client waited 5.3 ms at its 99th percentile at the start, and 0.2 ms alone', '3 slow connections are still open']
    """
    found = []
    waits = outcome.waits
    for when, ms in (("at the start", waits.start), ("after it", waits.after)):
        if ms > waits.alone + waits.share + MOST_MS:
            found.append(f"another client waited {ms:.1f} ms at its 99th percentile {when}, and {waits.alone:.1f} ms alone")
    if outcome.most_bytes > MOST_RSS_BYTES:
        found.append(f"the server had {outcome.most_bytes >> 20} MiB in memory, of {MOST_RSS_BYTES >> 20} MiB that are its bound")
    if outcome.left:
        found.append(f"{outcome.left} slow connections are still open")
    return found


def tried(bench: Path, upstream: int, attack: str, names: Sequence[str], clients: int, is_short: bool) -> Iterator[tuple[str, Outcome]]:
    """Measures another client of each server alone and beside the attack, and waits for the end of all slow connections together."""
    with ExitStack() as stack:
        waits: dict[str, Waits] = {}
        attackers: dict[str, Attacker] = {}
        for name in names:
            say(f"{attack} on {name}")
            serving = manifests.serving(name, bench) if name in OTHERS else fleet.serving(bench, name, upstream)
            server = stack.enter_context(serving)
            attackers[name] = stack.enter_context(Attacker(attack, server, clients))
            waits[name] = measured(server, attackers[name])
        deadline = time.monotonic() + GONE_AFTER_S
        left: dict[str, int | None] = dict.fromkeys(names)
        while not is_short:
            left = {name: attackers[name].ask("left") for name in names}
            if not any(left.values()) or time.monotonic() > deadline:
                break
            time.sleep(1.0)
        for name in names:
            yield name, Outcome(waits[name], attackers[name].ask("most"), left[name])


def measured(server: Server, attacker: Attacker) -> Waits:
    """Measures another client, which is connected before the attack begins."""
    with fleet.Client(server.port) as client:
        client.get("/file/1024")
        alone = waits_ms(client, "/plaintext", ALONE_S)
        share = percentile(waits_ms(client, GREEDY, SHARE_S), 0.5) if attacker.computes else 0.0
        attacker.begin()
        start = waits_ms(client, "/plaintext", START_S)
        attacker.wait_until_begun()
        after = waits_ms(client, "/plaintext", AFTER_S)
    return Waits(percentile(alone, 0.99), percentile(start, 0.99), percentile(after, 0.99), share)


def waits_ms(client: fleet.Client, target: str, for_s: float) -> list[float]:
    """Another client's waits, in milliseconds; one at least."""
    took = []
    deadline = time.monotonic() + for_s
    while not took or time.monotonic() < deadline:
        begun = time.perf_counter()
        client.get(target)
        took.append((time.perf_counter() - begun) * 1e3)
        time.sleep(PAUSE_S)
    return took


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank.

    >>> percentile([3.0, 1.0, 2.0], 0.99), percentile([1.0, 2.0], 0.5)
    (3.0, 1.0)
    """
    rank = max(1, -(-len(values) * round(share * 1000) // 1000))
    return sorted(values)[rank - 1]


class Attacker:
    """A process that attacks a server when it is asked to."""

    def __init__(self, attack: str, server: Server, clients: int) -> None:
        self.computes = attack == "pipeline"
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=attack_when_asked, args=(ATTACKS[attack], server, clients, theirs, os.getpid()))
        self.process.start()
        # Its end shows in the pipe.
        theirs.close()

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()

    def begin(self) -> None:
        """Has it begin; it goes on until the end of the block."""
        self.pipe.send("begin")

    def wait_until_begun(self) -> None:
        """Waits until all its connections are made, and have sent what they send at once."""
        self.hear()

    def ask(self, what: str) -> int:
        """What it knows: the `most` bytes that the server had, or the connections that are `left`."""
        self.pipe.send(what)
        return self.hear()

    def hear(self) -> int:
        """What it says next."""
        try:
            return self.pipe.recv()
        except EOFError:
            raise Failed("the process that attacks has failed; its own words stand above") from None


def attack_when_asked(attack: Callable[[int, int], Attack], server: Server, clients: int, pipe: Connection, parent: int) -> None:
    """What an attacker's process does."""
    end_with_parent(parent)
    pipe.recv()
    under_way = attack(server.port, clients)
    pipe.send(0)
    most_bytes = sent = 0
    next_s = time.monotonic() + TRICKLE_S
    while True:
        most_bytes = max(most_bytes, sum(map(fleet.rss_bytes, tree_of(server.process.pid))))
        if under_way.trickle and time.monotonic() >= next_s:
            under_way.send_a_byte(sent)
            sent += 1
            next_s += TRICKLE_S
        if pipe.poll(LOOK_S):
            pipe.send(most_bytes if pipe.recv() == "most" else under_way.left())


@dataclass
class Attack:
    """Slow connections to a server's port."""

    port: int
    sockets: list[socket.socket]
    # What is sent on each of them, a byte at a time.
    trickle: bytes = b""
    # A connection that stays may do so.
    must_end: bool = True

    def send_a_byte(self, at: int) -> None:
        """Sends the next byte on each connection."""
        for connection in self.sockets:
            try:
                connection.send(self.trickle[at % len(self.trickle) :][:1])
            except OSError:
                continue

    def left(self) -> int:
        """Connections that the server still has. A client that reads nothing does not see an end: it stands behind what was not read."""
        if not self.must_end:
            return 0
        return owned(Path("/proc/net/tcp").read_text(), self.port, {connection.getsockname()[1] for connection in self.sockets})


def owned(table: str, port: int, clients: set[int]) -> int:
    """How many connections from these ports to this one belong to a process, in the kernel's table (proc_pid_net(5)): those that were closed
    and have something left to send belong to none.

    >>> line = "   1: 0100007F:1F90 0100007F:{:04X} 01 0:0 00:0 0     0        0 {} 1 0\\n".format
    >>> owned("  sl  local_address rem_address st\\n" + line(5000, 77) + line(5001, 0) + line(6000, 78), 8080, {5000, 5001})
    1
    """
    count = 0
    for row in table.splitlines()[1:]:
        fields = row.split()
        local, remote = (int(address.partition(":")[2], 16) for address in fields[1:3])
        count += local == port and remote in clients and fields[9] != "0"
    return count


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
    return Attack(port, connected(port, clients, head[:1]), head[1:] + b"a" * 4096)


def send_half_bodies(port: int, clients: int) -> Attack:
    """Half a body."""
    head = f"POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode()
    return Attack(port, connected(port, clients, head + b" " * (BODY_BYTES // 2)))


def send_a_pipeline(port: int, _clients: int) -> Attack:
    """As many requests as 64 KiB have, for work on the loop."""
    request = fleet.get(GREEDY)
    # What is answered is not read: it is little. The connection stays, as it may.
    return Attack(port, connected(port, 1, request * (PIPELINED_BYTES // len(request))), must_end=False)


def read_nothing(port: int, clients: int) -> Attack:
    """Answers that nobody takes."""
    return Attack(port, connected(port, clients, fleet.get("/file/1024") * READ_FILES, room=4096))


ATTACKS: dict[str, Callable[[int, int], Attack]] = {
    "bytes": send_bytes,
    "bodies": send_half_bodies,
    "pipeline": send_a_pipeline,
    "readers": read_nothing,
}
