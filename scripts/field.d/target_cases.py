"""Targets that `bench` starts, or finds: how they start, answer, print and end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from case import case
from field import FINE, SERVERS, SHORT, Field, expect, mounted, sockets, until

# /etc/hosts of a machine on which `localhost` is ::1 before it is 127.0.0.1.
HOSTS = "::1 localhost\n127.0.0.1 localhost\n"


@case("A6 run-url-localhost", "`--url http://localhost:…` fails for a server on 127.0.0.1, where the name is ::1 first.")
def a_name_with_two_addresses(field: Field) -> None:
    """`run`, `check` and `sweep` take the address that listens, as `load` does; where none does all that were tried are named."""
    hosts = field.write("hosts", HOSTS)
    under = mounted(f"mount --bind {hosts} /etc/hosts")
    port = field.server("target.py", "--port", 0)
    field.load(f"http://localhost:{port}/", "-n 3 -c 1", under=under).exits(0).says("3 ok")
    field.measure(f"m=http://localhost:{port}", under=under).exits(*FINE)
    sweep = f"sweep --scenario {field.scenario()} --url m=http://localhost:{port} --from 1000 --to 2000 --rounds 1 --time-limit 12s -w 0s -c 4 --out s"
    field.bench(*sweep.split(), under=under).exits(*FINE)
    expect(bool(json.loads((field.dir / "s/sweep.json").read_text())["steps"]), "the sweep has no steps")
    # The server has other routes than ours, so the cases fail; that they were asked is what counts.
    field.bench("check", "--url", f"m=http://localhost:{port}", under=under).exits(5).says(r"m: \d+ passed, \d+ failed").lacks("Connection refused")
    field.load("http://localhost:1/", "-n 1", under=under).exits(5).says(r"127\.0\.0\.1:1", r"\[::1\]:1")
    field.measure("m=http://localhost:1", under=under, out="none").exits(5).says("refused")


@case("A8 stop-wrapper", "A target behind a shell, `npm start` or `go run`: it dies untidily, and what was measured is thrown away.")
def wrappers_as_targets(field: Field) -> None:
    """All rounds are measured, and a warning says how it ended and what helps: `exec`, the program itself, another `stop`."""
    target = SERVERS / "target.py"
    shell = field.target("shell", ["-c", f"python3 {target} --port {{port}}; echo ended"], command="sh", script="")
    deaf = field.target("deaf", [], script="deaf_wrapper.py", more='stop_timeout = "1s"')
    code = field.target("code", ["--exit-code", "1"])
    npm_dir = SERVERS / "npm_app"
    npm = 'env = { PORT = "{port}" }\nstop_timeout = "3s"'
    start = field.target("start", ["--prefix", str(npm_dir), "start", "--silent"], command="npm", script="", more=npm)
    run = field.target("run", ["--prefix", str(npm_dir), "run", "start:shell"], command="npm", script="", more=npm)
    for name, words in ((shell, "exec"), (deaf, "go run|SIGTERM"), (code, "exit code 1"), (start, ""), (run, "")):
        ran = field.measure(name, rounds=2, out=Path(name).stem, more="-v")
        ran.exits(*FINE).says(words).lacks("take a longer plan", r"failed: it did not end")
        record = field.record(Path(name).stem)
        rounds = {epoch["round"] for epoch in record["targets"][0]["epochs"]}
        expect(len(rounds) == 2, f"{name}: only rounds {rounds} were measured")


@case("A18 own-route", "A path of one's own is \"no route\", and what `bench load` printed is \"no run record: has nothing changed it?\"")
def what_is_no_route_and_no_record(field: Field) -> None:
    """A route of one's own is answered with what is possible; the JSON of `bench load` is named as such where a record is wanted."""
    field.scenario()
    mine = (field.dir / "small.toml").read_text().replace("/plaintext", "/api/items?limit=20")
    field.write("mine.toml", mine)
    field.bench("run", "mine.toml", "--target", "callback").exits(2).says("no route is called", "write `path`")
    field.write("load.json", field.load(field.raw("plain"), "-n 3 -c 1 --json").out)
    field.bench("compare", "load.json", "load.json").exits(0).says("nothing is judged")
    for command in (["report", "load.json"], ["export", "load.json", "-f", "markdown"]):
        field.bench(*command).exits(2).says("bench load").lacks("nothing has changed it")
    field.bench("run", "no-such", "--target", "callback").exits(2).says("io-heavy")


@case("B5 access-log", "A target that logs a line for each request is 32 % slower, and nothing names the log.")
def a_target_that_logs(field: Field) -> None:
    """A warning has the number of lines that it printed while it was measured; a flood at its start is no trouble."""
    plain, log = field.target("plain"), field.target("log", ["--log"])
    ran = field.measure(f"a={plain}", f"b={log}").exits(*FINE)
    ran.says(r"b: it printed while it was measured: [\d,]+ lines").lacks("a: it printed")
    flood = field.target("flood", ["--flood", "5000000"])
    field.measure(flood, out="flood").exits(*FINE)


@case("B6 ipv6-only", "A target that listens on ::1 alone \"was not ready: nobody listens\".")
def a_target_on_ipv6(field: Field) -> None:
    """It is found at the address where it listens, and measured there."""
    only = field.target("only", ["--host", "::1"], more='ready_timeout = "5s"')
    field.measure(only).exits(*FINE)
    named = field.target("named", ["--host", "localhost"])
    field.measure(named, out="named").exits(*FINE)


@case("B7 not-ready", "A target that is slow to start, answers 204, or goes to the background is \"not ready\", without what to change.")
def targets_that_are_not_ready(field: Field) -> None:
    """The error names `ready_timeout`, what was answered, or that it must stay in the foreground; nothing measured is not valid."""
    slow = field.target("slow", ["--ready-after", "30"], more='ready_timeout = "300ms"')
    field.measure(slow, out="slow").exits(5).says("ready_timeout").lacks("measurement is valid")
    empty = field.target("empty", ["--ready-204"], more='ready = "/healthz"\nready_timeout = "5s"')
    field.measure(empty, out="empty").exits(*FINE)
    warming = field.target("warming", ["--warming", "0.5"])
    field.measure(warming, out="warming").exits(*FINE)
    daemon = field.target("daemon", ["--daemon"])
    field.measure(daemon, out="daemon").exits(5).says("foreground").lacks("measurement is valid")


@case("B8 docker-target", "`docker run -p` as the command: the server is no child of what was started.")
def a_server_of_somebody_else(field: Field) -> None:
    """It is refused at once, since nothing of it could be measured, and the error names containers and --url."""
    field.server("broker.py", "daemon", field.dir / "broker.sock")
    asks = field.target("asks", ["ask", str(field.dir / "broker.sock"), "{port}"], script="", command="python3")
    manifest = (field.dir / "asks.toml").read_text().replace('args = ["ask"', f'args = ["{SERVERS / "broker.py"}", "ask"')
    field.write("asks.toml", manifest + 'ready_timeout = "100s"\n')
    field.measure(asks).exits(5).says("no process that was started for it listens there", "--url", "container").lacks("measurement is valid")


@case("C4 ctrl-c", "Interrupts: one, two, of every kind, in the middle of a measurement.")
def interrupts(field: Field) -> None:
    """The result so far is printed, says that it was interrupted, exit code 130; two end at once; nothing is left running."""
    url = field.raw("plain")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for form in ("", "--json"):
            with field.started(field.bench_path, *f"load {url} -d 30s -c 2 {form}".split()) as load:
                until("the load", lambda: sockets(load.process.pid) >= 2)
                load.signal(number)
                load.finish().exits(130).says("interrupt")
    for times in (1, 2):
        line = f"run --scenario {field.scenario()} --target {field.target('plain')} -d 30s --out twice{times}"
        with field.started(field.bench_path, *line.split()) as run:
            until("a step", lambda: (field.dir / f"twice{times}/steps.ndjson").exists() and len(field.left()) >= 3)
            for _ in range(times):
                run.signal(signal.SIGINT)
            run.finish().exits(130)
    drafts = [path for path in field.dir.rglob(".bench-*")]
    expect(not drafts, f"drafts are left: {drafts}")


@case("C7 port-env", "Commands as people write them: PORT by the environment, `~/x`, words in `command`, CR LF, capitals in names.")
def commands_as_written(field: Field) -> None:
    """PORT and blanks in paths work; what nothing expands, or what a line end breaks, is named; an alias may replace any name."""
    port = field.target("port", [], more='env = { PORT = "{port}" }')
    text = (field.dir / "port.toml").read_text().replace(', "--port", "{port}"', "")
    field.write("with blank/Port.toml", text)
    field.measure("mine=./with blank/Port.toml").exits(*FINE)
    expect(port == "./port.toml", port)
    for number, (command, words) in enumerate((("~/x", "expands"), ("$HOME/x", "expands"), ("python3 target.py", "args"))):
        broken = field.target("broken", ["{port}"], command=command, script="")
        field.measure(broken, out=f"broken{number}").exits(5).says(words)
    script = field.write("start.sh", b"#!/bin/sh\r\nexec true\r\n")
    script.chmod(0o755)
    field.measure(field.target("lines", ["{port}"], command="./start.sh", script=""), out="lines").exits(5).says("CR LF|line ends|carriage")
    field.write("MyServer.toml", text)
    field.measure("./MyServer.toml", out="mine").exits(2).says("MyServer", "mine=|NAME=|=./MyServer.toml")


@case("C8 forking-target", "A target that forks workers: their processor time and memory are missing.")
def forked_workers(field: Field) -> None:
    """All processes of a target are measured, and none is left behind."""
    field.measure(field.target("workers", ["--workers", "3"], more="workers = 3")).exits(*FINE)
    target = field.record()["targets"][0]
    expect(target["server"]["threads_max"] >= 4 if "server" in target else True, "four processes have four threads at least")


@case("D8 backend-descriptors", "The backend of `/upstream` exits when its descriptors run out, and takes every later request with it.")
def a_backend_without_descriptors(field: Field) -> None:
    """It waits until a descriptor is free, and then serves those that waited."""
    import resource
    import socket

    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))  # noqa: E731
    with field.started(field.bench_path, "serve", "backend", "--port", "0", prepare=limit) as backend:
        line = backend.process.stdout.readline().decode()
        port = int(line.rsplit(":", 1)[1])
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        for connection in held:
            connection.close()
        asked = socket.create_connection(("127.0.0.1", port), 10)
        asked.sendall(b"GET /call/1?delay_ms=0 HTTP/1.1\r\nHost: a\r\n\r\n")
        expect(asked.recv(4096).startswith(b"HTTP/1.1 "), "it answers when descriptors are free again")
        expect(backend.process.poll() is None, "it ended")
        backend.signal(signal.SIGTERM)


@case("D10 endless-version", "A version command that prints without end takes 14 GiB in a minute, and the first Ctrl-C waits for it.")
def a_version_command_without_end(field: Field) -> None:
    """What it prints is read up to a bound, the version is the first line's, and an interrupt ends the run at once."""
    endless = field.target("endless", more='version = ["sh", "-c", "yes v1.2.3"]')
    ran = field.measure(endless)
    expect(ran.rss_mib < 400, f"bench had {ran.rss_mib:.0f} MiB")
    ran.exits(*FINE)
    silent = field.target("silent", more='version = ["sleep", "300"]')
    line = f"run --scenario {field.scenario()} --target {silent} -d 4s --out silent"
    with field.started(field.bench_path, *line.split()) as run:
        until("the version command", lambda: any(b"300" in commandline(pid) for pid in field.left()))
        run.signal(signal.SIGINT)
        run.finish().exits(130)


def commandline(pid: int) -> bytes:
    """The words of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@case("D14 thread-limit", "Where the system allows no more threads, `bench run` panics.")
def no_more_threads(field: Field) -> None:
    """It is an error that names the limit and `ulimit -u`."""
    # Root has no limit of processes: another user is needed, and a limit of memory does as well.
    target = field.target("plain")
    stop = ["prlimit", "--nproc=1", "setpriv", "--reuid=12345", "--clear-groups"]
    if os.geteuid() != 0:
        stop = ["prlimit", "--nproc=1"]
    os.chmod(field.dir, 0o777)
    field.measure(target, under=stop, env={"HOME": str(field.dir), "XDG_CACHE_HOME": str(field.dir / "cache")}).exits(1, 2, 5).says("start|thread|process")
    url = field.raw("plain")
    field.load(url, "-n 3 -c 1", under=stop).exits(1, 2, 5).says("thread")


@case("D15 supervisor-killed", "SIGKILL of the supervisor of a target that forks daemons leaves four processes running.")
def a_supervisor_is_killed(field: Field) -> None:
    """`bench` ends what the target had started, says that its supervisor was killed, and goes on or ends in order."""
    target = SERVERS / "target.py"
    script = f"(setsid sh -c 'sleep 300 & sleep 300' &); exec python3 {target} --port {{port}}"
    family = field.target("family", ["-c", script], command="sh", script="")
    line = f"run --scenario {field.scenario()} --target {family} -d 20s --rounds 1 --out killed"
    with field.started(field.bench_path, *line.split()) as run:
        found = until("the daemons", lambda: len([pid for pid in field.left() if b"300" in commandline(pid)]) >= 3 and supervisors(field))
        until("a step", lambda: (field.dir / "killed/steps.ndjson").exists())
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        run.finish().exits(*FINE, 5)
    until("the end of all", lambda: not field.left())


def supervisors(field: Field) -> list[int]:
    """The processes between `bench` and what it measures."""
    return [pid for pid in field.left() if b"\0supervise\0" in commandline(pid) and b"sh\0-c" in commandline(pid)]


@case("D16 secrets", "Values of a manifest's `env`, passwords in commands and keys in headers stand in run.json and the report, readable by everybody.")
def secrets(field: Field) -> None:
    """Records have the names of variables and headers alone, and credentials masked; `rerun` takes them from the files, or says that it needs them."""
    secret = field.target("secret", more='env = { API_KEY = "s3cr3t-value" }')
    text = (field.dir / "secret.toml").read_text().replace('"{port}"]', '"{port}", "--db=postgres://user:s3cr3t-word@host/x"]')
    field.write("secret.toml", text)
    headers = 'headers = ["Accept: */*", "Authorization: Bearer s3cr3t-token", "Cookie: id=s3cr3t-cookie"]'
    scenario = (field.dir / field.scenario()).read_text().replace("route =", "path =")
    field.write("own.toml", f"{scenario}{headers}\n")
    field.bench(*f"run --scenario own.toml {SHORT} --rounds 1 --out run --target {secret}".split()).exits(*FINE)
    for file in (field.dir / "run").rglob("*"):
        if file.is_file():
            found = [word for word in (b"s3cr3t-value", b"s3cr3t-word", b"s3cr3t-token", b"s3cr3t-cookie") if word in file.read_bytes()]
            expect(not found, f"{file.relative_to(field.dir)} has {found}")
    expect("API_KEY" in (field.dir / "run/run.json").read_text(), "the name of the variable is in the record")
    field.bench("rerun", "run", "--force", "--out", "again").exits(*FINE)
    own = field.dir / "own.toml"
    own.rename(field.dir / "away")
    field.bench("rerun", "run", "--out", "none").exits(2).says("own.toml", "leaves out")
    (field.dir / "away").rename(own)
    (field.dir / "secret.toml").unlink()
    field.bench("rerun", "run", "--out", "none").exits(2).says("secret.toml", "leaves out")
