"""Groups dealt into pools so that every pool has every class in proportion, as counts allow.

A deal is settled by a salt, the names of the groups and how many people of each class they have. It
depends on who is there: one person more can move others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.hashed_pools import uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float, Int

_EQUAL = 1e-9
"""Remainders that differ by less are equal, so that the salt and not rounding decides."""


def count_classes(groups: pd.Series, people: pd.Series, classes: pd.Series) -> pd.DataFrame:
    """Count the people of each class in each group, one row a group, sorted by name.

    A person of several rows counts once: as what most of them say, by name the first of equals.

    Args:
        groups: name of the group of each row.
        people: the person of each row.
        classes: the class of each row.

    >>> rows = [pd.Series(list("xxxy")), pd.Series(list("aabc")), pd.Series(list("uvwu"))]
    >>> count_classes(*rows).loc["x"].to_dict()
    {'u': 1, 'w': 1}
    """
    told = pd.DataFrame({"group": groups, "person": people, "class": classes.astype("str")})
    counts = told.value_counts().rename("count").reset_index()
    counts = counts.sort_values(["count", "class"], ascending=[False, True])
    persons = counts.drop_duplicates(["group", "person"])
    return pd.crosstab(persons["group"], persons["class"]).sort_index()


def deal_groups(
    counts: pd.DataFrame, shares: Mapping[str, float], *, least: Mapping[str, int], salt: str
) -> pd.Series:
    """Deal groups to places, so that each place gets its share of the people of every class.

    The people of each class that a place is to get are whole numbers as near to its share as can
    be (`apportion`). The largest families go first, else a hash settles the order; each goes where
    most of what its members are is still wanted. Where nobody has a family, these numbers are met
    to the person.

    Args:
        counts: people of each class (columns) in each group (rows), as `count_classes` gives it.
        shares: of each place; together 1.
        least: people of each class that each place needs.
        salt: settles order and rounding.

    Returns:
        The place of each group.

    Raises:
        DataError: a class has fewer people than the places need.
    """
    names, members = counts.index.tolist(), counts.to_numpy(dtype=float)
    wanted = apportion(counts.sum(), shares, least=least, salt=salt)
    # Large families fit in the fewest places; single people, who come last, fill what they leave.
    order = np.lexsort((uniform(f"{salt}/order", names), -members.sum(axis=1)))
    ties = uniform(f"{salt}/tie", list(shares))
    places, left = np.empty(len(names), dtype=np.intp), wanted.astype(float)
    for group in order.tolist():
        # Half of the group counts as placed: so a place is not chosen that it would overfill.
        # In proportion to what is wanted, else the largest place would come first each time; 0.5
        # stands for places that want nobody of a class.
        lacking = (left - members[group] / 2) / np.maximum(wanted, 0.5)
        scores = lacking @ members[group]
        best = np.flatnonzero(scores > scores.max() - _EQUAL)
        places[group] = best[np.argmin(ties[best])]
        left[places[group]] -= members[group]
    return pd.Series(np.array(list(shares), dtype=object)[places], index=counts.index, dtype="str")


def apportion(
    totals: pd.Series, shares: Mapping[str, float], *, least: Mapping[str, int], salt: str
) -> Int[np.ndarray, "place class"]:
    """Return how many people of each class each place is to get.

    Each number is its share rounded up or down: up where the remainder is largest, counted with
    what the place has missed in the classes before, and among equals as the salt says. Classes
    come in an order of the salt's. So no place is favoured, and all classes together are shared
    out as fairly as each is. A place that would get less than it needs gets that.

    Args:
        totals: people of each class.
        shares: of each place.
        least: people of each class that each place needs.
        salt: settles the order of classes and equal remainders.

    Raises:
        DataError: a class has fewer people than the places need; tells all counts.

    >>> places = {"train": 0.7, "val": 0.15, "test": 0.15}
    >>> least = dict.fromkeys(places, 1)
    >>> apportion(pd.Series({"a": 53, "b": 19}), places, least=least, salt="").tolist()
    [[37, 13], [8, 3], [8, 3]]
    """
    check_enough(totals, least)
    parts, floor = np.array(list(shares.values())), np.array([least[place] for place in shares])
    missed = np.zeros(len(parts))
    found = np.empty((len(parts), len(totals)), dtype=np.intp)
    for index in np.argsort(uniform(f"{salt}/classes", map(str, totals.index))).tolist():
        exact = int(totals.iloc[index]) * parts
        ties = uniform(f"{salt}/round/{totals.index[index]}", list(shares))
        found[:, index] = round_shares(exact, missed, floor, ties)
        # Carried on: six classes of 12 would else be 48, 12 and 12 people for 0.70, 0.15 and 0.15.
        missed += exact - found[:, index]
    return found


def round_shares(
    exact: Float[np.ndarray, " place"],
    missed: Float[np.ndarray, " place"],
    least: Int[np.ndarray, " place"],
    ties: Float[np.ndarray, " place"],
) -> Int[np.ndarray, " place"]:
    """Round shares of one class to whole people that add up.

    Args:
        exact: shares in people.
        missed: what each place lacks from other classes.
        least: what each place gets at least.
        ties: who comes first among equals.
    """
    total = round(float(exact.sum()))
    # 0.29 * 100 is 28.999999999999996: without the margin a whole share would be rounded down.
    given: Int[np.ndarray, " place"] = np.maximum(np.floor(exact + _EQUAL).astype(np.intp), least)
    while given.sum() != total:
        step = 1 if given.sum() < total else -1
        # What other classes have cost may decide a rounding, but move no more than half a person.
        owed = step * (exact - given + np.clip(missed, -0.5, 0.5))
        # No share is rounded up twice, and nobody is put below the least.
        settled = given > exact - _EQUAL if step > 0 else given <= least
        owed = np.where(settled, -np.inf, owed)
        best = np.flatnonzero(owed > owed.max() - _EQUAL)
        given[best[np.argmin(ties[best])]] += step
    return given


def check_enough(totals: pd.Series, least: Mapping[str, int]) -> None:
    """Refuse classes with fewer people than the places need together.

    Raises:
        DataError: tells the counts of all.
    """
    needed = sum(least.values())
    few = [str(name) for name, count in totals.items() if count < needed]
    if few:
        counts = {str(name): int(count) for name, count in totals.items()}
        raise DataError(
            "too few of " + ", ".join(f"{name!r} ({counts[name]})" for name in few),
            where=f"people to deal to {', '.join(least)}",
            expected=f"at least {needed} of every class or bin, "
            + " and ".join(f"{count} in {place}" for place, count in least.items()),
            found=counts,
            hint='in [split] set pools = "shared", fewer bins or folds, or use = "subject" or '
            '"family"; or leave small classes out of the target',
        )
