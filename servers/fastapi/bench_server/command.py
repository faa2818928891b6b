"""The flags: what was typed becomes what it means, or a message and exit code 2."""

import argparse
import ipaddress
import os
import re
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from bench_server.bounds import MAX_DATABASE_CONNECTIONS
from bench_server.settings import APPS, CLIENTS, HTTP_PARSERS, LOOPS, SERVERS, Settings

_OLDEST_PYTHON = (3, 11)
_MAX_POOL_THREADS = 1_024
# The contract's.
_DATABASE_CONNECTIONS = 10
_ADDRESS = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)


def main() -> None:
    """Serves, and ends the process."""
    # A signal that comes before Uvicorn takes them ends the process at once; Uvicorn raises those that it has taken
    # again when it has stopped, and then it is over as well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    settings = parse(sys.argv[1:])

    # Imported late: flags are told wrong at once, and a signal is heeded meanwhile.
    from bench_server import server

    if settings.server != "uvicorn":
        server.become(settings)
    try:
        listener = server.bind(settings)
    except OSError as error:
        print(
            f"serve.py: cannot listen on {settings.authority(settings.port)}: {error.strerror}; "
            "choose another --port, 0 for any free one, or an address of this machine as --host",
            file=sys.stderr,
        )
        sys.exit(1)
    try:
        server.serve(settings, listener)
    finally:
        _leave_threads()


def parse(arguments: list[str]) -> Settings:
    """Reads the flags; wrong ones end the process."""
    parser = argparse.ArgumentParser(
        prog="serve.py",
        description="Serves the work contract by FastAPI, Starlette or a bare ASGI app, until SIGTERM.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--host",
        type=_host,
        default="127.0.0.1",
        metavar="ADDR",
        help="address to listen on; 0.0.0.0 is all that this machine has (default: 127.0.0.1)",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="P", help="port to listen on; 0: any (default)")
    parser.add_argument("--data-dir", type=_directory, default=Path(), metavar="DIR", help="where /file's files are")
    parser.add_argument("--upstream", type=_address, metavar="HOST:PORT", help="what /upstream calls")
    parser.add_argument("--pool", type=_pool, default=4, metavar="N", help="threads for blocking work (default: 4)")
    parser.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes (default: 1); of several, none serves the chat and /stats")
    parser.add_argument("--server", choices=SERVERS, default="uvicorn", help="default: uvicorn")
    parser.add_argument("--app", choices=APPS, default="fastapi", help="default: fastapi")
    parser.add_argument("--loop", choices=LOOPS, default="asyncio", help="default: asyncio")
    parser.add_argument("--http", choices=HTTP_PARSERS, default="httptools", help="default: httptools")
    parser.add_argument("--client", choices=CLIENTS, default="aiohttp", help="calls the upstream; default: aiohttp")
    parser.epilog = (
        "Environment: DATABASE_URL and REDIS_URL, which /db needs; DATABASE_POOL_SIZE, connections to PostgreSQL, of all "
        "processes together (default: 10)."
    )
    flags = parser.parse_args(arguments)
    if sys.version_info < _OLDEST_PYTHON:
        parser.error(f"needs Python 3.11 or later, and this is {sys.version.split()[0]}")
    try:
        size = os.environ.get("DATABASE_POOL_SIZE", str(_DATABASE_CONNECTIONS))
        connections = _within(size, 1, MAX_DATABASE_CONNECTIONS)
    except argparse.ArgumentTypeError as error:
        parser.error(f"DATABASE_POOL_SIZE {error}")
    return Settings(
        host=flags.host,
        port=flags.port,
        data_dir=flags.data_dir,
        upstream=flags.upstream,
        pool_threads=flags.pool,
        workers=flags.workers,
        server=flags.server,
        app=flags.app,
        loop=flags.loop,
        http=flags.http,
        client=flags.client,
        database_url=os.environ.get("DATABASE_URL"),
        redis_url=os.environ.get("REDIS_URL"),
        database_connections=max(1, connections // flags.workers),
    )


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        message = f"must be an IP address, as in --host 10.0.0.5 or --host fd00::5, not {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _port(text: str) -> int:
    return _within(text, 0, 65_535)


def _pool(text: str) -> int:
    return _within(text, 1, _MAX_POOL_THREADS)


def _workers(text: str) -> int:
    return _within(text, 1, 1_024)


def _within(text: str, minimum: int, maximum: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or not minimum <= int(text) <= maximum:
        raise argparse.ArgumentTypeError(f"must be a whole number from {minimum} to {maximum}, not {text!r}")
    return int(text)


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no directory")
    return path


def _address(text: str) -> str:
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, as in 127.0.0.1:8080, not {text!r}")
    return text


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _leave_threads() -> None:
    """Ends the process even where a thread still computes: nothing can interrupt it, and Python would wait for it beyond
    the time that a stop may take."""
    if threading.active_count() > 1:
        failed = sys.exc_info()[1]
        status = failed.code if isinstance(failed, SystemExit) and isinstance(failed.code, int) else 1
        sys.stdout.flush()
        os._exit(0 if failed is None else status)
