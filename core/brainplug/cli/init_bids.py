"""What a proposed recipe says of a BIDS folder: its scans, sessions and phenotype tables."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.cli.init_text import describe, note, place, quote, write
from brainplug.errors import DataError
from brainplug.toolkit.image_names import without_extension
from brainplug.toolkit.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SESSIONS, PHENOTYPE = "sessions", "phenotype"
KEYS = ("participant_id", "session_id")
"""Columns that tell whose a row is."""

MOST_FILES = 200
"""Subjects whose own tables of sessions are read, to learn their columns."""

MOST_TABLES, MOST_COLUMNS = 12, 20
"""Phenotype tables, and columns of each, that are told one by one."""


@attrs.frozen(kw_only=True)
class Side:
    """A table beside participants.tsv.

    Attributes:
        name: of the table, such as that of its file in `phenotype/`.
        columns: its values by the name that the loader gives them.
        fault: why it cannot be read; empty where it can.
    """

    name: str
    columns: Mapping[str, pd.Series]
    fault: str = ""

    @property
    def needs(self) -> str:
        """What `[cohort]` must say for its columns to be read, as TOML; empty where nothing."""
        return "" if self.name == SESSIONS else join([self.name])


def read_sides(path: Path, table: pd.DataFrame) -> tuple[Side, ...]:
    """Read what lies beside participants.tsv.

    Args:
        path: of participants.tsv.
        table: its rows.
    """
    root = path.parent
    own = [root / "sessions.tsv"] if (root / "sessions.tsv").is_file() else []
    own = own or list(islice(sorted(root.glob("sub-*/sub-*_sessions.tsv")), MOST_FILES))
    files = {SESSIONS: own} if own else {}
    tables = sorted((root / PHENOTYPE).glob("*.tsv"))
    # A name that is not UTF-8 cannot stand in a recipe.
    files |= {each.stem: [each] for each in tables if each.stem.isprintable()}
    read = {name: read_side(paths) for name, paths in files.items()}
    visits = read.get(SESSIONS, "")
    # The loader counts the tables that are joined; one phenotype is offered at a time.
    taken = [*table.columns, *([] if isinstance(visits, str) else visits.columns)]
    counts = Counter(map(str, taken))
    return tuple(make_side(name, side, counts) for name, side in read.items())


def read_side(paths: Sequence[Path]) -> pd.DataFrame | str:
    """Read a table, or those of all subjects, without the keys; say why it cannot be read."""
    try:
        whole = pd.concat([read_table(path) for path in paths], ignore_index=True)
    except DataError as error:
        return str(error)
    return whole.drop(columns=[name for name in KEYS if name in whole])


def join(names: Sequence[str]) -> str:
    """Write which phenotype tables are joined, in one line.

    >>> join(["bdi", "scid"])
    'phenotype = ["bdi", "scid"]'
    """
    return f"{PHENOTYPE} = [{', '.join(write('x', name)[len('x = ') :] for name in names)}]"


def make_side(name: str, side: pd.DataFrame | str, counts: Counter[str]) -> Side:
    """Name the columns of a table as the loader does: one that others have too by both."""
    own = 1 if name == SESSIONS else 0
    if isinstance(side, str):
        return Side(name=name, columns={}, fault=side)
    columns = {
        f"{column}_in_{name}" if counts[str(column)] > own else str(column): side[column]
        for column in side.columns
    }
    return Side(name=name, columns=columns)


def bids_lines(
    root: Path, folder: Path, images: Sequence[str], *, home: Path, told: Sequence[str]
) -> Iterator[str]:
    """Write how `bids` reads a study.

    Args:
        root: of the study.
        folder: of the scans, which may be a derivative.
        images: paths in it.
        home: of the recipe.
        told: what was found of ids.
    """
    yield write("use", "bids")
    yield write("root", place(root, home))
    if folder.absolute() != root.absolute():
        yield write("derivative", place(folder, home))
    for line in told:
        yield f"# {line}"
    if not any(without_extension(each).endswith("_T1w") for each in images):
        yield f"# STATE the suffix of the scans, such as {note(images[0])}: none is T1w"
        yield '# suffix = "T1w"'
    yield from offer_visits(images)


def offer_visits(images: Sequence[str]) -> Iterator[str]:
    """Offer to keep one session, where people were scanned in several."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in images:
        pieces = dict(re.findall(r"(?<![^/_])(sub|ses)-([^/_.]+)", path))
        if "sub" in pieces and "ses" in pieces:
            found[pieces["sub"]].add(pieces["ses"])
    names = Counter(name for own in found.values() for name in own)
    several = sum(len(own) > 1 for own in found.values())
    if not several:
        return
    listed = ", ".join(f"{quote(name)} {count}" for name, count in sorted(names.items())[:8])
    yield f"# {several} of {len(found)} people were scanned in several sessions ({listed})."
    yield "# Without the next line every session is a visit of theirs; or name one of them."
    yield '# session = "first"'


def offer_sides(sides: Sequence[Side]) -> Iterator[str]:
    """Write the tables beside participants.tsv, with their columns and values, as comments."""
    phenotypes = [side for side in sides if side.name != SESSIONS]
    if phenotypes:
        yield "# Tables of phenotype/ to be joined: take away the #, and name those that you need."
        yield f"# {join([side.name for side in phenotypes if not side.fault])}"
    for side in sides[:MOST_TABLES]:
        where = "sessions" if side.name == SESSIONS else f"phenotype/{note(side.name)}"
        if side.fault:
            yield f"#   {where} cannot be read: {note(side.fault)}"
        for name, values in list(side.columns.items())[:MOST_COLUMNS]:
            yield f"#   {quote(name)} of {where}: {describe(values)}"
        if len(side.columns) > MOST_COLUMNS:
            yield f"#   and {len(side.columns) - MOST_COLUMNS} more columns of {where}"
    if len(sides) > MOST_TABLES:
        yield f"#   and {len(sides) - MOST_TABLES} more tables, which are not told here"


def tell_sides(sides: Sequence[Side]) -> Iterator[str]:
    """Say what lies beside participants.tsv, for the terminal."""
    phenotypes = [side.name for side in sides if side.name != SESSIONS]
    if phenotypes:
        count = f"{len(phenotypes)} table{'s' if len(phenotypes) > 1 else ''}"
        listed = ", ".join(map(quote, phenotypes[:MOST_TABLES]))
        yield f"phenotype/ holds {count} that can be joined: {listed}"
    if len(phenotypes) < len(sides):
        yield "the tables of sessions are read with it"
