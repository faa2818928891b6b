"""System calls by name: of a request, of a connection, of a stall, and after errors of accept and clone. Seen by strace.

A server is traced as it serves; each request is one after the other, so that what lies between the readings of two requests is what one of
them takes, the wait for the next one included. What most requests take is what counts: a heartbeat comes between now and then. What depends on
which thread is quicker is left out, as `futex` is, and where a request waits for others, how often the loop polls meanwhile and whether another
thread has to wake it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builds import tool
from conversation import Failed
from exercises import Exercise
from fleet import Client, get, wait_until
from processes import Server, started

REQUESTS = 24
LEFT_OUT = {"futex", "sched_yield", "clock_gettime", "restart_syscall", "exit", "madvise", "munmap", "mprotect"}
TIMED = LEFT_OUT | {"epoll_wait", "write", "mmap", "brk", "set_robust_list", "rt_sigprocmask", "sched_getaffinity", "sigaltstack", "prctl", "gettid", "rseq", "clone3"}
READS = {"read", "recvfrom", "recvmsg", "readv"}
# Of bytes to a client; `write` wakes loops.
SENDS = {"sendto", "sendmsg", "writev"}
STALLED_FILES = 16
FILE_BYTES = 1024 * 1024
QUIET_S = 0.3


@dataclass(frozen=True)
class Call:
    """A system call as strace wrote it down."""

    at_s: float
    name: str
    text: str

    @property
    def failed(self) -> str | None:
        """The error that it ended with."""
        match = re.search(r"= -1 (E\w+)", self.text)
        return match[1] if match else None


def parse(trace: str) -> list[Call]:
    """Reads the output of `strace -f -ttt`. A call that another thread's interrupts stands where it began, with its result.

    >>> calls = parse('''7 1.5 recvfrom(9, "GET", 4, 0) = 3
    ... 7 1.6 epoll_wait(3,  <unfinished ...>
    ... 8 1.7 write(5, "x", 1) = 1
    ... 7 1.8 <... epoll_wait resumed>[], 8, 1) = 0
    ... 7 1.9 accept4(4, NULL, NULL, 0) = -1 EMFILE (Too many open files) (INJECTED)
    ... 7 2.0 +++ exited with 0 +++
    ... ''')
    >>> [(call.name, call.failed) for call in calls]
    [('recvfrom', None), ('epoll_wait', None), ('write', None), ('accept4', 'EMFILE')]
    >>> calls[1].text
    'epoll_wait(3,  <unfinished ...>[], 8, 1) = 0'
    """
    calls: list[Call] = []
    under_way: dict[str, int] = {}
    for line in trace.splitlines():
        match = re.match(r"(?:\[pid +)?(\d+)\]? +([\d.]+) (.*)", line)
        if match is None:
            continue
        thread, at_s, text = match[1], float(match[2]), match[3]
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            if thread in under_way:
                place = under_way.pop(thread)
                call = calls[place]
                calls[place] = Call(call.at_s, call.name, call.text + resumed[1])
        elif began := re.match(r"(\w+)\(", text):
            if text.endswith("<unfinished ...>"):
                under_way[thread] = len(calls)
            calls.append(Call(at_s, began[1], text))
    return calls


@contextmanager
def traced(server: Server, *flags: str) -> Iterator[Callable[[], list[Call]]]:
    """Traces all threads of a server for as long as the block lasts; what is yielded reads what was traced so far."""
    strace = tool("strace", "install it (Debian: apt-get install strace)")
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as output:
        command = [strace, "-f", "-ttt", "-s", "24", "-o", output.name, *flags, "-p", str(server.process.pid)]
        with tempfile.TemporaryFile("w+") as words, started(command, stderr=words.fileno()) as process:

            def is_attached() -> bool:
                if process.poll() is not None:
                    words.seek(0)
                    raise Failed(f"strace can't attach to {server.name}: {words.read().strip()}")
                return all(
                    "TracerPid:\t0" not in task.joinpath("status").read_text()
                    for task in Path(f"/proc/{server.process.pid}/task").iterdir()
                )

            wait_until(is_attached, f"strace has attached to {server.name}")
            yield lambda: parse(Path(output.name).read_text(errors="replace"))


def usual(groups: Sequence[Counter[str]]) -> str:
    """The calls that most groups have, as words.

    >>> usual([Counter(b=1, a=2), Counter(a=2, b=1), Counter(c=1)])
    'a 2, b 1'
    >>> usual([Counter()])
    'none'
    """
    most, _ = Counter(frozenset(group.items()) for group in groups).most_common(1)[0]
    return ", ".join(f"{name} {count}" for name, count in sorted(most)) or "none"


def split(calls: Sequence[Call], begins: Callable[[Call], bool], left_out: set[str]) -> list[Counter[str]]:
    """What was called from each beginning to the next; what follows the last one is not whole and left out."""
    groups: list[Counter[str]] = []
    for call in calls:
        if begins(call):
            groups.append(Counter())
        if groups and call.name not in left_out:
            groups[-1][call.name] += 1
    return groups[:-1]


def of_a_request(server: Server, exercise: Exercise) -> str:
    """The calls that most requests take."""
    with exercise.open(server.port) as client:
        # The pool's threads run, and connections to the upstream are open.
        for _ in range(4):
            exercise.ask(client)
        with traced(server) as calls:
            for _ in range(REQUESTS):
                exercise.ask(client)
            groups = split(
                calls(), lambda call: call.name in READS and exercise.marks in call.text, TIMED if exercise.timed else LEFT_OUT
            )
    if len(groups) < REQUESTS // 2:
        raise Failed(f"{server.name}: strace saw only {len(groups)} of {REQUESTS} requests of {exercise.name}")
    return usual(groups)


def of_a_connection(server: Server) -> str:
    """The calls from one accepted connection to the next: one request, and then the client closes it."""
    with traced(server) as calls:
        for _ in range(REQUESTS):
            with Client(server.port) as client:
                client.get("/plaintext")
        # The last one's end is seen, too.
        time.sleep(QUIET_S)
        groups = split(calls(), lambda call: call.name.startswith("accept") and call.failed is None, TIMED)
    return usual(groups)


def of_a_stall(server: Server) -> str:
    """What is tried for a client that reads nothing, until it reads again: sends that the kernel refused because there was no room."""
    with Client(server.port, little_room=True) as client, traced(server) as calls:
        client.send(get("/file/1024") * STALLED_FILES)
        # More than the kernel takes: the last answers are not begun while nobody reads.
        wait_until(lambda: any(call.name in SENDS for call in calls()), f"{server.name} sends")
        time.sleep(QUIET_S)
        refused = sum(call.name in SENDS and call.failed == "EAGAIN" for call in calls())
        stalled_calls = sum(call.name in READS and '"GET /file' in call.text for call in calls())
        for _ in range(STALLED_FILES):
            if len(client.reply().body) != FILE_BYTES:
                raise Failed(f"{server.name}: a file that a slow client read is not whole")
    return f"sends that the kernel refused {refused}, reads of its requests {stalled_calls}"


ACCEPT_ERRORS = ["ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]
ACCEPT_FAILURES = 3
# What is waited for at least after so many failures in a row, where failures are waited for: 1, 2 and 4 ms.
ACCEPT_PAUSES_S = 0.007
ACCEPT_TRIES = 4


def after_accept_error(server: Server, error: str) -> str:
    """What a server does after an error of accept that comes three times: its client must be served in the end."""
    shortest_s = float("inf")
    for _ in range(ACCEPT_TRIES):
        inject = f"inject=accept4,accept:error={error}:when=1..{ACCEPT_FAILURES}"
        with traced(server, "-e", "trace=accept4,accept", "-e", inject) as calls:
            with Client(server.port) as client:
                client.get("/plaintext")
            accepts = [call for call in calls() if "INJECTED" in call.text or call.failed is None]
        failures = [call for call in accepts if call.failed == error]
        if len(failures) < ACCEPT_FAILURES:
            raise Failed(f"{server.name}: strace injected {error} only {len(failures)} times of {ACCEPT_FAILURES}")
        shortest_s = min(shortest_s, accepts[-1].at_s - failures[0].at_s)
    return "waits longer each time" if shortest_s >= ACCEPT_PAUSES_S else "tries again at once"


def without_threads(server: Server) -> str:
    """What a request for the pool is answered where no thread can be started (clone(2): EAGAIN), and once it can."""
    with Client(server.port) as client:
        client.get("/plaintext")
        with traced(server, "-e", "trace=clone3,clone", "-e", "inject=clone3,clone:error=EAGAIN") as calls:
            refused = client.ask(get("/file/1")).status
            if not calls():
                raise Failed(f"{server.name}: no thread was to be started for GET /file/1, so that strace kept none from it")
        served = client.ask(get("/file/1")).status
    return f"{refused}, afterwards {served}"
