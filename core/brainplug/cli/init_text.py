"""How values and paths stand in a recipe that is proposed: as TOML, or in a comment of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from brainplug.errors import DataError, elide, visible
from brainplug.toolkit.codes import count_values, read_number, with_points

if TYPE_CHECKING:
    import pandas as pd

MOST_CODES = 8
"""Distinct values up to which a column may hold classes."""

LONGEST = 40
"""Letters of a value that are shown."""


def describe(values: pd.Series) -> str:
    """Say what a column holds: a range of numbers, or its commonest values with counts."""
    known = values.dropna()
    counts = count_values(known)
    empty = f"; {len(values) - len(known)} rows without" if len(values) > len(known) else ""
    if not counts:
        return f"nothing in {len(values)} rows"
    if len(counts) > MOST_CODES and all(is_number(each) for each in counts):
        numbers = sorted(counts, key=lambda each: float(with_points(each)))
        return f"{len(counts)} numbers from {note(numbers[0])} to {note(numbers[-1])}{empty}"
    # Of a value that stands once no line is to tell of one person.
    several = [each for each, count in counts.items() if count > 1][:MOST_CODES]
    told = ", ".join(f"{quote(each)} {counts[each]}" for each in several)
    left = len(counts) - len(several)
    more = f"{' and ' if told else ''}{left} {'more ' if told else ''}values" if left else ""
    return f"{told}{more}{empty}"


def is_number(text: str) -> bool:
    """Tell whether a text is a number, with a decimal point or a comma."""
    return read_number(with_points(text)) is not None


def write(name: str, value: Any) -> str:
    r"""Write a key and its value as TOML has it.

    >>> write("subject", 'id "x"\n')
    'subject = "id \\"x\\"\\n"'
    """
    return tomli_w.dumps({name: value}).strip()


def quote(text: object) -> str:
    """Write a text of a table in quotes, in one line, the middle of a long one left out."""
    return f'"{note(text)}"'


def note(text: object) -> str:
    r"""Write a text of a table such that it can stand in a comment; a long one is cut.

    >>> note("a\nb\x1b"), len(note("a" * 99)) < 50
    ('a␊b␛', True)
    """
    told = str(text).replace("\n", "␊").replace("\t", "␉")
    return elide(visible(told).encode("utf-8", "replace").decode(), LONGEST)


def place(path: Path, home: Path) -> str:
    """Write a path as a recipe in a folder has it: relative where it lies below.

    Raises:
        DataError: its name is not UTF-8, in which recipes are written.
    """
    whole = Path(os.path.normpath(path.absolute()))
    told = str(whole.relative_to(home) if whole.is_relative_to(home) else whole)
    try:
        told.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            "a name that is not UTF-8", where=note(path), expected="a path that a recipe can name"
        ) from error
    return told
