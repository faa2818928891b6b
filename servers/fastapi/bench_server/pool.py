"""The threads for blocking work, and how many jobs wait for one.

The threads are AnyIO's, on which FastAPI runs its own `def` operations; the limit is its default limiter's, so that
nothing in the process runs on more threads than were asked for. AnyIO tells how many wait now, but keeps no maximum;
therefore jobs are counted here.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar, TypeVarTuple

import anyio.to_thread

from bench_server.bounds import MAX_LAG_US
from bench_server.lag import Histogram

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Pool:
    """So many threads. Made on the loop that uses it, and used by no other thread than the loop's."""

    def __init__(self, threads: int) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        self._threads = threads
        self._jobs = 0
        self.queue_depth_max = 0
        # For how long jobs waited for a thread, in microseconds.
        self.waits = Histogram(MAX_LAG_US)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Calls the function in a thread, as soon as one is free."""
        asked = perf_counter()
        begun: float | None = None

        def job() -> Result:
            nonlocal begun
            begun = perf_counter()
            return function(*arguments)

        self._jobs += 1
        self.queue_depth_max = max(self.queue_depth_max, self.queue_depth)
        try:
            return await anyio.to_thread.run_sync(job)
        finally:
            self._jobs -= 1
            # Counted here, on the loop: threads would have to take turns.
            if begun is not None:
                self.waits.record(round((begun - asked) * 1e6))

    @property
    def queue_depth(self) -> int:
        """Jobs that wait for a thread now."""
        return max(0, self._jobs - self._threads)
