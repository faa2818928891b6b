"""Places to run in, outputs, and what other tools read."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

from builds import ROOT
from case import case
from field import FINE, SHORT, Field, NotRun, Reader, expect, mounted

MODULES = Path(__file__).resolve().parent


@case("A19 cpu-quota", "In a container with a CPU quota the figures are the quota's, and `doctor` says that all is well.")
def a_quota(field: Field) -> None:
    """`doctor` has the quota in cores, of control groups v1 and v2; a load that was throttled says how often."""
    layouts = {
        "v2": ("0::/\n", {"cpu.max": "60000 100000\n", "cgroup.controllers": "cpu\n"}, "cpu.stat", "- cgroup2 cgroup rw", ""),
        "v1": ("4:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "60000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "cpu/cpu.stat", "- cgroup cgroup rw,cpu,cpuacct", "/cpu"),
    }
    for name, (groups, files, stat, kind, below) in layouts.items():
        root = field.dir / name
        for file, text in files.items():
            field.write(f"{name}/{file}", text)
        field.write(f"{name}/{stat}", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n")
        own = field.write(f"{name}.groups", groups)
        mounts = field.write(f"{name}.mounts", f"30 20 0:26 / /sys/fs/cgroup{below} rw {kind}\n")
        under = mounted(
            f"mount --bind {root} /sys/fs/cgroup", f"mount --bind {own} /proc/$$/cgroup", f"mount --bind {mounts} /proc/$$/mountinfo"
        )
        field.bench("doctor", under=under).exits(0, 1).says(r"0\.6")
        with throttled(root / stat):
            field.load(field.raw("plain"), "-R 100 -c 2 -d 1s", under=under).says("throttled")


@contextmanager
def throttled(stat: Path) -> Iterator[None]:
    """A control group whose count of throttled periods rises."""
    is_over = threading.Event()

    def count() -> None:
        number = 0
        while not is_over.wait(0.05):
            number += 1
            draft = stat.with_suffix(".draft")
            draft.write_text(f"nr_periods {number}\nnr_throttled {number}\nthrottled_time {number}\n")
            # A reader never finds half of it.
            draft.replace(stat)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@case("A20 arm-has-no-model", "On ARM the processor has no name, and two different ones count as the same machine.")
def processors_without_a_name(field: Field) -> None:
    """They are distinguished by implementer, part and variant; what is not known equals nothing, and virtualization is unknown."""
    arm = (MODULES / "cpuinfo-arm").read_text()
    other = field.write("other", arm.replace("0xd0c", "0xd40"))
    for place, cpuinfo in (("one", MODULES / "cpuinfo-arm"), ("two", other)):
        under = mounted(f"mount --bind {cpuinfo} /proc/cpuinfo")
        if place == "one":
            field.bench("doctor", under=under).says(r"0xd0c|Neoverse").lacks(r"virtualization\s+none")
        field.measure(field.target("plain"), under=under, out=place).exits(*FINE)
    expect(field.record("one")["environment"]["cpu_model"] != "", "the record has no model of the processor")
    field.bench("compare", "one", "two", "--force").says("processor|CPU|machine")


@case("A21 out-is-a-mount", "`--out` is a mount point or `.`: the run is lost at its last step.")
def directories_of_results(field: Field) -> None:
    """Both are taken; a place that can't be written is refused before anything is measured."""
    field.target("plain")
    field.write("empty/keep", "")
    (field.dir / "empty/keep").unlink()
    mount = f"mkdir {field.dir}/mnt; mount -t tmpfs none {field.dir}/mnt"
    keep = f"cp {field.dir}/mnt/run.json {field.dir}/kept.json"
    field.measure("./plain.toml", out="mnt", under=mounted(mount, after=keep)).exits(*FINE).says("mnt")
    expect((field.dir / "kept.json").stat().st_size > 1000, "the record is not in the mount")
    line = f"run --scenario ../small.toml --target ../plain.toml {SHORT} --rounds 1 --out ."
    field.bench(*line.split(), cwd=field.dir / "empty").exits(*FINE)
    expect((field.dir / "empty/run.json").exists(), "the record is not in the directory")
    field.measure("./plain.toml", out="/proc/none").exits(2).says("/proc/none", "--out")


@case("A22 no-home", "Without HOME nothing can be measured, and the advice names an option that is not there.")
def no_home(field: Field) -> None:
    """A run that needs no data files needs no home; one that does says XDG_CACHE_HOME, and that helps."""
    target = field.target("plain")
    for home in (None, "/", "/nonexistent"):
        field.measure(target, env={"HOME": home, "XDG_CACHE_HOME": None}, out=f"run-{home is None}-{len(home or '')}").exits(*FINE)
    files = field.target("files", ["--files", "{data_dir}"])
    missing = field.measure(files, env={"HOME": "/proc/none", "XDG_CACHE_HOME": None}, out="missing")
    missing.exits(1, 2).says("XDG_CACHE_HOME").lacks("--data-dir")
    helped = {"HOME": None, "XDG_CACHE_HOME": str(field.cache)}
    field.measure(files, env=helped, out="helped").exits(*FINE)


# Commands that print by themselves, by libraries, and by pieces.
PRINTING = (
    "list scenarios", "list cases", "explain p99", "doctor", "completions bash", "export run -f markdown", "compare run run --base a --head b --force",
    "compare run run --base a --head b --force --json", "report run --markdown", "history --history history.ndjson", "load {url} -n 5 -c 1", "load {url} -n 5 -c 1 --json",
    "chart run --chart latency-by-percentile --out - --format svg", "--help",
)


@case("B12 dev-full", "Eleven commands panic where standard output is full or nobody reads it.")
def outputs_that_take_nothing(field: Field) -> None:
    """A full disk is a sentence and exit code 1; a reader that has gone is nobody to tell; neither loses a measurement."""
    field.measure(f"a={field.target('plain')}", "b=./plain.toml", more="--history history.ndjson").exits(*FINE)
    url = field.raw("plain")
    for line in PRINTING:
        words = line.format(url=url).split()
        with open("/dev/full", "w") as full:
            ran = field.bench(*words, stdout=full.fileno()).exits(1, 3)
        ran.says("cannot write to standard output|No space left")
        reader, writer = os.pipe()
        os.close(reader)
        field.bench(*words, stdout=writer).exits(*FINE).lacks("cannot write")
        os.close(writer)
    with open("/dev/full", "w") as full:
        field.load("http://127.0.0.1:1/", "-n 1", stderr=full.fileno()).exits(5)
        field.measure("./plain.toml", out="full", stdout=full.fileno(), stderr=full.fileno()).exits(1, 3)
    expect((field.dir / "full/run.json").exists(), "the record is lost")


@case("B13 junit-time", "JUnit readers that need a `time` of every case fail; a failed target's case claims that its figures measure it.")
def junit_for_strict_readers(field: Field) -> None:
    """Every case has a name, a class and a time; a failed target has a failure and nothing that contradicts it."""
    field.measure(field.target("plain"), f"b={field.target('bad', ['--die-after', '30'])}").exits(5)
    field.bench("export", "run", "-f", "junit", "-o", "j.xml").exits(0, 5)
    cases = list(xml.parse(field.dir / "j.xml").getroot().iter("testcase"))
    expect(bool(cases), "there are no cases")
    for one in cases:
        expect(all(one.get(key) for key in ("name", "classname", "time")), f"no name, class or time: {one.attrib}")
        float(one.get("time", ""))
        if one.get("classname", "").endswith(".b") and one.get("name") == "validity":
            expect(one.find("failure") is not None or "measure it" not in "".join(one.itertext()), "the failed target's figures measure it")


@case("B14 hlog-readers", "Which programs read the .hlog files, which skip every tagged line, stands nowhere.")
def readers_of_histograms(field: Field) -> None:
    """The files are of HdrHistogram's log format, times in UTC, and the documentation names programs that read them."""
    field.measure(field.target("plain"), env={"TZ": "Asia/Kolkata"}).exits(*FINE)
    lines = (field.dir / "run/plain.hlog").read_text().splitlines()
    expect(any(line.startswith("#[StartTime:") for line in lines), f"no start time: {lines[:3]}")
    expect(any(re.match(r"(Tag=\S+,)?[\d.]+,[\d.]+,[\d.]+,HIST", line) for line in lines), f"no intervals: {lines[:5]}")
    docs = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    expect(all(word in docs for word in (".hlog", "hdr-histogram-js", "hdrhistogram")), "docs name no readers of .hlog")


@case("B17 history-of-many-runners", "A history merged from several runners is not in order, and no change is found in it.")
def a_history_out_of_order(field: Field) -> None:
    """Runs are read in the order of their start; a failed run is no valid one in any export."""
    field.measure(f"base={field.target('plain')}", "head=./plain.toml", more="--history one.ndjson").exits(*FINE)
    line = json.loads((field.dir / "one.ndjson").read_text().splitlines()[0])
    lines = []
    for number in range(24):
        later = json.loads(json.dumps(line))
        slow = 2.0 if number >= 12 else 1.0
        later |= {"started_at": f"2026-11-{1 + number:02}T00:00:00Z", "valid": True, "id": f"run-{number:02}"}
        for of in later["comparisons"]:
            of |= {name: of[name] * slow for name in ("ratio", "ci_low", "ci_high")}
        lines.append(json.dumps(later))
    for name, order in (("sorted", lines), ("union", lines[::2] + lines[1::2])):
        field.write(f"{name}.ndjson", "\n".join(order) + "\n")
        field.bench("history", "--history", f"{name}.ndjson").exits(0).says("24 runs").lacks("No change found")
    field.write("marks.ndjson", "\n".join([lines[0], "<<<<<<< HEAD", lines[1]]) + "\n")
    field.bench("history", "--history", "marks.ndjson").exits(2).says(r"marks\.ndjson:2")
    field.measure(field.target("bad", ["--die-after", "30"]), out="bad").exits(5)
    field.bench("export", "bad", "-f", "openmetrics").lacks(r"bench_valid\{[^}]*\} 1(\.0)?\b")
    field.bench("export", "bad", "-f", "custom-smaller-is-better").lacks("measure longer")


@case("C5 locale", "With `LC_ALL=C` the output has µ, – and × as broken bytes.")
def an_ascii_locale(field: Field) -> None:
    """Every command prints ASCII alone where the locale is not UTF-8."""
    field.measure(field.target("plain"), f"b={field.target('other')}").exits(*FINE)
    url = field.raw("plain")
    lines = (
        f"load {url} -n 20 -c 2", f"load {url} -R 100 -n 20 -c 2", "load http://127.0.0.1:1/", "compare run run --force", "explain p99", "doctor",
        "list scenarios", "list targets", "report run --markdown", "export run -f markdown", "run --help", "load --help", "run no-such -t callback",
    )
    for line in lines:
        ran = field.bench(*line.split(), env={"LC_ALL": "C", "LANG": None})
        odd = sorted({letter for letter in ran.out + ran.err if ord(letter) > 126})
        expect(not odd, f"`bench {line}` prints {odd}")


@case("C6 terminal", "`bench load` writes lines of 107 columns on a terminal of 80.")
def narrow_terminals(field: Field) -> None:
    """No line of `bench load` is longer than the terminal is wide, from 40 columns on."""
    url = field.raw("plain")
    for columns in (80, 40):
        lines = on_terminal(field, columns, *f"load {url} -n 200 -c 20 -R 400".split())
        wide = [line for line in lines if len(line) > columns]
        expect(not wide, f"on {columns} columns: {wide[:3]}")
        expect(any("Requests" in line for line in lines), f"nothing was printed: {lines}")


def on_terminal(field: Field, columns: int, *words: str) -> list[str]:
    """The lines that a command leaves on a terminal of so many columns."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with field.started(field.bench_path, *words, stdout=slave, env={"COLUMNS": None, "TERM": "xterm"}) as command:
        os.close(slave)
        text = b""
        while piece := read_terminal(master):
            text += piece
        command.finish()
    os.close(master)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode())
    # What is drawn over is not left.
    return [line.split("\r")[-1] for line in plain.replace("\r\n", "\n").splitlines()]


def read_terminal(master: int) -> bytes:
    """What comes next; nothing at the end, of which Linux says that the other side is gone (EIO)."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""


@case("C14 prometheus", "The help names a file for node_exporter's textfile collector, which refuses the format.")
def openmetrics(field: Field) -> None:
    """The example's ending is not the collector's, and the export ends as OpenMetrics must."""
    field.bench("export", "--help").exits(0).lacks(r"\.prom\b")
    field.measure(field.target("plain")).exits(*FINE)
    text = field.bench("export", "run", "-f", "openmetrics").exits(0).out
    expect(text.endswith("# EOF\n"), "it does not end with # EOF")


@case("C16 soak", "A long load grows in memory.")
def memory_of_a_load(field: Field) -> None:
    """Memory does not grow with the number of requests."""
    url = field.raw("plain")
    few, many = (field.load(url, f"-n {number} -c 4").exits(*FINE).rss_mib for number in (100, 20_000))
    expect(many < few + 8, f"{few:.0f} MiB for 100 requests, {many:.0f} MiB for 20,000")


@case("F7 two-runs-in-a-second", "Two runs that begin in one second take the same directory, and one is lost after it was measured.")
def two_runs_at_once(field: Field) -> None:
    """Each has a directory of its own."""
    line = f"run --scenario {field.scenario()} --target {field.target('plain')} {SHORT} --rounds 1".split()
    with field.started(field.bench_path, *line) as one, field.started(field.bench_path, *line) as two:
        one.finish().exits(*FINE)
        two.finish().exits(*FINE)
    runs = list((field.dir / "results/runs").iterdir())
    expect(len(runs) == 2 and all((run / "run.json").exists() for run in runs), f"runs: {runs}")


@case("F8 never-known", "A server under --url \"could not be compared in CPU per request: take a longer plan\", which can never help.")
def what_can_never_be_known(field: Field) -> None:
    """What is not known of a server that runs already is not asked for, or said to be unknowable."""
    port = field.server("target.py", "--port", 0)
    ran = field.measure(f"a={field.target('plain')}", f"b=http://127.0.0.1:{port}", more="").exits(*FINE)
    ran.lacks(r"(CPU per request|peak memory)[^.]*take a longer plan")


@case("X5 nothing-measured", "\"The measurement is valid\" heads a run in which nothing was measured.")
def nothing_measured_is_not_valid(field: Field) -> None:
    """Neither text nor record calls it valid."""
    for out, line in (("a", "m=http://127.0.0.1:1"), ("b", field.target("dead", ["--host", "256.0.0.1"]))):
        ran = field.measure(line, out=out).exits(5)
        ran.lacks("measurement is valid")
        expect(field.record(out)["validity"]["verdict"] != "valid", "the record is valid")
    field.bench(*f"sweep --scenario {field.scenario()} --url m=http://127.0.0.1:1 --time-limit 10s --out s".split()).exits(3, 5).lacks("measurement is valid")
