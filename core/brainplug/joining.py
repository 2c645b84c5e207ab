"""Help for writers of cohort loaders: tables read as text, images found and matched by id."""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError
from brainplug.scan import EXTENSIONS
from brainplug.types import EXCLUSION_COLUMNS, SCAN_COLUMNS, JoinReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

EMPTY = frozenset({"", "n/a", "N/A", "NaN", "nan"})
"""Cells that hold nothing in any study; a study's own codes are declared by its loader."""

SHOWN = 5
"""Ids of either side shown where a join fails."""


def read_table(path: Path, *, skip: Sequence[int] = ()) -> pd.DataFrame:
    """Read a CSV, TSV, text or parquet table, every cell as stripped text, empty ones as NA.

    Args:
        path: the table; the delimiter of a text file follows from its header line.
        skip: rows after the header that are no data, such as descriptions, counted from 0.

    Raises:
        DataError: the file is missing, empty, not text, ragged, or names a column twice.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such table")
    if path.suffix == ".parquet":
        return clean(pd.read_parquet(path).astype("str"))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a text table in UTF-8: {error}") from error
    rows = list(csv.reader(text.splitlines(), delimiter=find_delimiter(text, path)))
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise DataError(f"{path}: expected a header and at least one row, got {len(rows)} lines")
    header = [name.strip() for name in rows[0]]
    check_shape(path, header, rows)
    body = [row for number, row in enumerate(rows[1:]) if number not in set(skip)]
    return clean(pd.DataFrame(body, columns=header, dtype="str"))


def find_delimiter(text: str, path: Path) -> str:
    """Return the delimiter that parts the header into the most columns; TSV is always tabs."""
    if path.suffix == ".tsv":
        return "\t"
    header = text.partition("\n")[0]
    return max("\t,;", key=header.count)


def check_shape(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """Refuse columns named twice and rows that are longer or shorter than the header."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: columns are named twice: {', '.join(map(repr, twice))}")
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {line} has {len(row)} cells, the header has {len(header)}"
            )


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Strip every cell and make empty ones NA."""
    stripped = frame.apply(lambda column: column.astype("str").str.strip())
    cleaned: pd.DataFrame = stripped.mask(stripped.isin([*EMPTY, "<NA>", "None"]))
    return cleaned


def get_columns(frame: pd.DataFrame, path: Path, wanted: Mapping[str, str]) -> None:
    """Check that the table has the columns that options name.

    Args:
        frame: the table.
        path: where it was read.
        wanted: option -> column.

    Raises:
        DataError: a column is missing; the message shows those there are.
    """
    lacking = {option: name for option, name in wanted.items() if name not in frame.columns}
    if lacking:
        named = ", ".join(f"cohort.{option} = {name!r}" for option, name in lacking.items())
        raise DataError(
            f"{path}: no such column: {named}; the table has {', '.join(frame.columns)}"
        )


def find_images(folder: Path, extensions: Sequence[str] = EXTENSIONS) -> list[Path]:
    """Return every scan file below a folder, sorted; one pass.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    found = []
    for here, _folders, names in os.walk(folder, followlinks=True):
        found += [Path(here, name) for name in names if name.endswith(tuple(extensions))]
    return sorted(found)


def plain_id(text: str) -> str:
    """Return the one form of an id that tables and files spell differently.

    Case, a `sub-` in front, underscores, a trailing `.0` and zeros in front do not tell people
    apart in any study known to us; two ids that meet in this form are an error for the loader.

    >>> [plain_id(text) for text in ("sub-007", "7.0", "NDAR_INV0A1", "sub-NDARINV0A1")]
    ['7', '7', 'ndarinv0a1', 'ndarinv0a1']
    """
    short = text.strip().casefold().removeprefix("sub-").replace("_", "")
    short = re.sub(r"(?<=\d)\.0+$", "", short)
    return short.lstrip("0") or "0"


def check_distinct(ids: Iterable[str], where: str) -> None:
    """Refuse different ids that differ only in spelling.

    Raises:
        DataError: two ids have one plain form.
    """
    forms: dict[str, set[str]] = defaultdict(set)
    for each in ids:
        forms[plain_id(each)].add(each)
    clash = next((sorted(names) for names in forms.values() if len(names) > 1), None)
    if clash:
        raise DataError(f"{where}: ids differ only in spelling: {', '.join(map(repr, clash))}")


def index_images(
    images: Iterable[Path], key: Callable[[Path], str | None]
) -> dict[str, list[Path]]:
    """Return the images of each key; files without one are left out."""
    found: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        name = key(image)
        if name is not None:
            found[name].append(image)
    return dict(found)


def match(
    table: pd.DataFrame, keys: pd.Series, images: Mapping[str, Sequence[Path]], *, rule: str
) -> tuple[pd.DataFrame, pd.DataFrame, JoinReport]:
    """Give each row of a table its image.

    Args:
        table: has `subject` and `session`.
        keys: key of each row, same index.
        images: files of each key; see `index_images`.
        rule: what the user can write in the recipe where a row has several images.

    Returns:
        The rows with their `image`, exclusions for the others, and how the two sides met.

    Raises:
        DataError: a row has several images, which no rule chooses among.
    """
    several = [key for key in keys if len(images.get(key, ())) > 1]
    if several:
        names = ", ".join(str(path) for path in images[several[0]][:SHOWN])
        raise DataError(
            f"{len(several)} rows have several images, for example {several[0]!r}: {names}; {rule}"
        )
    found = keys.map(lambda key: str(images[key][0].absolute()) if key in images else pd.NA)
    has_image = found.notna()
    used = set(keys)
    report = JoinReport(
        rows=len(table),
        images=sum(len(paths) for paths in images.values()),
        matched=int(has_image.sum()),
        rows_without_image=tuple(table.loc[~has_image, "subject"].astype("str")[:SHOWN]),
        images_without_row=tuple(
            str(paths[0].name) for key, paths in sorted(images.items()) if key not in used
        )[:SHOWN],
    )
    return (
        table[has_image].assign(image=found[has_image].astype("str")),
        exclude(table[~has_image], "no image"),
        report,
    )


def exclude(rows: pd.DataFrame, reason: str, detail: str = "") -> pd.DataFrame:
    """Turn rows into exclusions."""
    return rows.reindex(columns=["subject", "session", "image"]).assign(
        reason=reason, detail=detail
    )[list(EXCLUSION_COLUMNS)]


def arrange_scans(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns a cohort table must have first; those a study lacks are NA."""
    first = rows.reindex(columns=list(SCAN_COLUMNS)).astype("str")
    rest = rows.drop(columns=[name for name in SCAN_COLUMNS if name in rows.columns])
    return pd.concat([first.mask(first.isin(["nan", "<NA>"])), rest], axis=1).reset_index(drop=True)


def join_exclusions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put exclusions together."""
    columns = list(EXCLUSION_COLUMNS)
    parts = [frame[columns].astype("str") for frame in frames if len(frame)]
    if not parts:
        return pd.DataFrame(columns=columns, dtype="str")
    return pd.concat(parts, ignore_index=True)
