"""aiohttp's client."""

import aiohttp

from bench_server import replies
from bench_server.bounds import IDLE_CONNECTION_S, MAX_UPSTREAM_CONNECTIONS
from bench_server.failures import BadGateway


class Client:
    """Calls one origin, over connections that are kept alive. A call is made once more, on a new connection, where a kept one
    turns out to be closed (RFC 9112 §9.3.1 allows that for GET)."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_UPSTREAM_CONNECTIONS, keepalive_timeout=IDLE_CONNECTION_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Closes the idle connections."""
        await self._session.close()

    async def get(self, target: str, timeout_s: float) -> tuple[int, bytes]:
        """Status and body; TimeoutError where they take longer."""
        try:
            timeout = aiohttp.ClientTimeout(total=timeout_s)
            async with self._session.get(self._base + target, timeout=timeout) as response:
                body = await replies.read(response.content.iter_any()) if response.status == 200 else b""
                return response.status, body
        except TimeoutError:
            raise
        except aiohttp.ClientConnectorError:
            raise BadGateway(replies.UNREACHABLE) from None
        except aiohttp.ClientResponseError:
            raise BadGateway(replies.NOT_HTTP) from None
        except (aiohttp.ClientError, OSError):
            raise BadGateway(replies.CUT_OFF) from None
