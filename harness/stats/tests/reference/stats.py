"""Figures for the tests of src/stats, computed by SciPy. To renew them run `pip install scipy`, then `python stats.py > stats.json`.

Where the Rust code draws at random, the cases here are small enough to try every possibility: all resamples of a bootstrap
go through SciPy's own BCa, all divisions of blocks through its permutation test. Quantile intervals, for which SciPy has
nothing that respects autocorrelation, are worked out again here from their definition, with NumPy and scipy.stats.t.
"""

import itertools
import json
import math

import numpy as np
from scipy import stats
from scipy.spatial import distance


def normal():
    points = [-30.0, -8.0, -3.0, -1.959963984540054, -0.5, 0.0, 0.25, 1.0, 2.5, 6.0]
    return [{"z": z, "below": float(stats.norm.cdf(z))} for z in points]


def student_t():
    return [
        {"p": p, "freedom": freedom, "t": float(stats.t.ppf(p, freedom))}
        for p in (0.8, 0.975, 0.9995)
        for freedom in (1, 2, 3, 4, 5, 9, 10, 29, 100, 4999)
    ]


def sums_of_squares(sample, axis=-1):
    return np.sum((sample - np.mean(sample, axis=axis, keepdims=True)) ** 2, axis=axis)


STATISTICS = {"mean": np.mean, "squares": sums_of_squares}


def bca(name, statistic, sample, alpha):
    function = STATISTICS[statistic]
    sample = np.asarray(sample)
    every = np.array(list(itertools.product(sample, repeat=len(sample))))
    distribution = function(every, axis=-1)
    # SciPy adds no resample of its own to a distribution that it is given.
    given = stats._resampling.BootstrapResult(None, distribution, float(np.std(distribution, ddof=1)))
    result = stats.bootstrap(
        (sample,),
        function,
        vectorized=True,
        axis=-1,
        n_resamples=0,
        confidence_level=1 - alpha,
        method="BCa",
        bootstrap_result=given,
    )
    low, high = result.confidence_interval
    return {"name": name, "statistic": statistic, "sample": sample.tolist(), "alpha": alpha, "low": float(low), "high": float(high)}


def cliffs_delta(name, base, head):
    u = stats.mannwhitneyu(head, base).statistic
    return {"name": name, "base": list(base), "head": list(head), "delta": float(2 * u / (len(base) * len(head)) - 1)}


def permutation(name, base, head):
    result = stats.permutation_test(
        (np.asarray(base), np.asarray(head)),
        lambda one, other, axis: np.mean(other, axis=axis) - np.mean(one, axis=axis),
        permutation_type="independent",
        vectorized=True,
        n_resamples=np.inf,
    )
    return {"name": name, "base": list(base), "head": list(head), "p_value": float(result.pvalue)}


def place(name, differences, swapped):
    differences, swapped = np.asarray(differences), np.asarray(swapped)
    # What is left without the targets' means, added to one side of the pair as it stands in the order.
    result = stats.permutation_test(
        (differences[~swapped], differences[swapped]),
        # With one effect an order, its square is what all the effects' squares are in proportion to.
        lambda one, other, axis: (np.sum(one - differences.mean(), axis=axis) - np.sum(other - differences.mean(), axis=axis)) ** 2,
        permutation_type="independent",
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    return {"name": name, "differences": differences.tolist(), "swapped": swapped.tolist(), "p_value": float(result.pvalue)}


def rounds(name, groups):
    groups = [np.asarray(group) for group in groups]
    everything = np.concatenate(groups)
    lengths = [len(group) for group in groups]
    count, number = len(everything), len(groups)
    # One-way analysis of variance: shuffling leaves the total alone, so F rises with the sum between groups.
    result = stats.permutation_test(
        tuple(groups),
        # Rounded, so that the same groups in another order count as ties.
        lambda *parts, axis: np.round(stats.f_oneway(*parts, axis=axis).statistic, 9),
        permutation_type="independent",
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    between = sum(len(group) * (group.mean() - everything.mean()) ** 2 for group in groups) / (number - 1)
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / (count - number)
    typical = (count - sum(length**2 for length in lengths) / count) / (number - 1)
    of_rounds = max(0.0, (between - within) / typical)
    return {
        "name": name,
        "rounds": [group.tolist() for group in groups],
        "share": float(of_rounds / (of_rounds + within)),
        "p_value": float(result.pvalue),
    }


def quantile(name, batches, per_10_000, alpha):
    everything = np.sort(np.concatenate(batches))
    count = len(everything)
    value = everything[math.ceil(count * per_10_000 / 10_000) - 1]
    share = per_10_000 / 10_000
    up_to = np.mean(everything <= value)
    # The Rust code joins more stretches than eight; here there are eight.
    assert len(batches) == 8
    rests = np.array([np.sum(batch <= value) - up_to * len(batch) for batch in batches])
    plain = np.sum(rests[1:] * rests[:-1]) / np.sum(rests**2)
    correlation = plain + (1 + 4 * plain) / len(rests)
    kept = min(max(correlation, 0), 0.9)
    memory = (1 + kept) / (1 - kept)
    error = math.sqrt(len(rests) / (len(rests) - 1) * np.sum(rests**2) * memory) / count
    reach = stats.t.ppf(1 - alpha / 2, len(rests) - 1) * error

    def at(share):
        rank = max(1, math.ceil(share * count))
        return int(everything[rank - 1]) if rank <= count else None

    return {
        "name": name,
        "batches": [batch.tolist() for batch in batches],
        "per_10_000": per_10_000,
        "alpha": alpha,
        "value": int(value),
        "low": at(share - reach),
        "high": at(share + reach),
        "correlation": float(correlation),
    }


def energy(left, right):
    """The energy distance of both sides with the pairs of a value with itself left out, weighed by their sizes."""
    left, right = left.reshape(-1, 1), right.reshape(-1, 1)
    m, n = len(left), len(right)
    between = 2 * distance.cdist(left, right).mean()
    within = distance.pdist(left).mean() + distance.pdist(right).mean()
    return m * n / (m + n) * (between - within)


def best_split(values):
    count = len(values)
    splits = [(energy(values[:at], values[at:]), at) for at in range(3, count - 2)]
    return max(splits, key=lambda split: split[0])


def change(name, values, shuffles):
    values = np.asarray(values)
    size, at = best_split(values)
    result = stats.permutation_test(
        (values,),
        lambda shuffled: round(best_split(np.asarray(shuffled))[0], 9),
        permutation_type="pairings",
        vectorized=False,
        n_resamples=shuffles,
        alternative="greater",
        rng=np.random.default_rng(1),
    )
    before, after = values[:at], values[at:]
    welch = stats.ttest_ind(after, before, equal_var=False)
    error = math.sqrt(np.var(before, ddof=1) / len(before) + np.var(after, ddof=1) / len(after))
    # The Rust code rounds the degrees of freedom down.
    reach = stats.t.ppf(0.975, math.floor(welch.df)) * error
    effect = after.mean() - before.mean()
    return {
        "name": name,
        "values": values.tolist(),
        "at": int(at),
        "size": float(size),
        "p_value": float(result.pvalue),
        "low": float(effect - reach),
        "high": float(effect + reach),
    }


def share(alpha, *clusters):
    """The interval of Korn and Graubard; of one cluster that of Clopper and Pearson."""
    hits, trials = (sum(column) for column in zip(*clusters))
    counted, independent = hits / trials, trials
    if len(clusters) > 1 and 0 < hits < trials:
        variance = len(clusters) / (len(clusters) - 1) * sum((h - counted * t) ** 2 for h, t in clusters) / trials**2
        unsure = stats.norm.ppf(1 - alpha / 2) / stats.t.ppf(1 - alpha / 2, len(clusters) - 1)
        independent = min(trials, counted * (1 - counted) / variance * unsure**2) if variance else trials
    x = counted * independent
    low = stats.beta.ppf(alpha / 2, x, independent - x + 1) if hits else 0.0
    high = stats.beta.ppf(1 - alpha / 2, x + 1, independent - x) if hits < trials else 1.0
    return {"clusters": clusters, "alpha": alpha, "low": float(low), "high": float(high)}


def autoregressive(random, length, memory):
    values = np.zeros(length)
    for index in range(1, length):
        values[index] = memory * values[index - 1] + random.standard_normal()
    return values


def main():
    random = np.random.default_rng(20261124)
    heavy = np.round(random.standard_t(2, 6), 6)
    independent = [np.round(1000 + 100 * random.standard_normal(size)).astype(int) for size in (40, 35, 52, 41, 44, 38, 47, 40)]
    slow = [np.round(1000 * np.exp(0.1 * level + 0.2 * random.standard_normal(60))).astype(int) for level in autoregressive(random, 8, 0.7)]
    figures = {
        "normal": normal(),
        "student_t": student_t(),
        "bca": [
            bca("mean of five", "mean", [1.0, 2.0, 3.5, 5.0, 9.0], 0.05),
            bca("mean of six with heavy tails", "mean", heavy, 0.05),
            bca("mean of six, narrow", "mean", [10.1, 10.2, 9.9, 10.0, 10.4, 9.8], 0.32),
            bca("squares of five", "squares", [1.0, 2.0, 3.5, 5.0, 9.0], 0.1),
        ],
        "cliffs_delta": [
            cliffs_delta("overlapping", [1.0, 2.5, 3.0, 4.0, 7.0], [2.0, 3.5, 5.0, 6.0]),
            cliffs_delta("ties", [1.0, 2.0, 2.0, 3.0], [2.0, 2.0, 3.0, 4.0, 1.0]),
            cliffs_delta("apart", [5.0, 6.0, 7.0], [1.0, 2.0]),
        ],
        "permutation": [
            permutation("apart", [1.0, 1.2, 0.9, 1.1, 1.05], [1.3, 1.25, 1.4, 1.5, 1.02]),
            permutation("alike", [3.0, 1.0, 4.0, 1.5, 9.0], [2.0, 6.0, 5.0, 3.5]),
            permutation("ties", [1.0, 1.0, 2.0, 2.0], [2.0, 2.0, 3.0, 1.0, 3.0, 3.0]),
            permutation("all equal", [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
            permutation("one far out", [0.1, -0.2, 0.05, 0.0, 0.1, -0.1], [0.2, 0.1, 100.0]),
        ],
        "place": [
            place("nothing to see", np.round(random.standard_normal(10), 6), [False, True] * 5),
            place("an effect", np.round(np.tile([1.0, -1.0], 4) + 0.8 * random.standard_normal(8), 6), [False, True] * 4),
            place("uneven", np.round(random.standard_normal(9), 6), [True] * 3 + [False] * 6),
        ],
        "rounds": [
            rounds("alike", [np.round(random.standard_normal(2), 6) for _ in range(4)]),
            rounds("different", [np.round(3 * start + random.standard_normal(2), 6) for start in random.standard_normal(4)]),
            rounds("two of five", [np.round(start + random.standard_normal(5), 6) for start in (0.0, 1.5)]),
        ],
        "changes": [
            change("a step", np.round(np.repeat([0.0, 0.06], [7, 5]) + 0.03 * random.standard_normal(12), 6), 3_000),
            change("flat", np.round(0.03 * random.standard_normal(11), 6), 3_000),
            change("a step and back", np.round(np.repeat([0.0, 1.0, 0.0], [5, 4, 4]) + 0.05 * random.standard_normal(13), 6), 3_000),
        ],
        "quantiles": [
            quantile("independent median", independent, 5_000, 0.05),
            quantile("median with memory", slow, 5_000, 0.05),
            quantile("90th percentile with memory", slow, 9_000, 0.05),
            quantile("beyond the largest", slow, 9_700, 0.001),
        ],
        "shares": [
            share(0.05, (0, 1)),
            share(0.05, (2, 41)),
            share(0.05, (18, 20)),
            share(0.1, (20, 20)),
            share(0.01, (3, 60)),
            share(0.05, (51, 1_000)),
            share(0.05, (0, 100), (20, 100), (0, 90), (0, 110), (30, 100), (0, 100)),
            share(0.05, (5, 100), (4, 100), (6, 100)),
            share(0.05, (0, 50), (0, 50)),
            share(0.1, (3, 10), (9, 10)),
            share(0.05, (120_000, 2_000_000), (100_000, 1_900_000), (90_000, 2_100_000)),
        ],
    }
    # A case a line, so that a difference shows which.
    lists = [f'"{key}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]" for key, cases in figures.items()]
    print("{\n" + ",\n".join(lists) + "\n}")


if __name__ == "__main__":
    main()
