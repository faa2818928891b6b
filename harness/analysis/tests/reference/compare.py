"""Figures for the tests of src/compare.rs, computed by SciPy. To renew them run `pip install scipy`, then `python compare.py > compare.json`.

The p-values come from scipy.stats.permutation_test, which flips signs where it is given one sample. The interval is found
by bisecting the centre at which that test stops rejecting, independently of the subset means that the Rust code sorts. The
minimal detectable effect takes its quantiles from scipy.stats.t.
"""

import json
import math

import numpy as np
from scipy import stats

ALPHA = 0.05
POWER = 0.8


def p_value(differences, alternative="two-sided"):
    result = stats.permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative=alternative,
    )
    return float(result.pvalue)


def interval(differences):
    """The centres that the two-sided test does not reject at ALPHA."""
    mean, reach = np.mean(differences), np.ptp(differences) + 1e-9

    def end(direction):
        inside, outside = mean, mean + direction * reach
        for _ in range(60):
            middle = (inside + outside) / 2
            if p_value(differences - middle) > ALPHA:
                inside = middle
            else:
                outside = middle
        return float((inside + outside) / 2)

    return end(-1), end(+1)


def minimal_detectable(differences):
    freedom = len(differences) - 1
    quantiles = stats.t.ppf(1 - ALPHA / 2, freedom) + stats.t.ppf(POWER, freedom)
    return math.expm1(quantiles * np.std(differences, ddof=1) / math.sqrt(len(differences)))


def case(name, base, head):
    differences = np.log(head) - np.log(base)
    low, high = interval(differences)
    return {
        "name": name,
        "base": [float(value) for value in base],
        "head": [float(value) for value in head],
        "ratio": float(np.exp(np.mean(differences))),
        "ci_low": math.exp(low),
        "ci_high": math.exp(high),
        "p_value": p_value(differences),
        "smallest_detectable": minimal_detectable(differences),
    }


def main():
    random = np.random.default_rng(20261123)

    def around(level, spread, count):
        return np.round(level * np.exp(spread * random.standard_normal(count)), 6)

    cases = [
        case("six blocks, clearly different", around(100, 0.01, 6), around(80, 0.01, 6)),
        case("eight blocks, alike", around(15e6, 0.03, 8), around(15e6, 0.03, 8)),
        case("ten blocks, a little different", around(41, 0.05, 10), around(43, 0.05, 10)),
        case("thirteen blocks, wide spread", around(1000, 0.5, 13), around(1400, 0.5, 13)),
        case("nine blocks, one far out", around(5, 0.01, 9), np.append(around(5, 0.01, 8), 50.0)),
        # Powers of two, so that ties are exact in both programs.
        case("seven blocks with ties", np.full(7, 8.0), np.array([16.0, 16.0, 4.0, 16.0, 8.0, 16.0, 4.0])),
    ]
    print(json.dumps({"cases": cases}, indent=1))


if __name__ == "__main__":
    main()
