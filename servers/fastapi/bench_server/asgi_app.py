"""The contract as a bare ASGI application: what FastAPI's answers cost without FastAPI.

One application callable and a small dispatch. Everything that is not HTTP's or ASGI's own affair is shared with the
FastAPI application.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bench_server import auth, bounds, chat, events, files, query, services, stats, work
from bench_server.failures import BadRequest, Failure
from bench_server.orders import Fault, Order, fault, refuse_constants
from bench_server.services import Services
from bench_server.settings import Settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
BYTES = b"application/octet-stream"

_ORDER = TypeAdapter(Order)


@dataclass(slots=True)
class Reply:
    """An answer whose body is whole."""

    content_type: bytes
    body: bytes
    status: int = 200
    headers: Headers = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """What a handler works with."""

    scope: Scope
    receive: Receive
    send: Send
    # The last part of the path, where the route has a parameter there.
    argument: str

    @property
    def services(self) -> Services:
        return self.scope["state"]["services"]

    def parameters(self, *known: str) -> dict[str, str]:
        """The query, which may have these parameters."""
        return query.parameters(self.scope["query_string"], known)


async def plaintext(request: Request) -> Reply:
    request.parameters()
    return Reply(TEXT, b"Hello, World!")


async def greet(request: Request) -> Reply:
    request.parameters()
    return _json({"message": "Hello, World!"})


async def sleep(request: Request) -> Reply:
    request.parameters()
    ms = query.number("ms", request.argument, 0, bounds.MAX_SLEEP_MS)
    await asyncio.sleep(ms / 1000)
    return _text(f"slept {ms}")


async def upstream(request: Request) -> Reply:
    values = request.parameters("calls", "ms", "mode")
    calls = query.number("calls", query.required(values, "calls"), 1, bounds.MAX_CALLS)
    ms = query.number("ms", query.required(values, "ms"), 0, bounds.MAX_CALL_MS)
    mode = query.word(values, "mode", ("seq", "par"))
    total = await request.services.upstream.total(calls, ms, "par" if mode == "par" else "seq")
    return _json({"calls": calls, "sum": total})


async def file(request: Request) -> Reply:
    request.parameters()
    kib = query.number("kib", request.argument, bounds.FILE_SIZES_KIB[0], bounds.FILE_SIZES_KIB[-1])
    path = files.path_of(request.services.settings.data_dir, kib)
    return Reply(BYTES, await request.services.pool.run(files.read, path))


async def cpu(request: Request) -> Reply:
    offload = query.word(request.parameters("offload"), "offload", ("1",))
    rounds = query.number("rounds", request.argument, 0, bounds.MAX_ROUNDS)
    if offload:
        return _text(await request.services.pool.run(work.xorshift, rounds))
    return _text(request.services.held.run("/cpu", work.xorshift, rounds))


async def hash(request: Request) -> Reply:
    offload = query.word(request.parameters("offload"), "offload", ("1",))
    kib = query.number("kib", request.argument, 0, bounds.MAX_HASH_KIB)
    if offload:
        return _text(await request.services.pool.run(work.sha256, kib))
    return _text(request.services.held.run("/hash", work.sha256, kib))


async def orders(request: Request) -> Reply:
    request.parameters()
    order = await _read_order(request)
    return Reply(JSON, order.receipt().model_dump_json().encode())


async def _read_order(request: Request) -> Order:
    body = await _read_body(request.receive)
    refuse_constants(body)
    try:
        return _ORDER.validate_json(body)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        if errors[0]["type"] == "json_invalid":
            raise BadRequest(f"the body is no JSON: {errors[0]['msg']}") from None
        raise _Invalid(fault(errors)) from None


class _Invalid(Exception):
    """An order that says something wrong, and what."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.field)
        self.fault = fault


async def authorized(request: Request) -> Reply:
    request.parameters()
    fields = [value for name, value in request.scope["headers"] if name == b"authorization"]
    token = auth.bearer(fields[0].decode("latin-1") if fields else "")
    return _json({"sub": auth.subject(token)})


async def upload(request: Request) -> Reply:
    request.parameters()
    body = await _read_body(request.receive)
    return _json({"bytes": len(body), "sha256": work.digest(body)})


async def product(request: Request) -> Reply:
    return _json(await request.services.database.product(_id(request, bounds.PRODUCTS)))


async def products(request: Request) -> Reply:
    id = _id(request, bounds.PRODUCTS + 1 - bounds.QUERIES)
    return _json(await request.services.database.products(id))


async def queries(request: Request) -> Reply:
    return _json(await request.services.database.queries(_id(request, bounds.PRODUCTS)))


async def cached(request: Request) -> Reply:
    return Reply(JSON, await request.services.database.cached(_id(request, bounds.PRODUCTS)))


async def store_order(request: Request) -> Reply:
    request.parameters()
    order = await _read_order(request)
    await request.services.database.insert_order(order)
    return Reply(JSON, order.receipt().model_dump_json().encode())


def _id(request: Request, maximum: int) -> int:
    request.parameters()
    return query.number("id", request.argument, 1, maximum)


async def event_stream(request: Request) -> None:
    """Answers by itself, event by event, until the last one or until the client has gone."""
    values = request.parameters("n", "ms")
    n = query.number("n", query.required(values, "n"), 1, bounds.MAX_EVENTS)
    ms = query.number("ms", query.required(values, "ms"), 0, bounds.MAX_EVENT_MS)
    headers = [
        (b"content-type", events.CONTENT_TYPE.encode()),
        (b"cache-control", events.CACHE_CONTROL.encode()),
    ]
    if request.scope["http_version"] == "1.0":
        # Uvicorn's httptools protocol would send chunks, which such a client can't read.
        headers.append((b"content-length", b"%d" % events.length(n)))
    await request.send({"type": "http.response.start", "status": 200, "headers": headers})
    if request.scope["method"] == "GET":
        for i, batch in enumerate(events.batches(n, ms)):
            if i > 0 and await _leaves_within(ms / 1000, request.receive):
                return
            await request.send({"type": "http.response.body", "body": batch, "more_body": True})
    await request.send({"type": "http.response.body", "body": b""})


async def show_stats(request: Request) -> Reply:
    request.parameters()
    return _json(stats.snapshot(request.services, request.scope["state"]["runtime"]))


async def chat_needs_an_upgrade(request: Request) -> Reply:
    request.parameters()
    headers = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
    return Reply(TEXT, b"This is a WebSocket: ask for an upgrade.", 426, headers)


Handler = Callable[[Request], Awaitable[Reply | None]]

# By whole path, and by the part before the parameter.
_EXACT: dict[str, Handler] = {
    "/plaintext": plaintext,
    "/json": greet,
    "/upstream": upstream,
    "/orders": orders,
    "/auth": authorized,
    "/upload": upload,
    "/db/orders": store_order,
    "/events": event_stream,
    "/stats": show_stats,
    "/chat": chat_needs_an_upgrade,
}
_WITH_ARGUMENT: dict[str, Handler] = {
    "/sleep": sleep,
    "/file": file,
    "/cpu": cpu,
    "/hash": hash,
    "/db/product": product,
    "/db/products": products,
    "/db/queries": queries,
    "/db/cached": cached,
}
_POSTED = (orders, upload, store_order)


def create_app(settings: Settings) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The application."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await _talk(scope, receive, send)
        else:
            await _live(settings, scope, receive, send)

    return app


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        _refuse_announced_length(scope["headers"])
        reply = await _dispatch(scope, receive, send)
    except _Invalid as invalid:
        reply = Reply(JSON, invalid.fault.model_dump_json().encode(), 422)
    except Failure as failure:
        reply = _refusal(failure.status, str(failure))
        reply.headers.extend((name.encode(), value.encode()) for name, value in failure.headers.items())
    if reply is not None:
        headers = [
            (b"content-type", reply.content_type),
            (b"content-length", b"%d" % len(reply.body)),
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


async def _dispatch(scope: Scope, receive: Receive, send: Send) -> Reply | None:
    path: str = scope["path"]
    handler, argument = _EXACT.get(path), ""
    if handler is None:
        prefix, _, argument = path.rpartition("/")
        handler = _WITH_ARGUMENT.get(prefix)
        if handler is None or not argument:
            return _refusal(404, "there is no such path")
    allowed = ("POST",) if handler in _POSTED else ("GET", "HEAD")
    if scope["method"] not in allowed:
        reply = _refusal(405, f"only {' and '.join(allowed)} can be used here")
        reply.headers.append((b"allow", ", ".join(allowed).encode()))
        return reply
    return await handler(Request(scope, receive, send, argument))


async def _talk(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] != "/chat":
        await _deny(_refusal(404, "there is no such path"), send)
        return
    try:
        query.parameters(scope["query_string"], ())
    except BadRequest as failure:
        await _deny(_refusal(failure.status, str(failure)), send)
        return
    await send({"type": "websocket.accept"})
    await chat.take_part(scope["state"]["services"].room, receive, send)


async def _live(settings: Settings, scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan protocol: the services last from the first message to the second."""
    await receive()
    async with services.running(settings) as running:
        scope["state"].update(services=running, runtime=stats.runtime(settings))
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _read_body(receive: Receive) -> bytes:
    """Reads a body of no more bytes than are allowed, and no further."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the client left before its request was complete")
        body += message["body"]
        if len(body) > bounds.MAX_BODY_BYTES:
            raise _BodyTooLong
        more = message["more_body"]
    return bytes(body)


class _BodyTooLong(Failure):
    status = 413

    def __init__(self) -> None:
        super().__init__(f"the body is longer than {bounds.MAX_BODY_BYTES} bytes")


def _refuse_announced_length(headers: Headers) -> None:
    for name, value in headers:
        # The parser has let nothing but digits pass.
        if name == b"content-length" and int(value) > bounds.MAX_BODY_BYTES:
            raise _BodyTooLong


async def _leaves_within(seconds: float, receive: Receive) -> bool:
    """Lets the time pass; says whether the client has gone meanwhile. Gives others their turn where there is no time."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
            return True
    except TimeoutError:
        return False


async def _deny(reply: Reply, send: Send) -> None:
    """Refuses a WebSocket with an HTTP response."""
    headers = [(b"content-type", reply.content_type), (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reply.body})


def _text(text: str) -> Reply:
    return Reply(TEXT, text.encode())


def _json(value: Any) -> Reply:
    return Reply(JSON, json.dumps(value, separators=(",", ":")).encode())


def _refusal(status: int, reason: str) -> Reply:
    reply = _json({"detail": reason})
    reply.status = status
    return reply
