"""What people are grouped by: site, scanner, sex, bands of age, study, and declared columns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.audit.balance import MOST_CLASSES, find_balanced
from brainplug.errors import DataError
from brainplug.toolkit.codes import NO_VALUE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

AGE, SEX = "age", "sex"

DECADES_FROM = 30
"""Years that training people must span to be banded by decades; else by quarters of them."""

OLDEST = 130
"""No one is older in years; ages beyond are in months or days, and are banded by quarters."""

GIVEN = ("subject", "session", "image", "family", "scan", "target", "value", "stratum")
"""Columns of a cohort that do not group people for a score."""


@attrs.frozen(kw_only=True, eq=False)
class Groups:
    """The group of each person by one column.

    Attributes:
        column: of the cohort.
        of: subject -> name of the group; who is not in it has none.
        order: names of the groups as they are shown.
        seen: names of those that somebody in training belongs to.
    """

    column: str
    of: dict[str, str]
    order: tuple[str, ...]
    seen: frozenset[str]


def find_groups(
    cohort: pd.DataFrame, trained: Collection[str], declared: Sequence[str] = ()
) -> dict[str, Groups]:
    """Return the groupings of a cohort by their names; those with one group only are left out.

    What is the target itself under another name, such as sex where sex is asked for, groups nobody:
    each of its groups would have one answer.

    Args:
        cohort: a row a scan.
        trained: subjects of the training, queries and references.
        declared: columns that the recipe names.

    Raises:
        DataError: the cohort has no such column.
    """
    require_columns(cohort, declared)
    found = {
        name: make_groups(cohort, column, trained, age=name == AGE, codes=name != AGE)
        for name, column in known_columns(cohort).items()
        if not (name in (AGE, SEX) and is_target(cohort, column))
    }
    found |= {
        column: make_groups(cohort, column, trained)
        for column in declared
        if column not in {groups.column for groups in found.values()}
        and not is_target(cohort, column)
    }
    return {name: groups for name, groups in found.items() if len(groups.order) > 1}


def require_columns(cohort: pd.DataFrame, declared: Sequence[str]) -> None:
    """Refuse a declared column that is not in the cohort.

    Raises:
        DataError: there is one.
    """
    known = [str(name) for name in cohort.columns if name not in GIVEN]
    absent = [name for name in declared if name not in known]
    if absent:
        raise DataError(
            where="evaluation.subgroups",
            expected=f"columns of the cohort: {', '.join(known)}",
            found=tuple(absent),
            hint="name a column of the study's table as it is written there",
        )


def known_columns(cohort: pd.DataFrame) -> dict[str, str]:
    """Return which column holds site, scanner, sex, age and study, as far as there is one."""
    found = find_balanced(cohort)
    found.pop("target", None)
    order = ("site", "scanner", SEX, AGE)
    named = {name: found[name] for name in order if name in found}
    return named | ({"study": "study"} if "study" in cohort else {})


def is_target(cohort: pd.DataFrame, column: str) -> bool:
    """Tell whether a column is the target under another name: each settles the other."""
    if "target" not in cohort:
        return False
    pairs = pd.DataFrame({"one": clean(cohort[column]), "other": cohort["target"]}).dropna()
    pairs = pairs.drop_duplicates()
    one, other = (pd.to_numeric(pairs[name], errors="coerce") for name in ("one", "other"))
    if len(pairs) > 2 and one.notna().all() and other.notna().all():
        # The same in another unit is the same.
        return bool(one.std() > 0 and other.std() > 0 and one.corr(other) > 1 - 1e-4)
    return len(pairs) > 1 and bool(pairs["one"].is_unique and pairs["other"].is_unique)


def make_groups(
    cohort: pd.DataFrame,
    column: str,
    trained: Collection[str],
    *,
    age: bool = False,
    codes: bool = False,
) -> Groups:
    """Group people by a column; numbers of many values by bands that training people fix.

    Whoever has several values, by several scans, counts for the first.

    Args:
        cohort: a row a scan.
        column: of it.
        trained: subjects of the training.
        age: its numbers are ages.
        codes: its numbers are names.
    """
    told = pd.DataFrame({"subject": cohort["subject"], "value": clean(cohort[column])})
    known = told.dropna().drop_duplicates("subject").set_index("subject")["value"]
    numbers = pd.to_numeric(known, errors="coerce")
    order: list[str]
    if age or (not codes and numbers.notna().all() and numbers.nunique() > MOST_CLASSES):
        numbers = numbers.dropna().astype(float)
        inside = numbers[numbers.index.isin(list(trained))]
        values, order = name_bands(numbers, inside if len(inside) else numbers, decades=age)
    else:
        values, order = known.astype(str), sorted(known.astype(str).unique(), key=natural)
    inside_groups = values[values.index.isin(list(trained))]
    return Groups(
        column=column,
        of={str(subject): str(group) for subject, group in values.items()},
        order=tuple(order),
        seen=frozenset(inside_groups.astype(str)),
    )


def clean(values: pd.Series) -> pd.Series:
    """Return cells as text, those that say "no value" missing."""
    text = values.astype("str").str.strip()
    return text.mask(values.isna() | text.str.casefold().isin(list(NO_VALUE)))


def natural(name: str) -> tuple[float, str]:
    """Order codes as numbers, and words after them.

    >>> sorted(["10", "9", "x"], key=natural)
    ['9', '10', 'x']
    """
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def name_bands(
    values: pd.Series, trained: pd.Series, *, decades: bool
) -> tuple[pd.Series, list[str]]:
    """Return the band of each value, and the bands in order.

    Edges come from the training people alone, so that whoever is tested moves none: decades where
    they span three of them, else their quarters.

    >>> bands, order = name_bands(pd.Series([21.0, 30.0, 64.0]), pd.Series([20.0, 70.0]),
    ...                           decades=True)
    >>> bands.tolist(), order
    (['20 to 29', '30 to 39', '60 to 69'], ['20 to 29', '30 to 39', '60 to 69'])
    """
    if decades and trained.max() <= OLDEST and trained.max() - trained.min() >= DECADES_FROM:
        starts = np.floor(values / 10).astype(int) * 10
        names = {start: f"{start} to {start + 9}" for start in sorted(starts.unique())}
        return starts.map(names), list(names.values())
    edges = sorted({float(f"{edge:.3g}") for edge in np.quantile(trained, [0.25, 0.5, 0.75])})
    texts = [f"{edge:g}" for edge in edges]
    order = [
        f"under {texts[0]}",
        *(f"{low} to under {high}" for low, high in pairwise(texts)),
        f"{texts[-1]} and over",
    ]
    places = np.searchsorted(edges, values.to_numpy(dtype=float), side="right")
    bands = pd.Series([order[place] for place in places], index=values.index, dtype="str")
    present = set(bands)
    return bands, [name for name in order if name in present]
