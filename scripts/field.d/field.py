"""What a case has: a directory, servers, `bench`, and what it says of how that ended.

A case knows `bench` by its arguments, exit code, output and files alone, and never judges by a clock.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import end, end_with_parent, running

SERVERS = Path(__file__).resolve().parent / "servers"
# Every process that a case starts has it in its environment, and all that these start.
MARK = "BENCH_FIELD_CASE"
# Far more than anything takes on a busy machine: what takes longer hangs.
TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.02
OUTPUT_SHOWN = 700


# The shortest plan that there is.
SHORT = "-d 4s -w 100ms"


class Wrong(Exception):
    """What `bench` did is not right; the message says what it was."""


class NotRun(Exception):
    """A case can't be tried here; the message names what is missing."""


def joined(text: str) -> str:
    """A text without the line breaks and frames that it has on a terminal, for looking for sentences.

    >>> joined("  × one sentence that\\n  │ goes on\\n")
    '× one sentence that goes on'
    """
    return " ".join(word for word in text.split() if word != "│")


@dataclass
class Ran:
    """How a command ended, and what it printed."""

    command: str
    code: int
    out: str
    err: str
    rss_mib: float = 0.0
    # Whether a case has said which exit codes are right.
    is_judged: bool = False

    @property
    def text(self) -> str:
        """Everything that was printed, lines joined."""
        return joined(f"{self.out}\n{self.err}")

    @property
    def json(self) -> Any:
        """What was printed on standard output, as JSON."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise self.wrong("prints no JSON") from None

    def wrong(self, what: str) -> Wrong:
        """An error about this command."""
        return Wrong(f"`{self.command}` {what}; exit code {self.code}: {self.text[-OUTPUT_SHOWN:]}")

    def exits(self, *codes: int) -> Ran:
        """Its exit code is one of these, and it did not panic. Arguments that `bench` does not know pass only where 2 is the one code."""
        self.is_judged = codes == (2,)
        self.lacks("panicked at")
        self.is_judged = True
        if self.code not in codes:
            raise self.wrong(f"should exit with {' or '.join(map(str, codes))}")
        return self

    def says(self, *parts: str) -> Ran:
        """Each of these regular expressions is found in what it printed."""
        self.check_was_taken()
        for part in parts:
            if not re.search(part, self.text):
                raise self.wrong(f"does not say /{part}/")
        return self

    def lacks(self, *parts: str) -> Ran:
        """None of these regular expressions is found in what it printed."""
        self.check_was_taken()
        for part in parts:
            if found := re.search(part, self.text):
                raise self.wrong(f"says {found[0]!r}")
        return self

    def check_was_taken(self) -> None:
        """A case whose arguments are not known to `bench` tries nothing, and must not pass for it."""
        if not self.is_judged and self.code == 2 and "try '--help'" in self.err:
            raise self.wrong("is not taken as typed")


# How `bench` ends where all is well: a busy machine may make a measurement invalid.
FINE = (0, 3)


@dataclass
class Field:
    """What one case works with; all of it is gone when the case is over."""

    bench_path: Path
    cache: Path
    dir: Path
    mark: str
    ending: ExitStack = field(default_factory=ExitStack)

    # -- bench

    def environment(self, changes: dict[str, str | None] | None = None) -> dict[str, str]:
        """The environment of a case: plain output on lines of any length, a cache of the campaign's own."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "USER") if name in os.environ}
        own = {"NO_COLOR": "1", "COLUMNS": "1000", "XDG_CACHE_HOME": str(self.cache), "LC_ALL": "C.UTF-8", MARK: self.mark}
        both = kept | own | (changes or {})
        return {name: value for name, value in both.items() if value is not None}

    def bench(self, *args: object, **how: Any) -> Ran:
        """Runs `bench` to its end."""
        return self.run(str(self.bench_path), *args, **how)

    def load(self, url: str, line: str = "", *more: object, **how: Any) -> Ran:
        """Runs `bench load` with the options of a line."""
        return self.bench("load", url, *shlex.split(line), *more, **how)

    def run(self, *command: object, **how: Any) -> Ran:
        """Runs a command to its end."""
        with self.started(*command, **how) as process:
            return process.finish()

    @contextmanager
    def started(
        self,
        *command: object,
        under: Sequence[str] = (),
        env: dict[str, str | None] | None = None,
        cwd: Path | None = None,
        stdin: bytes | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Iterator[Started]:
        """Starts a command, perhaps under another one; kills it where the block ends first."""
        words = [str(word) for word in command]
        parent = os.getpid()

        def before() -> None:
            end_with_parent(parent)
            if prepare:
                prepare()

        process = subprocess.Popen(
            [*under, *words],
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            env=self.environment(env),
            cwd=cwd or self.dir,
            preexec_fn=before,
        )
        shown = shlex.join(["bench" if word == str(self.bench_path) else word for word in words])
        started = Started(shown, process, stdin)
        try:
            yield started
        finally:
            started.close()

    # -- servers

    def server(self, script: str, *args: object) -> int:
        """The port of one of the servers beside this module, which runs until the case is over."""
        interpreter = "node" if script.endswith(".js") else sys.executable
        command = ["env", f"{MARK}={self.mark}", interpreter, str(SERVERS / script), *map(str, args)]
        return self.ending.enter_context(running(script, command)).port

    def raw(self, mode: str, number: float = 0, path: str = "/") -> str:
        """The address of `raw.py` in one of its modes."""
        return f"http://127.0.0.1:{self.server('raw.py', mode, 0, number)}{path}"

    def serve(self, *args: object) -> int:
        """The port of a server that `bench serve` starts."""
        command = ["env", f"{MARK}={self.mark}", str(self.bench_path), "serve", *map(str, args), "--port", "0"]
        return self.ending.enter_context(running(str(args[0]), command)).port

    # -- files

    def write(self, name: str, text: str | bytes) -> Path:
        """A file in the case's directory."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def target(self, name: str, args: Sequence[str] = (), command: str = "python3", script: str = "target.py", more: str = "") -> str:
        """A manifest beside which the server is that it starts."""
        script_args = [str(SERVERS / script), "--port", "{port}"] if script else []
        lines = [
            'description = "a server of a case"\nruntime = "CPython"\nloop = "asyncio"',
            f"command = {json.dumps(command)}\nargs = {json.dumps([*script_args, *args])}\n{more}",
        ]
        self.write(f"{name}.toml", "\n".join(lines))
        return f"./{name}.toml"

    def scenario(self, rate_per_s: int = 200, connections: int = 8) -> str:
        """A scenario that a server in Python sustains."""
        lines = ['description = "a small rate"', 'question = "Did it change?"', f"connections = {connections}"]
        lines += ["[load]", 'arrival = "open"', f"rate_per_s = {rate_per_s}", "[[requests]]", 'route = "/plaintext"']
        self.write("small.toml", "\n".join(lines) + "\n")
        return "small.toml"

    def measure(self, *targets: str, more: str = "", out: str = "run", rounds: int = 1, **how: Any) -> Ran:
        """The shortest `bench run` of some targets, as of `name=./manifest.toml`, or of addresses."""
        named = [word for target in targets for word in (("--url" if "://" in target else "--target"), target)]
        line = f"run --scenario {self.scenario()} {SHORT} --rounds {rounds} --out {out} {more}"
        return self.bench(*shlex.split(line), *named, **how)

    def record(self, out: str = "run") -> Any:
        """The record of a run."""
        return json.loads((self.dir / out / "run.json").read_text())

    # -- the end

    def left(self) -> list[int]:
        """Processes of this case that live."""
        return [pid for pid in marked(self.mark) if pid != os.getpid()]


@dataclass
class Started:
    """A command that runs."""

    command: str
    process: subprocess.Popen[bytes]
    stdin: bytes | None

    def finish(self) -> Ran:
        """Waits for its end; what hangs is an error of the case."""
        usage: list[float] = [0.0]
        # `communicate` would leave out how much memory it took.
        took = threading.Thread(target=lambda: usage.append(self.wait()))
        outputs = [Reader(pipe) for pipe in (self.process.stdout, self.process.stderr)]
        took.start()
        if self.stdin is not None and self.process.stdin is not None:
            try:
                self.process.stdin.write(self.stdin)
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        took.join(TIMEOUT_S)
        if took.is_alive():
            self.process.kill()
            took.join()
            printed = joined(" ".join(output.text() for output in outputs))
            raise Wrong(f"`{self.command}` did not end within {TIMEOUT_S:.0f} s: {printed[-OUTPUT_SHOWN:]}")
        out, err = (output.text() for output in outputs)
        return Ran(self.command, self.process.returncode, out, err, usage[-1])

    def wait(self) -> float:
        """Waits for its end, and says how much memory it had at most, in MiB."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss / 1024

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        os.kill(self.process.pid, number)

    def close(self) -> None:
        """Kills it where it lives."""
        if self.process.returncode is None:
            self.process.kill()
        end(self.process)


class Reader:
    """Reads a pipe to its end, on a thread of its own."""

    def __init__(self, pipe: Any) -> None:
        self.bytes = b""
        self.pipe = pipe
        self.thread = threading.Thread(target=self.read, daemon=True)
        if pipe is not None:
            self.thread.start()

    def read(self) -> None:
        """Takes what comes."""
        while piece := os.read(self.pipe.fileno(), 65536):
            self.bytes += piece

    def text(self) -> str:
        """What came."""
        if self.pipe is not None:
            # What a command left running may keep the pipe open.
            self.thread.join(1.0)
        return self.bytes.decode(errors="replace")


def marked(mark: str) -> list[int]:
    """The processes that have a mark in their environment (proc_pid_environ(5))."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def until(what: str, found: Callable[[], Any]) -> Any:
    """Waits until something is there, and gives it."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(LOOK_EVERY_S)
    raise Wrong(f"waited in vain for {what}")


def sockets(pid: int) -> int:
    """How many sockets a process has."""
    try:
        return sum(os.readlink(file).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def expect(is_right: bool, what: str) -> None:
    """Something holds, or the case has found a fault."""
    if not is_right:
        raise Wrong(what)


_OWN_MOUNTS: list[str] = []
_LOOKING = threading.Lock()


def namespaces(kind: str) -> list[str]:
    """A command under which there are mounts (`-m`) or a network (`-n`) of one's own: for root, and where users may have them."""
    with _LOOKING:
        if not _OWN_MOUNTS:
            for options in ([], ["--map-root-user"]):
                if subprocess.run(["unshare", *options, "-m", "-n", "true"], capture_output=True).returncode == 0:
                    _OWN_MOUNTS.extend(["unshare", *options])
                    break
    if not _OWN_MOUNTS:
        raise NotRun("no namespaces (unshare -mn): run it as root, or let users have namespaces of their own")
    return [*_OWN_MOUNTS, kind]


def mounted(*steps: str, after: str = "") -> list[str]:
    """A command under which these shell commands have made mounts, and one does something before they are gone."""
    last = f'code=0; "$@" || code=$?; {after}; exit $code' if after else 'exec "$@"'
    return [*namespaces("-m"), "sh", "-ec", "; ".join([*steps, last]), "sh"]


@contextmanager
def field_of(bench: Path, cache: Path, name: str) -> Iterator[Field]:
    """A field for a case. Whatever the case started is gone behind it, and what outlived it is a fault."""
    with tempfile.TemporaryDirectory(prefix="bench-field-") as place:
        mark = f"{os.getpid()}-{name}"
        made = Field(bench, cache, Path(place), mark)
        try:
            with made.ending:
                yield made
        finally:
            left = settled(made)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if left:
            raise Wrong(f"processes were left behind: {left}")


def settled(made: Field) -> list[int]:
    """Which processes outlive a case: those that are ending get a moment."""
    deadline = time.monotonic() + 5.0
    while (left := made.left()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return left
