"""Orders: what is valid, what is answered, and which member of an invalid one is wrong.

The models are strict: `"42"` is no integer. Unknown members are ignored, as models do unless told otherwise.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from bench_server.bounds import MAX_CUSTOMER_ID, MAX_ITEMS, MAX_QUANTITY, MAX_SKU_CHARACTERS, MAX_UNIT_PRICE_CENTS
from bench_server.failures import BadRequest


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class Customer(_Strict):
    """Who orders."""

    id: Annotated[int, Field(gt=0, le=MAX_CUSTOMER_ID)]
    email: EmailStr


class Item(_Strict):
    """What is ordered."""

    sku: Annotated[str, Field(min_length=1, max_length=MAX_SKU_CHARACTERS)]
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    unit_price_cents: Annotated[int, Field(ge=0, le=MAX_UNIT_PRICE_CENTS)]


class Order(_Strict):
    """The body of `POST /orders`."""

    customer: Customer
    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)]

    def receipt(self) -> "Receipt":
        """What is answered."""
        return Receipt(
            customer_id=self.customer.id,
            item_count=len(self.items),
            total_cents=sum(item.quantity * item.unit_price_cents for item in self.items),
        )


class Receipt(BaseModel):
    """The answer to a valid order."""

    customer_id: int
    item_count: int
    total_cents: int


class Fault(BaseModel):
    """The answer to an invalid one."""

    field: str


def refuse_constants(body: bytes) -> None:
    """Refuses NaN and Infinity, which RFC 8259 has not, and which both Python's parser and Pydantic's take."""
    if b"NaN" in body or b"Infinity" in body:
        # Whatever else is wrong with it is the real parser's affair, and so is what stands in a string.
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(body, parse_constant=_refuse_constant)


def fault(errors: Sequence[Mapping[str, Any]], depth: int = 0) -> Fault:
    """The dotted path of the first member that is wrong. `depth` is how many steps of the path lead to the order itself."""
    return Fault(field=".".join(str(step) for step in errors[0]["loc"][depth:]))


def _refuse_constant(name: str) -> None:
    raise BadRequest(f"the body is no JSON: {name} is no number there")
