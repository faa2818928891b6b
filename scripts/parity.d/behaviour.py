"""What a server has and does besides its system calls: threads, sockets, memory, timers, and what the contract's tests prove of it."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from builds import ROOT
from conversation import Failed
from fleet import Client, connections_to, expect, get, rss_bytes, threads_of
from processes import Server

# More than the pool has threads.
AT_ONCE = 16
PARALLEL_CALLS = 7
CONNECTIONS = 2_000
WARM_CONNECTIONS = 200
SLEEPS = 60
SLEEP_MS = 10


def threads(server: Server) -> str:
    """Threads by name, once all of the pool's had to start."""
    clients = [Client(server.port) for _ in range(AT_ONCE)]
    for client in clients:
        client.send(get("/hash/1024?offload=1"))
    for client in clients:
        expect(client.reply(), "/hash/1024?offload=1")
        client.socket.close()
    names = Counter(re.sub(r"[-:]?\d+$", "", name) for name in threads_of(server.process.pid))
    return ", ".join(f"{name} {count}" for name, count in sorted(names.items()))


def upstream_sockets(server: Server, upstream: int) -> str:
    """Connections to the upstream that are open after a number of parallel calls, made again and again."""
    with Client(server.port) as client:
        for _ in range(4):
            client.get(f"/upstream?calls={PARALLEL_CALLS}&ms=20&mode=par")
    return str(connections_to(upstream))


def idle(port: int, count: int) -> list[Client]:
    """Connections that wait for their next request."""
    clients = [Client(port) for _ in range(count)]
    for client in clients:
        client.get("/plaintext")
    return clients


def waiting(port: int, count: int) -> list[Client]:
    """Connections whose request waits for a timer."""
    clients = idle(port, count)
    for client in clients:
        client.send(get("/sleep/60000"))
    # The answer comes after all of them are read, where a server has one loop; and soon after, where it has several.
    with Client(port) as last:
        last.get("/sleep/50")
    return clients


def bytes_per_connection(server: Server) -> tuple[float, float]:
    """By how much the resident set grows for a connection that idles, and for one whose request waits."""
    warm = waiting(server.port, WARM_CONNECTIONS)
    before = rss_bytes(server.process.pid)
    clients = idle(server.port, CONNECTIONS)
    idling = rss_bytes(server.process.pid)
    for client in clients:
        client.send(get("/sleep/60000"))
    with Client(server.port) as last:
        last.get("/sleep/50")
    waits = rss_bytes(server.process.pid)
    for client in warm + clients:
        client.socket.close()
    return (idling - before) / CONNECTIONS, (waits - before) / CONNECTIONS


def sleeps_ms(server: Server) -> list[float]:
    """How long sleeps really took, shortest first."""
    took = []
    with Client(server.port) as client:
        for _ in range(SLEEPS):
            begun = time.perf_counter()
            client.get(f"/sleep/{SLEEP_MS}")
            took.append((time.perf_counter() - begun) * 1e3)
    return sorted(took)


def never_early(server: Server) -> str:
    """Whether a sleep was answered before its time."""
    shortest_ms = sleeps_ms(server)[0]
    return "never" if shortest_ms >= SLEEP_MS else f"{SLEEP_MS - shortest_ms:.3f} ms early"


def lateness(server: Server) -> float:
    """By how much sleeps are late, the median, in milliseconds."""
    return statistics.median(sleeps_ms(server)) - SLEEP_MS


# What the contract's tests prove of every server, and the case that does.
PROVED = {
    "a client resets its connection in the middle of a request": "a_client_that_resets_ends_the_work_for_it",
    "a client leaves in the middle of a stream": "a_client_that_leaves_ends_its_stream",
    "an idle connection to the upstream has ended": "a_kept_connection_that_has_ended_is_not_used",
    "the upstream closes a connection that a call is sent over": "a_kept_connection_that_the_upstream_closed_is_replaced",
    "one of several parallel calls fails": "a_parallel_call_that_fails_ends_its_siblings",
    "one member floods the chat": "a_member_that_floods_disconnects_nobody",
    "one member of the chat does not read": "a_slow_member_is_disconnected_and_costs_the_others_nothing",
    "a client pipelines": "a_client_that_pipelines_has_its_share_of_a_turn",
    "a client does not read": "a_client_that_reads_nothing_is_closed_after_its_limit",
    "many clients do not read": "what_waits_for_all_slow_readers_together_is_bounded",
    "a request takes too long to arrive": "a_request_that_takes_too_long_to_arrive_is_answered_so",
}

# Where the contract's tests are made of each server: a file, and what it calls the server there.
TESTED = {
    "callback": ("callback", "Loops::One"),
    "callback-asyncio": ("callback", "Loops::Asyncio"),
    "callback-cluster": ("callback", "Loops::Cluster"),
    "coroutine": ("coroutine", "Scheduler::MultiThread"),
    "coroutine-single": ("coroutine", "Scheduler::CurrentThread"),
    "coroutine-asyncio": ("coroutine", "Scheduler::Asyncio"),
    "coroutine-libuv": ("coroutine", "Scheduler::Libuv"),
}


def proved(name: str, case: str) -> str:
    """That a case of the contract is a test of this server."""
    cases = (ROOT / "servers/contract/src/lib.rs").read_text()
    if not re.search(rf"^ +{case}$", cases, re.M):
        raise Failed(f"servers/contract/src/lib.rs lists no case {case}")
    crate, server = TESTED[name]
    tests = (ROOT / "servers" / crate / "src/tests.rs").read_text()
    if f"contract::tests!(crate::{server});" not in tests:
        raise Failed(f"servers/{crate}/src/tests.rs makes no tests of {server}")
    return f"`{case}`"


def in_parallel(work, names):  # type: ignore[no-untyped-def]
    """Does the same for several servers, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(work, names)))
