"""The contract as a FastAPI application of `def` operations, each of which FastAPI calls in a thread of the pool.

What needs the loop is left out: the calls to the upstream, events and the chat.
"""

import time
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import PlainTextResponse

from bench_server import bounds, fastapi_app, files, stats, work
from bench_server.fastapi_app import Greeting, ServicesDep
from bench_server.orders import Order, Receipt
from bench_server.settings import Settings

router = fastapi_app.APIRouter()


def get(path: str) -> Any:
    """A path operation for GET that answers HEAD as well."""
    return router.api_route(path, methods=["GET", "HEAD"])


@get("/plaintext")
def plaintext() -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


@get("/json")
def json() -> Greeting:
    return Greeting(message="Hello, World!")


@get("/sleep/{ms}")
def sleep(ms: Annotated[int, Path(ge=0, le=bounds.MAX_SLEEP_MS)]) -> PlainTextResponse:
    time.sleep(ms / 1000)
    return PlainTextResponse(f"slept {ms}")


@get("/file/{kib}")
def file(
    services: ServicesDep,
    kib: Annotated[int, Path(ge=bounds.FILE_SIZES_KIB[0], le=bounds.FILE_SIZES_KIB[-1])],
) -> Response:
    path = files.path_of(services.settings.data_dir, kib)
    return Response(files.read(path), media_type="application/octet-stream")


@get("/cpu/{rounds}")
def cpu(
    rounds: Annotated[int, Path(ge=0, le=bounds.MAX_ROUNDS)], offload: Literal["1"] | None = None
) -> PlainTextResponse:
    return PlainTextResponse(work.xorshift(rounds))


@get("/hash/{kib}")
def hash(
    kib: Annotated[int, Path(ge=0, le=bounds.MAX_HASH_KIB)], offload: Literal["1"] | None = None
) -> PlainTextResponse:
    return PlainTextResponse(work.sha256(kib))


@router.post("/orders")
def orders(order: Order) -> Receipt:
    return order.receipt()


@get("/stats")
async def show_stats(request: Request, services: ServicesDep) -> dict[str, Any]:
    return stats.snapshot(services, request.state.runtime)


def create_app(settings: Settings) -> FastAPI:
    """The application."""
    return fastapi_app.application(settings, router)
