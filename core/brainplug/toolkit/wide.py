"""Tables of thousands of columns, of which those are read that somebody asks for.

UK Biobank's have 30,000. A run asks for the columns that its recipe names, and for those that every
study has under known names; loaders ask for what they know of their study besides. Outside a run,
and of tables with fewer columns, everything is read.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.toolkit.sheet_files import is_wide_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

WIDE = 1000
"""Columns up to which a table is read whole."""

WORKBOOKS = (".xlsx", ".xlsm")
TABLES = (".csv", ".tsv", ".txt", ".tab", ".parquet", ".pq", *WORKBOOKS)
LONGEST_HEADER = 1 << 24


@attrs.define(eq=False)
class Asked:
    """What a run asks for.

    Attributes:
        names: of columns, or anything else that the recipe says, without case.
        unread: names of columns that were not read, by file.
        notes: what the user is told of them, and of what else was read.
    """

    names: frozenset[str]
    unread: dict[str, list[str]] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


@contextmanager
def asking(names: Iterable[str]) -> Iterator[Asked]:
    """Ask for columns, by name, of all tables that are read in the block."""
    asked = Asked(frozenset(name.casefold() for name in names))
    token = _asked.set(asked)
    try:
        yield asked
    finally:
        _asked.reset(token)


def texts_of(value: Any) -> Iterator[str]:
    """Give every text in TOML data, keys as well.

    >>> sorted(texts_of({"target": {"column": "sex"}, "on": ["age"], "seed": 1}))
    ['age', 'column', 'on', 'seed', 'sex', 'target']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from texts_of(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_of(each)


def asked_names() -> frozenset[str]:
    """Return what is asked for, without case; empty outside a run."""
    asked = _asked.get()
    return asked.names if asked is not None else frozenset()


def choose_columns(
    path: Path, columns: Sequence[str], also: Callable[[str], bool]
) -> list[int] | None:
    """Return the places of the columns that are read; None for all of them.

    Args:
        path: the table.
        columns: all it has.
        also: whether a column is read though nobody asks for it.
    """
    asked = _asked.get()
    if asked is None or len(columns) <= WIDE:
        return None
    chosen = [
        place for place, name in enumerate(columns) if name.casefold() in asked.names or also(name)
    ]
    asked.unread[str(path)] = [name for name in columns if name.casefold() not in asked.names]
    asked.notes.append(
        f"{path.name}: of {len(columns):,} columns the {len(chosen):,} were read that the recipe "
        "names or the study is known by"
    )
    return chosen or [0]


def is_wide(path: Path) -> bool:
    """Tell from its header whether a table is wide, or one in a folder of tables."""
    if path.is_dir():
        # Names first: a folder of half a million scans is no folder of tables.
        with os.scandir(path) as entries:
            names = [each.name for each in entries if each.name.lower().endswith(TABLES)]
        return any(is_wide(path / name) for name in names if (path / name).is_file())
    if path.suffix.lower() not in TABLES or not path.is_file():
        return False
    if path.suffix.lower() in WORKBOOKS:
        return is_wide_sheet(path, WIDE)
    if path.suffix.lower() in (".parquet", ".pq"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return len(pq.read_schema(path).names) > WIDE
        except (pa.ArrowException, OSError):
            return False
    with path.open("rb") as file:
        line = file.readline(LONGEST_HEADER)
    return max(line.count(each) for each in (b",", b"\t", b";")) >= WIDE


def leave_note(note: str) -> None:
    """Have the user told of what was read, where a run or a check asks for it."""
    asked = _asked.get()
    if asked is not None:
        asked.notes.append(note)


def take_notes() -> tuple[str, ...]:
    """Return what there is to be told since the last time."""
    asked = _asked.get()
    if asked is None:
        return ()
    notes, asked.notes = tuple(dict.fromkeys(asked.notes)), []
    return notes


def unread_columns() -> list[str]:
    """Return the names of all columns that were not read, to suggest one of them."""
    asked = _asked.get()
    return [] if asked is None else [name for names in asked.unread.values() for name in names]
