"""How a server is to be run: what the flags mean."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

AppName = Literal["fastapi", "fastapi_def", "fastapi_psycopg", "fastapi_sqlalchemy", "starlette", "asgi"]
ServerName = Literal["uvicorn", "granian", "gunicorn", "hypercorn"]
LoopName = Literal["asyncio", "uvloop"]
HttpName = Literal["httptools", "h11"]
ClientName = Literal["aiohttp", "httpx"]

APPS: tuple[AppName, ...] = get_args(AppName)
SERVERS: tuple[ServerName, ...] = get_args(ServerName)
LOOPS: tuple[LoopName, ...] = get_args(LoopName)
HTTP_PARSERS: tuple[HttpName, ...] = get_args(HttpName)
CLIENTS: tuple[ClientName, ...] = get_args(ClientName)


@dataclass(frozen=True, slots=True)
class Settings:
    """Nothing is left to a default that a library chose for itself."""

    # An IP address.
    host: str
    port: int
    data_dir: Path
    # `HOST:PORT`; without one /upstream answers 503.
    upstream: str | None
    pool_threads: int
    workers: int
    server: ServerName
    app: AppName
    loop: LoopName
    http: HttpName
    # What calls the upstream.
    client: ClientName
    # Without them /db answers 503.
    database_url: str | None
    redis_url: str | None
    # Of this process alone.
    database_connections: int

    def authority(self, port: int) -> str:
        """The host with a port, as URLs have it."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    def hand_on(self) -> None:
        """Leaves the settings where processes that this one starts, or becomes, find them."""
        os.environ[_VARIABLE] = json.dumps({**asdict(self), "data_dir": str(self.data_dir)})

    @staticmethod
    def handed_on() -> "Settings":
        """Those that were left there."""
        values = json.loads(os.environ[_VARIABLE])
        return Settings(**{**values, "data_dir": Path(values["data_dir"])})


_VARIABLE = "BENCH_SERVER_SETTINGS"
