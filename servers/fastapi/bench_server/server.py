"""The servers, each started as its documentation has it, with the bounds set that it lets be set."""

import asyncio
import importlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.supervisors import Multiprocess

from bench_server.bounds import BACKLOG, CHAT_GOODBYE_S, GRACE_S, IDLE_CONNECTION_S, MAX_HEAD_BYTES, MAX_MESSAGE_BYTES
from bench_server.settings import Settings

_APP = "bench_server.asgi:app"
_GOODBYE_POLL_S = 0.01


def bind(settings: Settings) -> socket.socket:
    """Takes the port. Nothing connects before Uvicorn listens."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on connections of sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serves by Uvicorn until SIGTERM or SIGINT, which it raises again when it is done."""
    config = uvicorn.Config(
        # Only the one that is asked for: the bare application must not carry the framework in its memory.
        _APP if settings.workers > 1 else importlib.import_module(f"bench_server.{settings.app}_app").create_app(settings),
        workers=settings.workers,
        interface="asgi3",
        lifespan="on",
        loop=settings.loop,
        http=settings.http,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        # No other server here asks its clients whether they are still there.
        ws_ping_interval=None,
        ws_ping_timeout=None,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_CONNECTION_S,
        timeout_graceful_shutdown=GRACE_S,
        # There is no proxy in front whose word on the client's address could be taken.
        proxy_headers=False,
        access_log=False,
        log_level="warning",
    )
    if settings.workers == 1:
        _Server(config, settings).run(sockets=[listener])
        return
    settings.hand_on()
    Multiprocess(config, sockets=[listener]).run()


def become(settings: Settings) -> None:
    """Becomes one of the other servers, which brings its own command line."""
    settings.hand_on()
    address = settings.authority(settings.port)
    workers = str(settings.workers)
    arguments = {
        "granian": [
            *("--interface", "asgi", "--host", settings.host, "--port", str(settings.port), "--workers", workers),
            *("--loop", settings.loop, "--backlog", str(BACKLOG), "--http1-keep-alive", "--no-ws"),
            *("--workers-kill-timeout", str(GRACE_S), "--log-level", "warning", _APP),
        ],
        "gunicorn": [
            *("--worker-class", "asgi", "--asgi-loop", settings.loop, "--bind", address, "--workers", workers),
            # A worker that does not report for so long is killed, and one that computes does not report.
            *("--backlog", str(BACKLOG), "--keep-alive", str(IDLE_CONNECTION_S), "--timeout", "0"),
            *("--limit-request-field_size", str(MAX_HEAD_BYTES)),
            *("--graceful-timeout", str(GRACE_S), "--log-level", "warning", _APP),
        ],
        "hypercorn": [
            *("--worker-class", settings.loop, "--bind", address, "--workers", workers),
            *("--backlog", str(BACKLOG), "--keep-alive", str(IDLE_CONNECTION_S)),
            *("--graceful-timeout", str(GRACE_S), "--log-level", "warning", _APP),
        ],
    }[settings.server]
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
    os.execv(sys.executable, [sys.executable, "-m", settings.server, *arguments])


class _Server(uvicorn.Server):
    """Says when it listens, and says goodbye to the chat."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        print(f"listening on {self._settings.authority(sockets[0].getsockname()[1])}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Uvicorn would close with 1012 (service restart), and no application hears of the stop before that.
        for server in self.servers:
            server.close()
        self._room().close()
        deadline = asyncio.get_running_loop().time() + CHAT_GOODBYE_S
        while self._has_websockets() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_GOODBYE_POLL_S)
        await super().shutdown(sockets)

    def _room(self) -> Any:
        return self.lifespan.state["services"].room

    def _has_websockets(self) -> bool:
        return any(isinstance(connection, WebSocketsSansIOProtocol) for connection in self.server_state.connections)
