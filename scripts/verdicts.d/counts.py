"""Arithmetic of counting verdicts. Knows no process and no file.

A run counts where it is valid: of one that `bench` itself calls invalid (exit code 3) no verdict counts. A run has
called a difference where any of its metrics, after Holm's adjustment over all of them, is faster, slower, less or more; how
often each metric was called stands beside. A share has the exact interval of Clopper and Pearson (1934).
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

CONFIDENCE = 0.95
DIFFERENT = frozenset({"faster", "slower", "less", "more"})
# Within the margin a certain difference counts as slight: adjusted p-value and interval as in `Comparison::slight`.
ALPHA, SLIGHT_FROM = 0.05, 0.01
SLIGHTLY_SLOWER = "slightly slower"
CALLED = DIFFERENT | {SLIGHTLY_SLOWER}
# The metric that a slowed target must be slower in.
JUDGED = "response_time_ns_p50"
# Halvings of a bracket after which a bound no longer changes.
BISECTIONS = 60


def outcome(record: dict[str, Any], head: str) -> dict[str, Any]:
    """What is kept of a run's record: verdict, ratio and smallest detectable difference of each metric of `head`.

    >>> compared = {"metric": "throughput_per_s", "head": "b", "verdict": "slower", "ratio": 0.9, "smallest_detectable": 0.04}
    >>> compared |= {"ci_low": 0.88, "ci_high": 0.92, "p_value": 0.01}
    >>> record = {"id": "x", "elapsed_s": 19.5, "validity": {"verdict": "valid"}, "comparisons": [compared, {**compared, "head": "c"}]}
    >>> outcome(record, "b")
    {'id': 'x', 'elapsed_s': 19.5, 'valid': True, 'verdicts': {'throughput_per_s': 'slower'}, \
'ratios': {'throughput_per_s': 0.9}, 'smallest_detectable': {'throughput_per_s': 0.04}}
    """
    compared = [comparison for comparison in record["comparisons"] if comparison["head"] == head]

    def by_metric(key: str) -> dict[str, Any]:
        return {comparison["metric"]: comparison[key] for comparison in compared}

    return {
        "id": record["id"],
        "elapsed_s": record["elapsed_s"],
        "valid": record["validity"]["verdict"] == "valid",
        "verdicts": {comparison["metric"]: verdict(comparison) for comparison in compared},
        "ratios": by_metric("ratio"),
        "smallest_detectable": by_metric("smallest_detectable"),
    }


def verdict(comparison: dict[str, Any]) -> str:
    """The verdict of a comparison; of times also whether one is slightly slower.

    >>> compared = {"metric": JUDGED, "verdict": "equivalent", "ci_low": 1.029, "p_value": 0.001}
    >>> [verdict({**compared, **other}) for other in ({}, {"ci_low": 1.009}, {"p_value": 0.05}, {"metric": "server_rss_bytes_max"})]
    ['slightly slower', 'equivalent', 'equivalent', 'equivalent']
    """
    is_certain = comparison["p_value"] < ALPHA and comparison["ci_low"] >= 1.0 + SLIGHT_FROM
    is_slight = comparison["verdict"] == "equivalent" and comparison["metric"] == JUDGED and is_certain
    return SLIGHTLY_SLOWER if is_slight else comparison["verdict"]


def false_alarms(outcomes: Sequence[dict[str, Any]]) -> str:
    """How often a target was called different from itself.

    >>> alike = {"valid": True, "verdicts": {"a": "equivalent", "b": "inconclusive"}}
    >>> other = {"valid": True, "verdicts": {"a": "slower", "b": "more"}}
    >>> print(false_alarms([alike, alike, other, {"valid": False, "verdicts": {"a": "slower"}}]))
    1 of 3 runs called some metric different: 33.3 % (95 % interval: 0.8 to 90.6 %); 1 more was not valid
      a: 1
      b: 1
    >>> print(false_alarms([]))
    0 of 0 runs called some metric different
    """
    valid = [each for each in outcomes if each["valid"]]
    called = Counter(
        metric for each in valid for metric, verdict in each["verdicts"].items() if verdict in DIFFERENT
    )
    some = sum(any(verdict in DIFFERENT for verdict in each["verdicts"].values()) for each in valid)
    lines = [f"{share('runs called some metric different', some, len(valid))}{invalid(outcomes)}"]
    return "\n".join(lines + [f"  {metric}: {count}" for metric, count in sorted(called.items())])


def found(outcomes: Sequence[dict[str, Any]], percent: float) -> str:
    """How often a target that is slower by `percent` was called slower.

    >>> def run(verdict, ratio, share):
    ...     return {"valid": True, "verdicts": {JUDGED: verdict}, "ratios": {JUDGED: ratio}, "smallest_detectable": {JUDGED: share}}
    >>> print(found([run(SLIGHTLY_SLOWER, 1.03, 0.01)], 3.0))
    1 of 1 runs called the slowed target slower in response_time_ns_p50: 100.0 % (95 % interval: 2.5 to 100.0 %)
      1 of them slightly: within the margin, and certain
      median ratio 1.030, median smallest detectable difference 1.0 %
    >>> print(found([run("slower", 1.11, 0.02), run("inconclusive", 1.08, 0.12), run("inconclusive", 1.05, 0.04)], 10.0))
    1 of 3 runs called the slowed target slower in response_time_ns_p50: 33.3 % (95 % interval: 0.8 to 90.6 %)
      1 of the others stated a smallest detectable difference above 10 %
      median ratio 1.080, median smallest detectable difference 4.0 %
    """
    valid = [each for each in outcomes if each["valid"] and JUDGED in each["verdicts"]]
    slower = [each for each in valid if each["verdicts"][JUDGED] in {"slower", SLIGHTLY_SLOWER}]
    slightly = sum(each["verdicts"][JUDGED] == SLIGHTLY_SLOWER for each in slower)
    blind = sum(each["smallest_detectable"][JUDGED] * 100.0 > percent for each in valid if each not in slower)
    what = f"runs called the slowed target slower in {JUDGED}"
    lines = [f"{share(what, len(slower), len(valid))}{invalid(outcomes)}"]
    if slightly:
        lines.append(f"  {slightly} of them slightly: within the margin, and certain")
    if len(slower) < len(valid):
        lines.append(f"  {blind} of the others stated a smallest detectable difference above {percent:g} %")
    if valid:
        ratio = statistics.median(each["ratios"][JUDGED] for each in valid)
        smallest = statistics.median(each["smallest_detectable"][JUDGED] for each in valid)
        lines.append(f"  median ratio {ratio:.3f}, median smallest detectable difference {smallest * 100.0:.1f} %")
    return "\n".join(lines)


def share(what: str, hits: int, trials: int) -> str:
    """`hits` of `trials` as a share with its interval."""
    counted = f"{hits} of {trials} {what}"
    if not trials:
        return counted
    low, high = interval_of_share(hits, trials)
    return f"{counted}: {hits / trials * 100.0:.1f} % (95 % interval: {low * 100.0:.1f} to {high * 100.0:.1f} %)"


def invalid(outcomes: Sequence[dict[str, Any]]) -> str:
    """How many runs did not count, if any."""
    count = sum(not each["valid"] for each in outcomes)
    return f"; {count} more {'was' if count == 1 else 'were'} not valid" if count else ""


def interval_of_share(hits: int, trials: int) -> tuple[float, float]:
    """The exact interval of a share (Clopper & Pearson 1934). SciPy says the same of these:

    >>> [round(end, 9) for end in interval_of_share(2, 41)]
    [0.005963118, 0.165333353]
    >>> [round(end, 9) for end in interval_of_share(18, 20)]
    [0.683017286, 0.987651473]
    >>> interval_of_share(0, 20)[0], interval_of_share(20, 20)[1]
    (0.0, 1.0)
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    low = bisect(lambda share: at_most(trials - hits, trials, 1.0 - share) < tail) if hits else 0.0
    high = bisect(lambda share: at_most(hits, trials, share) >= tail) if hits < trials else 1.0
    return low, high


def at_most(hits: int, trials: int, share: float) -> float:
    """The probability of at most `hits` in `trials` that each hit with a chance of `share`.

    >>> at_most(1, 2, 0.5)
    0.75
    """
    return sum(math.comb(trials, k) * share**k * (1.0 - share) ** (trials - k) for k in range(hits + 1))


def bisect(is_below: Callable[[float], bool]) -> float:
    """The share at which `is_below` turns from true to false."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2.0
