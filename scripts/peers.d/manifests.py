"""The built-in targets, started as their manifests in `servers/targets` say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from builds import ROOT
from conversation import Unavailable
from processes import Server, running

MANIFESTS = ROOT / "servers" / "targets"
TARGETS = sorted(path.stem for path in MANIFESTS.glob("*.toml"))

# Some write the files that `/file` serves, for ever the same.
DATA = ROOT / "target" / "peers-data"
# `/plaintext` reads no file and calls nobody; port 9 is discard's (RFC 863), where nobody listens.
UPSTREAM = "127.0.0.1:9"
POOL = 4


def launch_command(name: str, bench: Path) -> list[str]:
    """The command line that starts this target on a free port, with one worker; what it needs is set up first."""
    manifest = tomllib.loads((MANIFESTS / f"{name}.toml").read_text())
    values = {
        "host": "127.0.0.1",
        "port": "0",
        "data_dir": str(DATA),
        "upstream": UPSTREAM,
        "pool": str(POOL),
        "workers": "1",
        "bench": str(bench),
        **(set_up(name, manifest["needs"], bench) if "needs" in manifest else {}),
    }
    return filled(manifest, values)


@contextmanager
def serving(name: str, bench: Path) -> Iterator[Server]:
    """This target on a free port, for as long as the block lasts, with the files of `/file` in their place."""
    if not DATA.exists():
        # A reference server writes them.
        with running("callback", [str(bench), "serve", "callback", "--port", "0", "--data-dir", str(DATA)]):
            pass
    with running(name, launch_command(name, bench)) as server:
        yield server


def filled(manifest: Mapping, values: Mapping[str, str]) -> list[str]:
    """A manifest's command line with its placeholders filled in; its environment is set by env(1), which becomes the server.

    >>> filled({"command": "{node}", "args": ["a.js", "--port", "{port}"]}, {"node": "/bin/node", "port": "0"})
    ['/bin/node', 'a.js', '--port', '0']
    >>> filled({"command": "n", "args": [], "env": {"POOL": "{pool}", "MODE": "{{x}}"}}, {"pool": "4"})
    ['env', 'POOL=4', 'MODE={x}', 'n']
    """
    env = [f"{key}={value.format_map(values)}" for key, value in manifest.get("env", {}).items()]
    command = [word.format_map(values) for word in (manifest["command"], *manifest["args"])]
    return ["env", *env, *command] if env else command


def set_up(name: str, needs: str, bench: Path) -> dict[str, str]:
    """Makes ready what a target in another language needs, by `bench setup`, and says where it is."""
    # What it prints while it works goes to stderr, as ours does.
    done = subprocess.run(
        [str(bench), "setup", name], stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=False
    )
    place = ready_in(done.stdout)
    if done.returncode != 0 or place is None:
        raise Unavailable(f"'bench setup {name}' did not make ready what it needs: {done.stdout.strip()}")
    node = shutil.which("node") or shutil.which("nodejs")
    interpreter = {"node": node, "python": str(place / "venv" / "bin" / "python")}[needs]
    if interpreter is None:
        raise Unavailable("node is not on the PATH; install Node.js 20 or later")
    return {"server_dir": str(place), needs: interpreter}


def ready_in(output: str) -> Path | None:
    """Where `bench setup` says that the files are.

    >>> ready_in("Node.js  20.20.2 (end of life since 2026-04-30), ready in /home/a b/.cache/bench/servers/node-0123\\n")
    PosixPath('/home/a b/.cache/bench/servers/node-0123')
    >>> ready_in("Node.js  Node.js was not found")
    """
    match = re.search(r", ready in (/.+)$", output, re.MULTILINE)
    return Path(match[1]) if match else None
