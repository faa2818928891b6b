"""/auth and /upload, by every application that has its own operation for them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from bench_server.bounds import MAX_BODY_BYTES
from tests.http_client import Connection
from tests.running import ServerTest, for_each_server

SECRET = b"bench's secret for HS256, 32 bytes or more"
FAR = 4_102_444_800


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims: dict[str, Any], secret: bytes = SECRET, alg: str = "HS256", digest: str = "sha256") -> str:
    """Made by RFC 7515's own steps, not by the package that is tested."""
    signed = f"{part(json.dumps({'alg': alg}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), digest))}"


VALID = token({"sub": "user-42", "exp": FAR})
HEAD, CLAIMS, SIGNATURE = VALID.split(".")

REFUSED = [
    None,
    "",
    "Bearer",
    "Bearer x",
    VALID,
    f"Basic {VALID}",
    "Bearer " + token({"sub": "user-42", "exp": 1}),
    "Bearer " + token({"sub": "user-42", "exp": "x"}),
    "Bearer " + token({"sub": 7, "exp": FAR}),
    "Bearer " + token({"exp": FAR}),
    "Bearer " + token({"sub": "user-42", "exp": FAR}, SECRET.upper()),
    "Bearer " + token({"sub": "user-42", "exp": FAR}, alg="HS512", digest="sha512"),
    "Bearer " + token({"sub": "user-42", "exp": FAR}, alg="none"),
    f"Bearer {HEAD}.{CLAIMS}.",
    f"Bearer {HEAD}.{CLAIMS}",
    f"Bearer {HEAD}.{token({'sub': 'user-43', 'exp': FAR}).split('.')[1]}.{SIGNATURE}",
]


class Auth(ServerTest):
    def test_a_token_that_is_valid_is_answered_with_whom_it_names(self) -> None:
        with Connection(self.port) as connection:
            for field in (f"Bearer {VALID}", f"bearer {VALID}"):
                reply = connection.request("GET", "/auth", headers={"Authorization": field})
                self.assertEqual((reply.status, reply.body), (200, b'{"sub":"user-42"}'))
                self.assertEqual(reply.headers["content-type"], "application/json")

    def test_any_other_token_is_refused(self) -> None:
        with Connection(self.port) as connection:
            for field in REFUSED:
                headers = {} if field is None else {"Authorization": field}
                reply = connection.request("GET", "/auth", headers=headers)
                self.assertEqual((reply.status, reply.headers.get("www-authenticate")), (401, "Bearer"), field)
            self.assertEqual(connection.request("POST", "/auth", b"").status, 405)

    def test_a_body_is_counted_and_hashed_up_to_its_bound(self) -> None:
        most = b"x" * MAX_BODY_BYTES
        with Connection(self.port) as connection:
            for body in (b"", b"{", b"\x00\xff\n", most):
                for content_type in ("application/json", "application/octet-stream"):
                    reply = connection.request("POST", "/upload", body, {"Content-Type": content_type})
                    answer = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                    self.assertEqual((reply.status, reply.body), (200, json.dumps(answer, separators=(",", ":")).encode()))
            self.assertEqual(connection.request("GET", "/upload").status, 405)
            self.assertEqual(connection.request("POST", "/upload", most + b"x").status, 413)


load_tests = for_each_server(
    Auth, [("fastapi", "asyncio"), ("fastapi_def", "asyncio"), ("starlette", "asyncio"), ("asgi", "asyncio")]
)
