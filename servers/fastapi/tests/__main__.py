"""Runs all tests, in several processes beside each other, since most of a test is waiting: `python -m tests`.

A process has the tests of one application on one loop, which share a server, or those of one database. `python -m tests SHARE` runs one share.
"""

import subprocess
import sys
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.running import ROOT, ServerTest

AT_A_TIME = 3


def main() -> None:
    """Ends with 1 where a share failed."""
    shares = all_shares()
    match sys.argv[1:]:
        case []:
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                codes = list(pool.map(run_apart, shares))
            sys.exit(any(codes))
        case [share] if share in shares:
            result = unittest.TextTestRunner().run(shares[share])
            sys.exit(not result.wasSuccessful())
        case _:
            sys.exit(f"usage: python -m tests [SHARE], where SHARE is one of: {', '.join(shares)}")


def all_shares() -> dict[str, unittest.TestSuite]:
    """Every test there is, by the share that it belongs to: the longest one first."""
    shares: dict[str, unittest.TestSuite] = {}
    for test in flat(unittest.defaultTestLoader.discover(str(ROOT / "tests"), top_level_dir=str(ROOT))):
        shares.setdefault(share_of(test), unittest.TestSuite()).addTest(test)
    return {share: shares[share] for share in sorted(shares, key=lambda share: share != "database")}


def share_of(test: unittest.TestCase) -> str:
    """Where a test runs. Tests that write to the database read what they wrote: one after the other."""
    if type(test).__module__ == "tests.test_database":
        return "database"
    return f"{test.app}-{test.loop}" if isinstance(test, ServerTest) else "parts"


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """The tests of a suite and of those within it."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def run_apart(share: str) -> int:
    """Runs a share in a process of its own, as strict with warnings as this one, prints its output, and returns its exit code."""
    options = [f"-W{option}" for option in sys.warnoptions]
    command = [sys.executable, *options, "-m", "tests", share]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(f"{share}:\n{ended.stdout}", flush=True)
    return ended.returncode


if __name__ == "__main__":
    main()
