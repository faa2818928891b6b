"""How a server is to be run: what the flags mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

AppName = Literal["fastapi", "asgi"]
LoopName = Literal["asyncio", "uvloop"]
HttpName = Literal["httptools", "h11"]

APPS: tuple[AppName, ...] = get_args(AppName)
LOOPS: tuple[LoopName, ...] = get_args(LoopName)
HTTP_PARSERS: tuple[HttpName, ...] = get_args(HttpName)


@dataclass(frozen=True, slots=True)
class Settings:
    """Nothing is left to a default that a library chose for itself."""

    port: int
    data_dir: Path
    # `HOST:PORT`; without one /upstream answers 503.
    upstream: str | None
    pool_threads: int
    app: AppName
    loop: LoopName
    http: HttpName
