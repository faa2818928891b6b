"""What the script and its user say to each other: what can be typed, what went wrong, how far it is."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

# In less, opening the connections would be much of what is measured; in more, the machine changes within a round.
EPOCH_MIN_S = 0.1
EPOCH_MAX_S = 60.0
# Below this many rounds the interval of a median says little; it is printed all the same, with a warning.
ROUNDS_FOR_AN_INTERVAL = 6
# Above this many runnable tasks others were computing too.
BUSY_LOAD_AVERAGE = 0.5

EXIT_FINE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


class Misused(Exception):
    """What was typed can't be meant; the message names the flag and the remedy."""


class Failed(Exception):
    """What was asked can't be done; the message names the thing, the place and the remedy."""


class Unavailable(Exception):
    """One party can't be had; the others can be measured without it."""


def add_place_arguments(command: argparse.ArgumentParser) -> None:
    """Declares where server and generator run, for `cores_of`."""
    place = command.add_argument_group("place")
    place.add_argument("--server-cpu", type=int, metavar="CPU", help="core of the server [the last one allowed]")
    place.add_argument("--load-cpu", type=int, metavar="CPU", help="core of the generator [the first one allowed]")


def cores_of(args: argparse.Namespace) -> tuple[int, int]:
    """The server's core and the generator's, checked against the cores that there are."""
    allowed = sorted(os.sched_getaffinity(0))
    server_cpu = allowed[-1] if args.server_cpu is None else args.server_cpu
    load_cpu = allowed[0] if args.load_cpu is None else args.load_cpu
    for flag, cpu in (("--server-cpu", server_cpu), ("--load-cpu", load_cpu)):
        if cpu not in allowed:
            raise Misused(f"{flag} {cpu}: this process may use only {allowed}; choose one of these")
    if server_cpu == load_cpu:
        raise Misused(f"server and generator would share core {load_cpu}: give them one each (--server-cpu, --load-cpu)")
    return server_cpu, load_cpu


def warn_about(rounds: int, load_average: float) -> None:
    """Says what will make the figures worth less."""
    if load_average > BUSY_LOAD_AVERAGE:
        say(f"warning: the load average is {load_average:.1f}: others compute here, and the intervals will be wide")
    if rounds < ROUNDS_FOR_AN_INTERVAL:
        say(f"warning: {rounds} rounds are too few for an interval; take {ROUNDS_FOR_AN_INTERVAL} or more")


def positive_int(text: str) -> int:
    """A whole number above zero, for argparse."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def epoch_s(text: str, min_s: float = EPOCH_MIN_S) -> float:
    """The length of an epoch in seconds, for argparse.

    >>> epoch_s("0.1"), epoch_s("60")
    (0.1, 60.0)
    >>> epoch_s("0.09")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: 0.09 is not from 0.1 to 60 seconds
    >>> epoch_s("60.1")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: 60.1 is not from 0.1 to 60 seconds
    """
    if not min_s <= (number := float(text)) <= EPOCH_MAX_S:
        raise argparse.ArgumentTypeError(f"{text} is not from {min_s:g} to {EPOCH_MAX_S:g} seconds")
    return number


def rate(text: str) -> float:
    """Requests a second, as `bench load -R` reads them.

    >>> rate("20k"), rate("1500")
    (20000.0, 1500.0)
    >>> rate("0")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: '0' is no rate: write 5000 or 20k
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(k?)", text)
    value = float(match[1]) * (1000 if match[2] else 1) if match else 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: write 5000 or 20k")
    return value


def check_writable(path: Path | None) -> None:
    """Refuses an export path before minutes are spent on what it should hold."""
    if path is None:
        return
    directory = path.resolve().parent
    if path.is_dir() or not directory.is_dir() or not os.access(path if path.exists() else directory, os.W_OK):
        raise Misused(f"--json {path}: can't be written there; name a file in a directory that exists and is writable")


def progress(done: int, rounds: int) -> None:
    """Counts the rounds on a terminal, and nowhere else."""
    if sys.stderr.isatty():
        print(f"\rround {done} of {rounds}", end="\n" if done == rounds else "", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Conversation goes to stderr; stdout is data."""
    print(line, file=sys.stderr, flush=True)
