"""The table of cases, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from case import Case

INTRODUCTION = """# Reliability

What people report about load generators, comparisons and gates in public trackers, and what `bench` does instead. Each row is a case
that `scripts/field` tries on a build: it runs the program against servers that behave so, and looks at its exit code, its text and its
JSON. `scripts/field --write` makes this page; `scripts/test` runs every case.

"""

OK, FAILED, NOT_RUN, LEFT_OUT = "OK", "FAILED", "NOT RUN", "left out"


@dataclass(frozen=True)
class Result:
    """What became of a case."""

    case: Case
    outcome: str
    reason: str = ""


def markdown(results: list[Result]) -> str:
    """The table of results, a row a case."""
    rows = ["| case | what people meet | what `bench` does | |", "|---|---|---|---|"]
    for result in results:
        outcome = f"{result.outcome}: {result.reason}" if result.reason else result.outcome
        cells = [f"`{result.case.name}`", result.case.meets, result.case.right, outcome]
        rows.append(f"| {' | '.join(map(cell, cells))} |")
    return "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """A text as it stands in a cell.

    >>> cell("a | b\\n c")
    'a \\\\| b c'
    """
    return " ".join(text.split()).replace("|", "\\|")


def page(results: list[Result]) -> str:
    """The whole page."""
    return INTRODUCTION + markdown(results)


def stale(published: str, results: list[Result]) -> list[str]:
    """Cases of which the page says something else, or nothing."""
    lines = published.splitlines()
    return [
        result.case.name
        for result in results
        if markdown([Result(result.case, OK)]).splitlines()[-1] not in lines
    ]
