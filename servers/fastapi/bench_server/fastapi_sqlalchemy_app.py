"""FastAPI as in `fastapi_app`, its database by SQLAlchemy's ORM: a session for each request, which `Depends` opens and closes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Response
from fastapi.routing import APIRouter
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bench_server import bounds
from bench_server.database import as_json, failing, key, query_ids
from bench_server.database_sqlalchemy import ORDER_ITEMS, OrderRow, ProductRow
from bench_server.fastapi_app import FirstId, Product, ProductId, ServicesDep, application, get
from bench_server.fastapi_app import router as other_operations
from bench_server.orders import Order, Receipt
from bench_server.settings import Settings

router = APIRouter()


async def _session(services: ServicesDep) -> AsyncIterator[AsyncSession]:
    with failing(services.database.driver) as driver:
        async with driver.sessions() as session:
            yield session


SessionDep = Annotated[AsyncSession, Depends(_session)]


@get("/db/product/{id}", router, response_model=Product)
async def product(session: SessionDep, id: ProductId) -> ProductRow | None:
    return await session.get(ProductRow, id)


@get("/db/products/{id}", router, response_model=list[Product])
async def products(session: SessionDep, id: FirstId) -> list[ProductRow]:
    rows = await session.scalars(
        select(ProductRow).where(ProductRow.id >= id).order_by(ProductRow.id).limit(bounds.QUERIES)
    )
    return list(rows)


@get("/db/queries/{id}", router, response_model=list[Product])
async def queries(session: SessionDep, id: ProductId) -> list[ProductRow | None]:
    return [await session.get(ProductRow, each) for each in query_ids(id)]


@get("/db/cached/{id}", router)
async def cached(services: ServicesDep, id: ProductId) -> Response:
    with failing(services.database.cache) as cache:
        body = await cache.get(key(id))
    if body is None:
        with failing(services.database.driver) as driver:
            async with driver.sessions() as session:
                row = await session.get(ProductRow, id)
                body = as_json({"id": row.id, "name": row.name, "price_cents": row.price_cents})
        with failing(services.database.cache) as cache:
            await cache.set(key(id), body, bounds.CACHED_S)
    return Response(body, media_type="application/json")


@router.post("/db/orders")
async def store_order(session: SessionDep, order: Order) -> Receipt:
    receipt = order.receipt()
    row = OrderRow(customer_id=order.customer.id, total_cents=receipt.total_cents)
    session.add(row)
    await session.flush()
    await session.execute(insert(ORDER_ITEMS), [{"order_id": row.id, **item.model_dump()} for item in order.items])
    await session.commit()
    return receipt


def create_app(settings: Settings) -> FastAPI:
    """The application."""
    return application(settings, other_operations, router, driver="database_sqlalchemy")
