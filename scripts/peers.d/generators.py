"""Load generators, held against one another.

`scripts/peers generators` answers three questions about a load generator: what processor time does a request cost it,
how much memory does it need, and what does it add to the times that it reports? The parties are the workspace's `bench
load`, a floor in C that writes, reads and does nothing else, and generators that others wrote. All load one server, the
bare epoll floor, pinned to a core; all run on one other core, as one thread.

Closed loop: 64 connections. A figure is the generator's CPU time, from its start to its end, over the requests that it
reports. Start and connecting are in it: over two seconds they are little for a program in C, and a tenth of a core for
one that runs on Node.js; a longer epoch (-d) makes them less. The rate is the one that it reports. Where the server's
core is full, the server was the limit, and the rate tells generators apart no more. Peak memory is the kernel's own
high-water mark of the process.

Open loop: 64 connections at a rate that the server can easily take. The median is the one that the generator prints,
counted from the moment a request was due; generators that print none, or keep no rate, are left out. The floor spins for
due times and keeps every response time as it is, so that its median is the nearest to the truth to be had from outside,
and what another's says above it is what that generator adds.

Many connections: 10,000 at a modest rate where the generator can hold them all at one, else for a few seconds of closed
loop; only its memory is read, and how many connections the server saw open at once.

A round takes every generator twice in closed and twice in open loop, in a seeded order and then in that order backwards;
generators are compared only within a round. Every so many rounds the server is started anew. It judges nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from builds import ROOT, bench_binary, compile_c
from clients import CLIENTS, GENERATORS, Client, Drive, Given, Report, installed
from conversation import (
    EXIT_FAILED,
    EXIT_FINE,
    EPOCH_MAX_S,
    Failed,
    Misused,
    Unavailable,
    add_place_arguments,
    warn_about,
    check_writable,
    cores_of,
    positive_int,
    progress,
    rate,
    say,
)
from figures import CONFIDENCE, aligned, interval_of_median, mirrored
from processes import Server, cpu_at_rest_ns, probe, running, started
from records import environment_of, version_of, write_json

SERVER = ROOT / "scripts" / "peer-servers" / "floor" / "floor.c"
YARDSTICK = "floor"
ONLY_ASKED_FOR = {"hey": "--hey", "autocannon": "--autocannon", "wrk2": "--wrk2 PATH"}

TRIAL_S = 1
# At a rate it takes its time until every connection is used: oha opens one when a request first needs it.
MANY_AT_RATE_S = 6
# wrk has not opened 10,000 connections within its first second.
MANY_CLOSED_S = 3
# What an epoch may take beyond its duration: starting, connecting, and sorting what was recorded.
EPOCH_GRACE_S = 30.0
# How often connections are counted where that is asked for.
WATCH_STEP_S = 0.1
# The cores that this process might use before it took one, as taskset(1) reads them.
ALL_CORES = ",".join(map(str, sorted(os.sched_getaffinity(0))))
# Descriptors that a generator or server opens besides its connections.
DESCRIPTORS_BESIDES = 200


@dataclass(frozen=True)
class Plan:
    """What `peers generators` is to measure."""

    rounds: int
    restart_every: int
    epoch_s: int
    connections: int
    rate_per_s: float
    many_rounds: int
    many_connections: int
    many_rate_per_s: float
    server_cpu: int
    load_cpu: int
    seed: int


class Metered(NamedTuple):
    """What a program said and what it took."""

    stdout: str
    wall_ns: int
    cpu_ns: int
    rss_kib_max: int


@dataclass(frozen=True)
class Epoch:
    """One run of one generator."""

    generator: str
    loop: str  # closed, open or many
    round: int
    requests: int
    errors: int
    duration_s: float  # as reported
    wall_ns: int
    cpu_ns: int
    rss_kib_max: int
    server_cpu_ns: int
    median_us: float | None
    send_lag_us_p99: float | None
    connections_seen: int | None  # by the server, at once; counted for many


@dataclass(frozen=True)
class Against:
    """A figure beside the yardstick's: median over rounds, and the ratio within rounds with its interval."""

    value: float
    ratio: float | None  # where the yardstick was measured
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True)
class Row:
    """One generator's line in every table; None where it was not measured so."""

    generator: str
    cpu_us_per_request: Against | None
    requests_per_s: Against | None
    load_cpu_share: float | None
    server_cpu_share: float | None
    rss_kib_max: float | None
    rss_kib_max_many: float | None
    connections_seen: float | None
    open_requests_per_s: float | None
    median_us: Against | None
    send_lag_us_p99: float | None


def add_generators_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `peers generators` takes."""
    command.epilog = GENERATORS_EPILOG
    load = command.add_argument_group("load")
    load.add_argument(
        "-c", "--connections", type=positive_int, default=64, metavar="N", help="keep-alive connections [64]"
    )
    load.add_argument(
        "-R", "--rate", type=rate, default=20_000.0, metavar="RATE", help="of the open loop, a second [20k]"
    )
    load.add_argument(
        "-d", "--epoch", type=epoch_whole_s, default=2, metavar="SECONDS", help="how long one epoch lasts, whole [2]"
    )
    load.add_argument(
        "--rounds", type=positive_int, default=8, metavar="N", help="rounds, two epochs a generator and loop each [8]"
    )
    load.add_argument("--restart-every", type=positive_int, default=4, metavar="N", help="rounds between servers [4]")
    load.add_argument("--seed", type=int, default=1, metavar="N", help="seeds the order and the bootstrap [1]")
    many = command.add_argument_group("memory with many connections")
    many.add_argument("--many", type=positive_int, default=10_000, metavar="N", help="connections [10000]")
    many.add_argument("--many-rate", type=rate, default=2_000.0, metavar="RATE", help="requests a second [2k]")
    many.add_argument("--many-rounds", type=positive_int, default=3, metavar="N", help="epochs a generator [3]")

    add_place_arguments(command)

    parties = command.add_argument_group("generators")
    parties.add_argument(
        "--only", action="append", choices=GENERATORS, metavar="NAME", help="measure only this; may be repeated"
    )
    parties.add_argument(
        "--skip",
        action="append",
        default=[],
        choices=GENERATORS,
        metavar="NAME",
        help="leave this out; may be repeated",
    )
    parties.add_argument("--hey", action="store_true", help="also hey")
    parties.add_argument("--autocannon", action="store_true", help="also autocannon")
    parties.add_argument("--wrk2", type=Path, metavar="PATH", help="also the wrk2 that you built")
    parties.add_argument(
        "--install", action="store_true", help="install what is missing by apt-get (as root), cargo and npm"
    )
    parties.add_argument(
        "--bench",
        type=Path,
        metavar="PATH",
        help="this bench binary; without it cargo brings target/dist/bench up to date",
    )

    command.add_argument(
        "--json", type=Path, metavar="FILE", help="also write everything, every epoch included, as JSON"
    )


GENERATORS_EPILOG = """\
columns of the closed loop:
  cpu µs/req  the generator's CPU time per request, user and kernel, start and connecting included: median over rounds
  vs floor    median over rounds of this figure divided by the floor's in the same round, with its interval (percentile
              bootstrap over rounds, 95 %)
  req/s       requests a second, by the generator's own count
  load core   share of its core that the generator used from start to end
  srv core    share of its core that the server used; where this is full, the server was the limit

columns of the memory:
  at N        with the connections of -c in closed loop, and with those of --many
  seen        connections that the server saw at once in the run of --many

columns of the open loop:
  req/s       the rate that it kept
  median µs   the median response time that it prints; hey knows tenths of milliseconds, autocannon whole ones
  send lag    how late it says it sent, 99th percentile in µs, where it says so

generators:
  bench (bench load on a core that it is given), bench-plain (bench load as it is, in open loop only), floor, wrk, h2load,
  oha, with --hey hey, with --autocannon autocannon, with --wrk2 PATH wrk2
  wrk keeps no rate and h2load prints no median: they are not in the last table. wrk2 has no closed loop, and needs
  10 s more for every epoch, in which it calibrates. oha runs with --latency-correction at a rate.

examples:
  scripts/peers generators --install                        about six minutes, after what has to be built
  scripts/peers generators --rounds 2 --many-rounds 1       a quick look
  scripts/peers generators --only bench --only floor        the floor and ours alone

exit codes: 0 fine, 1 something failed or was left out unasked, 2 usage, 130 interrupted
"""


def run_generators(args: argparse.Namespace) -> int:
    """Finds, tries, measures and prints; 1 where a generator had to be left out unasked."""
    plan = plan_of(args)
    wanted = wanted_generators(args)
    check_writable(args.json)
    allow_descriptors(max(plan.connections, plan.many_connections) + DESCRIPTORS_BESIDES)
    meter, server = compile_c(CLIENTS / "meter.c"), compile_c(SERVER)
    bench = bench_binary(args.bench)
    # This process sleeps while it measures, but what little it does stays off the server's core.
    os.sched_setaffinity(0, {plan.load_cpu})
    lab = Lab(plan, meter, [str(server)])
    programs, missing = obtain(lab, wanted, Given(bench, args.wrk2), args.install)
    if not programs:
        raise Failed("no generator is left to measure; see above for what each one needs")
    load_average = os.getloadavg()[0]
    warn_about(plan.rounds, load_average)

    epochs = measure(lab, programs)
    rows = [row_of(name, epochs, plan) for name in programs]
    tables = (closed_table(rows, plan), memory_table(rows, plan), open_table(rows, plan))
    print("\n\n".join(tables), flush=True)
    if args.json:
        versions = {name: version_of(GENERATORS[name].version(program)) for name, program in programs.items()}
        record = {"plan": asdict(plan), "environment": environment_of(bench, load_average, versions)}
        write_json(args.json, {**record, "missing": missing, "rows": rows, "epochs": epochs})
    if missing:
        say(f"error: left out unasked: {', '.join(missing)}; fix what is reported above, or --skip it")
        return EXIT_FAILED
    return EXIT_FINE


class Lab(NamedTuple):
    """What stays the same from one epoch to the next."""

    plan: Plan
    meter: Path
    server: list[str]


def plan_of(args: argparse.Namespace) -> Plan:
    """What was typed, checked against the cores that there are."""
    server_cpu, load_cpu = cores_of(args)
    return Plan(
        rounds=args.rounds,
        restart_every=args.restart_every,
        epoch_s=args.epoch,
        connections=args.connections,
        rate_per_s=args.rate,
        many_rounds=args.many_rounds,
        many_connections=args.many,
        many_rate_per_s=args.many_rate,
        server_cpu=server_cpu,
        load_cpu=load_cpu,
        seed=args.seed,
    )


def wanted_generators(args: argparse.Namespace) -> list[str]:
    """The generators asked for, in the table's order; says aloud which are not."""
    asked = {name for name in ONLY_ASKED_FOR if getattr(args, name)}
    named = {*(args.only or (name for name in GENERATORS if name not in ONLY_ASKED_FOR)), *asked}
    wanted = [name for name in GENERATORS if name in named and name not in args.skip]
    if not wanted:
        raise Misused("--only and --skip together leave no generator; drop one of them")
    for name in GENERATORS:
        if name not in wanted:
            remedy = f"; ask for it with {ONLY_ASKED_FOR[name]}" if name in ONLY_ASKED_FOR and name not in asked else ""
            say(f"left out: {name}{remedy}")
    return wanted


def allow_descriptors(wanted: int) -> None:
    """Raises this process's limit of open files, which its children inherit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Misused(f"{wanted} open files are needed and {hard} allowed: raise 'ulimit -Hn', or lower --many and -c")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def obtain(lab: Lab, wanted: Sequence[str], given: Given, may_install: bool) -> tuple[dict[str, Path], list[str]]:
    """The program of each generator, installed where asked, tried once; and the names of those that can't be had."""
    programs: dict[str, Path] = {}
    missing: list[str] = []
    for name in wanted:
        try:
            program = installed(GENERATORS[name], given, may_install)
            with running("floor", lab.server, lab.plan.server_cpu) as server:
                probe(server)
                try_out(lab, name, program, server)
            programs[name] = program
        except (Unavailable, Failed) as reason:
            missing.append(name)
            say(f"LEFT OUT: {name}: {reason}")
    return programs, missing


def try_out(lab: Lab, name: str, program: Path, server: Server) -> None:
    """One short run, which must come to a report that can be read."""
    at_rate = None if GENERATORS[name].closes_loop else lab.plan.rate_per_s
    drive = Drive(server.port, lab.plan.connections, TRIAL_S, at_rate, lab.plan.load_cpu)
    report, _ = generate(lab.meter, name, program, drive)
    require_answers(name, report)


def measure(lab: Lab, programs: dict[str, Path]) -> list[Epoch]:
    """Every epoch of the plan, in the order taken."""
    plan = lab.plan
    rng = random.Random(plan.seed)
    closed = [name for name in programs if GENERATORS[name].closes_loop]
    at_rate = [name for name in programs if GENERATORS[name].tells_median_at_rate]
    epochs: list[Epoch] = []
    for first in range(0, plan.rounds, plan.restart_every):
        with running("floor", lab.server, plan.server_cpu) as server:
            for number in range(first, min(first + plan.restart_every, plan.rounds)):
                for loop, names, rate_per_s in (("closed", closed, None), ("open", at_rate, plan.rate_per_s)):
                    for name in mirrored(names, rng):
                        drive = Drive(server.port, plan.connections, plan.epoch_s, rate_per_s, plan.load_cpu)
                        epochs.append(measure_epoch(lab, name, programs[name], server, drive, loop, number))
                progress(number + 1, plan.rounds)
    for number in range(plan.many_rounds):
        for name in rng.sample(list(programs), len(programs)):
            # A fresh server has a fresh port, and so none of the ports that the last run's connections still block.
            with running("floor", lab.server, plan.server_cpu) as server:
                drive = many_drive(plan, GENERATORS[name], server.port)
                epochs.append(measure_epoch(lab, name, programs[name], server, drive, "many", number))
    return epochs


def many_drive(plan: Plan, client: Client, port: int) -> Drive:
    """All of the many connections, at a rate where the generator holds them at one."""
    if client.holds_many_at_rate:
        return Drive(port, plan.many_connections, MANY_AT_RATE_S, plan.many_rate_per_s, plan.load_cpu)
    return Drive(port, plan.many_connections, MANY_CLOSED_S, None, plan.load_cpu)


def measure_epoch(
    lab: Lab, name: str, program: Path, server: Server, drive: Drive, loop: str, number: int
) -> Epoch:
    """One run of one generator, between two readings of the server's CPU clock, taken while it rests."""
    before_ns = cpu_at_rest_ns(server)
    idle = descriptors(server)
    seen = 0

    def watch() -> None:
        nonlocal seen
        seen = max(seen, descriptors(server) - idle)

    report, metered = generate(lab.meter, name, program, drive, watch if loop == "many" else None)
    spent_ns = cpu_at_rest_ns(server) - before_ns
    # With many connections some may fail to open, and the count of those seen says so; what is read there is memory.
    if loop != "many":
        require_answers(name, report)
    return Epoch(
        generator=name,
        loop=loop,
        round=number,
        requests=report.requests,
        errors=report.errors,
        duration_s=report.duration_s,
        wall_ns=metered.wall_ns,
        cpu_ns=metered.cpu_ns,
        rss_kib_max=metered.rss_kib_max,
        server_cpu_ns=spent_ns,
        median_us=report.median_us,
        send_lag_us_p99=report.send_lag_us_p99,
        connections_seen=seen if loop == "many" else None,
    )


def generate(
    meter: Path, name: str, program: Path, drive: Drive, watch: Callable[[], None] | None = None
) -> tuple[Report, Metered]:
    """Runs a generator under the meter; `watch` is called every so often while it runs."""
    client = GENERATORS[name]
    if drive.rate_per_s is not None and client.calibration_s:
        drive = replace(drive, duration_s=drive.duration_s + client.calibration_s)
    command = [str(program), *client.command(drive)]
    if client.chooses_core:
        command = ["taskset", "-c", ALL_CORES, *command]
    metered = run_metered(meter, command, drive, client.exit_codes, watch)
    try:
        return client.parse(metered.stdout), metered
    except (ValueError, LookupError, TypeError) as error:
        raise Failed(f"{name}'s report can't be read ({error!r}); it says: {metered.stdout.strip()[:400]}") from None


def run_metered(
    meter: Path, command: Sequence[str], drive: Drive, exit_codes: Sequence[int], watch: Callable[[], None] | None
) -> Metered:
    """Runs one command on the generator's core to its end, and takes what it cost from the meter."""
    with tempfile.TemporaryDirectory() as directory:
        account = Path(directory) / "account.json"
        with started([str(meter), str(account), str(drive.cpu), *command], stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + drive.duration_s + EPOCH_GRACE_S
            while True:
                left_s = deadline - time.monotonic()
                try:
                    stdout, stderr = process.communicate(timeout=min(left_s, WATCH_STEP_S) if watch else left_s)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() >= deadline:
                        raise Failed(
                            f"'{shlex.join(command)}' was not done {EPOCH_GRACE_S:.0f} s after its time"
                        ) from None
                    if watch:
                        watch()
        if process.returncode not in exit_codes:
            words = (stderr + stdout).decode(errors="replace").strip()[:1000]
            raise Failed(f"'{shlex.join(command)}' ended with {process.returncode}: {words}")
        return Metered(stdout.decode(), **json.loads(account.read_text()))


def require_answers(name: str, report: Report) -> None:
    """A request that failed costs something else than one that was answered, so that no figure may hold both.

    >>> require_answers("wrk", Report(requests=10, errors=0, duration_s=1.0))
    >>> require_answers("wrk", Report(requests=10, errors=1, duration_s=1.0))
    Traceback (most recent call last):
    conversation.Failed: wrk reports 10 answers and 1 errors from a server that answers everything; --skip wrk
    """
    if report.errors or not report.requests:
        raise Failed(
            f"{name} reports {report.requests} answers and {report.errors} errors from a server that answers "
            f"everything; --skip {name}"
        )


def descriptors(server: Server) -> int:
    """How many files a server has open."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


# --- From epochs to tables -----------------------------------------------------------------------------------------


def row_of(name: str, epochs: Sequence[Epoch], plan: Plan) -> Row:
    """One generator's figures."""
    closed = [e for e in epochs if (e.generator, e.loop) == (name, "closed")]
    at_rate = [e for e in epochs if (e.generator, e.loop) == (name, "open")]
    many = [e for e in epochs if (e.generator, e.loop) == (name, "many")]
    return Row(
        generator=name,
        cpu_us_per_request=against(name, "closed", cpu_us_per_request, epochs, plan),
        requests_per_s=against(name, "closed", requests_per_s, epochs, plan),
        load_cpu_share=median_of(e.cpu_ns / e.wall_ns for e in closed),
        server_cpu_share=median_of(e.server_cpu_ns / 1e9 / e.duration_s for e in closed),
        rss_kib_max=median_of(e.rss_kib_max for e in closed),
        rss_kib_max_many=median_of(e.rss_kib_max for e in many),
        connections_seen=median_of(e.connections_seen for e in many),
        open_requests_per_s=median_of(e.requests / e.duration_s for e in at_rate),
        median_us=against(name, "open", mean_median_us, epochs, plan),
        send_lag_us_p99=median_of(e.send_lag_us_p99 for e in at_rate),
    )


def against(
    name: str, loop: str, figure: Callable[[Sequence[Epoch]], float | None], epochs: Sequence[Epoch], plan: Plan
) -> Against | None:
    """A figure of every round's epochs, beside the yardstick's of the same rounds; None where there is none.

    >>> def epoch(name, number, cpu_ns):
    ...     return Epoch(name, "closed", number, 100, 0, 1.0, 10**9, cpu_ns, 0, 0, None, None, None)
    >>> plan = Plan(2, 1, 1, 64, 1.0, 1, 1, 1.0, 1, 0, 1)
    >>> epochs = [epoch("wrk", 0, 300_000), epoch("floor", 0, 200_000), epoch("wrk", 1, 600_000)]
    >>> epochs += [epoch("floor", 1, 300_000), epoch("floor", 1, 500_000), epoch("wrk", 0, 100_000)]
    >>> against("wrk", "closed", cpu_us_per_request, epochs, plan)
    Against(value=4.0, ratio=1.25, ratio_low=1.0, ratio_high=1.5)
    >>> against("oha", "closed", cpu_us_per_request, epochs, plan) is None
    True
    """

    def rounds_of(generator: str) -> list[float | None]:
        own = [e for e in epochs if (e.generator, e.loop) == (generator, loop)]
        per_round = [[e for e in own if e.round == number] for number in range(plan.rounds)]
        return [figure(of_round) if of_round else None for of_round in per_round]

    own, yard = rounds_of(name), rounds_of(YARDSTICK)
    if None in own:
        return None
    value = statistics.median(own)
    if None in yard:
        return Against(value, None, None, None)
    ratios = [cost / of_yard for cost, of_yard in zip(own, yard, strict=True)]
    return Against(value, statistics.median(ratios), *interval_of_median(ratios, plan.seed))


def cpu_us_per_request(epochs: Sequence[Epoch]) -> float:
    """CPU time over requests, in µs."""
    return sum(e.cpu_ns for e in epochs) / 1000 / sum(e.requests for e in epochs)


def requests_per_s(epochs: Sequence[Epoch]) -> float:
    """Requests over time, by the generator's own clock."""
    return sum(e.requests for e in epochs) / sum(e.duration_s for e in epochs)


def mean_median_us(epochs: Sequence[Epoch]) -> float | None:
    """The mean of the medians printed, None where one was not."""
    medians = [e.median_us for e in epochs]
    return None if None in medians else statistics.mean(medians)


def median_of(values) -> float | None:
    """The median, None where there is nothing or something is not known.

    >>> median_of([3, 1, 2]), median_of([]), median_of([1, None])
    (2, None, None)
    """
    known = list(values)
    return statistics.median(known) if known and None not in known else None


def closed_table(rows: Sequence[Row], plan: Plan) -> str:
    """What a request costs in closed loop.

    >>> wrk = Row("wrk", Against(7.014, 1.349, 1.33, 1.37), Against(1e5, 0.9, 0.8, 1.0), 0.98, 0.9, 4096, 20480, 10_000,
    ...           None, None, None)
    >>> wrk2 = Row("wrk2", None, None, None, None, None, 20480, 10_000, 2e4, None, None)
    >>> plan = Plan(2, 1, 2, 64, 2e4, 1, 10_000, 2e3, 1, 0, 1)
    >>> print(closed_table([wrk, wrk2], plan))
    closed loop, 64 connections
    generator  cpu µs/req  vs floor         95 %    req/s  vs floor         95 %  load core  srv core
    wrk              7.01     1.349  1.330–1.370  100,000     0.900  0.800–1.000       98 %      90 %
    """
    interval = f"{100 * CONFIDENCE:.0f} %"
    head = ["generator", "cpu µs/req", f"vs {YARDSTICK}", interval, "req/s", f"vs {YARDSTICK}", interval]
    lines = [[*head, "load core", "srv core"]]
    for row in rows:
        if row.cpu_us_per_request is not None:
            cost, kept = cells(row.cpu_us_per_request, "{:.2f}"), cells(row.requests_per_s, "{:,.0f}")
            lines.append([row.generator, *cost, *kept, percent(row.load_cpu_share), percent(row.server_cpu_share)])
    return f"closed loop, {plan.connections:,} connections\n{aligned(lines)}"


def memory_table(rows: Sequence[Row], plan: Plan) -> str:
    """What the generators hold in memory.

    >>> wrk = Row("wrk", None, None, None, None, 4096, 20480, 10_000, None, None, None)
    >>> wrk2 = Row("wrk2", None, None, None, None, None, 20480, 9_999, None, None, None)
    >>> print(memory_table([wrk, wrk2], Plan(2, 1, 2, 64, 2e4, 1, 10_000, 2e3, 1, 0, 1)))
    peak resident memory in MiB
    generator  at 64  at 10,000    seen
    wrk          4.0       20.0  10,000
    wrk2           –       20.0   9,999
    """
    lines = [["generator", f"at {plan.connections:,}", f"at {plan.many_connections:,}", "seen"]]
    for row in rows:
        few, many = (None if kib is None else kib / 1024 for kib in (row.rss_kib_max, row.rss_kib_max_many))
        seen = cell(row.connections_seen, "{:,.0f}")
        lines.append([row.generator, cell(few, "{:.1f}"), cell(many, "{:.1f}"), seen])
    return f"peak resident memory in MiB\n{aligned(lines)}"


def open_table(rows: Sequence[Row], plan: Plan) -> str:
    """What the generators say in open loop.

    >>> bench = Row("bench", None, None, None, None, None, None, None, 2e4, Against(29.1, 1.028, 1.01, 1.05), 1.5)
    >>> plan = Plan(2, 1, 2, 64, 2e4, 1, 10_000, 2e3, 1, 0, 1)
    >>> print(open_table([bench], plan))
    open loop, 64 connections, 20,000 requests/s
    generator   req/s  median µs  vs floor         95 %  send lag p99
    bench      20,000       29.1     1.028  1.010–1.050           1.5
    """
    interval = f"{100 * CONFIDENCE:.0f} %"
    lines = [["generator", "req/s", "median µs", f"vs {YARDSTICK}", interval, "send lag p99"]]
    for row in rows:
        if row.open_requests_per_s is not None:
            kept, lag = cell(row.open_requests_per_s, "{:,.0f}"), cell(row.send_lag_us_p99, "{:,.1f}")
            lines.append([row.generator, kept, *cells(row.median_us, "{:,.1f}"), lag])
    return f"open loop, {plan.connections:,} connections, {plan.rate_per_s:,.0f} requests/s\n{aligned(lines)}"


def cells(figure: Against | None, form: str) -> list[str]:
    """A figure, its ratio and its interval."""
    if figure is None:
        return ["–", "–", "–"]
    low, high = cell(figure.ratio_low, "{:.3f}"), cell(figure.ratio_high, "{:.3f}")
    return [form.format(figure.value), cell(figure.ratio, "{:.3f}"), "–" if figure.ratio is None else f"{low}–{high}"]


def percent(share: float | None) -> str:
    """A share of a core."""
    return cell(None if share is None else 100 * share, "{:.0f} %")


def cell(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else form.format(value)


def epoch_whole_s(text: str) -> int:
    """The length of an epoch in seconds, for argparse; whole, since wrk takes no other.

    >>> epoch_whole_s("1"), epoch_whole_s("60")
    (1, 60)
    >>> epoch_whole_s("61")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: 61 is not from 1 to 60 seconds
    """
    if not 1 <= (number := int(text)) <= EPOCH_MAX_S:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {EPOCH_MAX_S:g} seconds")
    return number
