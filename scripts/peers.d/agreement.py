"""`bench load` and wrk on the same servers: do they find the same?

`scripts/peers agreement` drives the same running servers in turn with `bench load` and with a bare wrk, both in closed
loop with 64 connections, as one thread on one core, and the servers on another. A round takes every server, in a
seeded order, and on each the two generators A B B A or B A A B; what is compared is compared within a round.

Compared are the server's CPU time per request, requests per second, and the median and 99th percentile of the time from
sending a request to its reply. The server's CPU time is that of all its processes, read while they rest, before and
after an epoch. In a closed loop every connection has one request under way when time is up. `bench load` waits for those
and counts them, wrk does neither, though the server works for them all the same: so the server's CPU time is divided by
the requests with them, and the time by the requests without them, for both.

A figure *agrees* where the 95 % interval of the ratio within rounds, bench's to wrk's, contains 1 (`agree`), or where wrk's
median over rounds lies within bench's own 95 % interval of its median over rounds (`within`). Otherwise it *differs*, and
the table says by how much. What both must find alike, whatever their own cost, are the requests per second of a server
whose core is full: there the server is the limit. Where the generator is the limit its requests per second are its own,
and how many requests it has ready for the server at once is its own as well, on which the server's CPU time depends: wrk
sends the next request only in its next turn, so that some of its connections always wait inside it, uncounted in its times.
With `--path` of a route that waits, as `/sleep/10`, neither core is full, and all four figures are the server's.

The 99th percentile is not measured alike. For every request that took more than twice the mean, wrk adds made-up ones
(`stats_correct` in its wrk.c) to make up for those it did not send meanwhile; `bench load` adds none. And wrk's first
requests are timed while the server still accepts its other connections, which `bench load` opens beforehand. So wrk's is
expected to be the higher.

With `--run`, `bench run` measures the same servers as well, once before and once after: its own processes, launched by
itself, under the same request in closed loop, since wrk keeps no rate. Its CPU time per request is held against wrk's by
the same rule, but that its epochs and wrk's are no pairs, and the interval is that of two independent medians' ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from builds import bench_binary, compile_c
from clients import CLIENTS, GENERATORS, Drive, Given, installed
from conversation import (
    EXIT_FAILED,
    EXIT_FINE,
    Failed,
    Unavailable,
    add_place_arguments,
    warn_about,
    check_writable,
    cores_of,
    positive_int,
    progress,
    say,
)
from figures import CONFIDENCE, aligned, interval_of_median, interval_of_ratio, mirrored
from generators import epoch_whole_s, generate, percent, require_answers
from manifests import TARGETS, launch_command
from processes import Server, cpu_at_rest_ns, probe, running, started
from records import environment_of, version_of, write_json

OURS, THEIRS = "bench", "wrk"
PAIR = (OURS, THEIRS)
DEFAULT_SERVERS = ("callback", "coroutine-single", "node", "fastapi")

# V8 compiles what is called often; after so long under load its figures no longer move.
WARM_UP_S = 2
# A core that was used for less than this share of an epoch was not the limit.
FULL_SHARE = 0.95
# What a run may take beyond what it is asked to measure: launching, warming up, writing its files.
RUN_TIMEOUT_S = 180.0
# `bench run` says with exit code 3 that the generator was the limit, which in closed loop is expected.
RUN_EXIT_CODES = (0, 3)

CLOSED_LOOP = """\
description = "One request again and again, each after the reply to the last"
question = "What does a request cost the server when the next follows each reply?"
connections = {connections}

[load]
arrival = "closed"

[[requests]]
route = "{path}"
"""


@dataclass(frozen=True)
class Plan:
    """What `peers agreement` is to measure."""

    rounds: int
    restart_every: int
    epoch_s: int
    connections: int
    server_cpu: int
    load_cpu: int
    seed: int
    path: str = "/plaintext"


@dataclass(frozen=True)
class Epoch:
    """One server under one generator for a moment."""

    server: str
    generator: str
    round: int
    in_time: int  # answered before time was up
    served: int  # with those that were under way then
    duration_s: float
    server_cpu_ns: int
    load_cpu_ns: int
    wall_ns: int
    median_us: float | None
    p99_us: float | None


@dataclass(frozen=True)
class Figure:
    """Something that both generators tell."""

    name: str
    form: str
    of: Callable[[Sequence[Epoch]], float | None]  # of one server, generator and round


@dataclass(frozen=True)
class Row:
    """One figure of one server."""

    server: str
    figure: str
    ours: float
    ours_low: float
    ours_high: float
    theirs: float
    ratio: float
    ratio_low: float
    ratio_high: float
    verdict: str  # agree, within or differ


@dataclass(frozen=True)
class Limit:
    """Who was the limit on one server: shares of their cores."""

    server: str
    server_cpu_share_ours: float
    server_cpu_share_theirs: float
    load_cpu_share_ours: float
    load_cpu_share_theirs: float


def add_agreement_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `peers agreement` takes."""
    command.epilog = AGREEMENT_EPILOG
    load = command.add_argument_group("load")
    load.add_argument(
        "-c", "--connections", type=positive_int, default=64, metavar="N", help="keep-alive connections [64]"
    )
    load.add_argument(
        "--path", default="/plaintext", help="what is asked for; of one that waits neither need be the limit [/plaintext]"
    )
    load.add_argument(
        "-d", "--epoch", type=epoch_whole_s, default=2, metavar="SECONDS", help="how long one epoch lasts, whole [2]"
    )
    load.add_argument(
        "--rounds", type=positive_int, default=8, metavar="N", help="rounds, four epochs a server each [8]"
    )
    load.add_argument(
        "--restart-every", type=positive_int, default=4, metavar="N", help="rounds between fresh servers [4]"
    )
    load.add_argument("--seed", type=int, default=1, metavar="N", help="seeds the order and the bootstrap [1]")
    load.add_argument("--run", action="store_true", help="also hold `bench run` against wrk, before and after")

    add_place_arguments(command)
    parties = command.add_argument_group("servers and generators")
    parties.add_argument(
        "--only",
        action="append",
        choices=TARGETS,
        metavar="NAME",
        help=f"measure only this built-in target; may be repeated [{', '.join(DEFAULT_SERVERS)}]",
    )
    parties.add_argument("--install", action="store_true", help="install wrk by apt-get (as root) if it is missing")
    parties.add_argument(
        "--bench",
        type=Path,
        metavar="PATH",
        help="this bench binary; without it cargo brings target/dist/bench up to date",
    )
    command.add_argument(
        "--json", type=Path, metavar="FILE", help="also write everything, every epoch included, as JSON"
    )


AGREEMENT_EPILOG = """\
columns:
  bench       median over rounds of what bench load finds, with its own interval (percentile bootstrap over rounds, 95 %)
  wrk         median over rounds of what wrk finds
  bench/wrk   median over rounds of the ratio within a round, with its interval
  verdict     agree: the ratio's interval contains 1; within: wrk's median lies in bench's own interval; differ: neither
  p99 is expected to differ: wrk adds made-up samples after slow requests, and times requests while it still connects
cores:
  shares of their cores that server and generator used; where the server's is full, it was the limit, and both must find
  the same rate; where the generator's is, its rate is its own

examples:
  scripts/peers agreement --only callback --only node            about three minutes
  scripts/peers agreement --only fastapi --rounds 6 --run        with bench run as well
  scripts/peers agreement --only callback --path /sleep/10       a route that waits: neither core is full
  scripts/peers agreement --install --json agreement.json        all four servers, about six minutes

exit codes: 0 fine, 1 something failed or was left out, 2 usage, 130 interrupted
"""


def run_agreement(args: argparse.Namespace) -> int:
    """Obtains, measures, compares and prints; 1 where a server had to be left out."""
    plan = plan_of(args)
    check_writable(args.json)
    meter = compile_c(CLIENTS / "meter.c")
    bench = bench_binary(args.bench)
    try:
        programs = {name: installed(GENERATORS[name], Given(bench, None), args.install) for name in PAIR}
    except Unavailable as reason:
        raise Failed(str(reason)) from None
    commands, missing = obtain([name for name in TARGETS if name in (args.only or DEFAULT_SERVERS)], bench)
    if not commands:
        raise Failed("no server is left to measure; see above for what each one needs")
    load_average = os.getloadavg()[0]
    warn_about(plan.rounds, load_average)

    runs = [run_in_closed_loop(plan, list(commands), bench)] if args.run else []
    with confined_to(plan.load_cpu):
        epochs = measure(Lab(plan, meter, programs), commands)
    runs += [run_in_closed_loop(plan, list(commands), bench)] if args.run else []

    rows = [row for name in commands for row in rows_of(name, epochs, plan)]
    run_rows = [run_row(name, runs, epochs, plan) for name in commands] if runs else []
    limits = [limit_of(name, epochs) for name in commands]
    tables = [figures_table(rows), limits_table(limits), *([figures_table(run_rows, "bench run")] if runs else [])]
    print("\n\n".join(tables), flush=True)
    if args.json:
        versions = {name: version_of(GENERATORS[name].version(program)) for name, program in programs.items()}
        record = {"plan": asdict(plan), "environment": environment_of(bench, load_average, versions)}
        found = {"rows": rows, "limits": limits, "run_rows": run_rows, "epochs": epochs, "runs": runs}
        write_json(args.json, {**record, "missing": missing, **found})
    if missing:
        say(f"error: left out: {', '.join(missing)}; fix what is reported above, or name the others with --only")
        return EXIT_FAILED
    return EXIT_FINE


@contextmanager
def confined_to(cpu: int) -> Iterator[None]:
    """Keeps this process, which sleeps while it measures but for a little, off the server's core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@dataclass(frozen=True)
class Lab:
    """What stays the same from one epoch to the next."""

    plan: Plan
    meter: Path
    programs: dict[str, Path]


def plan_of(args: argparse.Namespace) -> Plan:
    """What was typed, checked against the cores that there are."""
    server_cpu, load_cpu = cores_of(args)
    return Plan(
        rounds=args.rounds,
        restart_every=args.restart_every,
        epoch_s=args.epoch,
        connections=args.connections,
        server_cpu=server_cpu,
        load_cpu=load_cpu,
        seed=args.seed,
        path=args.path,
    )


def obtain(wanted: Sequence[str], bench: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The command line of each server, set up where need be, and the names of those that can't be had."""
    commands: dict[str, list[str]] = {}
    missing: list[str] = []
    for name in wanted:
        try:
            command = launch_command(name, bench)
            with running(name, command) as server:
                probe(server)
            commands[name] = command
        except Unavailable as reason:
            missing.append(name)
            say(f"LEFT OUT: {name}: {reason}")
    return commands, missing


def measure(lab: Lab, commands: dict[str, list[str]]) -> list[Epoch]:
    """Every epoch of the plan, in the order taken."""
    plan = lab.plan
    rng = random.Random(plan.seed)
    epochs: list[Epoch] = []
    for first in range(0, plan.rounds, plan.restart_every):
        with ExitStack() as stack:
            servers = [
                stack.enter_context(running(name, command, plan.server_cpu)) for name, command in commands.items()
            ]
            for server in servers:
                probe(server)
                generate(lab.meter, OURS, lab.programs[OURS], drive_of(plan, server, WARM_UP_S))
            for number in range(first, min(first + plan.restart_every, plan.rounds)):
                for server in rng.sample(servers, len(servers)):
                    for generator in mirrored(PAIR, rng):
                        epochs.append(measure_epoch(lab, server, generator, number))
                progress(number + 1, plan.rounds)
    return epochs


def measure_epoch(lab: Lab, server: Server, generator: str, number: int) -> Epoch:
    """One generator's run between two readings of the server's CPU clocks, taken while it rests."""
    plan = lab.plan
    drive = drive_of(plan, server, plan.epoch_s)
    before_ns = cpu_at_rest_ns(server)
    report, metered = generate(lab.meter, generator, lab.programs[generator], drive)
    spent_ns = cpu_at_rest_ns(server) - before_ns
    require_answers(generator, report)
    # bench load counts what is under way at the end, wrk doesn't.
    in_time = report.requests - (plan.connections if generator == OURS else 0)
    return Epoch(
        server=server.name,
        generator=generator,
        round=number,
        in_time=in_time,
        served=in_time + plan.connections,
        duration_s=report.duration_s,
        server_cpu_ns=spent_ns,
        load_cpu_ns=metered.cpu_ns,
        wall_ns=metered.wall_ns,
        median_us=report.median_us,
        p99_us=report.p99_us,
    )


def drive_of(plan: Plan, server: Server, duration_s: int) -> Drive:
    """A closed loop over all connections."""
    return Drive(server.port, plan.connections, duration_s, None, plan.load_cpu, plan.path)


def run_in_closed_loop(plan: Plan, targets: Sequence[str], bench: Path) -> dict[str, list[float]]:
    """What a request costs each target's server by `bench run`, epoch by epoch, in µs."""
    with tempfile.TemporaryDirectory() as directory:
        scenario = Path(directory) / "closed-loop.toml"
        scenario.write_text(CLOSED_LOOP.format(connections=plan.connections, path=plan.path))
        command = [str(bench), "run", "--scenario", str(scenario), "--quick", "--json", "--seed", str(plan.seed)]
        command += ["--out", str(Path(directory) / "out")]
        command += ["--server-cpus", str(plan.server_cpu), "--load-cpus", str(plan.load_cpu)]
        for name in targets:
            command += ["--target", name]
        with started(command, stderr=subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(timeout=RUN_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise Failed(f"'{shlex.join(command)}' was not done within {RUN_TIMEOUT_S:.0f} s") from None
    if process.returncode not in RUN_EXIT_CODES:
        words = stderr.decode(errors="replace").strip()
        raise Failed(f"'{shlex.join(command)}' ended with {process.returncode}: {words}")
    return costs_in_run(json.loads(stdout))


def costs_in_run(record: dict) -> dict[str, list[float]]:
    """The server's CPU time per request in every epoch of a run record, by target.

    >>> epoch = lambda us: {"metrics": {"server_cpu_us_per_request": us}}
    >>> costs_in_run({"targets": [{"name": "node", "epochs": [epoch(9.5), epoch(9.0)]}]})
    {'node': [9.5, 9.0]}
    """
    return {
        target["name"]: [epoch["metrics"]["server_cpu_us_per_request"] for epoch in target["epochs"]]
        for target in record["targets"]
    }


# --- From epochs to tables -----------------------------------------------------------------------------------------


def cpu_us_per_request(epochs: Sequence[Epoch]) -> float:
    """The server's CPU time over the requests that it worked for, in µs."""
    return sum(e.server_cpu_ns for e in epochs) / 1000 / sum(e.served for e in epochs)


def requests_per_s(epochs: Sequence[Epoch]) -> float:
    """Requests over time, by the generator's own count and clock."""
    return sum(e.in_time for e in epochs) / sum(e.duration_s for e in epochs)


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean, None where one is not known."""
    return None if None in values else statistics.mean(values)


CPU_PER_REQUEST = Figure("server cpu µs/req", "{:,.2f}", cpu_us_per_request)
FIGURES = (
    CPU_PER_REQUEST,
    Figure("requests/s", "{:,.0f}", requests_per_s),
    Figure("p50 µs", "{:,.0f}", lambda epochs: mean_of([e.median_us for e in epochs])),
    Figure("p99 µs", "{:,.0f}", lambda epochs: mean_of([e.p99_us for e in epochs])),
)
FORMS = {figure.name: figure.form for figure in FIGURES}


def rows_of(server: str, epochs: Sequence[Epoch], plan: Plan) -> list[Row]:
    """One server's figures; one that a generator doesn't print is left out."""
    rows = []
    for figure in FIGURES:
        ours, theirs = (per_round(server, generator, figure, epochs, plan) for generator in PAIR)
        if None in ours or None in theirs:
            continue
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        interval = interval_of_median(ratios, plan.seed)
        rows.append(row_of(server, figure, ours, theirs, statistics.median(ratios), interval, plan))
    return rows


def run_row(server: str, runs: Sequence[dict[str, list[float]]], epochs: Sequence[Epoch], plan: Plan) -> Row:
    """What `bench run` finds that a request costs one server, beside what wrk does."""
    ours = [cost for run in runs for cost in run[server]]
    theirs = per_round(server, THEIRS, CPU_PER_REQUEST, epochs, plan)
    ratio = statistics.median(ours) / statistics.median(theirs)
    return row_of(server, CPU_PER_REQUEST, ours, theirs, ratio, interval_of_ratio(ours, theirs, plan.seed), plan)


def row_of(
    server: str,
    figure: Figure,
    ours: Sequence[float],
    theirs: Sequence[float],
    ratio: float,
    interval: tuple[float, float],
    plan: Plan,
) -> Row:
    """A figure by both, and whether they agree."""
    own_interval = interval_of_median(ours, plan.seed)
    return Row(
        server,
        figure.name,
        statistics.median(ours),
        *own_interval,
        statistics.median(theirs),
        ratio,
        *interval,
        verdict_of(interval, own_interval, statistics.median(theirs)),
    )


def verdict_of(ratio_interval: tuple[float, float], own_interval: tuple[float, float], theirs: float) -> str:
    """Whether the two agree, as the module's head defines it.

    >>> verdict_of((0.98, 1.0), (5.0, 5.1), 9.9)
    'agree'
    >>> verdict_of((0.98, 0.99), (5.0, 5.1), 5.1)
    'within'
    >>> verdict_of((1.01, 1.02), (5.0, 5.1), 5.11)
    'differ'
    """
    if ratio_interval[0] <= 1.0 <= ratio_interval[1]:
        return "agree"
    return "within" if own_interval[0] <= theirs <= own_interval[1] else "differ"


def per_round(
    server: str, generator: str, figure: Figure, epochs: Sequence[Epoch], plan: Plan
) -> list[float | None]:
    """A figure in every round.

    >>> def epoch(number, cpu_ns):
    ...     return Epoch("node", "wrk", number, 90, 100, 1.0, cpu_ns, 0, 1, 700.0, None)
    >>> plan = Plan(2, 1, 1, 64, 1, 0, 1)
    >>> epochs = [epoch(0, 1_000_000), epoch(1, 4_000_000), epoch(0, 3_000_000)]
    >>> [per_round("node", "wrk", figure, epochs, plan) for figure in FIGURES]
    [[20.0, 40.0], [90.0, 90.0], [700.0, 700.0], [None, None]]
    """
    own = [e for e in epochs if (e.server, e.generator) == (server, generator)]
    return [figure.of([e for e in own if e.round == number]) for number in range(plan.rounds)]


def limit_of(server: str, epochs: Sequence[Epoch]) -> Limit:
    """Whose core was full."""
    own = [[e for e in epochs if (e.server, e.generator) == (server, generator)] for generator in PAIR]
    server_shares = [statistics.median(e.server_cpu_ns / 1e9 / e.duration_s for e in of_one) for of_one in own]
    load_shares = [statistics.median(e.load_cpu_ns / e.wall_ns for e in of_one) for of_one in own]
    return Limit(server, *server_shares, *load_shares)


def figures_table(rows: Sequence[Row], ours: str = OURS) -> str:
    """The figures as aligned text.

    >>> print(figures_table([Row("node", "server cpu µs/req", 20.0, 19.5, 20.5, 19.8, 1.01, 0.99, 1.03, "agree")]))
    server             figure  bench     its 95 %    wrk  bench/wrk         95 %  verdict
    node    server cpu µs/req  20.00  19.50–20.50  19.80      1.010  0.990–1.030    agree
    """
    interval = f"{100 * CONFIDENCE:.0f} %"
    lines = [["server", "figure", ours, f"its {interval}", THEIRS, f"{ours}/{THEIRS}", interval, "verdict"]]
    for row in rows:
        form = FORMS[row.figure]
        lines.append(
            [
                row.server,
                row.figure,
                form.format(row.ours),
                f"{form.format(row.ours_low)}–{form.format(row.ours_high)}",
                form.format(row.theirs),
                f"{row.ratio:.3f}",
                f"{row.ratio_low:.3f}–{row.ratio_high:.3f}",
                row.verdict,
            ]
        )
    return aligned(lines)


def limits_table(limits: Sequence[Limit]) -> str:
    """Whose core was full, as aligned text.

    >>> print(limits_table([Limit("node", 0.99, 0.98, 0.5, 0.6), Limit("callback", 0.9, 0.96, 0.99, 1.0)]))
    server    generator  its core  load core      limit
    node          bench      99 %       50 %     server
    node            wrk      98 %       60 %     server
    callback      bench      90 %       99 %  generator
    callback        wrk      96 %      100 %       both
    """
    lines = [["server", "generator", "its core", "load core", "limit"]]
    for limit in limits:
        for generator, server_share, load_share in (
            (OURS, limit.server_cpu_share_ours, limit.load_cpu_share_ours),
            (THEIRS, limit.server_cpu_share_theirs, limit.load_cpu_share_theirs),
        ):
            who = LIMITS[server_share >= FULL_SHARE, load_share >= FULL_SHARE]
            lines.append([limit.server, generator, percent(server_share), percent(load_share), who])
    return aligned(lines)


# By whether the server's core was full, and the generator's.
LIMITS = {(True, False): "server", (False, True): "generator", (True, True): "both", (False, False): "neither"}
