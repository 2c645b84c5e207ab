"""Split strategy: by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import and_, gt, lt

from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.split import Fractions, hash_pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brainplug.parts import SplitStrategy


@attrs.frozen(kw_only=True)
class FamilyOptions:
    """Options of `family`."""

    fractions: Fractions = attrs.field(
        factory=Fractions, metadata=about("shares of train, val and test; they sum to 1")
    )
    query: float = attrs.field(
        default=0.5,
        validator=and_(gt(0), lt(1)),
        metadata=about("share of each split's families that are queries; the rest are references"),
    )


class Family:
    """Draws the pool of each family by a hash of its id; siblings and sessions stay together.

    Families that share a subject are one family, known by their smallest id. A subject without a
    family is a family of its own, and has the pool that `stratified` gives it.
    """

    def __init__(self, options: FamilyOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row."""
        groups = family_groups(cohort)
        return hash_pools(groups, self.options.fractions, self.options.query, seed=seed)


def family_groups(cohort: pd.DataFrame) -> pd.Series:
    """Return the name of each row's group: its connected component of subjects and families."""
    parents: dict[str, str] = {}
    subjects = "subject " + cohort["subject"].astype("str")
    # "family " sorts before "subject ", so the smallest name of a component is a family's.
    families = ("family " + cohort["family"].astype("str")).where(cohort["family"].notna())
    for subject, family in zip(subjects, families.fillna(subjects), strict=True):
        join(parents, subject, family)
    return subjects.map({subject: find_root(parents, subject) for subject in subjects.unique()})


def join(parents: dict[str, str], one: str, other: str) -> None:
    """Join the components of two names under the smaller root."""
    first, second = sorted((find_root(parents, one), find_root(parents, other)))
    parents[second] = first


def find_root(parents: dict[str, str], name: str) -> str:
    """Return the smallest name of a component, shortening the way for the next call.

    >>> find_root({"c": "b", "b": "a"}, "c")
    'a'
    """
    while (parent := parents.setdefault(name, name)) != name:
        parents[name] = parents.setdefault(parent, parent)
        name = parents[name]
    return name


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `family`."""
    yield Part("family", FamilyOptions, Family)
