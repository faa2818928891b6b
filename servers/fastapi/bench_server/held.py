"""For how long computations held the loop, by the route that asked for them."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from bench_server.bounds import MAX_LAG_US
from bench_server.lag import Histogram

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class LoopWork:
    """Counted since the server started. It costs two readings of the clock and a count, about a microsecond."""

    def __init__(self) -> None:
        self._by_route = {"/cpu": Histogram(MAX_LAG_US), "/hash": Histogram(MAX_LAG_US)}

    def run(self, route: str, function: Callable[[Argument], Result], argument: Argument) -> Result:
        """Calls the function here and now."""
        began = perf_counter()
        result = function(argument)
        self._by_route[route].record(round((perf_counter() - began) * 1e6))
        return result

    def counts(self) -> dict[str, list[tuple[int, int]]]:
        """Of each route pairs of a time in microseconds and how often it was seen."""
        return {route: histogram.counts() for route, histogram in self._by_route.items()}
