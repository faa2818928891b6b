"""Loop lag: how much later than asked for a timer fires. A histogram of bounded size, and the task that fills it."""

import asyncio
from time import perf_counter

from bench_server.bounds import LAG_SAMPLE_S, MAX_LAG_US

# Each power of two is told apart into this many steps, so that a figure is at most 1/128 too high.
_STEPS_BITS = 7
_STEPS = 1 << _STEPS_BITS


class Histogram:
    """Counts whole numbers from 0 to a maximum; larger ones count as that."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._counts = [0] * (_bucket(maximum) + 1)
        self._total = 0
        self.max = 0

    def record(self, value: int) -> None:
        """Counts a value."""
        value = min(value, self._maximum)
        self._counts[_bucket(value)] += 1
        self._total += 1
        self.max = max(self.max, value)

    def percentile(self, percent: int) -> int:
        """The value that so many per cent of those counted do not exceed, by nearest rank; 0 where there is none."""
        rank = max(1, -(-self._total * percent // 100))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return min(_highest(bucket), self.max)
        return 0

    def counts(self) -> list[tuple[int, int]]:
        """Pairs of a value, at most 1/128 too high, and how often it was counted, smallest first. A value is always told as
        the same one, whatever else was counted: two readings can be held against each other."""
        return [(_highest(bucket), count) for bucket, count in enumerate(self._counts) if count]


class LoopLag:
    """What the sampler has seen since the server started."""

    def __init__(self) -> None:
        self._histogram = Histogram(MAX_LAG_US)

    async def sample(self) -> None:
        """Samples until it is cancelled."""
        while True:
            asked = perf_counter()
            await asyncio.sleep(LAG_SAMPLE_S)
            late = perf_counter() - asked - LAG_SAMPLE_S
            self._histogram.record(max(0, round(late * 1e6)))

    def figures(self) -> dict[str, int]:
        """In microseconds, as /stats shows them."""
        histogram = self._histogram
        return {"p50": histogram.percentile(50), "p99": histogram.percentile(99), "max": histogram.max}

    def counts(self) -> list[tuple[int, int]]:
        """Each lag in microseconds and how often it was seen, as /stats shows them."""
        return self._histogram.counts()


def _bucket(value: int) -> int:
    # Values below the number of steps have a bucket each; then the leading bits of a value name its bucket.
    shift = max(0, value.bit_length() - _STEPS_BITS - 1)
    return (shift << _STEPS_BITS) + (value >> shift)


def _highest(bucket: int) -> int:
    shift = max(0, (bucket >> _STEPS_BITS) - 1)
    return (((bucket - (shift << _STEPS_BITS)) + 1) << shift) - 1
