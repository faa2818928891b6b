"""Load generators: where each is found, how its command line is written, and what its report says.

Every generator is given the same: so many keep-alive connections, so long, one thread, and a rate where it keeps one.
What it reports is read from its own words, and its own words only; a report that can't be read is an error, never a
zero.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builds import ROOT, compile_c, run_build, tool
from conversation import Failed, Unavailable

CLIENTS = ROOT / "scripts" / "peer-clients"
TARGET = CLIENTS / "target"

# What --install brings; a comparison names its versions, and these are the ones it was made with.
OHA_VERSION = "1.16.0"
AUTOCANNON_VERSION = "9.0.0"
# wrk2 learns for so long how often to sample, and records nothing meanwhile (CALIBRATE_DELAY_MS in its main.h).
WRK2_CALIBRATION_S = 10


@dataclass(frozen=True)
class Drive:
    """What a generator is to do."""

    port: int
    connections: int
    duration_s: int
    rate_per_s: float | None  # None: a closed loop
    cpu: int
    path: str = "/plaintext"

    @property
    def url(self) -> str:
        """The address to load."""
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class Report:
    """What a generator says it did."""

    requests: int  # answered
    errors: int
    duration_s: float
    median_us: float | None = None
    send_lag_us_p99: float | None = None
    p99_us: float | None = None


@dataclass(frozen=True)
class Given:
    """Programs that the user named."""

    bench: Path
    wrk2: Path | None


@dataclass(frozen=True)
class Client:
    """A generator. `find` raises Unavailable; `command` is what follows the program's name."""

    find: Callable[[Given], Path]
    command: Callable[[Drive], list[str]]
    parse: Callable[[str], Report]
    version: Callable[[Path], list[str]]
    install: Sequence[Callable[[], list[str]]] = ()
    closes_loop: bool = True
    # Keeps a rate over all its connections and prints a median.
    tells_median_at_rate: bool = False
    # Keeps a rate below one request a second and connection, with all the connections open.
    holds_many_at_rate: bool = False
    calibration_s: int = 0
    # Runs on any core, as people start it, and not only on the generator's.
    chooses_core: bool = False
    exit_codes: tuple[int, ...] = (0,)


def installed(client: Client, given: Given, may_install: bool) -> Path:
    """The generator's program; where it is missing and may be installed, that is done first."""
    try:
        return client.find(given)
    except Unavailable:
        if not (may_install and client.install):
            raise
    for step in client.install:
        run_build(step())
    shutil.rmtree(OHA_BUILD, ignore_errors=True)
    return client.find(given)


# --- bench load ----------------------------------------------------------------------------------------------------


def bench_command(drive: Drive) -> list[str]:
    """`bench load`; on a core of its own it spins for due times unasked."""
    return [*plain_bench_command(drive), "-w", "0s", "--load-cpus", str(drive.cpu)]


def plain_bench_command(drive: Drive) -> list[str]:
    """`bench load` with no flag that says where it runs or how it waits."""
    command = ["load", drive.url, "--json", "--expect-status", "200", "-c", str(drive.connections), "-d", f"{drive.duration_s}s"]
    return command + ([] if drive.rate_per_s is None else ["-R", f"{drive.rate_per_s:g}"])


def parse_bench(stdout: str) -> Report:
    """Reads `bench load --json`.

    >>> parse_bench('''{"load": {"rate_per_s": 20000.0, "duration_s": 1.0},
    ... "requests": {"scheduled": 20000, "ok": 20000, "error": 0, "timeout": 0, "unfinished": 0},
    ... "times_ns": {"response_time": {"p50": 29087, "p99": 148703}, "send_lag": {"p50": 201, "p99": 130751}}}''')
    Report(requests=20000, errors=0, duration_s=1.0, median_us=29.087, send_lag_us_p99=130.751, p99_us=148.703)
    >>> parse_bench('''{"load": {"rate_per_s": null, "duration_s": 1.0},
    ... "requests": {"scheduled": 5, "ok": 2, "error": 1, "timeout": 1, "unfinished": 1},
    ... "times_ns": {"response_time": {"p50": null, "p99": null}, "send_lag": {"p50": null, "p99": null}}}''')
    Report(requests=2, errors=2, duration_s=1.0, median_us=None, send_lag_us_p99=None, p99_us=None)
    >>> parse_bench('''{"load": {"rate_per_s": null, "duration_s": 1.0},
    ... "requests": {"scheduled": 5, "ok": 0, "error": 5, "timeout": 0, "unfinished": 0}, "times_ns": {}}''')
    Report(requests=0, errors=5, duration_s=1.0, median_us=None, send_lag_us_p99=None, p99_us=None)
    """
    record = json.loads(stdout)
    requests = record["requests"]

    def percentile_us(clock: str, percentile: str) -> float | None:
        # A clock without values is left out.
        time_ns = record["times_ns"].get(clock, {}).get(percentile)
        return None if time_ns is None else time_ns / 1e3

    return Report(
        requests=requests["ok"],
        errors=requests["error"] + requests["timeout"],
        duration_s=record["load"]["duration_s"],
        median_us=percentile_us("response_time", "p50"),
        send_lag_us_p99=percentile_us("send_lag", "p99"),
        p99_us=percentile_us("response_time", "p99"),
    )


# --- The floor -----------------------------------------------------------------------------------------------------


def floor_command(drive: Drive) -> list[str]:
    """The bare epoll client in C, spinning where it keeps a rate."""
    command = [str(drive.port), str(drive.connections), str(drive.duration_s)]
    return command + ([] if drive.rate_per_s is None else [f"{drive.rate_per_s:g}"])


def parse_floor(stdout: str) -> Report:
    """Reads the line of floor-client.c. Requests without an answer are no errors, since the loop ends with its time.

    >>> parse_floor('{"requests":73298,"unfinished":0,"duration_ns":1000482008}')
    Report(requests=73298, errors=0, duration_s=1.000482008, median_us=None, send_lag_us_p99=None, p99_us=None)
    >>> parse_floor('{"requests":40000,"unfinished":0,"duration_ns":2000000000,"response_ns_p50":28273,'
    ...             '"response_ns_p99":7555509,"send_lag_ns_p99":6629469}')
    Report(requests=40000, errors=0, duration_s=2.0, median_us=28.273, send_lag_us_p99=6629.469, p99_us=None)
    """
    record = json.loads(stdout)
    if "response_ns_p50" not in record:
        return Report(record["requests"], 0, record["duration_ns"] / 1e9)
    return Report(
        requests=record["requests"],
        errors=record["unfinished"],
        duration_s=record["duration_ns"] / 1e9,
        median_us=record["response_ns_p50"] / 1e3,
        send_lag_us_p99=record["send_lag_ns_p99"] / 1e3,
    )


# --- wrk and wrk2 --------------------------------------------------------------------------------------------------


def wrk_command(drive: Drive) -> list[str]:
    """wrk, and with a rate wrk2."""
    command = ["-t1", f"-c{drive.connections}", f"-d{drive.duration_s}s", "--latency"]
    return command + ([] if drive.rate_per_s is None else [f"-R{drive.rate_per_s:g}"]) + [drive.url]


def parse_wrk(stdout: str) -> Report:
    """Reads the report of wrk with --latency, and that of wrk2, which differs in the width of its percentiles.

    >>> parse_wrk('''Running 1s test @ http://127.0.0.1:55545/plaintext
    ...   1 threads and 64 connections
    ...   Thread Stats   Avg      Stdev     Max   +/- Stdev
    ...     Latency   510.80us  742.52us   7.40ms   92.65%
    ...     Req/Sec   103.77k    17.58k  127.14k    45.45%
    ...   Latency Distribution
    ...      50%  314.00us
    ...      75%  395.00us
    ...      90%  512.00us
    ...      99%    2.10ms
    ...   113602 requests in 1.10s, 14.08MB read
    ... Requests/sec: 103029.34
    ... Transfer/sec:     12.77MB
    ... ''')
    Report(requests=113602, errors=0, duration_s=1.1, median_us=314.0, send_lag_us_p99=None, p99_us=2100.0)
    >>> parse_wrk('''  Latency Distribution (HdrHistogram - Recorded Latency)
    ...  50.000%    1.08ms
    ...  75.000%    1.40ms
    ...  99.000%    3.02ms
    ...   200020 requests in 1.00m, 38.16MB read
    ...   Socket errors: connect 0, read 3, write 0, timeout 1
    ...   Non-2xx or 3xx responses: 2
    ... ''')
    Report(requests=200020, errors=6, duration_s=60.0, median_us=1080.0, send_lag_us_p99=None, p99_us=3020.0)
    """
    requests = found(r"^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h),", stdout, "wrk")

    def percentile_us(percent: int) -> float | None:
        printed = found(rf"^\s*{percent}(?:\.000)?%\s+(-?[\d.]+|-?nan)(us|ms|s|m)\s*$", stdout, "wrk")
        return None if "nan" in printed[1] else round(float(printed[1]) * UNITS_S[printed[2]] * 1e6, 3)

    # Both lines are there only where something went wrong.
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", stdout)
    bad_statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", stdout)
    return Report(
        requests=int(requests[1]),
        errors=sum(map(int, socket_errors.groups() if socket_errors else ()))
        + (int(bad_statuses[1]) if bad_statuses else 0),
        duration_s=float(requests[2]) * UNITS_S[requests[3]],
        median_us=percentile_us(50),
        p99_us=percentile_us(99),
    )


UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


# --- h2load --------------------------------------------------------------------------------------------------------


def h2load_command(drive: Drive) -> list[str]:
    """h2load on HTTP/1.1; its rate is per connection."""
    command = ["--h1", "-t1", f"-c{drive.connections}", f"-D{drive.duration_s}s"]
    rate = [] if drive.rate_per_s is None else [f"--rps={drive.rate_per_s / drive.connections:g}"]
    return command + rate + [drive.url]


def parse_h2load(stdout: str) -> Report:
    """Reads the report of h2load, which tells means and no percentiles.

    >>> parse_h2load('''starting benchmark...
    ... finished in 1.00s, 96103.00 req/s, 11.91MB/s
    ... requests: 96103 total, 96167 started, 96103 done, 96103 succeeded, 0 failed, 0 errored, 0 timeout
    ... status codes: 96103 2xx, 0 3xx, 0 4xx, 0 5xx
    ... ''')
    Report(requests=96103, errors=0, duration_s=1.0, median_us=None, send_lag_us_p99=None, p99_us=None)
    >>> parse_h2load('''finished in 987.65ms, 10.13 req/s, 1.3KB/s
    ... requests: 20 total, 20 started, 20 done, 10 succeeded, 10 failed, 3 errored, 2 timeout
    ... ''')
    Report(requests=10, errors=10, duration_s=0.98765, median_us=None, send_lag_us_p99=None, p99_us=None)
    """
    finished = found(r"^finished in ([\d.]+)(us|ms|s|m|h),", stdout, "h2load")
    # Those errored and timed out are among the failed.
    requests = found(r"^requests: .* (\d+) succeeded, (\d+) failed, \d+ errored", stdout, "h2load")
    return Report(int(requests[1]), int(requests[2]), round(float(finished[1]) * UNITS_S[finished[2]], 9))


# --- oha -----------------------------------------------------------------------------------------------------------


def oha_command(drive: Drive) -> list[str]:
    """oha without its screen; at a rate it counts from when a request was due, as the others do."""
    command = ["--no-tui", "--output-format", "json", "--worker-threads", "1", "-c", str(drive.connections)]
    command += ["-z", f"{drive.duration_s}s"]
    rate = [] if drive.rate_per_s is None else ["-q", f"{drive.rate_per_s:g}", "--latency-correction"]
    return command + rate + [drive.url]


def parse_oha(stdout: str) -> Report:
    """Reads oha's JSON. Requests that it broke off at the end of its time are no errors.

    >>> parse_oha('''{"summary": {"successRate": 1.0, "total": 2.0016, "requestsPerSec": 20005.1},
    ... "latencyPercentiles": {"p25": 0.000301, "p50": 0.000393, "p99": 0.0011},
    ... "statusCodeDistribution": {"200": 40037}, "errorDistribution": {"aborted due to deadline": 6}}''')
    Report(requests=40037, errors=0, duration_s=2.0016, median_us=393.0, send_lag_us_p99=None, p99_us=None)
    >>> parse_oha('''{"summary": {"total": 1.0}, "latencyPercentiles": {"p50": null},
    ... "statusCodeDistribution": {"500": 4}, "errorDistribution": {"Connection refused (os error 111)": 3}}''')
    Report(requests=0, errors=7, duration_s=1.0, median_us=None, send_lag_us_p99=None, p99_us=None)
    """
    record = json.loads(stdout)
    statuses, failures = record["statusCodeDistribution"], record["errorDistribution"]
    median_s = record["latencyPercentiles"]["p50"]
    return Report(
        requests=statuses.get("200", 0),
        errors=sum(count for status, count in statuses.items() if status != "200")
        + sum(count for why, count in failures.items() if why != "aborted due to deadline"),
        duration_s=record["summary"]["total"],
        median_us=None if median_s is None else round(median_s * 1e6, 3),
    )


# --- hey -----------------------------------------------------------------------------------------------------------


def hey_command(drive: Drive) -> list[str]:
    """hey on one core; its rate is per worker, and a worker has one connection."""
    command = ["-cpus", "1", "-c", str(drive.connections), "-z", f"{drive.duration_s}s"]
    rate = [] if drive.rate_per_s is None else ["-q", f"{drive.rate_per_s / drive.connections:g}"]
    return command + rate + [drive.url]


def parse_hey(stdout: str) -> Report:
    """Reads the report of hey, whose times are in tenths of milliseconds.

    >>> parse_hey('''
    ... Summary:
    ...   Total: 1.0021 secs
    ...   Requests/sec: 18781.3332
    ...
    ... Latency distribution:
    ...   25% in 0.0007 secs
    ...   50% in 0.0015 secs
    ...
    ... Status code distribution:
    ...   [200] 18820 responses
    ...   [503] 2 responses
    ...
    ... Error distribution:
    ...   [3] Get http://127.0.0.1:1/: dial tcp 127.0.0.1:1: connect: connection refused
    ... ''')
    Report(requests=18820, errors=5, duration_s=1.0021, median_us=1500.0, send_lag_us_p99=None, p99_us=None)
    """
    total = found(r"^\s*Total:\s+([\d.]+) secs", stdout, "hey")
    counts = re.findall(r"^\s*\[(\d+)\]\s+(\d+) responses", stdout, re.M)
    statuses = {int(status): int(count) for status, count in counts}
    failures = stdout.partition("Error distribution:")[2]
    # Without an answer there is no distribution.
    median = re.search(r"^\s*50% in ([\d.]+) secs", stdout, re.M)
    return Report(
        requests=statuses.get(200, 0),
        errors=sum(count for status, count in statuses.items() if status != 200)
        + sum(map(int, re.findall(r"^\s*\[(\d+)\]", failures, re.M))),
        duration_s=float(total[1]),
        median_us=round(float(median[1]) * 1e6, 3) if median else None,
    )


# --- autocannon ----------------------------------------------------------------------------------------------------


def autocannon_command(drive: Drive) -> list[str]:
    """autocannon, its table left out."""
    command = ["-j", "-c", str(drive.connections), "-d", str(drive.duration_s)]
    return command + ([] if drive.rate_per_s is None else ["-R", f"{drive.rate_per_s:g}"]) + [drive.url]


def parse_autocannon(stdout: str) -> Report:
    """Reads autocannon's JSON, whose times are in whole milliseconds. Its `non2xx` is among its status classes.

    >>> parse_autocannon('''{"duration":2.05,"errors":0,"timeouts":0,"mismatches":0,"non2xx":0,"1xx":0,"2xx":43083,
    ... "latency":{"average":2.57,"p25":1,"p50":1,"totalCount":43083}}''')
    Report(requests=43083, errors=0, duration_s=2.05, median_us=1000.0, send_lag_us_p99=None, p99_us=None)
    """
    record = json.loads(stdout)
    return Report(
        requests=record["2xx"],
        errors=record["errors"] + record["timeouts"] + record["mismatches"] + record["non2xx"],
        duration_s=record["duration"],
        median_us=record["latency"]["p50"] * 1e3,
    )


# --- Where they are ------------------------------------------------------------------------------------------------


def given_bench(given: Given) -> Path:
    """The workspace's own, which the command has made sure of."""
    return given.bench


def given_wrk2(given: Given) -> Path:
    """wrk2, which no registry carries: only where the user built it."""
    if given.wrk2 is None:
        raise Unavailable("no registry carries wrk2: build it (https://github.com/giltene/wrk2) and name it with --wrk2")
    if not os.access(given.wrk2, os.X_OK) or given.wrk2.is_dir():
        raise Unavailable(f"--wrk2 {given.wrk2} is no program")
    return given.wrk2.resolve()


def on_path(name: str, package: str) -> Callable[[Given], Path]:
    """A tool of the system's."""
    return lambda _given: Path(tool(name, f"apt-get install {package}, or let --install do it"))


def under_target(name: str, directory: Path, origin: str) -> Callable[[Given], Path]:
    """A tool that --install puts beside the clients; one that is on the PATH already will do as well."""

    def find(_given: Given) -> Path:
        path = shutil.which(name, path=f"{directory}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
        if path is None:
            raise Unavailable(f"{name} is neither in {directory} nor on the PATH; --install brings it from {origin}")
        return Path(path)

    return find


def apt_get(package: str) -> Callable[[], list[str]]:
    """Installs a package of Debian's; needs to be root."""
    return lambda: [tool("apt-get", f"install {package} by hand"), "install", "-y", package]


OHA_BUILD = TARGET / "oha-build"


def cargo_install_oha() -> list[str]:
    """Builds oha, with its own lock file; takes minutes, and yields to other processes."""
    cargo = tool("cargo", "install Rust (https://rustup.rs)")
    command = ["nice", cargo, "install", "oha", "--version", OHA_VERSION, "--locked"]
    return [*command, "--root", str(TARGET / "oha"), "--target-dir", str(OHA_BUILD)]


def npm_install_autocannon() -> list[str]:
    """Installs autocannon, and nothing outside its directory."""
    npm = tool("npm", "install Node.js 20 or later")
    flags = ["--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(TARGET / "autocannon")]
    return [npm, "install", *flags, f"autocannon@{AUTOCANNON_VERSION}"]


def says_version(program: Path) -> list[str]:
    """Asks the program itself."""
    return [str(program), "--version"]


def found(pattern: str, text: str, name: str) -> re.Match[str]:
    """The first line that matches.

    >>> found(r"(\\d+) done", "nothing", "h2load")
    Traceback (most recent call last):
    conversation.Failed: h2load's report has no line like '(\\\\d+) done'; it says: nothing
    """
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise Failed(f"{name}'s report has no line like {pattern!r}; it says: {text.strip()[:400]}")
    return match


# In the table's order.
GENERATORS: dict[str, Client] = {
    "bench": Client(
        given_bench,
        bench_command,
        parse_bench,
        says_version,
        tells_median_at_rate=True,
        holds_many_at_rate=True,
        # 3 says that the generator was the limit; here that is expected.
        exit_codes=(0, 3),
    ),
    "bench-plain": Client(
        given_bench,
        plain_bench_command,
        parse_bench,
        says_version,
        closes_loop=False,
        tells_median_at_rate=True,
        holds_many_at_rate=True,
        chooses_core=True,
        exit_codes=(0, 3),
    ),
    "floor": Client(
        lambda _given: compile_c(CLIENTS / "floor-client.c"),
        floor_command,
        parse_floor,
        lambda _program: ["gcc", "--version"],
        tells_median_at_rate=True,
        holds_many_at_rate=True,
    ),
    "wrk": Client(on_path("wrk", "wrk"), wrk_command, parse_wrk, says_version, [apt_get("wrk")]),
    "h2load": Client(
        on_path("h2load", "nghttp2-client"),
        h2load_command,
        parse_h2load,
        says_version,
        [apt_get("nghttp2-client")],
        holds_many_at_rate=True,
    ),
    "oha": Client(
        under_target("oha", TARGET / "oha" / "bin", "crates.io (minutes)"),
        oha_command,
        parse_oha,
        says_version,
        [cargo_install_oha],
        tells_median_at_rate=True,
        holds_many_at_rate=True,
    ),
    "hey": Client(
        on_path("hey", "hey"),
        hey_command,
        parse_hey,
        lambda _program: ["dpkg-query", "-W", "hey"],
        [apt_get("hey")],
        tells_median_at_rate=True,
        holds_many_at_rate=True,
    ),
    "autocannon": Client(
        under_target("autocannon", TARGET / "autocannon" / "node_modules" / ".bin", "npm"),
        autocannon_command,
        parse_autocannon,
        says_version,
        [npm_install_autocannon],
        tells_median_at_rate=True,
        # It opens no more connections than its rate is a second, so that many are held only in a closed loop.
    ),
    "wrk2": Client(
        given_wrk2,
        wrk_command,
        parse_wrk,
        says_version,
        closes_loop=False,
        tells_median_at_rate=True,
        holds_many_at_rate=True,
        calibration_s=WRK2_CALIBRATION_S,
    ),
}
