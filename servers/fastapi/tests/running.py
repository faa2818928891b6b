"""Servers in processes of their own, as they are started for a run."""

import atexit
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from bench_server.bounds import FILE_SIZES_KIB
from tests.backend import Backend
from tests.http_client import PATIENCE_S

ROOT = Path(__file__).parent.parent
POOL_THREADS = 2

# What a server would find of a database that a test did not give it.
_NOT_INHERITED = ("DATABASE_URL", "DATABASE_POOL_SIZE", "REDIS_URL")

COMBINATIONS = [
    ("fastapi", "asyncio"),
    ("fastapi", "uvloop"),
    ("asgi", "asyncio"),
    ("asgi", "uvloop"),
]


class Server:
    """Runs until the end of its context, or until it is told to stop."""

    def __init__(self, app: str, loop: str, *flags: str, bounds: str = "", env: Mapping[str, str] | None = None) -> None:
        # Bounds that no test could wait for, such as the grace, are replaced before anything reads them.
        start = ["serve.py"] if not bounds else ["-c", _WITH_BOUNDS.format(bounds)]
        self.process = subprocess.Popen(
            [sys.executable, *start, "--app", app, "--loop", loop, "--pool", str(POOL_THREADS), *flags],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in _NOT_INHERITED} | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.kill()
            raise AssertionError(f"said {line!r}, and then {self.process.communicate()}")
        self.host, _, port = line.removeprefix("listening on ").rpartition(":")
        self.port = int(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> tuple[int, str, str]:
        """The exit code, and what was said on both outputs since the first line."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


_WITH_BOUNDS = "from bench_server import bounds; {}; from bench_server.command import main; main()"


@functools.cache
def data_dir() -> str:
    """The files of /file: byte i is i mod 251."""
    directory = tempfile.TemporaryDirectory()
    atexit.register(directory.cleanup)
    for kib in FILE_SIZES_KIB:
        Path(directory.name, f"{kib}.bin").write_bytes(file_bytes(kib))
    return directory.name


def file_bytes(kib: int) -> bytes:
    return (bytes(range(251)) * (kib * 1024 // 251 + 1))[: kib * 1024]


@functools.cache
def upstream() -> Backend:
    return Backend()


@functools.cache
def shared(app: str, loop: str) -> Server:
    """One server for all tests that leave it as they found it."""
    server = Server(app, loop, "--data-dir", data_dir(), "--upstream", upstream().address)
    atexit.register(server.__exit__)
    return server


class ServerTest(unittest.TestCase):
    """A test of one combination; see [`for_each_server`]."""

    app: str
    loop: str

    def start(self, *flags: str, bounds: str = "", env: Mapping[str, str] | None = None) -> Server:
        """A server of its own."""
        server = Server(self.app, self.loop, *flags, bounds=bounds, env=env)
        self.addCleanup(server.__exit__)
        return server

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Waits for something that must come to hold."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), deadline, "waited in vain")

    @property
    def port(self) -> int:
        """The shared server's."""
        return shared(self.app, self.loop).port


def for_each_server(
    test: type[ServerTest], combinations: Sequence[tuple[str, str]] = COMBINATIONS
) -> Callable[..., unittest.TestSuite]:
    """Makes a module's `load_tests`: the class runs once for each application and loop."""

    def load_tests(loader: unittest.TestLoader, _tests: object, _pattern: object) -> unittest.TestSuite:
        suite = unittest.TestSuite()
        for app, loop in combinations:
            members = {"app": app, "loop": loop, "__module__": test.__module__}
            combined = type(f"{test.__name__}_{app}_{loop}", (test,), members)
            suite.addTests(loader.loadTestsFromTestCase(combined))
        return suite

    return load_tests
