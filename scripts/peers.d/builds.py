"""How programs come about: found, compiled or built, aloud."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from conversation import Failed, Misused, Unavailable, say

ROOT = Path(__file__).resolve().parent.parent.parent


def bench_binary(given: Path | None) -> Path:
    """The `bench` to serve and to load with: the one given, or what cargo makes of the workspace."""
    if given is None:
        try:
            return cargo_build(ROOT / "Cargo.toml", ROOT / "target") / "bench"
        except Unavailable as reason:
            raise Failed(f"bench, which also makes the load: {reason}; or name a built one with --bench") from None
    if not os.access(given, os.X_OK) or given.is_dir():
        raise Misused(f"--bench {given} is no program; without --bench cargo builds one")
    return given.resolve()


def cargo_build(manifest: Path, target_dir: Path, *flags: str) -> Path:
    """Brings a build with the profile `dist` up to date, whose figures are published, and returns the directory of its binaries."""
    # The directory is named, lest CARGO_TARGET_DIR puts the binary elsewhere.
    cargo = tool("cargo", "install Rust (https://rustup.rs)")
    run_build([cargo, "build", "--profile", "dist", "--manifest-path", str(manifest), "--target-dir", str(target_dir), *flags])
    return target_dir / "dist"


def compile_c(source: Path, *flags: str) -> Path:
    """Compiles one C file into a `target` directory beside it."""
    program = source.parent / "target" / source.stem
    program.parent.mkdir(exist_ok=True)
    run_build([tool("gcc", "install gcc"), "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), *flags])
    return program


def run_build(command: Sequence[str]) -> None:
    """Runs a build aloud; what it prints goes to stderr, since stdout is data."""
    say(f"$ {shlex.join(command)}")
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise Unavailable(f"'{shlex.join(command)}' failed; its own words stand above")


def tool(name: str, remedy: str) -> str:
    """The path of a program that must be there."""
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not on the PATH; {remedy}")
    return path
