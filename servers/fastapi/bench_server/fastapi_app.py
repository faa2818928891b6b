"""The contract as a FastAPI application.

Path operations take typed parameters and return models or responses; whatever breaks a bound is refused before they run.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Path, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRouter
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict

from bench_server import auth, bounds, chat, events, files, query, services, stats, stream, work
from bench_server.database import Database
from bench_server.failures import BadRequest, Failure, Unauthorized
from bench_server.orders import Fault, Order, Receipt, fault
from bench_server.services import Services
from bench_server.settings import Settings
from bench_server.upstream import Mode


async def _services(connection: HTTPConnection) -> Services:
    return connection.state.services


# A coroutine function, since FastAPI calls plain functions in a thread.
ServicesDep = Annotated[Services, Depends(_services)]

router = APIRouter()


def get(path: str, operations: APIRouter = router, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A path operation for GET that answers HEAD as well. Uvicorn leaves the body out."""
    return operations.api_route(path, methods=["GET", "HEAD"], **options)


class Greeting(BaseModel):
    """The answer of /json."""

    message: str


class Calls(BaseModel):
    """The answer of /upstream."""

    calls: int
    sum: int


@get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


@get("/json")
async def json() -> Greeting:
    return Greeting(message="Hello, World!")


@get("/sleep/{ms}", response_class=PlainTextResponse)
async def sleep(ms: Annotated[int, Path(ge=0, le=bounds.MAX_SLEEP_MS)]) -> PlainTextResponse:
    await asyncio.sleep(ms / 1000)
    return PlainTextResponse(f"slept {ms}")


@get("/upstream")
async def upstream(
    services: ServicesDep,
    calls: Annotated[int, Query(ge=1, le=bounds.MAX_CALLS)],
    ms: Annotated[int, Query(ge=0, le=bounds.MAX_CALL_MS)],
    mode: Mode = "seq",
) -> Calls:
    return Calls(calls=calls, sum=await services.upstream.total(calls, ms, mode))


@get("/file/{kib}")
async def file(
    services: ServicesDep,
    kib: Annotated[int, Path(ge=bounds.FILE_SIZES_KIB[0], le=bounds.FILE_SIZES_KIB[-1])],
) -> Response:
    path = files.path_of(services.settings.data_dir, kib)
    return Response(await services.pool.run(files.read, path), media_type="application/octet-stream")


@get("/cpu/{rounds}", response_class=PlainTextResponse)
async def cpu(
    services: ServicesDep,
    rounds: Annotated[int, Path(ge=0, le=bounds.MAX_ROUNDS)],
    offload: Literal["1"] | None = None,
) -> PlainTextResponse:
    if offload:
        return PlainTextResponse(await services.pool.run(work.xorshift, rounds))
    return PlainTextResponse(services.held.run("/cpu", work.xorshift, rounds))


@get("/hash/{kib}", response_class=PlainTextResponse)
async def hash(
    services: ServicesDep,
    kib: Annotated[int, Path(ge=0, le=bounds.MAX_HASH_KIB)],
    offload: Literal["1"] | None = None,
) -> PlainTextResponse:
    if offload:
        return PlainTextResponse(await services.pool.run(work.sha256, kib))
    return PlainTextResponse(services.held.run("/hash", work.sha256, kib))


@router.post("/orders")
async def orders(order: Order) -> Receipt:
    return order.receipt()


class Subject(BaseModel):
    """The answer of /auth."""

    sub: str


class Uploaded(BaseModel):
    """The answer of /upload."""

    bytes: int
    sha256: str


async def _subject(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> str:
    if credentials is None:
        raise Unauthorized("the request has no bearer token")
    return auth.subject(credentials.credentials)


async def _body(request: Request) -> bytes:
    return await request.body()


SubjectDep = Annotated[str, Depends(_subject)]
BodyDep = Annotated[bytes, Depends(_body)]


@get("/auth")
async def authorized(subject: SubjectDep) -> Subject:
    return Subject(sub=subject)


@router.post("/upload")
async def upload(body: BodyDep) -> Uploaded:
    return Uploaded(bytes=len(body), sha256=work.digest(body))


@get("/events", response_class=StreamingResponse)
async def event_stream(
    request: Request,
    n: Annotated[int, Query(ge=1, le=bounds.MAX_EVENTS)],
    ms: Annotated[int, Query(ge=0, le=bounds.MAX_EVENT_MS)],
) -> StreamingResponse:
    # FastAPI's own server-sent events put a comment into every pause of 15 seconds; the contract has events only.
    headers = {"Cache-Control": events.CACHE_CONTROL, "Content-Type": events.CONTENT_TYPE}
    if request.scope["http_version"] == "1.0":
        # Uvicorn's httptools protocol would send chunks, which such a client can't read.
        headers["Content-Length"] = str(events.length(n))
    body = stream.body(n, ms, request.method)
    return StreamingResponse(body, headers=headers)


# Apart, for applications whose database is another.
database_router = APIRouter()


async def _database(services: ServicesDep) -> Database:
    return services.database


DatabaseDep = Annotated[Database, Depends(_database)]
ProductId = Annotated[int, Path(ge=1, le=bounds.PRODUCTS)]
FirstId = Annotated[int, Path(ge=1, le=bounds.PRODUCTS + 1 - bounds.QUERIES)]


class Product(BaseModel):
    """A row, as it is answered."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    price_cents: int


@get("/db/product/{id}", database_router)
async def product(database: DatabaseDep, id: ProductId) -> Product:
    return Product(**await database.product(id))


@get("/db/products/{id}", database_router)
async def products(database: DatabaseDep, id: FirstId) -> list[Product]:
    return [Product(**row) for row in await database.products(id)]


@get("/db/queries/{id}", database_router)
async def queries(database: DatabaseDep, id: ProductId) -> list[Product]:
    return [Product(**row) for row in await database.queries(id)]


@get("/db/cached/{id}", database_router)
async def cached(database: DatabaseDep, id: ProductId) -> Response:
    return Response(await database.cached(id), media_type="application/json")


@database_router.post("/db/orders")
async def store_order(database: DatabaseDep, order: Order) -> Receipt:
    await database.insert_order(order)
    return order.receipt()


@get("/stats")
async def show_stats(request: Request, services: ServicesDep) -> dict[str, Any]:
    return stats.snapshot(services, request.state.runtime)


@get("/chat")
async def chat_needs_an_upgrade() -> PlainTextResponse:
    return PlainTextResponse(
        "This is a WebSocket: ask for an upgrade.",
        status_code=426,
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )


@router.websocket("/chat")
async def chat_room(websocket: WebSocket, services: ServicesDep) -> None:
    try:
        query.parameters(websocket.scope["query_string"], ())
    except BadRequest as failure:
        await websocket.send_denial_response(_refusal(failure.status, str(failure)))
        return
    await websocket.accept()
    try:
        await chat.take_part(services.room, websocket.receive, websocket.send)
    except WebSocketDisconnect:
        # The client went while something was sent to it.
        pass


def create_app(settings: Settings) -> FastAPI:
    """The application."""
    return application(settings, router, database_router)


def application(settings: Settings, *routers: APIRouter, driver: str = "database_asyncpg", cache: str = "cache") -> FastAPI:
    """An application of these operations, on this driver and cache of `database`. It has no documentation pages: the contract
    knows no such path."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with services.running(settings, driver, cache) as running:
            yield {"services": running, "runtime": stats.runtime(settings)}

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        # The contract asks for JSON, not for a Content-Type that says so.
        strict_content_type=False,
        max_body_size=bounds.MAX_BODY_BYTES,
    )
    for operations in routers:
        app.include_router(operations)
    app.add_exception_handler(Failure, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    return app


async def _on_failure(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, Failure)
    return _refusal(failure.status, str(failure), failure.headers)


async def _on_invalid(request: Request, invalid: Exception) -> Response:
    """400 for a request that is written wrongly, 422 for an order that says something wrong."""
    assert isinstance(invalid, RequestValidationError)
    first = invalid.errors()[0]
    source, *_ = first["loc"]
    is_order = source == "body" and first["type"] != "json_invalid"
    # FastAPI takes an empty body for none, and `null` as well; only the latter is JSON.
    if is_order and await request.body():
        return _order_fault(fault(invalid.errors(), depth=1))
    return _refusal(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _order_fault(found: Fault) -> Response:
    return JSONResponse(found.model_dump(), status_code=422)


def _refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"detail": reason}, status_code=status, headers=headers)
