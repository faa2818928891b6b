"""Why a request could not be served. Both applications turn these into the same statuses."""

from typing import ClassVar


class Failure(Exception):
    """Its text says what is wrong and is safe to show to the client."""

    status: ClassVar[int]
    headers: ClassVar[dict[str, str]] = {}


class BadRequest(Failure):
    """The client asked for something that the contract does not offer."""

    status = 400


class Unauthorized(Failure):
    """The client has not said who it is in a way that can be believed (RFC 9110 §15.5.2)."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class NotFound(Failure):
    """There is nothing of this name."""

    status = 404


class BadGateway(Failure):
    """The upstream is to blame (RFC 9110 §15.6.3)."""

    status = 502


class Unavailable(Failure):
    """This server's own state is to blame (RFC 9110 §15.6.4)."""

    status = 503
