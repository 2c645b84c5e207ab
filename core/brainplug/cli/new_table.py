"""A cohort loader begun from the columns of the user's own table; what they mean is not guessed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from brainplug.cli.new_examples import as_strangers, read_example
from brainplug.errors import DataError, visible
from brainplug.toolkit.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

MOST_COLUMNS = 300
"""Of a table that a person can be asked to look through."""

MOST_CODES = 8
"""Distinct values up to which a column may hold codes."""


def begin_from(table: Path, name: str, module: str) -> tuple[str, str, tuple[str, ...]]:
    """Begin a loader from a table.

    Returns:
        The loader, its test, and what is still to be stated.

    Raises:
        DataError: the table cannot be read, or has more columns than one can look through.
    """
    frame = read_table(table, also=lambda _: True)
    if len(frame.columns) > MOST_COLUMNS:
        raise DataError(
            f"{len(frame.columns):,} columns",
            where=table,
            expected=f"at most {MOST_COLUMNS}, each of which you can say something about",
            found=len(frame.columns),
            hint="name a table of those that you mean to use",
        )
    coded, commas = dict(find_codes(frame)), list(find_commas(frame))
    text = read_example("from_table")
    text = text.replace("people.csv", visible(table.name).replace('"', "'"))
    text = text.replace("`from-table`", f"`{name}`").replace('"from-table"', f'"{name}"')
    text = text.replace('"FROM-TABLE"', f'"{name.upper()}"')
    text = text.replace('    "id",\n', "".join(f"    {quote(each)},\n" for each in frame.columns))
    text = text.replace('    "sex": {},  # STATE the words\n', "".join(list_codes(coded)))
    if commas:
        told = f'[""]  # STATE which, or [] for none: {", ".join(map(quote, commas))}'
        text = text.replace("[]  # STATE which columns", told)
    text = text.replace("  # STATE which columns", "")
    check = read_example("from_table_check").replace("from-table", name)
    to_state = [
        "SUBJECT, the column of the id",
        "SCAN, where a person's scan lies",
        *(f"the codes of {quote(each)}" for each in coded),
        *(f"which of {', '.join(map(quote, commas))} have decimal commas" for _ in commas[:1]),
    ]
    return as_strangers(text), as_strangers(check, "from_table", module), tuple(to_state)


def find_codes(frame: pd.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """Give the columns that may hold codes, each with the values found, never what they mean."""
    for name in frame.columns:
        values = sorted(frame[name].dropna().unique().tolist())
        # Each value of several people, so that no line of code tells of one.
        counts = frame[name].value_counts()
        if 1 < len(values) <= MOST_CODES and len(counts) and counts.min() > 1:
            yield str(name), values


def find_commas(frame: pd.DataFrame) -> Iterator[str]:
    """Give the columns whose values may be numbers with decimal commas."""
    for name in frame.columns:
        values = frame[name].dropna()
        numbers = values.str.fullmatch(r"[+-]?\d+(,\d+)?")
        if numbers.all() and values.str.contains(",", regex=False).any():
            yield str(name)


def list_codes(coded: dict[str, list[str]]) -> Iterator[str]:
    """Write a line for each column that may hold codes."""
    for name, values in coded.items():
        yield f"    {quote(name)}: {{}},  # STATE the words of {', '.join(map(quote, values))}\n"


def quote(text: object) -> str:
    r"""Write a text as Python has it, in the quotes that a formatter prefers.

    >>> quote("Größe"), quote('5" nail')
    ('"Größe"', '\'5" nail\'')
    """
    told = json.dumps(visible(str(text)), ensure_ascii=False)
    if '"' in str(text) and "'" not in str(text) and "\\" not in str(text):
        return f"'{text}'"
    return told
