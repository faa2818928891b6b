"""What a case is, and the list of all."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from field import Field


@dataclass(frozen=True)
class Case:
    """Something that people met, and what `bench` does about it."""

    # As in reports: `A1 n-stops-at-10s`.
    name: str
    # What people meet.
    meets: str
    # One sentence: what is right.
    right: str
    check: Callable[[Field], None]


CASES: list[Case] = []


def case(name: str, meets: str) -> Callable[[Callable[[Field], None]], Callable[[Field], None]]:
    """Adds a function to the cases; its docstring says what is right."""

    def add(check: Callable[[Field], None]) -> Callable[[Field], None]:
        assert check.__doc__, f"{name} says what is right"
        CASES.append(Case(name, meets, " ".join(check.__doc__.split()), check))
        return check

    return add


def all_cases() -> list[Case]:
    """The cases of every module `*_cases.py`, in the order of their names."""
    for path in sorted(Path(__file__).parent.glob("*_cases.py")):
        importlib.import_module(path.stem)
    return sorted(CASES, key=lambda each: order(each.name))


def order(name: str) -> tuple[str, int, str]:
    """How names sort: by letter, then by number.

    >>> sorted(["B1 b", "A10 c", "A9 a"], key=order)
    ['A9 a', 'A10 c', 'B1 b']
    """
    label = name.split()[0]
    digits = "".join(letter for letter in label if letter.isdigit())
    return label.rstrip("0123456789"), int(digits or 0), name
