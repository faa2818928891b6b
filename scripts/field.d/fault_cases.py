"""Faults that were found by injection: hostile servers and clients, kills, full disks, damaged files."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import signal
import socket
import struct
import termios
import time
from pathlib import Path

from builds import ROOT
from case import case
from field import FINE, Field, NotRun, expect, mounted, sockets, until

GIB = 1 << 30
# Of a record, about so many numbers are damaged.
NUMBERS = 20


@case("D1 pipelined-upgrade", "One client kills the Node.js server: an upgrade behind a pipelined request.")
def an_upgrade_behind_a_request(field: Field) -> None:
    """The server answers both in order, or closes, and goes on serving everybody."""
    server = ROOT / "servers/node/server.js"
    if not (ROOT / "servers/node/node_modules").is_dir():
        raise NotRun("servers/node has no modules: npm ci there")
    with field.started("node", server, "--port", "0", env={"PORT": "0"}) as node:
        line = node.process.stdout.readline().decode()
        port = int(line.rsplit(":", 1)[1])
        request = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"
        upgrade = b"GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(request + upgrade)
                expect(client.recv(65536).startswith(b"HTTP/1.1 200"), "the first request is not answered first")
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(request)
            expect(client.recv(65536).startswith(b"HTTP/1.1 200"), "it does not answer any more")
        expect(node.process.poll() is None, "it ended")


@case("D2 the-instrument-stalls", "A stall of `bench` itself is reported as the target's, and the measurement as valid.")
def a_stall_of_the_instrument(field: Field) -> None:
    """It is the load generator's in text and JSON, and voids the measurement, in an open loop and a closed one."""
    url = field.raw("plain")
    for line in ("-R 200 -c 4", "-c 4"):
        command = [field.bench_path, *f"load {url} {line} -d 3s".split()]
        with field.started(*command) as load:
            until("the load", lambda: sockets(load.process.pid) >= 4)
            time.sleep(0.3)
            load.signal(signal.SIGSTOP)
            time.sleep(0.8)
            load.signal(signal.SIGCONT)
            load.finish().exits(3).says("INVALID", "load generator")


@case("D3 one-member-ends-a-chat", "One member of a chat sends a thousand messages at once, and every other member is disconnected.")
def many_messages_at_once(field: Field) -> None:
    """The other members get them or wait; none is disconnected."""
    for name in ("callback", "coroutine", "coroutine-libuv"):
        port = field.serve(name)
        members = [member(port) for _ in range(2)]
        # 1,025 text frames of one byte, masked with zeros (RFC 6455 §5.2).
        members[0].sendall(b"\x81\x81\x00\x00\x00\x00x" * 1025)
        got = 0
        members[1].settimeout(20)
        while got < 1025 * 3:
            piece = members[1].recv(65536)
            expect(bool(piece), f"{name}: the other member was disconnected after {got} bytes")
            got += len(piece)
        for one in members:
            one.close()


def member(port: int) -> socket.socket:
    """A member of the chat."""
    client = socket.create_connection(("127.0.0.1", port), 10)
    head = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    client.sendall(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += client.recv(1)
    expect(answer.startswith(b"HTTP/1.1 101"), f"the chat answered {answer[:60]!r}")
    return client


@case("D4 endless-replies", "A server under --url that answers the probe, or /stats, without end takes 5.8 GiB.")
def replies_without_end(field: Field) -> None:
    """No more of them is kept than is looked at; what has no end, or redirects, is refused with a reason."""
    for mode, codes, words in (("endless", (5,), "had no whole answer within"), ("endless_stats", (0, 3, 5), ""), ("redirect", (5,), "302")):
        ran = field.measure(f"m={field.raw(mode, path='')}", out=mode)
        expect(ran.rss_mib < 400, f"{mode}: bench had {ran.rss_mib:.0f} MiB")
        ran.exits(*codes).says(words)


@case("D5 terminal-closed", "The terminal is closed while a run goes on: a panic, and the record is lost.")
def a_closed_terminal(field: Field) -> None:
    """The run ends as if it was interrupted, and what was measured is kept."""
    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    line = f"run --scenario {field.scenario()} --target {field.target('plain')} -d 20s -w 0s --out closed"
    with field.started(field.bench_path, *line.split(), stdout=slave, stderr=slave, prepare=take_terminal, env={"TERM": "xterm"}) as run:
        os.close(slave)
        log = field.dir / "closed/steps.ndjson"
        while not (log.exists() and log.read_bytes().count(b"\n") >= 4):
            os.read(master, 65536)
        os.close(master)
        run.finish().exits(130)
    expect(field.record("closed")["completion"] != "complete", "it claims to be whole")


@case("D6 answered-nothing", "A run with 0 of 50,265 requests answered is valid, with exit code 0.")
def every_reply_twice(field: Field) -> None:
    """The target failed: exit code 5, and nothing is called valid."""
    field.measure(f"m={field.raw('twice', path='')}").exits(5).says("bytes came after its end|malformed|fail").lacks("measurement is valid")


@case("D7 outside-the-directory", "A line of a history names the directory to which `bench history --out` writes.")
def names_in_a_history(field: Field) -> None:
    """Charts stay in the directory that was named, whatever the file says."""
    field.measure(field.target("plain"), f"b={field.target('other')}", more="--history one.ndjson").exits(*FINE)
    line = json.loads((field.dir / "one.ndjson").read_text().splitlines()[0])
    line["scenario"] = "../../evil"
    lines = [json.dumps(line | {"started_at": f"2026-11-0{day}T00:00:00Z", "valid": True}) for day in range(1, 9)]
    field.write("evil.ndjson", "\n".join(lines) + "\n")
    field.write("in/side/x", "")
    field.bench("history", "--history", field.dir / "evil.ndjson", "--out", "charts", cwd=field.dir / "in/side").exits(0, 2)
    found = [path for path in field.dir.rglob("*evil*") if path.name != "evil.ndjson" and "charts" not in path.parts]
    expect(not found, f"written outside: {found}")


@case("D9 numbers-in-records", "A sweep's record with a rate of 0 takes 4 GB and aborts; others put NaN into the page.")
def numbers_out_of_range(field: Field) -> None:
    """A number that can't be is refused at its field; no page has NaN."""
    objective = "--objective p99=500ms --from 1000 --to 3000 --rounds 1 --time-limit 20s -w 0s -c 4"
    field.bench(*f"sweep --scenario {field.scenario()} --target {field.target('plain')} {objective} --out sweep".split()).exits(0, 3, 4, 5)
    sweep = json.loads((field.dir / "sweep/sweep.json").read_text())
    expect(bool(sweep["steps"]), "the sweep has no steps")
    field.measure("./plain.toml").exits(*FINE)
    run = field.record()
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * GIB, 4 * GIB))  # noqa: E731
    for name, record, path in (("sweep", sweep, ["steps", 0]), ("run", run, ["targets", 0])):
        for number in numbers(record, path):
            for value in (0, -1, 1e308):
                damaged = json.loads(json.dumps(record))
                place = damaged
                for key in number[:-1]:
                    place = place[key]
                place[number[-1]] = value
                field.write(f"damaged/{name}.json", json.dumps(damaged))
                ran = field.bench("report", f"damaged/{name}.json", "-o", "page.html", prepare=limit).exits(0, 2)
                where = ".".join(map(str, number))
                if ran.code == 0:
                    page = (field.dir / "page.html").read_text()
                    expect(">NaN" not in page, f"{name}.{where} = {value}: the page has NaN")
                elif value != 1e308:
                    ran.says(re.escape(str(number[-1])))


def numbers(of: object, path: list[object]) -> list[list[object]]:
    """The places of numbers in a part of a record, spread over it."""
    part = of
    for key in path:
        part = part[key]
    found: list[list[object]] = []

    def walk(value: object, at: list[object]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, [*at, key])
        elif isinstance(value, list):
            for index, inner in enumerate(value[:2]):
                walk(inner, [*at, index])
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append(at)

    walk(part, path)
    step = max(1, len(found) // NUMBERS)
    return found[::step]


@case("D12 full-disk", "The disk is full at the end: no result is printed, and what was measured is deleted.")
def a_full_disk(field: Field) -> None:
    """The verdict is printed, what was measured is kept and its place named; a --history that can't be written is noticed before."""
    field.target("plain")
    field.scenario()
    place = field.dir / "small"
    # Room for the steps, and not for the report.
    steps = f"mkdir -p {place}; mount -t tmpfs -o size=400k none {place}; dd if=/dev/zero of={place}/filled bs=1k count=300 2>/dev/null; mkdir {place}/run"
    keep = f"cp {place}/run/steps.ndjson {field.dir}/kept"
    ran = field.measure("./plain.toml", out=str(place / "run"), under=mounted(steps, after=keep))
    ran.exits(1).says("plain", "No space left", "--resume|kept")
    expect((field.dir / "kept").stat().st_size > 0, "the steps are gone")
    field.measure("./plain.toml", more="--history /proc/none/h.ndjson", out="history").exits(2).says("/proc/none")
    expect(not (field.dir / "history/steps.ndjson").exists(), "it measured before it noticed")


@case("D17 rate-of-a-billion", "`-R 1e9`: a second of load takes 18 s to end, and Ctrl-C is ignored.")
def a_billion_a_second(field: Field) -> None:
    """The first Ctrl-C ends it, and the plan of requests takes bounded memory."""
    url = field.raw("plain")
    with field.started(field.bench_path, *f"load {url} -R 1e9 -c 4 -d 20s".split()) as load:
        until("the load", lambda: sockets(load.process.pid) >= 4)
        load.signal(signal.SIGINT)
        ran = load.finish().exits(130)
    expect(ran.rss_mib < 400, f"bench had {ran.rss_mib:.0f} MiB")
    field.load(url, "-R 1e9 -c 4 -d 200ms").exits(0, 3, 5)


@case("D19 drafts-and-half-files", "A killed run leaves hidden drafts for ever; report, chart and export cut a file before they write it.")
def drafts_and_half_files(field: Field) -> None:
    """The next start removes a draft; a file is replaced by a whole one or not at all; a damaged log is refused with its line."""
    line = f"run --scenario {field.scenario()} --target {field.target('plain')} -d 20s -w 0s --out run"
    with field.started(field.bench_path, *line.split()) as run:
        log = field.dir / "run/steps.ndjson"
        until("steps", lambda: log.exists() and log.read_bytes().count(b"\n") >= 4)
        run.signal(signal.SIGKILL)
        run.finish()
    field.write("run/.bench-left", "half")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:2]) + lines[2][: len(lines[2]) // 2] + b"\n" + b"".join(lines[3:]))
    field.bench("run", "--resume", "run").exits(2).says(r"steps\.ndjson:3")
    expect(not (field.dir / "run/.bench-left").exists(), "the draft is left")
    field.measure("./plain.toml", out="whole").exits(*FINE)
    full = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))  # noqa: E731
    ignore = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), full())  # noqa: E731
    for words in ("report whole -o out", "export whole -f openmetrics -o out", "chart whole --chart latency-by-percentile --out out --format svg"):
        field.write("out", "what was there")
        field.bench(*words.split(), prepare=ignore).exits(1, 2)
        expect((field.dir / "out").read_text() == "what was there", f"`bench {words}` cut the file")
        expect(not list(field.dir.glob(".bench-*")), "a draft is left")
