"""PostgreSQL by SQLAlchemy's ORM on asyncpg, whose sessions the operations of `fastapi_sqlalchemy_app` work with."""

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Integer, MetaData, Table, Text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench_server.bounds import DATABASE_WAIT_S


class Base(DeclarativeBase):
    """Of all tables."""

    metadata = MetaData()


class ProductRow(Base):
    """A product."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    price_cents: Mapped[int]


class OrderRow(Base):
    """An order."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger)
    total_cents: Mapped[int] = mapped_column(BigInteger)


# It has no key, and so no class.
ORDER_ITEMS = Table(
    "order_items",
    Base.metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("sku", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_cents", Integer, nullable=False),
)


class Driver:
    """A pool of so many connections, made when they are first needed, which then stay."""

    errors = (SQLAlchemyError, OSError)

    def __init__(self, url: str, connections: int) -> None:
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=DATABASE_WAIT_S,
        )
        self.sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        await self._engine.dispose()
