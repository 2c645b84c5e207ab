"""Rows that find their scan by one key each, for studies whose file names follow a rule."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError
from brainplug.types import EXCLUSION_COLUMNS, SCAN_COLUMNS, JoinReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

SHOWN = 5
"""Ids of either side shown where a join fails."""


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


def match(
    table: pd.DataFrame, keys: pd.Series, images: Mapping[str, Sequence[Path]], *, rule: str
) -> tuple[pd.DataFrame, pd.DataFrame, JoinReport]:
    """Give each row of a table its image.

    Args:
        table: has `subject` and `session`.
        keys: key of each row, same index.
        images: files of each key; see `brainplug.matching.group_images`.
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
