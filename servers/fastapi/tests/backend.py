"""A stand-in for the upstream, on threads: says what it is told to, and counts its connections."""

import socket
import threading
from collections.abc import Callable
from typing import Self

Behaviour = Callable[[socket.socket, str], bool]


def answer(connection: socket.socket, target: str) -> bool:
    """The number of the call, as the real one does; keeps the connection."""
    number = target.removeprefix("/call/").partition("?")[0]
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(number), number.encode()))
    return True


def answer_and_close(connection: socket.socket, target: str) -> bool:
    """The number of the call, and then an end of the connection that was not announced."""
    answer(connection, target)
    return False


def say(reply: bytes) -> Behaviour:
    """Always the same, and then the end."""

    def behave(connection: socket.socket, _target: str) -> bool:
        connection.sendall(reply)
        return False

    return behave


class Gathering:
    """Answers no call before so many are there at once."""

    def __init__(self, calls: int) -> None:
        self._barrier = threading.Barrier(calls)

    def __call__(self, connection: socket.socket, target: str) -> bool:
        self._barrier.wait()
        return answer(connection, target)


class Backend:
    """Listens from its making until the end of its context. How it behaves may be changed at any time."""

    def __init__(self, behave: Behaviour = answer) -> None:
        self.behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # `close` alone would leave the thread in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            try:
                while line := requests.readline():
                    while requests.readline() not in (b"\r\n", b""):
                        pass
                    if not self.behave(connection, line.split()[1].decode()):
                        return
            except OSError:
                return
