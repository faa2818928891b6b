"""httpx, which is more usual beside FastAPI, and pure Python down to its parser."""

import httpx

from bench_server import replies
from bench_server.bounds import IDLE_CONNECTION_S, MAX_UPSTREAM_CONNECTIONS
from bench_server.failures import BadGateway


class Client:
    """See `upstream_aiohttp.Client`."""

    def __init__(self, base: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base,
            limits=httpx.Limits(
                max_connections=MAX_UPSTREAM_CONNECTIONS,
                max_keepalive_connections=MAX_UPSTREAM_CONNECTIONS,
                keepalive_expiry=IDLE_CONNECTION_S,
            ),
            # As aiohttp: no proxy that the environment names, and no .netrc.
            trust_env=False,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, target: str, timeout_s: float) -> tuple[int, bytes]:
        try:
            async with self._client.stream("GET", target, timeout=timeout_s) as response:
                body = await replies.read(response.aiter_bytes()) if response.status_code == 200 else b""
                return response.status_code, body
        except httpx.TimeoutException:
            raise TimeoutError from None
        except httpx.ConnectError:
            raise BadGateway(replies.UNREACHABLE) from None
        except httpx.RemoteProtocolError as error:
            raise BadGateway(f"{replies.NOT_HTTP}, or not to its end: {error}") from None
        except httpx.HTTPError:
            raise BadGateway(replies.CUT_OFF) from None
