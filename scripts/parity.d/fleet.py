"""The reference servers, each started as `bench serve` starts it, and a client that asks them."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conversation import Failed
from processes import Server, running

# Two servers on one loop, which differ in their style alone: callbacks first.
PAIRS = {"libuv": ("callback", "coroutine-libuv"), "asyncio": ("callback-asyncio", "coroutine-asyncio")}
SERVERS = [
    *PAIRS["libuv"],
    *PAIRS["asyncio"],
    "coroutine-single",
    "coroutine",
    "callback-cluster",
]
POOL_THREADS = 4
WORKERS = 2
TIMEOUT_S = 30.0


def open_files(wanted: int) -> None:
    """Lets this process, and what it starts, have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Failed(f"{wanted} descriptors are needed, and only {hard} allowed: raise the limit (ulimit -Hn {wanted})")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def backend(bench: Path) -> Iterator[int]:
    """The upstream of all servers, and its port."""
    with running("backend", [str(bench), "serve", "backend", "--port", "0"]) as server:
        yield server.port


@contextmanager
def serving(bench: Path, name: str, upstream: int, under: Sequence[str] = (), flags: Sequence[str] = ()) -> Iterator[Server]:
    """A reference server that runs, perhaps under another program."""
    command = [*under, str(bench), "serve", name, "--port", "0", "--pool", str(POOL_THREADS), "--workers", str(WORKERS)]
    with running(name, [*command, "--upstream", f"127.0.0.1:{upstream}", *flags]) as server:
        yield server


def threads_of(pid: int) -> list[str]:
    """The names of a process's threads."""
    return [task.joinpath("comm").read_text().strip() for task in sorted(Path(f"/proc/{pid}/task").iterdir())]


def rss_bytes(pid: int) -> int:
    """What a process has in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kib) * 1024


def connections_to(port: int) -> int:
    """Connections of this machine that were opened to a port of the loopback and are open (proc_net(5): state 01)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines)


@dataclass(frozen=True)
class Reply:
    """What came for one request."""

    status: int
    body: bytes


class Client:
    """One connection, which waits for each answer."""

    def __init__(self, port: int, little_room: bool = False) -> None:
        self.socket = socket.socket()
        if little_room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(request)

    def ask(self, request: bytes) -> Reply:
        """Sends a request and waits for its answer."""
        self.send(request)
        return self.reply()

    def get(self, target: str) -> Reply:
        """Asks for a target and waits for its answer, which must be 200."""
        return expect(self.ask(get(target)), target)

    def reply(self) -> Reply:
        """Waits for an answer."""
        while b"\r\n\r\n" not in self.input:
            self.read()
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if fields.get("transfer-encoding") == "chunked":
            body = self.chunks()
        else:
            body = self.take(int(fields.get("content-length", "0")))
        return Reply(int(status.split()[1]), body)

    def take(self, count: int) -> bytes:
        """Waits for so many bytes."""
        while len(self.input) < count:
            self.read()
        taken, self.input = self.input[:count], self.input[count:]
        return taken

    def chunks(self) -> bytes:
        """Waits for the rest of a body in chunks."""
        body = b""
        while True:
            while b"\r\n" not in self.input:
                self.read()
            size, _, self.input = self.input.partition(b"\r\n")
            chunk = self.take(int(size, 16) + 2)
            if len(chunk) == 2:
                return body
            body += chunk[:-2]

    def read(self) -> None:
        """Waits for more."""
        try:
            piece = self.socket.recv(1 << 20)
        except TimeoutError:
            raise Failed(f"no answer within {TIMEOUT_S:.0f} s") from None
        if not piece:
            raise Failed("the connection ended where an answer was expected")
        self.input += piece


class Member(Client):
    """A connection that is in the chat."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        fields.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        self.send(request("GET", "/chat", fields))
        while b"\r\n\r\n" not in self.input:
            self.read()
        _, _, self.input = self.input.partition(b"\r\n\r\n")

    def say(self, text: bytes) -> None:
        """Says something short, with a mask of zeros."""
        self.send(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)

    def hear(self) -> bytes:
        """Waits for a short message."""
        _, length = self.take(2)
        return self.take(length)


def request(method: str, target: str, fields: Sequence[str] = (), body: bytes = b"") -> bytes:
    """A request as it is sent."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: test", *fields, "", ""]).encode() + body


def get(target: str) -> bytes:
    """A GET request."""
    return request("GET", target)


ORDER = b'{"customer":{"id":1,"email":"a@example.com"},"items":[{"sku":"A-1","quantity":2,"unit_price_cents":300}]}'


def order() -> bytes:
    """A small order."""
    return request("POST", "/orders", ["Content-Type: application/json", f"Content-Length: {len(ORDER)}"], ORDER)


def expect(reply: Reply, what: str, status: int = 200) -> Reply:
    """Holds an answer's status against what it must be."""
    if reply.status != status:
        raise Failed(f"{what} was answered {reply.status} instead of {status}: {reply.body[:200]!r}")
    return reply


def wait_until(is_so: object, what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Waits for something that another process does."""
    deadline = time.monotonic() + timeout_s
    while not is_so():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise Failed(f"waited {timeout_s:.0f} s in vain until {what}")
        time.sleep(0.01)
