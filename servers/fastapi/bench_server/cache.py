"""Redis, by redis-py on asyncio, with hiredis as its parser."""

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError


class Cache:
    """redis-py gives each command that is under way a connection; there are so many, made when they are first needed."""

    errors = (RedisError, OSError)

    def __init__(self, url: str, connections: int) -> None:
        # Once more on a new connection, where a kept one turns out to be closed; its own three times take seconds.
        retry = Retry(NoBackoff(), 1)
        self._redis = redis.Redis.from_pool(
            redis.BlockingConnectionPool.from_url(url, max_connections=connections, retry=retry)
        )

    async def get(self, key: str) -> bytes | None:
        return await self._redis.get(key)

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        await self._redis.set(key, value, ex=seconds)

    async def close(self) -> None:
        await self._redis.aclose()
