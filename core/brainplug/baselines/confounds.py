"""What is known of people besides their scans, and might tell the target by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.codes import NO_VALUE
from brainplug.toolkit.common_columns import COMMON_COLUMNS, find_common

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from brainplug.baselines.exam import Exam

PERSONAL = ("age", "sex")
"""Confounds that are the target itself where they settle it."""

MANY = 10
"""Numbers of a declared column with more distinct values are numbers, others are codes."""


@attrs.frozen(kw_only=True, eq=False)
class Confounds:
    """What is known of people.

    Attributes:
        columns: name of each confound -> the column it is from.
        known: one row a scan, indexed by image; numbers are float, the rest text, missing as NA.
        notes: columns that were left out, and why.
    """

    columns: dict[str, str]
    known: pd.DataFrame
    notes: tuple[str, ...]


def find_confounds(cohort: pd.DataFrame, target: str, declared: Sequence[str] | None) -> Confounds:
    """Take the confounds of a cohort, never the target itself.

    Args:
        cohort: the cohort frame.
        target: name of the target's column.
        declared: columns that the recipe names; None looks for the common ones.

    Raises:
        DataError: a declared column is not there, or is the target.
    """
    named = look_for(cohort) if declared is None else take_declared(cohort, target, declared)
    kept, notes = {}, []
    for name, column in named.items():
        found = read_column(cohort[column], number=name == "age" or None)
        if declared is None and is_target(name, column, target):
            continue
        if found.nunique() < 2:
            continue
        # A site that settles the target is a confound if ever there was one.
        if declared is None and name in PERSONAL and tells_target(found, cohort["target"]):
            notes.append(f"{name} is no confound here: it tells the target of everybody")
            continue
        kept[name] = found
    known = pd.DataFrame(kept, index=cohort.index).assign(image=cohort["image"])
    return Confounds(
        columns={name: named[name] for name in kept},
        known=known.drop_duplicates("image").set_index("image"),
        notes=tuple(notes),
    )


def look_for(cohort: pd.DataFrame) -> dict[str, str]:
    """Return the common confounds of a cohort, each with its column."""
    found = {name: find_common(cohort.columns, names) for name, names in COMMON_COLUMNS.items()}
    found |= {"site": "site", "study": "study"}
    return {name: column for name, column in found.items() if column is not None}


def take_declared(cohort: pd.DataFrame, target: str, declared: Sequence[str]) -> dict[str, str]:
    """Return the declared columns, each by its own name.

    Raises:
        DataError: a column is not there, or is the target.
    """
    absent = [name for name in declared if name not in cohort.columns or name == "target"]
    if absent:
        raise DataError(
            where="evidence.confounds",
            expected="columns of the cohort, such as "
            + ", ".join(str(each) for each in cohort.columns if each not in ("scan", "image")),
            found=tuple(absent),
        )
    if target in declared:
        raise DataError(
            where="evidence.confounds",
            expected="columns other than the target's",
            found=target,
            hint="leave it out; a confound is what the model should not need",
        )
    return {name: name for name in declared}


def is_target(name: str, column: str, target: str) -> bool:
    """Tell whether a common confound is the target under one of its names.

    >>> is_target("sex", "gender", "sex"), is_target("age", "age", "sex")
    (True, False)
    """
    aliases = COMMON_COLUMNS.get(name, (name,))
    return column == target or target.strip().casefold() in aliases


def read_column(values: pd.Series, *, number: bool | None = None) -> pd.Series:
    """Return a column as numbers where it holds numbers, else as text; missing as NA.

    Args:
        values: the cells.
        number: whether they are numbers; None counts distinct ones, since codes are digits, too.
    """
    text = values.astype("str").str.strip()
    text = text.mask(text.str.casefold().isin(list(NO_VALUE)))
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    readable = bool((numbers.notna() == text.notna()).all())
    if readable and (number or (number is None and numbers.nunique() > MANY)):
        return numbers.where(np.isfinite(numbers))
    return text.astype(object).where(text.notna(), None)


def tells_target(found: pd.Series, target: pd.Series) -> bool:
    """Tell whether a column is the target under another name: each settles the other."""
    pairs = pd.DataFrame({"found": found, "target": target}).dropna().drop_duplicates()
    if len(pairs) < 2:
        return False
    if pairs["found"].is_unique and pairs["target"].is_unique:
        # Numbers that nobody shares are unique by themselves; then only a straight line tells.
        return not is_numbers(found) or is_straight(pairs)
    return is_numbers(found) and is_straight(pairs)


def is_straight(pairs: pd.DataFrame) -> bool:
    """Tell whether numbers are the target in another unit."""
    target = pd.to_numeric(pairs["target"], errors="coerce")
    if target.isna().any() or target.nunique() < 2 or len(pairs) < 3:
        return False
    return bool(abs(np.corrcoef(pairs["found"].astype(float), target)[0, 1]) > 0.9999)


def is_numbers(column: pd.Series) -> bool:
    """Tell whether a column holds numbers."""
    return bool(pd.api.types.is_numeric_dtype(column))


def encode(exam: Exam, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return confounds as features of those who teach and of those who are asked.

    Numbers that lack are the training mean, and a column says so; texts are one column a value, of
    which a value that nobody in training has is none. Scaling is left to the linear model.
    """
    parts = [encode_column(exam.learn.frame[name], exam.asked.frame[name]) for name in names]
    learn, asked = zip(*parts, strict=True)
    return np.hstack(learn), np.hstack(asked)


def encode_column(
    learn: pd.Series, asked: pd.Series
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "m c"]]:
    """Encode one column by what training people have in it."""
    if is_numbers(learn):
        mean = float(learn.mean()) if learn.notna().any() else 0.0
        lacks = bool(learn.isna().any())
        return fill_numbers(learn, mean, lacks=lacks), fill_numbers(asked, mean, lacks=lacks)
    levels = sorted({mark_missing(each) for each in learn})
    return one_hot(learn, levels), one_hot(asked, levels)


def fill_numbers(column: pd.Series, mean: float, *, lacks: bool) -> Float[np.ndarray, "n c"]:
    """Return numbers, and whether each was there if some were not."""
    numbers = column.astype(float)
    filled = [numbers.fillna(mean)] + ([numbers.isna().astype(float)] if lacks else [])
    return np.column_stack(filled)


def one_hot(column: pd.Series, levels: Sequence[str]) -> Float[np.ndarray, "n c"]:
    """Return a column for each level."""
    marked = np.array([mark_missing(each) for each in column], dtype=object)
    columns = [(marked == level).astype(float) for level in levels]
    return np.column_stack(columns)


def mark_missing(value: Any) -> str:
    """Return a value as text by which a missing one is told from every other.

    >>> mark_missing(None), mark_missing("A")
    ('', '=A')
    """
    return "" if value is None or pd.isna(value) else f"={value}"
