"""PostgreSQL and Redis with the rows of /db: those that the environment names, or some of the tests' own."""

import atexit
import functools
import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts/database"


class OwnDatabase:
    """Both, until `stop` or the end of this process, however it ends: the script ends when its input does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        # What is wrong where it did not start, it has said itself.
        lines = [self._process.stdout.readline().strip() for _ in range(2)]
        self.env = dict(line.split("=", 1) for line in lines)

    def stop(self) -> None:
        self._process.communicate()


@functools.cache
def database() -> dict[str, str]:
    """The environment of a server that has them."""
    if "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ:
        return {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
    own = OwnDatabase()
    atexit.register(own.stop)
    return own.env
