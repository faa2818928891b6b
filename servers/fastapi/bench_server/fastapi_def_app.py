"""The contract as a FastAPI application of `def` operations, each of which FastAPI calls in a thread of the pool.

What needs the loop is left out: the calls to the upstream, events and the chat.
"""

import time
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import PlainTextResponse

from bench_server import bounds, fastapi_app, files, stats, work
from bench_server.database import as_json, failing, key, query_ids
from bench_server.fastapi_app import (
    BodyDep,
    FirstId,
    Greeting,
    Product,
    ProductId,
    ServicesDep,
    Subject,
    SubjectDep,
    Uploaded,
    get,
)
from bench_server.orders import Order, Receipt
from bench_server.settings import Settings

router = fastapi_app.APIRouter()


@get("/plaintext", router)
def plaintext() -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


@get("/json", router)
def json() -> Greeting:
    return Greeting(message="Hello, World!")


@get("/sleep/{ms}", router)
def sleep(ms: Annotated[int, Path(ge=0, le=bounds.MAX_SLEEP_MS)]) -> PlainTextResponse:
    time.sleep(ms / 1000)
    return PlainTextResponse(f"slept {ms}")


@get("/file/{kib}", router)
def file(
    services: ServicesDep,
    kib: Annotated[int, Path(ge=bounds.FILE_SIZES_KIB[0], le=bounds.FILE_SIZES_KIB[-1])],
) -> Response:
    path = files.path_of(services.settings.data_dir, kib)
    return Response(files.read(path), media_type="application/octet-stream")


@get("/cpu/{rounds}", router)
def cpu(
    rounds: Annotated[int, Path(ge=0, le=bounds.MAX_ROUNDS)], offload: Literal["1"] | None = None
) -> PlainTextResponse:
    return PlainTextResponse(work.xorshift(rounds))


@get("/hash/{kib}", router)
def hash(
    kib: Annotated[int, Path(ge=0, le=bounds.MAX_HASH_KIB)], offload: Literal["1"] | None = None
) -> PlainTextResponse:
    return PlainTextResponse(work.sha256(kib))


@router.post("/orders")
def orders(order: Order) -> Receipt:
    return order.receipt()


@get("/auth", router)
def authorized(subject: SubjectDep) -> Subject:
    return Subject(sub=subject)


@router.post("/upload")
def upload(body: BodyDep) -> Uploaded:
    return Uploaded(bytes=len(body), sha256=work.digest(body))


@get("/db/product/{id}", router)
def product(services: ServicesDep, id: ProductId) -> Product:
    with failing(services.database.driver) as driver:
        return Product(**driver.product(id))


@get("/db/products/{id}", router)
def products(services: ServicesDep, id: FirstId) -> list[Product]:
    with failing(services.database.driver) as driver:
        return [Product(**row) for row in driver.products(id, bounds.QUERIES)]


@get("/db/queries/{id}", router)
def queries(services: ServicesDep, id: ProductId) -> list[Product]:
    with failing(services.database.driver) as driver:
        return [Product(**row) for row in driver.products_one_by_one(query_ids(id))]


@get("/db/cached/{id}", router)
def cached(services: ServicesDep, id: ProductId) -> Response:
    with failing(services.database.cache) as cache:
        body = cache.get(key(id))
    if body is None:
        with failing(services.database.driver) as driver:
            body = as_json(driver.product(id))
        with failing(services.database.cache) as cache:
            cache.set(key(id), body, bounds.CACHED_S)
    return Response(body, media_type="application/json")


@router.post("/db/orders")
def store_order(services: ServicesDep, order: Order) -> Receipt:
    with failing(services.database.driver) as driver:
        driver.insert_order(order)
    return order.receipt()


@get("/stats", router)
async def show_stats(request: Request, services: ServicesDep) -> dict[str, Any]:
    return stats.snapshot(services, request.state.runtime)


def create_app(settings: Settings) -> FastAPI:
    """The application."""
    return fastapi_app.application(settings, router, driver="blocking", cache="blocking")
