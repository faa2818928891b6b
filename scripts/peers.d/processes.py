"""Processes under measurement: started, asked, their CPU clock read, ended."""

from __future__ import annotations

import ctypes
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from conversation import EXIT_FAILED, Failed, Unavailable

BODY = b"Hello, World!"
CONTENT_TYPE = "text/plain; charset=utf-8"

READY_TIMEOUT_S = 10.0
READY_BYTES_MAX = 64 * 1024
STOP_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 2.0
PROBE_BYTES_MAX = 64 * 1024
# A server rests once it has computed for so little of a step: Node's timers tick every 10 ms, for 0.03 ms, and now and then for 0.3.
# One that never does is not idle without load.
REST_STEP_S = 0.01
REST_SHARE_MAX = 0.05
REST_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Server:
    """A server that runs and has said where."""

    name: str
    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def running(name: str, command: Sequence[str], cpu: int | None = None) -> Iterator[Server]:
    """A server on a free port, on the core given, for as long as the block lasts."""
    with tempfile.TemporaryFile() as stderr, started(command, stderr=stderr, cpu=cpu) as process:
        yield Server(name, process, port_of(command, process, stderr))


def port_of(command: Sequence[str], process: subprocess.Popen[bytes], stderr: IO[bytes]) -> int:
    """Waits for the line `listening on 127.0.0.1:PORT`."""
    assert process.stdout is not None, "stdout is a pipe"
    deadline = time.monotonic() + READY_TIMEOUT_S
    said = b""
    while select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(process.stdout.fileno(), READY_BYTES_MAX)
        said += piece
        if match := re.search(rb"listening on 127\.0\.0\.1:(\d+)\n", said):
            return int(match[1])
        if not piece or len(said) > READY_BYTES_MAX:
            break
    stderr.seek(0)
    end(process)
    words = (said + stderr.read()).decode(errors="replace").strip() or "nothing"
    raise Unavailable(
        f"'{shlex.join(command)}' did not say within {READY_TIMEOUT_S:.0f} s where it listens; it ended with "
        f"{process.returncode}, and had said: {words}"
    )


@contextmanager
def started(
    command: Sequence[str], stderr: IO[bytes] | int, cpu: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that ends with the block, or with this process, however that ends."""
    parent = os.getpid()

    def prepare() -> None:
        end_with_parent(parent)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, preexec_fn=prepare
    )
    try:
        yield process
    finally:
        end(process)


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent dies; runs in the child, before exec."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # A parent that died before the call sends nothing any more.
    if os.getppid() != parent:
        os._exit(EXIT_FAILED)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a child, first politely, and takes in its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def cpu_at_rest_ns(server: Server) -> int:
    """The server's CPU time so far, user and kernel, all processes and threads, once it does next to nothing any more.

    A process's CPU clock is the sum of what /proc/PID/task/*/schedstat shows, plus the threads that ended meanwhile.
    """
    # The number of another process's CPU clock: clock_getcpuclockid(3), <linux/posix-timers.h>.
    clocks = [(~pid << 3) | 2 for pid in tree_of(server.process.pid)]
    deadline = time.monotonic() + REST_TIMEOUT_S
    spent_ns = sum(map(time.clock_gettime_ns, clocks))
    while time.monotonic() < deadline:
        time.sleep(REST_STEP_S)
        last_ns, spent_ns = spent_ns, sum(map(time.clock_gettime_ns, clocks))
        if spent_ns - last_ns <= REST_SHARE_MAX * REST_STEP_S * 1e9:
            return spent_ns
    raise Failed(
        f"{server.name} (process {server.process.pid}) computes without requests, for {REST_TIMEOUT_S:.0f} s already, "
        f"so that its CPU time is not that of its requests; --skip {server.name}"
    )


def tree_of(pid: int) -> list[int]:
    """A process and all that it and its children have started, as proc_pid_task_children(5) tells of processes that live.

    >>> with subprocess.Popen(["sh", "-c", "sleep 9 & echo; wait"], stdout=subprocess.PIPE) as shell:
    ...     _ = shell.stdout.readline()
    ...     tree = tree_of(shell.pid)
    ...     for member in reversed(tree):
    ...         os.kill(member, signal.SIGTERM)
    >>> tree[0] == shell.pid, len(tree)
    (True, 2)
    """
    tree = [pid]
    for member in tree:
        for task in os.listdir(f"/proc/{member}/task"):
            tree += map(int, Path(f"/proc/{member}/task/{task}/children").read_text().split())
    return tree


def probe(server: Server) -> int:
    """Asks twice over one connection; both answers must be the contract's. Returns the length of one in bytes."""
    try:
        with socket.create_connection(("127.0.0.1", server.port), PROBE_TIMEOUT_S) as connection:
            lengths = [probe_once(server.name, connection) for _ in range(2)]
    except OSError as error:
        raise Unavailable(f"GET /plaintext on port {server.port}: {error}") from None
    return lengths[0]


def probe_once(name: str, connection: socket.socket) -> int:
    """One request and its answer, checked; the answer's length in bytes."""
    connection.sendall(b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(BODY):
        piece = connection.recv(4096)
        answer += piece
        if not piece or len(answer) > PROBE_BYTES_MAX:
            raise Unavailable(f"{name} answers GET /plaintext with {answer[:200]!r}, not with {BODY!r}")
    check_answer(name, answer)
    return len(answer)


def check_answer(name: str, answer: bytes) -> None:
    """Holds one whole answer against what every server must say.

    >>> head = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/plain; charset=utf-8\\r\\n"
    >>> head += b"content-length: 13\\r\\ndate: x\\r\\n\\r\\n"
    >>> check_answer("a", head + b"Hello, World!")
    >>> check_answer("a", head + b"Hello,  World!")
    Traceback (most recent call last):
    conversation.Unavailable: a answers GET /plaintext with body b'Hello,  World!', not b'Hello, World!'
    >>> check_answer("a", b"HTTP/1.1 404 Not Found\\r\\n\\r\\n")
    Traceback (most recent call last):
    conversation.Unavailable: a answers GET /plaintext with status 'HTTP/1.1 404 Not Found', not 'HTTP/1.1 200 OK'
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    for what, got, want in (
        ("status", status, "HTTP/1.1 200 OK"),
        ("body", body, BODY),
        ("Content-Length", fields.get("content-length"), str(len(BODY))),
        ("Content-Type", fields.get("content-type"), CONTENT_TYPE),
        ("Date", "date" in fields, True),
    ):
        if got != want:
            raise Unavailable(f"{name} answers GET /plaintext with {what} {got!r}, not {want!r}")
