"""Arithmetic of comparing, and its tables. Knows no process and no clock."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

RESAMPLES = 10_000
CONFIDENCE = 0.95


def mirrored(names: Sequence[str], rng: random.Random) -> list[str]:
    """The names in a random order and then in that order backwards: on average all stand at the same place.

    >>> order = mirrored(["a", "b", "c"], random.Random(1))
    >>> order[:3] == order[:2:-1], sorted(order)
    (True, ['a', 'a', 'b', 'b', 'c', 'c'])
    """
    order = rng.sample(names, len(names))
    return order + order[::-1]


def interval_of_median(values: Sequence[float], seed: int) -> tuple[float, float]:
    """The percentile bootstrap interval of a median (Efron & Tibshirani 1993, chapter 13), the same for the same seed.

    >>> interval_of_median([1.0, 1.0, 1.0], seed=1)
    (1.0, 1.0)
    >>> values = [0.90, 0.92, 0.94, 0.95, 0.96, 0.97, 0.99, 1.01, 1.02, 1.50]
    >>> low, high = interval_of_median(values, seed=1)
    >>> 0.90 < low < statistics.median(values) < high < 1.50
    True
    >>> interval_of_median(values, seed=1) == (low, high)
    True
    """
    rng = random.Random(seed)
    return middle(sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(RESAMPLES)))


def interval_of_ratio(
    numerators: Sequence[float], denominators: Sequence[float], seed: int
) -> tuple[float, float]:
    """The percentile bootstrap interval of the ratio of two medians whose values were not taken in pairs.

    >>> interval_of_ratio([2.0, 2.0], [4.0, 4.0, 4.0], seed=1)
    (0.5, 0.5)
    >>> low, high = interval_of_ratio([1.0, 1.1, 1.2, 1.3], [1.0, 1.1, 1.2], seed=1)
    >>> 1.0 / 1.2 <= low < 1.0 < high <= 1.3
    True
    """
    rng = random.Random(seed)

    def median_drawn(values: Sequence[float]) -> float:
        return statistics.median(rng.choices(values, k=len(values)))

    return middle(sorted(median_drawn(numerators) / median_drawn(denominators) for _ in range(RESAMPLES)))


def middle(resampled: Sequence[float]) -> tuple[float, float]:
    """The ends of the middle 95 % of sorted values.

    >>> middle(list(range(10_000)))
    (250, 9749)
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    # Rounded, since the tail is not exactly a fortieth.
    cut = round(tail * len(resampled))
    return resampled[cut], resampled[len(resampled) - 1 - cut]


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as a table: the first column to the left, the others to the right.

    >>> print(aligned([["name", "a"], ["x", "10"]]))
    name   a
    x     10
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines
    )
