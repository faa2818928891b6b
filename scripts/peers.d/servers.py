"""Servers, held against servers that others wrote.

`scripts/peers servers` answers one question: how much processor time does a server pay for one `GET /plaintext`, and
how does that compare with hyper's? The parties are the workspace's `callback` and `coroutine-single`, hyper on tokio's
current_thread runtime, Node's http, and a floor in C that reads, writes and does nothing else.

How it measures. All servers run at once, each pinned to the same core, and one at a time is loaded from another core.
A round loads every server twice for one epoch each, in a seeded order and then in that order backwards, so that a
machine that grows slower or faster through a round does so for all of them alike. The process's CPU clock is read while
the server rests, right before the epoch and once it rests again, so that all the work for the requests counted (opening
and closing the connections included: for 64 of them 2 to 3 ms, for Node 10, when this was written) lies between the two
readings. A round gives one figure per server, CPU time over requests; servers are compared only within a round. Every
so many rounds all servers are started anew, since a process may be lucky or not in where its memory lies.

What it doesn't do: it checks no latency (`bench run` does), and it judges nothing; it prints figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import statistics
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from builds import ROOT, bench_binary, cargo_build, compile_c, tool
from conversation import (
    EXIT_FAILED,
    EXIT_FINE,
    Failed,
    Misused,
    Unavailable,
    add_place_arguments,
    warn_about,
    check_writable,
    cores_of,
    epoch_s,
    positive_int,
    progress,
    rate,
    say,
)
from figures import CONFIDENCE, aligned, interval_of_median, mirrored
from processes import Server, cpu_at_rest_ns, probe, running, started
from records import environment_of, version_of, write_json

PEERS = ROOT / "scripts" / "peer-servers"
YARDSTICK = "hyper"

WARM_UP_S = 1.0
# What an epoch may take beyond its duration: the generator's start, and waiting for the last replies.
EPOCH_GRACE_S = 20.0

# Of the requests of an epoch: so much at most can they shift the cost of one.
UNFINISHED_SHARE_MAX = 0.01

# `bench load` says with exit code 3 that the generator was the limit. Here that is expected, and shown as its share.
LOAD_EXIT_CODES = (0, 3)


@dataclass(frozen=True)
class Plan:
    """What `peers servers` is to measure."""

    rounds: int
    restart_every: int
    epoch_s: float
    connections: int
    rate_per_s: float | None  # None: a closed loop
    server_cpu: int
    load_cpu: int
    seed: int


@dataclass(frozen=True)
class Epoch:
    """One server under load for a moment."""

    server: str
    round: int
    server_cpu_ns: int
    requests: int  # answered
    unfinished: int
    duration_s: float
    generator_share: float  # of its core, spinning for due times left out


@dataclass(frozen=True)
class Row:
    """One server's line of the table."""

    server: str
    cpu_us_per_request: float
    ratio: float | None  # to the yardstick, where that was measured
    ratio_low: float | None
    ratio_high: float | None
    requests_per_s: float
    server_cpu_share: float
    generator_cpu_share: float
    response_bytes: int


def add_servers_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `peers servers` takes."""
    command.epilog = SERVERS_EPILOG
    load = command.add_argument_group("load")
    load.add_argument(
        "-c", "--connections", type=positive_int, default=64, metavar="N", help="keep-alive connections [64]"
    )
    load.add_argument(
        "-R",
        "--rate",
        type=rate,
        metavar="RATE",
        help="requests a second on a schedule, as 5000 or 20k; without it the loop is closed and the server's core full "
        "or nearly. At a rate the server is partly idle, and pays more wake-ups a request",
    )
    load.add_argument(
        "-d", "--epoch", type=epoch_s, default=0.5, metavar="SECONDS", help="how long one epoch lasts [0.5]"
    )
    load.add_argument(
        "--rounds", type=positive_int, default=20, metavar="N", help="rounds, two epochs a server each [20]"
    )
    load.add_argument(
        "--restart-every", type=positive_int, default=5, metavar="N", help="rounds between fresh processes [5]"
    )
    load.add_argument("--seed", type=int, default=1, metavar="N", help="seeds the order and the bootstrap [1]")

    add_place_arguments(command)
    servers = command.add_argument_group("servers")
    servers.add_argument(
        "--only", action="append", choices=SERVERS, metavar="NAME", help="measure only this; may be repeated"
    )
    servers.add_argument(
        "--skip", action="append", default=[], choices=SERVERS, metavar="NAME", help="leave this out; may be repeated"
    )
    servers.add_argument("--libuv", action="store_true", help="also the floor on libuv (needs libuv's headers)")
    servers.add_argument(
        "--bench",
        type=Path,
        metavar="PATH",
        help="this bench binary; without it cargo brings target/dist/bench up to date",
    )

    command.add_argument(
        "--json", type=Path, metavar="FILE", help="also write everything, every epoch included, as JSON"
    )


SERVERS_EPILOG = """\
columns:
  cpu µs/req  the server's CPU time per request, user and kernel, connections included: median over rounds
  vs hyper    median over rounds of this server's figure divided by hyper's in the same round, with its interval
              (percentile bootstrap over rounds, 95 %); below 1 is cheaper than hyper
  req/s       requests answered a second: median over rounds
  its core    share of its core that the server used
  load core   share of its core that the generator used, spinning for due times left out; whichever of the two is full
              was the limit, and where that is the generator, req/s tells servers apart no more
  bytes       length of one response, head included

servers:
  callback, coroutine-single (bench serve), hyper, node, floor, and with --libuv libuv

examples:
  scripts/peers servers                            about three minutes
  scripts/peers servers --rounds 6 --skip node     a quick look without Node
  scripts/peers servers -R 10k --json peers.json   the same servers, partly idle

exit codes: 0 fine, 1 something failed or was left out unasked, 2 usage, 130 interrupted
"""


def run_servers(args: argparse.Namespace) -> int:
    """Builds, checks, measures and prints; 1 where a server had to be left out unasked."""
    plan = plan_of(args)
    wanted = wanted_servers(args)
    check_writable(args.json)
    bench = bench_binary(args.bench)
    commands, missing = obtain(wanted, bench)
    if not commands:
        raise Failed("no server is left to measure; see above for what each one needs")
    # This process sleeps while it measures, but what little it does stays off the server's core.
    os.sched_setaffinity(0, {plan.load_cpu})
    load_average = os.getloadavg()[0]
    warn_about(plan.rounds, load_average)

    epochs, responses_bytes = measure(plan, commands, bench)
    rows = summarise(plan, [name for name in SERVERS if name in commands], epochs, responses_bytes)
    print(table(rows), flush=True)
    if args.json:
        record = {"plan": asdict(plan), "environment": environment_of(bench, load_average, versions())}
        write_json(args.json, {**record, "missing": missing, "rows": rows, "epochs": epochs})
    if missing:
        say(f"error: left out unasked: {', '.join(missing)}; fix what is reported above, or --skip it")
        return EXIT_FAILED
    return EXIT_FINE


def plan_of(args: argparse.Namespace) -> Plan:
    """What was typed, checked against the cores that there are."""
    server_cpu, load_cpu = cores_of(args)
    return Plan(
        rounds=args.rounds,
        restart_every=args.restart_every,
        epoch_s=args.epoch,
        connections=args.connections,
        rate_per_s=args.rate,
        server_cpu=server_cpu,
        load_cpu=load_cpu,
        seed=args.seed,
    )


def wanted_servers(args: argparse.Namespace) -> list[str]:
    """The servers asked for, in the table's order; says aloud which are not."""
    named = args.only or [name for name in SERVERS if name != "libuv"]
    if args.libuv:
        named = [*named, "libuv"]
    wanted = [name for name in SERVERS if name in named and name not in args.skip]
    if not wanted:
        raise Misused("--only and --skip together leave no server; drop one of them")
    for name in SERVERS:
        if name not in wanted:
            remedy = "; ask for it with --libuv" if name == "libuv" and name not in args.skip else ""
            say(f"left out: {name}{remedy}")
    return wanted


def obtain(wanted: Sequence[str], bench: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The command line of each server, built where need be, and the names of those that can't be had."""
    commands: dict[str, list[str]] = {}
    missing: list[str] = []
    for name in wanted:
        try:
            commands[name] = SERVERS[name](bench)
            with running(name, commands[name]) as server:
                probe(server)
        except Unavailable as reason:
            commands.pop(name, None)
            missing.append(name)
            say(f"LEFT OUT: {name}: {reason}")
    return commands, missing


def measure(plan: Plan, commands: dict[str, list[str]], bench: Path) -> tuple[list[Epoch], dict[str, int]]:
    """Every epoch of the plan, in the order taken, and the length of each server's response in bytes."""
    rng = random.Random(plan.seed)
    epochs: list[Epoch] = []
    response_bytes: dict[str, int] = {}
    for first in range(0, plan.rounds, plan.restart_every):
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(running(name, command, plan.server_cpu)) for name, command in commands.items()
            }
            for server in servers.values():
                response_bytes[server.name] = probe(server)
                drive(plan, server, bench, WARM_UP_S)
            for number in range(first, min(first + plan.restart_every, plan.rounds)):
                for name in mirrored(list(commands), rng):
                    epochs.append(measure_epoch(plan, servers[name], bench, number))
                progress(number + 1, plan.rounds)
    return epochs, response_bytes


def measure_epoch(plan: Plan, server: Server, bench: Path, number: int) -> Epoch:
    """One epoch between two readings of the server's CPU clock, taken while it rests."""
    before_ns = cpu_at_rest_ns(server)
    record = drive(plan, server, bench, plan.epoch_s)
    spent_ns = cpu_at_rest_ns(server) - before_ns
    requests, generator = record["requests"], record["generator"]
    return Epoch(
        server=server.name,
        round=number,
        server_cpu_ns=spent_ns,
        requests=requests["ok"],
        unfinished=requests["unfinished"],
        duration_s=record["load"]["duration_s"],
        # An open loop spins until a request is due; that says nothing about how much it could still send.
        generator_share=generator["cpu_share"] * (1.0 - generator.get("spin_share", 0.0)),
    )


def drive(plan: Plan, server: Server, bench: Path, duration_s: float) -> dict:
    """Loads one server for so long and returns what `bench load --json` says; every request must have been answered."""
    command = [str(bench), "load", f"http://127.0.0.1:{server.port}/plaintext", "--json", "--expect-status", "200"]
    command += ["-c", str(plan.connections), "-d", f"{round(duration_s * 1000)}ms", "-w", "0s"]
    command += ["--load-cpus", str(plan.load_cpu)]
    if plan.rate_per_s is not None:
        command += ["-R", f"{plan.rate_per_s:g}"]
    with started(command, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(timeout=duration_s + EPOCH_GRACE_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"{server.name}: the generator was not done {EPOCH_GRACE_S:.0f} s after its time") from None
    if process.returncode not in LOAD_EXIT_CODES:
        raise Failed(f"{server.name}: {shlex.join(command)} ended with {process.returncode}: {stderr.decode().strip()}")
    record = json.loads(stdout)
    requests = record["requests"]
    if not answered(requests):
        remedy = "lower --rate" if plan.rate_per_s else "see whether it still runs"
        raise Failed(
            f"{server.name} did not answer every request ({requests}), so that its CPU time belongs to no known number "
            f"of them; {remedy}, or --skip {server.name}"
        )
    return record


def answered(requests: dict[str, int]) -> bool:
    """Whether the requests answered are those that the server worked for, but for the few under way at the end.

    >>> answered({"scheduled": 1000, "ok": 990, "error": 0, "timeout": 0, "unfinished": 10})
    True
    >>> answered({"scheduled": 1000, "ok": 989, "error": 0, "timeout": 0, "unfinished": 11})
    False
    >>> answered({"scheduled": 1000, "ok": 999, "error": 1, "timeout": 0, "unfinished": 0})
    False
    >>> answered({"scheduled": 0, "ok": 0, "error": 0, "timeout": 0, "unfinished": 0})
    False
    """
    failed = requests["error"] + requests["timeout"]
    few = requests["unfinished"] <= UNFINISHED_SHARE_MAX * requests["scheduled"]
    return requests["ok"] > 0 and failed == 0 and few


def summarise(plan: Plan, names: Sequence[str], epochs: Sequence[Epoch], response_bytes: dict[str, int]) -> list[Row]:
    """One row a server, in the order of `names`."""
    per_round = {name: costs_us([e for e in epochs if e.server == name], plan.rounds) for name in names}
    rows = []
    for name in names:
        own = [epoch for epoch in epochs if epoch.server == name]
        ratio, low, high = None, None, None
        if YARDSTICK in per_round:
            ratios = [cost / yard for cost, yard in zip(per_round[name], per_round[YARDSTICK], strict=True)]
            ratio = statistics.median(ratios)
            low, high = interval_of_median(ratios, plan.seed)
        rows.append(
            Row(
                server=name,
                cpu_us_per_request=statistics.median(per_round[name]),
                ratio=ratio,
                ratio_low=low,
                ratio_high=high,
                requests_per_s=statistics.median(e.requests / e.duration_s for e in own),
                server_cpu_share=statistics.median(e.server_cpu_ns / 1e9 / e.duration_s for e in own),
                generator_cpu_share=statistics.median(e.generator_share for e in own),
                response_bytes=response_bytes[name],
            )
        )
    return rows


def costs_us(epochs: Sequence[Epoch], rounds: int) -> list[float]:
    """One server's CPU time per request in each round, in µs.

    >>> epoch = lambda number, ns, requests: Epoch("a", number, ns, requests, 0, 0.5, 0.9)
    >>> costs_us([epoch(0, 1_000_000, 100), epoch(1, 4_000_000, 100), epoch(0, 3_000_000, 300)], 2)
    [10.0, 40.0]
    """
    spent_ns, requests = [0] * rounds, [0] * rounds
    for epoch in epochs:
        spent_ns[epoch.round] += epoch.server_cpu_ns
        requests[epoch.round] += epoch.requests
    return [ns / 1000 / count for ns, count in zip(spent_ns, requests, strict=True)]


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text: names to the left, figures to the right.

    >>> print(table([Row("hyper", 9.87, 1.0, 1.0, 1.0, 101234.4, 0.99, 0.81, 128)]))
    server  cpu µs/req  vs hyper         95 %    req/s  its core  load core  bytes
    hyper         9.87     1.000  1.000–1.000  101,234      99 %       81 %    128
    >>> "–" in table([Row("floor", 5.0, None, None, None, 1e5, 0.9, 0.9, 128)])
    True
    """
    interval = f"{100 * CONFIDENCE:.0f} %"
    lines = [["server", "cpu µs/req", f"vs {YARDSTICK}", interval, "req/s", "its core", "load core", "bytes"]]
    for row in rows:
        lines.append(
            [
                row.server,
                f"{row.cpu_us_per_request:.2f}",
                "–" if row.ratio is None else f"{row.ratio:.3f}",
                "–" if row.ratio_low is None else f"{row.ratio_low:.3f}–{row.ratio_high:.3f}",
                f"{row.requests_per_s:,.0f}",
                f"{100 * row.server_cpu_share:.0f} %",
                f"{100 * row.generator_cpu_share:.0f} %",
                str(row.response_bytes),
            ]
        )
    return aligned(lines)


# --- The servers: how each is brought about ------------------------------------------------------------------------


def bench_server(name: str) -> Callable[[Path], list[str]]:
    """One of the workspace's own targets."""
    return lambda bench: [str(bench), "serve", name, "--port", "0", "--workers", "1"]


def hyper_server(_bench: Path) -> list[str]:
    """hyper, by cargo, from its own lock file."""
    return [str(cargo_build(PEERS / "hyper" / "Cargo.toml", PEERS / "hyper" / "target", "--locked") / "peer-hyper")]


def node_server(_bench: Path) -> list[str]:
    """Node's http."""
    return [tool("node", "install Node.js 20 or later"), str(PEERS / "node" / "plaintext.js")]


def floor_server(_bench: Path) -> list[str]:
    """The floor in C."""
    return [str(compile_c(PEERS / "floor" / "floor.c"))]


def libuv_server(_bench: Path) -> list[str]:
    """The floor on libuv, with the flags that pkg-config gives."""
    pkg_config = tool("pkg-config", "install pkg-config")
    flags = subprocess.run([pkg_config, "--cflags", "--libs", "libuv"], capture_output=True, text=True, check=False)
    if flags.returncode != 0:
        raise Unavailable(f"pkg-config knows no libuv: install its headers (libuv1-dev) ({flags.stderr.strip()})")
    return [str(compile_c(PEERS / "libuv" / "plaintext.c", *flags.stdout.split()))]


# In the table's order.
SERVERS: dict[str, Callable[[Path], list[str]]] = {
    "callback": bench_server("callback"),
    "coroutine-single": bench_server("coroutine-single"),
    "hyper": hyper_server,
    "node": node_server,
    "floor": floor_server,
    "libuv": libuv_server,
}


def versions() -> dict[str, str | None]:
    """What the servers are made of."""
    return {
        "rustc": version_of(["rustc", "--version"]),
        "node": version_of(["node", "--version"]),
        "gcc": version_of(["gcc", "--version"]),
        "hyper": locked_version("hyper"),
        "tokio": locked_version("tokio"),
    }


def locked_version(package: str) -> str | None:
    """The version of a package in the lock file of the hyper server."""
    lock = (PEERS / "hyper" / "Cargo.lock").read_text()
    match = re.search(rf'^name = "{re.escape(package)}"\nversion = "([^"]+)"$', lock, re.MULTILINE)
    return match[1] if match else None
