"""Git repositories of several shapes, each with a Python server that a gate judges."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from field import SERVERS, Field, Ran

GATE_SCENARIO = """description = "a small rate"
question = "Did the commit change it?"
connections = 8

[load]
arrival = "open"
rate_per_s = 200

[[requests]]
route = "/plaintext"
"""

MANIFEST = """description = "a Python server"
runtime = "CPython"
loop = "asyncio"
command = "python3"
args = ["target.py", "--port", "{port}"]
"""

# Ends a gate with exit code 5 when both trees could be measured: nothing is judged, and nothing takes time.
STOPS = 'build = ["sh", "-c", "exit 7"]\n'


class Repository:
    """A repository with two commits; its service stands in a directory of it."""

    def __init__(self, field: Field, name: str = "repository", build: str = "", below: str = ".", history: Path | None = None) -> None:
        self.field = field
        self.dir = field.dir / name
        self.service = self.dir / below
        if history is not None:
            return
        self.service.mkdir(parents=True)
        shutil.copy(SERVERS / "target.py", self.service / "target.py")
        (self.service / "mine.toml").write_text(MANIFEST)
        (self.service / "small.toml").write_text(GATE_SCENARIO)
        (self.service / "bench.toml").write_text(f'scenarios = ["small.toml"]\ntarget = "mine.toml"\neffort = "quick"\n{build}')
        self.git("init", "-q", "-b", "main")
        self.commit("one")
        self.change("target.py", "\n# a comment\n")
        self.commit("two")

    def git(self, *args: str, cwd: Path | None = None, env: dict[str, str | None] | None = None) -> str:
        """Runs git, and gives what it printed."""
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "protocol.file.allow=always"]
        ran = self.field.run("git", *identity, *args, cwd=cwd or self.dir, env=env)
        if ran.code != 0:
            raise ran.wrong("failed")
        return ran.out.strip()

    def commit(self, message: str) -> None:
        """Commits everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def change(self, name: str, text: str) -> None:
        """Adds a text to a file of the service."""
        with (self.service / name).open("a") as file:
            file.write(text)

    def gate(self, line: str = "--base-rev HEAD~1", cwd: Path | None = None, **how: object) -> Ran:
        """Runs `bench gate` in the directory of the service."""
        temporary = self.field.dir / "tmp"
        temporary.mkdir(exist_ok=True)
        env = {"TMPDIR": str(temporary), **(how.pop("env", None) or {})}
        return self.field.bench("gate", *line.split(), cwd=cwd or self.service, env=env, **how)

    def trees(self) -> list[str]:
        """The trees that are registered."""
        return self.git("worktree", "list").splitlines()

    def left(self) -> list[str]:
        """What gates left in the directory of temporary files."""
        temporary = self.field.dir / "tmp"
        return os.listdir(temporary) if temporary.exists() else []
