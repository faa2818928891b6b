"""How the contract writes numbers and queries: one spelling each, and nothing that is not understood.

A load that asks for something else than it means to would still give numbers; so it is refused.
"""

import re
from collections.abc import Collection

from bench_server.failures import BadRequest

# Ten digits hold every bound of the contract; `int` need not look at more.
_PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)

# Most characters of a request that a refusal repeats.
_MAX_QUOTED_CHARACTERS = 64


def plain_number(text: str) -> int:
    """Reads decimal digits without sign or leading zero; `int` alone would also take "+1", "01", " 1" and "1_0"."""
    if _PLAIN_NUMBER.fullmatch(text) is None:
        raise ValueError("must be a whole number in plain decimal digits, without sign or leading zero")
    return int(text)


def number(name: str, text: str, minimum: int, maximum: int) -> int:
    """Reads a number within its bounds."""
    try:
        value = plain_number(text)
    except ValueError as error:
        raise BadRequest(f"{name} {error}, not {quoted(text)}") from None
    if not minimum <= value <= maximum:
        raise BadRequest(f"{name} must be from {minimum} to {maximum}, not {value}")
    return value


def parameters(query: bytes, known: Collection[str]) -> dict[str, str]:
    """Reads a query in which each parameter is known and stands once. Nothing is percent-decoded: no parameter of the
    contract needs it, and a second spelling would be a second name."""
    values: dict[str, str] = {}
    if query:
        for pair in query.decode("latin-1").split("&"):
            key, _, value = pair.partition("=")
            if key not in known:
                raise BadRequest(f"there is no query parameter {quoted(key)} here; remove it")
            if key in values:
                raise BadRequest(f"the query parameter {key} is there more than once; give it once")
            values[key] = value
    return values


def required(values: dict[str, str], key: str) -> str:
    """A parameter that the route can't do without."""
    try:
        return values[key]
    except KeyError:
        raise BadRequest(f"the query parameter {key} is missing") from None


def word(values: dict[str, str], key: str, allowed: Collection[str]) -> str | None:
    """A parameter that is one of a few words, or left out."""
    value = values.get(key)
    if value is not None and value not in allowed:
        raise BadRequest(f"{key} must be {' or '.join(allowed)}, not {quoted(value)}")
    return value


def quoted(text: str) -> str:
    """Repeats a part of a request, at a readable length."""
    if len(text) > _MAX_QUOTED_CHARACTERS:
        text = text[:_MAX_QUOTED_CHARACTERS] + "…"
    return repr(text)
