"""The runs whose verdicts are counted: made one after the other, each kept as soon as it is done.

Every run is a line of JSON in a file, so that an interrupt loses nothing: the same command goes on where the file ends. Run
*i* has the seed *i*, and with it an order of its own.

*Slowed* means: the scenario's requests call an upstream backend, and the slowed target calls one that answers later than it is
asked to (`bench serve backend --late`). The target itself, the load and everything that measures are the same; only the answer
comes later, by a time that no noise of the target's own can hide. The delay is the wanted share of the target's median
response time, as a run of its own found it beforehand, divided over the calls of a request.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import counts
from builds import ROOT, bench_binary
from conversation import EXIT_FINE, EXIT_INTERRUPTED, Failed, Misused, positive_int, say
from processes import running, started

EXIT_INVALID = 3
SCENARIO = "io-heavy"
# The median request of the scenario makes so many calls, one after the other.
CALLS = 3
AGAIN = "again"
SLOWED = "slowed"
# A run that takes longer than this is stuck: ten times what its effort promises for a pair.
TIMEOUT_S = {"--quick": 200.0, "": 750.0, "--thorough": 4000.0}


def add_common_arguments(command: argparse.ArgumentParser, runs: int) -> None:
    """Declares what both commands take."""
    command.add_argument("--runs", type=positive_int, default=runs, help=f"how many runs there shall be [{runs}]")
    command.add_argument("--target", default="callback", metavar="NAME", help="a built-in target [callback]")
    command.add_argument("--bench", type=Path, help="this bench binary; without it cargo brings target/dist/bench up to date")
    command.add_argument("--file", type=Path, help="the file of the runs so far [results/runs/verdicts-….ndjson]")


def add_aa_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `aa` takes."""
    add_common_arguments(command, runs=40)


def add_slowed_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `slowed` takes."""
    add_common_arguments(command, runs=20)
    command.add_argument("--percent", type=percentage, default=10.0, help="by how much it is slowed [10]")
    command.add_argument("--thorough", action="store_true", help="thorough runs instead of default ones")


def percentage(text: str) -> float:
    """A share in per cent, for argparse; 0 slows by nothing, as a check of this script.

    >>> percentage("2.5"), percentage("0")
    (2.5, 0.0)
    >>> percentage("101")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: 101 is not from 0 to 100
    """
    if not 0.0 <= (number := float(text)) <= 100.0:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 100")
    return number


def run_aa(args: argparse.Namespace) -> int:
    """Runs a target beside itself and counts the false alarms."""
    bench = bench_binary(args.bench)
    settings = {"command": "aa", "scenario": SCENARIO, "target": args.target, "effort": "--quick"}
    targets = ["--target", args.target, "--target", f"{AGAIN}={args.target}"]

    def one(seed: int) -> dict[str, Any]:
        return counts.outcome(bench_run(bench, settings["effort"], targets, seed), AGAIN)

    path = args.file or ROOT / "results/runs" / f"verdicts-aa-{args.target}.ndjson"
    return count(args.runs, path, settings, one, counts.false_alarms)


def run_slowed(args: argparse.Namespace) -> int:
    """Runs a target beside a slowed one and counts how often that is found."""
    bench = bench_binary(args.bench)
    effort = "--thorough" if args.thorough else ""
    settings = {
        "command": "slowed",
        "scenario": SCENARIO,
        "target": args.target,
        "effort": effort,
        "percent": args.percent,
    }
    name = "-".join(["verdicts-slowed", args.target, f"{args.percent:g}", *([effort[2:]] if effort else [])])
    path = args.file or ROOT / "results/runs" / f"{name}.ndjson"
    say(f"one run of {args.target} alone, for its median response time")
    alone = bench_run(bench, "--quick", ["--target", args.target], seed=0)
    median_ns = alone["targets"][0]["times_ns"]["response_time"]["p50"]
    late_ns = delay_ns(median_ns, args.percent)
    say(f"the median is {median_ns / 1e6:.2f} ms: each of {CALLS} calls is answered {late_ns / 1e3:.0f} µs late")
    with slowed_target(bench, args.target, late_ns, alone["pinning"]["load_cpus"]) as manifest:
        targets = ["--target", args.target, "--target", f"{SLOWED}={manifest}"]

        def one(seed: int) -> dict[str, Any]:
            record = bench_run(bench, effort, targets, seed)
            return {**counts.outcome(record, SLOWED), "late_ns": late_ns, "median_ns": median_ns}

        return count(args.runs, path, settings, one, lambda outcomes: counts.found(outcomes, args.percent))


def delay_ns(median_ns: int, percent: float) -> int:
    """By how much each call is late, so that the median request is slower by that share.

    >>> delay_ns(15_000_000, 10.0)
    500000
    """
    return round(median_ns * percent / 100.0 / CALLS)


@contextmanager
def slowed_target(bench: Path, target: str, late_ns: int, load_cpus: Sequence[int]) -> Iterator[Path]:
    """The manifest of a target whose upstream is late, while that upstream runs."""
    built_in = ROOT / "servers/targets" / f"{target}.toml"
    if not built_in.is_file():
        raise Misused(f"--target {target}: no built-in target is called so; `bench list targets` shows them")
    late = [str(bench), "serve", "backend", "--port", "0", "--late", f"{late_ns}ns"]
    # Where bench has its own backend, so that both share a core with the same neighbours.
    cpu = load_cpus[0] if load_cpus else None
    with running("backend", late, cpu) as server, tempfile.TemporaryDirectory() as directory:
        manifest = Path(directory) / f"{SLOWED}.toml"
        manifest.write_text(redirected(built_in.read_text(), f"127.0.0.1:{server.port}"))
        yield manifest


def redirected(manifest: str, upstream: str) -> str:
    """A manifest whose target calls another upstream than the run's.

    >>> redirected('args = ["--upstream", "{upstream}"]', "127.0.0.1:9000")
    'args = ["--upstream", "127.0.0.1:9000"]'
    >>> redirected('args = []', "127.0.0.1:9000")
    Traceback (most recent call last):
    conversation.Misused: this target does not take the address of the upstream, so it can't be slowed that way
    """
    if "{upstream}" not in manifest:
        raise Misused("this target does not take the address of the upstream, so it can't be slowed that way")
    return manifest.replace("{upstream}", upstream)


def bench_run(bench: Path, effort: str, targets: Sequence[str], seed: int) -> dict[str, Any]:
    """One run's record."""
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as stderr:
        command = [str(bench), "run", "--scenario", SCENARIO, *targets, "--seed", str(seed), "--json"]
        command += [*([effort] if effort else []), "--out", str(Path(directory) / "run")]
        with started(command, stderr=stderr) as process:
            try:
                stdout, _ = process.communicate(timeout=TIMEOUT_S[effort])
            except subprocess.TimeoutExpired:
                raise Failed(f"a run took longer than {TIMEOUT_S[effort]:.0f} s: {' '.join(command)}") from None
        if process.returncode in (EXIT_FINE, EXIT_INVALID):
            return json.loads(stdout)
        if process.returncode == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        stderr.seek(0)
        words = stderr.read().decode(errors="replace").strip()
        raise Failed(f"a run ended with exit code {process.returncode}: {' '.join(command)}\n{words}")


def count(
    wanted: int,
    path: Path,
    settings: dict[str, Any],
    one: Callable[[int], dict[str, Any]],
    summary: Callable[[Sequence[dict[str, Any]]], str],
) -> int:
    """Makes the runs that the file lacks, and prints what all of them come to; also where that is interrupted."""
    outcomes = read(path, settings)
    try:
        for seed in range(len(outcomes) + 1, wanted + 1):
            outcomes.append({"seed": seed, **one(seed)})
            append(path, {"settings": settings, **outcomes[-1]})
            say(f"run {seed} of {wanted}: {described(outcomes[-1])}")
    finally:
        print(summary(outcomes))
        say(f"the runs are in {path}")
    return EXIT_FINE


def read(path: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs in a file; none where there is no file. A last line that was not written to its end is cut off.

    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "runs.ndjson"
    ...     append(path, {"settings": {"a": 1}, "seed": 1})
    ...     _ = path.open("a").write('{"settings": {"a": 1}, "se')
    ...     print(read(path, {"a": 1}), path.read_text().count("\\n"), read(path, {"a": 1}))
    ...     read(path, {"a": 2})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    conversation.Misused: .../runs.ndjson holds runs of {'a': 1}, not of {'a': 2}: name another --file, or move it away
    >>> read(Path("nowhere"), {})
    []
    """
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    outcomes = [json.loads(line) for line in whole.splitlines()]
    for outcome in outcomes:
        if (theirs := outcome.pop("settings")) != settings:
            raise Misused(f"{path} holds runs of {theirs}, not of {settings}: name another --file, or move it away")
    return outcomes


def append(path: Path, line: dict[str, Any]) -> None:
    """Adds a line with one write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def described(outcome: dict[str, Any]) -> str:
    """A run in a line.

    >>> described({"valid": True, "elapsed_s": 18.24, "verdicts": {"a": "slower", "b": "equivalent"}})
    'a slower (18 s)'
    >>> described({"valid": False, "elapsed_s": 18.0, "verdicts": {"a": "slower"}})
    'not valid (18 s)'
    >>> described({"valid": True, "elapsed_s": 18.0, "verdicts": {"b": "equivalent"}})
    'no difference called (18 s)'
    """
    called = [f"{metric} {verdict}" for metric, verdict in outcome["verdicts"].items() if verdict in counts.CALLED]
    words = (", ".join(called) or "no difference called") if outcome["valid"] else "not valid"
    return f"{words} ({outcome['elapsed_s']:.0f} s)"
