"""The table: its rows, how it is written down, and what is declared to differ.

A row has a value for each server. Of two servers on one loop, a row must have the same, unless a line of declared.toml says why not; a line
that says so of no difference is wrong, too.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builds import ROOT
from conversation import Misused
from fleet import PAIRS, SERVERS

DECLARED = Path(__file__).resolve().parent / "declared.toml"
PAGE = ROOT / "docs/parity.md"
# A declared difference is as large as it was published within so much of the figure, and within so many at all: what the pool's threads do
# beside each other varies from run to run.
DRIFT = 0.1
DRIFT_AT_ALL = 0.6
# Counts that include what now and then happens beside a request are equal within so much.
NOISE = 0.02


@dataclass
class Row:
    """What is looked at, and what it is of each server: words, or a number."""

    name: str
    values: dict[str, str | float]
    # Words that are the same on every machine, so that the published page can be compared with them.
    is_fixed: bool = True

    def differs(self, pair: Sequence[str]) -> bool:
        """Whether two servers differ.

        >>> Row("a", {"one": 100.0, "two": 101.0}).differs(("one", "two"))
        False
        >>> Row("a", {"one": 100.0, "two": 103.0}).differs(("one", "two"))
        True
        >>> Row("a", {"one": "x", "two": "y"}).differs(("one", "two"))
        True
        """
        one, two = (self.values[name] for name in pair)
        if isinstance(one, float) and isinstance(two, float):
            return abs(one - two) > NOISE * max(abs(one), abs(two)) + 0.05
        return one != two


@dataclass
class Section:
    """Rows of one subject, and what a reader has to know of them."""

    title: str
    words: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Declared:
    """A difference that there is, between two servers of one loop, and why."""

    rows: str
    loops: tuple[str, ...]
    why: str


def declared(text: str) -> list[Declared]:
    """Reads the file of declared differences.

    >>> declared('[[difference]]\\nrows = "a: *"\\nwhy = "so it is"')
    [Declared(rows='a: *', loops=('libuv', 'asyncio'), why='so it is')]
    >>> declared('[[difference]]\\nrow = "a"')
    Traceback (most recent call last):
    conversation.Misused: declared.toml: a difference has rows, why and perhaps loops, not ['row']
    """
    entries = []
    for entry in tomllib.loads(text).get("difference", []):
        if not {"rows", "why"} <= entry.keys() <= {"rows", "why", "loops"}:
            raise Misused(f"declared.toml: a difference has rows, why and perhaps loops, not {sorted(entry)}")
        entries.append(Declared(entry["rows"], tuple(entry.get("loops", PAIRS)), entry["why"]))
    return entries


def mistakes(rows: Iterable[Row], known: Sequence[Declared], is_whole: bool = True) -> list[str]:
    """Differences that are not declared, and declared ones that there are not; the latter only where all rows were looked at.

    >>> row = Row("a: b", {"callback": "x", "coroutine-libuv": "y", "callback-asyncio": "x", "coroutine-asyncio": "x"})
    >>> mistakes([row], [])
    ['a: b: callback has x, coroutine-libuv y; make them the same, or declare the difference with its reason']
    >>> mistakes([row], [Declared("a: *", ("libuv",), "so it is")])
    []
    >>> mistakes([row], [Declared("a: *", ("libuv", "asyncio"), "so it is")])
    ['declared.toml: nothing differs any more in rows "a: *" on asyncio: remove the line']
    """
    found = []
    met = set()
    for row in rows:
        for loop, pair in PAIRS.items():
            if not set(pair) <= row.values.keys() or not row.differs(pair):
                continue
            lines = [line for line in known if loop in line.loops and fnmatch.fnmatchcase(row.name, escaped(line.rows))]
            met.update((line, loop) for line in lines)
            if not lines:
                one, two = (shown(row.values[name]) for name in pair)
                found.append(
                    f"{row.name}: {pair[0]} has {one}, {pair[1]} {two}; make them the same, or declare the difference with its reason"
                )
    if is_whole:
        for line in known:
            for loop in line.loops:
                if (line, loop) not in met:
                    found.append(f'declared.toml: nothing differs any more in rows "{line.rows}" on {loop}: remove the line')
    return found


def escaped(pattern: str) -> str:
    """A pattern in which only stars mean something, as rows' names have question marks.

    >>> escaped("GET /a?b *")
    'GET /a[?]b *'
    """
    return pattern.replace("[", "[[]").replace("?", "[?]")


def shown(value: str | float) -> str:
    """A value in a cell.

    >>> shown(12345.6), shown(3.04), shown(0.0), shown("x")
    ('12,346', '3.0', '0', 'x')
    """
    if isinstance(value, str):
        return value
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if round(value, 1) else "0"


def markdown(sections: Sequence[Section], known: Sequence[Declared], where: str) -> str:
    """The page."""
    lines = [INTRODUCTION.format(where=where)]
    for section in sections:
        lines += [f"## {section.title}", "", section.words, ""]
        words = [row for row in section.rows if any(isinstance(value, str) for value in row.values.values())]
        numbers = [row for row in section.rows if row not in words]
        if numbers:
            names = [name for name in SERVERS if name in numbers[0].values]
            lines += ["| | " + " | ".join(f"`{name}`" for name in names) + " |", "|---|" + "---:|" * len(names)]
            lines += ["| " + " | ".join([cell(row.name), *(shown(row.values[name]) for name in names)]) + " |" for row in numbers]
            lines.append("")
        if words:
            lines += ["| | what | of |", "|---|---|---|"]
            for row in words:
                lines += [f"| {first} | {value} | {who} |" for first, value, who in grouped(row)]
            lines.append("")
    lines += ["## Where the styles differ on one loop", "", DECLARED_WORDS, "", "| rows | loop | why |", "|---|---|---|"]
    lines += [f"| {cell(line.rows)} | {', '.join(line.loops)} | {line.why} |" for line in known]
    return "\n".join(lines) + "\n"


def hostile_of(page: str) -> str:
    """What the page says of hostile clients, which is measured by itself.

    >>> hostile_of("# a\\n\\n## What hostile clients cost others\\n\\nnothing\\n")
    'nothing\\n'
    """
    return page.partition(HOSTILE)[2]


def with_hostile(page: str, words: str) -> str:
    """The page, saying so of hostile clients.

    >>> with_hostile("# a\\n\\n## What hostile clients cost others\\n\\nnothing\\n", "much\\n")
    '# a\\n\\n## What hostile clients cost others\\n\\nmuch\\n'
    """
    return page.partition(HOSTILE)[0] + (HOSTILE + words if words else "")


HOSTILE = "\n## What hostile clients cost others\n\n"


def grouped(row: Row) -> list[tuple[str, str, str]]:
    """A row of words: servers with the same value stand together.

    >>> grouped(Row("a", {name: "x" for name in SERVERS}))
    [('a', 'x', 'all')]
    """
    values: dict[str, list[str]] = {}
    for name in SERVERS:
        if name in row.values:
            values.setdefault(shown(row.values[name]), []).append(name)
    cells = []
    for value, names in values.items():
        who = "all" if len(names) == len(SERVERS) else ", ".join(f"`{name}`" for name in names)
        cells.append((cell(row.name) if not cells else "", value, who))
    return cells


def cell(text: str) -> str:
    """A name in a table of Markdown.

    >>> cell("GET /a: b|c"), cell("a row")
    ('`GET /a`: b\\\\|c', 'a row')
    """
    text = text.replace("|", "\\|")
    return re.sub(r"(GET|POST) (/[^ :]*)", r"`\1 \2`", text)


def stale(page: str, sections: Sequence[Section]) -> list[str]:
    """Rows of words that the published page has otherwise, of servers on one loop; figures are of the machine and the day, and may differ."""
    published = values_in(page)
    lines = []
    for row in flat(sections):
        for name in (name for pair in PAIRS.values() for name in pair):
            value = row.values.get(name)
            if row.is_fixed and isinstance(value, str) and published.get((cell(row.name), name)) != value:
                lines.append(f"docs/parity.md does not say of {name}: {row.name}: {value}; run `scripts/parity table --write`")
    return lines


def drifted(page: str, sections: Sequence[Section]) -> list[str]:
    """Declared differences that are no longer as large as the published page has them: of two servers on one loop, the second's figure for
    the first's. What a machine or a compiler does to both is none.

    >>> page = "| | `callback` | `coroutine-libuv` |\\n|---|---:|---:|\\n| a: b | 1,000 | 1,500 |\\n| a: c | 0 | 2.0 |"
    >>> here = lambda b, c: [Section("", "", [Row("a: b", dict(zip(PAIRS["libuv"], b))), Row("a: c", dict(zip(PAIRS["libuv"], c)))])]
    >>> drifted(page, here((1200.0, 1850.0), (0.0, 2.1)))
    []
    >>> drifted(page, here((1000.0, 1700.0), (0.0, 2.0)))
    ['a: b: coroutine-libuv has 1,700 and should have about 1,500, as docs/parity.md has both; find out why, or run `scripts/parity table --write`']
    >>> len(drifted(page, here((1000.0, 1300.0), (0.0, 3.0))))
    2
    """
    published = numbers_in(page)
    lines = []
    for row in flat(sections):
        for first, second in PAIRS.values():
            now = [row.values.get(name) for name in (first, second)]
            before = [published.get((cell(row.name), name)) for name in (first, second)]
            if not all(isinstance(value, float) for value in now):
                continue
            if None in before:
                lines.append(f"docs/parity.md has no {row.name} of {second}; run `scripts/parity table --write`")
                continue
            expected = before[1] * (now[0] / before[0] if before[0] else 1.0)
            if abs(now[1] - expected) > DRIFT * expected + DRIFT_AT_ALL:
                lines.append(
                    f"{row.name}: {second} has {shown(now[1])} and should have about {shown(expected)}, as docs/parity.md has both;"
                    " find out why, or run `scripts/parity table --write`"
                )
    return lines


def numbers_in(page: str) -> dict[tuple[str, str], float]:
    """What the page says of each row and server, in its tables of numbers.

    >>> numbers_in("| | `callback` | `coroutine` |\\n|---|---:|---:|\\n| a | 1,234 | 0 |\\n\\n| | what | of |\\n|---|---|---|\\n| b | 1 | `callback` |")
    {('a', 'callback'): 1234.0, ('a', 'coroutine'): 0.0}
    """
    values = {}
    names: list[str] = []
    for line in page.splitlines():
        cells = [text.strip() for text in line.strip("|").split(" | ")]
        if cells[0] == "":
            names = [name.strip("`") for name in cells[1:]]
        elif names and set(names) <= set(SERVERS) and len(cells) == len(names) + 1:
            values.update({(cells[0], name): float(text.replace(",", "")) for name, text in zip(names, cells[1:])})
    return values


def values_in(page: str) -> dict[tuple[str, str], str]:
    """What the page says of each row and server, in its tables of words.

    >>> values_in('''| a | x | `callback`, `coroutine` |
    ... |  | y | `callback-asyncio` |
    ... ''')
    {('a', 'callback'): 'x', ('a', 'coroutine'): 'x', ('a', 'callback-asyncio'): 'y'}
    """
    values = {}
    row = ""
    for line in page.splitlines():
        cells = [text.strip() for text in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3:
            row = cells[0] or row
            names = SERVERS if cells[2] == "all" else re.findall("`([a-z-]+)`", cells[2])
            values.update({(row, name): cells[1] for name in names})
    return values


def flat(sections: Iterable[Section]) -> list[Row]:
    """All rows."""
    return [row for section in sections for row in section.rows]


def of_each(values: Mapping[str, str | float]) -> dict[str, str | float]:
    """Values in the order of the servers."""
    return {name: values[name] for name in SERVERS if name in values}


DECLARED_WORDS = """Everything else above is the same for the two servers of a loop: `callback` and `coroutine-libuv` on the libuv-shaped one,
`callback-asyncio` and `coroutine-asyncio` on the asyncio-shaped one. Numbers within 2 % of each other are."""

INTRODUCTION = """# Parity: what the reference servers have in common

The seven reference servers are to differ in one factor at a time, and this is the proof: what each of them does for a request, what it costs
and how it behaves, counted and not timed. Two servers on one loop may differ only where [a line below](#where-the-styles-differ-on-one-loop)
says why. `scripts/parity table` makes this page and fails where an undeclared difference is found; it runs, in a shorter form, with the
tests.

{where}
"""
