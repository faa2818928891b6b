"""The contract as a Starlette application: FastAPI without its parameters and models."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bench_server import auth, bounds, events, files, query, services, stats, stream, work
from bench_server.failures import BadRequest, Failure
from bench_server.orders import Order, fault
from bench_server.services import Services
from bench_server.settings import Settings

_ORDER = TypeAdapter(Order)


def _of(request: Request) -> Services:
    return request.state.services


def _number(request: Request, name: str, low: int, high: int) -> int:
    return query.number(name, request.path_params[name], low, high)


def _asked(request: Request, name: str, low: int, high: int) -> int:
    return query.number(name, query.required(dict(request.query_params), name), low, high)


async def plaintext(_request: Request) -> Response:
    return PlainTextResponse("Hello, World!")


async def greet(_request: Request) -> Response:
    return JSONResponse({"message": "Hello, World!"})


async def sleep(request: Request) -> Response:
    ms = _number(request, "ms", 0, bounds.MAX_SLEEP_MS)
    await asyncio.sleep(ms / 1000)
    return PlainTextResponse(f"slept {ms}")


async def upstream(request: Request) -> Response:
    calls = _asked(request, "calls", 1, bounds.MAX_CALLS)
    ms = _asked(request, "ms", 0, bounds.MAX_CALL_MS)
    mode = query.word(dict(request.query_params), "mode", ("seq", "par"))
    total = await _of(request).upstream.total(calls, ms, "par" if mode == "par" else "seq")
    return JSONResponse({"calls": calls, "sum": total})


async def file(request: Request) -> Response:
    kib = _number(request, "kib", bounds.FILE_SIZES_KIB[0], bounds.FILE_SIZES_KIB[-1])
    path = files.path_of(_of(request).settings.data_dir, kib)
    return Response(await _of(request).pool.run(files.read, path), media_type="application/octet-stream")


async def cpu(request: Request) -> Response:
    rounds = _number(request, "rounds", 0, bounds.MAX_ROUNDS)
    if request.query_params.get("offload") == "1":
        return PlainTextResponse(await _of(request).pool.run(work.xorshift, rounds))
    return PlainTextResponse(_of(request).held.run("/cpu", work.xorshift, rounds))


async def hash(request: Request) -> Response:
    kib = _number(request, "kib", 0, bounds.MAX_HASH_KIB)
    if request.query_params.get("offload") == "1":
        return PlainTextResponse(await _of(request).pool.run(work.sha256, kib))
    return PlainTextResponse(_of(request).held.run("/hash", work.sha256, kib))


async def orders(request: Request) -> Response:
    return JSONResponse((await _order(request)).receipt().model_dump())


async def _order(request: Request) -> Order:
    try:
        value = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise BadRequest("the body is no JSON") from None
    return _ORDER.validate_python(value)


async def authorized(request: Request) -> Response:
    token = auth.bearer(request.headers.get("Authorization", ""))
    return JSONResponse({"sub": auth.subject(token)})


async def upload(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"bytes": len(body), "sha256": work.digest(body)})


async def product(request: Request) -> Response:
    return JSONResponse(await _of(request).database.product(_number(request, "id", 1, bounds.PRODUCTS)))


async def products(request: Request) -> Response:
    id = _number(request, "id", 1, bounds.PRODUCTS + 1 - bounds.QUERIES)
    return JSONResponse(await _of(request).database.products(id))


async def queries(request: Request) -> Response:
    return JSONResponse(await _of(request).database.queries(_number(request, "id", 1, bounds.PRODUCTS)))


async def cached(request: Request) -> Response:
    body = await _of(request).database.cached(_number(request, "id", 1, bounds.PRODUCTS))
    return Response(body, media_type="application/json")


async def store_order(request: Request) -> Response:
    order = await _order(request)
    await _of(request).database.insert_order(order)
    return JSONResponse(order.receipt().model_dump())


async def event_stream(request: Request) -> Response:
    n = _asked(request, "n", 1, bounds.MAX_EVENTS)
    ms = _asked(request, "ms", 0, bounds.MAX_EVENT_MS)
    headers = {"Cache-Control": events.CACHE_CONTROL, "Content-Type": events.CONTENT_TYPE}
    if request.scope["http_version"] == "1.0":
        # Uvicorn's httptools protocol would send chunks, which such a client can't read.
        headers["Content-Length"] = str(events.length(n))
    return StreamingResponse(stream.body(n, ms, request.method), headers=headers)


async def show_stats(request: Request) -> Response:
    return JSONResponse(stats.snapshot(_of(request), request.state.runtime))


def create_app(settings: Settings) -> Starlette:
    """The application."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with services.running(settings) as running:
            yield {"services": running, "runtime": stats.runtime(settings)}

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/plaintext", plaintext),
            Route("/json", greet),
            Route("/sleep/{ms}", sleep),
            Route("/upstream", upstream),
            Route("/file/{kib}", file),
            Route("/cpu/{rounds}", cpu),
            Route("/hash/{kib}", hash),
            Route("/orders", orders, methods=["POST"]),
            Route("/auth", authorized),
            Route("/upload", upload, methods=["POST"]),
            Route("/db/product/{id}", product),
            Route("/db/products/{id}", products),
            Route("/db/queries/{id}", queries),
            Route("/db/cached/{id}", cached),
            Route("/db/orders", store_order, methods=["POST"]),
            Route("/events", event_stream),
            Route("/stats", show_stats),
        ],
        exception_handlers={Failure: _on_failure, ValidationError: _on_invalid},
        max_body_size=bounds.MAX_BODY_BYTES,
    )


async def _on_failure(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, Failure)
    return JSONResponse({"detail": str(failure)}, status_code=failure.status, headers=failure.headers)


async def _on_invalid(_request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, ValidationError)
    return JSONResponse(fault(invalid.errors()).model_dump(), status_code=422)
