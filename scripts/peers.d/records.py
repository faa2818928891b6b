"""What is kept of a run: where it ran, and what it found, as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

VERSION_TIMEOUT_S = 10.0


def environment_of(bench: Path, load_average: float, versions: dict[str, str | None]) -> dict[str, object]:
    """What the figures depend on besides the plan; `versions` by the names of what was used."""
    return {
        "kernel": platform.release(),
        "cpu_model": cpu_model(),
        "load_average_1min_before": load_average,
        "bench": str(bench),
        "bench_version": version_of([str(bench), "--version"]),
        **{f"{name}_version": version for name, version in versions.items()},
    }


def cpu_model() -> str | None:
    """The processor's name, where the kernel reports it."""
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else None


def version_of(command: Sequence[str]) -> str | None:
    """The first line that a program says of itself, None where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=VERSION_TIMEOUT_S)
    except OSError:
        return None
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), None)


def write_json(path: Path, record: dict[str, object]) -> None:
    """Writes the record whole or not at all."""
    text = json.dumps({"schema_version": 1, **record}, indent=1, default=asdict, ensure_ascii=False)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
