"""The tokens of /auth: JSON Web Tokens (RFC 7519), signed by HMAC with SHA-256, verified by PyJWT."""

import jwt

from bench_server.failures import Unauthorized

# The contract's, for everyone to read: what is measured is the work, and nothing is protected by it.
_SECRET = "bench's secret for HS256, 32 bytes or more"


def subject(token: str) -> str:
    """Whom a token names; refused where it is not signed with the secret, or expired."""
    try:
        return jwt.decode(token, _SECRET, algorithms=["HS256"], options={"require": ["sub"]})["sub"]
    except jwt.InvalidTokenError as error:
        raise Unauthorized(f"the token is not valid: {error}") from None


def bearer(field: str) -> str:
    """The token in a field `Authorization` (RFC 6750 §2.1)."""
    scheme, _, token = field.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("the request has no bearer token")
    return token
