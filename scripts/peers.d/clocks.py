"""What `bench load` reads of a server that keeps books of its own.

`scripts/peers clocks` holds the median service time that `bench load` prints, by the kernel's clock and by its own, against the
median that the server itself recorded from arrival to answer. The server is `bench serve truth`, which answers after a fixed time.
The generator is started plainly, with no flag that says where it runs or how it waits; what it may use is all that changes:

  free    the server has one core, and the generator may use them all
  shared  generator and server have one core between them
  busy    the generator has a core to itself and one thread that is always busy
  full    the same in closed loop, with a server that answers after a fifth of the time: the generator gets what it can of its core,
          and that is not enough

Medians over rounds; every round takes each case once by each clock, in a seeded order. It judges nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from builds import bench_binary
from conversation import EXIT_FINE, Failed, add_place_arguments, cores_of, positive_int, progress, rate
from figures import aligned
from processes import running, started

CLOCKS = ("kernel", "user")
# How long a generator may take beyond its time.
GRACE_S = 30.0
NS_PER_US = 1000


class Reading(NamedTuple):
    """One drive: medians of service and response time, and what the server recorded, in µs."""

    service_us: float
    response_us: float
    recorded_us: float | None


def add_clocks_arguments(command: argparse.ArgumentParser) -> None:
    """Declares what `peers clocks` takes."""
    command.add_argument(
        "--delay-us", type=positive_int, default=5_000, metavar="µs", help="after which the server answers [5000]"
    )
    command.add_argument("-R", "--rate", type=rate, default=1_000.0, metavar="RATE", help="requests a second [1k]")
    command.add_argument("-c", "--connections", type=positive_int, default=64, metavar="N", help="connections [64]")
    command.add_argument("-d", "--epoch", type=positive_int, default=2, metavar="SECONDS", help="of one drive [2]")
    command.add_argument("--rounds", type=positive_int, default=6, metavar="N", help="rounds [6]")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="seeds the order [1]")
    command.add_argument("--bench", type=Path, metavar="PATH", help="this bench binary; without it cargo builds one")
    add_place_arguments(command)


def run_clocks(args: argparse.Namespace) -> int:
    """Measures every case in every round, and prints the medians."""
    server_cpu, load_cpu = cores_of(args)
    bench = bench_binary(args.bench)
    both = f"{load_cpu},{server_cpu}"
    alone = str(load_cpu)
    # By name: the server's core, those of the generator, whether another process is busy on them, how load is driven, and the
    # time after which the server answers.
    cases = {
        "free": (server_cpu, both, False, ["-R", f"{args.rate:g}"], args.delay_us),
        "shared": (load_cpu, alone, False, ["-R", f"{args.rate:g}"], args.delay_us),
        "busy": (server_cpu, alone, True, ["-R", f"{args.rate:g}"], args.delay_us),
        "full": (server_cpu, alone, True, [], args.delay_us // 5),
    }

    def read(clock: str, of_server: int, cpus: str, is_busy: bool, arrivals: Sequence[str], delay_us: int) -> Reading:
        truth = [str(bench), "serve", "truth", "--behaviour", f"fixed:delay={delay_us}us", "--port", "0"]
        with running("truth", truth, of_server) as known, busy(load_cpu) if is_busy else nullcontext():
            drive = load(bench, f"http://127.0.0.1:{known.port}/", clock, cpus, arrivals, args)
            return drive._replace(recorded_us=median_of_books_us(known.port))

    turns = [(name, clock) for name in cases for clock in CLOCKS]
    readings: dict[tuple[str, str], list[Reading]] = {turn: [] for turn in turns}
    rng = random.Random(args.seed)
    for number in range(args.rounds):
        for name, clock in rng.sample(turns, len(turns)):
            readings[name, clock].append(read(clock, *cases[name]))
        progress(number + 1, args.rounds)
    print(table(readings), flush=True)
    return EXIT_FINE


@contextmanager
def busy(cpu: int) -> Iterator[None]:
    """Another process that computes on this core as long as the block lasts."""
    with started([sys.executable, "-c", "while True: pass"], stderr=subprocess.DEVNULL, cpu=cpu):
        yield


def load(
    bench: Path, url: str, clock: str, cpus: str, options: Sequence[str], args: argparse.Namespace
) -> Reading:
    """One drive of `bench load`, which may use the cores `cpus`."""
    command = ["taskset", "-c", cpus, str(bench), "load", url, "--json", "--clock", clock]
    command += ["-c", str(args.connections), "-d", f"{args.epoch}s", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=args.epoch + GRACE_S)
    # 3 says that the generator was the limit; in some of these cases that is meant.
    if done.returncode not in (0, 3):
        raise Failed(f"'{' '.join(command)}' ended with {done.returncode}: {done.stderr.strip()[:400]}")
    return reading_of(done.stdout)


def reading_of(stdout: str) -> Reading:
    """The medians of `bench load --json`.

    >>> reading_of('''{"times_ns": {"service_time": {"p50": 5012000}, "response_time": {"p50": 5013500}}}''')
    Reading(service_us=5012.0, response_us=5013.5, recorded_us=None)
    """
    times = json.loads(stdout)["times_ns"]
    return Reading(times["service_time"]["p50"] / NS_PER_US, times["response_time"]["p50"] / NS_PER_US, None)


def median_of_books_us(port: int) -> float:
    """The median from arrival to answer, as the server itself recorded it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=GRACE_S) as reply:
        return json.load(reply)["did_ns"]["p50"] / NS_PER_US


def table(readings: dict[tuple[str, str], list[Reading]]) -> str:
    """A line a case and clock.

    >>> print(table({("free", "kernel"): [Reading(5010.0, 5011.0, 5000.0), Reading(5030.0, 5032.0, 5000.0)]}))
    medians in µs
    case   clock  service  response  recorded  difference
    free  kernel  5,020.0   5,021.5   5,000.0      +0.4 %
    """
    lines = [["case", "clock", "service", "response", "recorded", "difference"]]
    for (name, clock), of_case in readings.items():
        service, response, recorded = (statistics.median(column) for column in zip(*of_case, strict=True))
        figures = [f"{value:,.1f}" for value in (service, response, recorded)]
        lines.append([name, clock, *figures, f"{100 * (service / recorded - 1):+.1f} %"])
    return f"medians in µs\n{aligned(lines)}"
