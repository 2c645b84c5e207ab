"""Split strategy: every class, or quantile of a number, in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np
import pandas as pd
from attrs.validators import and_, ge, le

from brainplug.api.hooks import hookimpl
from brainplug.api.records import SPLITS
from brainplug.api.roles import AsksAll, Part, Repeats, TellsOfSplit, UsesTarget, about
from brainplug.errors import DataError
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.folds import (
    check_fold,
    check_fractions,
    check_validation,
    fold_option,
    folds_option,
    list_folds,
    share_of_validation,
    validation_option,
)
from brainplug.toolkit.hashed_pools import (
    USUAL_QUERY,
    Fractions,
    check_query,
    pools_option,
    query_option,
    whole_splits,
)
from brainplug.toolkit.proportions import count_classes, deal_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brainplug.api.roles import SplitStrategy

FORMERLY = (
    "up to version 0.1 the name stratified meant a split by a hash of the subject, which looks at "
    'nobody else and at no target; that one is now use = "subject"'
)


@attrs.frozen(kw_only=True)
class StratifiedOptions:
    """Options of `stratified`."""

    fractions: Fractions | None = attrs.field(
        default=None,
        metadata=about(
            "shares of train, val and test, which sum to 1; not set means 0.70, 0.15 and 0.15, "
            "unless folds are"
        ),
    )
    bins: int = attrs.field(
        default=4,
        validator=and_(ge(1), le(100)),
        metadata=about("quantiles of a numerical target that count as classes"),
    )
    pools: Literal["halves", "shared"] = pools_option()
    query: float | None = query_option("people (with folds, of those that train)")
    folds: int | None = folds_option()
    fold: int | None = fold_option()
    validation: float | None = validation_option()

    def __attrs_post_init__(self) -> None:
        """Refuse settings of which one would be ignored."""
        if self.fractions is not None:
            check_fractions(self.folds)
        check_fold(self.fold, self.folds)
        check_validation(self.validation, self.folds)
        check_query(self.query, self.pools)


class Stratified:
    """Deals the people of each class, or quantile of a number, to all pools in proportion.

    For small studies, in which a hash may leave a pool without a class. Numbers of people are
    met as nearly as whole people can, at least one of each class in every pool, two in a shared
    one. Families stay together, each member counting for the own class; then the numbers are met
    as nearly as families can. Nothing but the seed decides who of a class goes where.

    Depends on the target and on who is there: keep `split.csv` for another target.
    """

    abilities = (AsksAll, Repeats, TellsOfSplit, UsesTarget)

    def __init__(self, options: StratifiedOptions, *, asks_all: bool = False) -> None:
        self.options = options
        self.asks_all = asks_all

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; folds without a fold mean the first.

        Raises:
            DataError: a class has too few people for every pool.
        """
        groups = family_groups(cohort)
        classes = name_classes(cohort["subject"], cohort["target"], self.options.bins)
        counts = count_classes(groups, cohort["subject"], classes)
        deal = Deal(options=self.options, asks_all=self.asks_all, salt=f"{seed}/stratified")
        pools = deal.by_shares(counts) if self.options.folds is None else deal.by_fold(counts)
        check_filled(counts, pools)
        return groups.map(pools).astype("str")

    def ask_all(self) -> Stratified:
        """Return the strategy for references from training: no fold gives any."""
        return Stratified(self.options, asks_all=True)

    def notes(self, cohort: pd.DataFrame, pools: pd.Series) -> tuple[str, ...]:  # noqa: ARG002
        """Say what the name meant before."""
        return (FORMERLY,)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, StratifiedOptions]:  # noqa: ARG002 (role)
        """Return the options of each fold's run, none where there is one run."""
        numbers = list_folds(self.options.fold, self.options.folds)
        return {name: attrs.evolve(self.options, fold=fold) for name, fold in numbers.items()}


@attrs.frozen(kw_only=True)
class Deal:
    """How groups are dealt to pools.

    Attributes:
        options: of the split.
        asks_all: whether all references are training scans.
        salt: settles every draw.
    """

    options: StratifiedOptions
    asks_all: bool
    salt: str

    def by_shares(self, counts: pd.DataFrame) -> pd.Series:
        """Return the pool of each group, by fractions."""
        fractions = self.options.fractions or Fractions()
        shares: dict[str, float] = {split: getattr(fractions, split) for split in SPLITS}
        splits = self._deal(counts, shares, self._least(), "split")
        return self._halve(counts, splits)

    def by_fold(self, counts: pd.DataFrame) -> pd.Series:
        """Return the pool of each group for one run of a cross-validation."""
        num, tested = self.options.folds or 0, (self.options.fold or 1) - 1
        names = [str(fold) for fold in range(num)]
        # Every fold is the test in one run.
        needed = dict.fromkeys(names, self._least()["test"])
        folds = self._deal(counts, dict.fromkeys(names, 1 / num), needed, "fold")
        test, after = names[tested], names[(tested + 1) % num]
        if self._whole():
            splits = folds.mask(folds == test, "test")
            splits.update(self._validate(counts[folds != test], self._least()))
            return self._halve(counts, splits)
        pools = folds.mask(folds == test, "test_query")
        # The fold after gives the references of both. Training is halved below: it needs two of
        # each class.
        halves = dict.fromkeys(("val_reference", "test_reference"), 0.5)
        needed = dict.fromkeys(halves, 1)
        pools.update(self._deal(counts[folds == after], halves, needed, "beside"))
        others = counts[~folds.isin([test, after])]
        splits = self._validate(others, {"val": 1, "train": 2})
        pools.update(self._halve(counts, splits.mask(splits == "val", "val_query")))
        return pools

    def _validate(self, counts: pd.DataFrame, least: Mapping[str, int]) -> pd.Series:
        """Deal those of other folds to training and, by a draw of each run's own, validation."""
        share = share_of_validation(
            self.options.validation, folds=self.options.folds or 0, whole=bool(self._whole())
        )
        shares = {"val": share, "train": 1 - share}
        needed = {split: least[split] for split in shares}
        return self._deal(counts, shares, needed, f"validate/{self.options.fold or 1}")

    def _whole(self) -> tuple[str, ...]:
        return whole_splits(self.options.pools, asks_all=self.asks_all)

    def _least(self) -> dict[str, int]:
        """Return how many of each class every split needs: two that can meet, or one asked."""
        return {split: 1 if self.asks_all and split != "train" else 2 for split in SPLITS}

    def _deal(
        self, counts: pd.DataFrame, shares: Mapping[str, float], least: Mapping[str, int], name: str
    ) -> pd.Series:
        return deal_groups(counts, shares, least=least, salt=f"{self.salt}/{name}")

    def _halve(self, counts: pd.DataFrame, splits: pd.Series) -> pd.Series:
        """Return pools from splits: each that is no single pool is dealt to two halves."""
        pools, query = splits.copy(), self.options.query or USUAL_QUERY
        for split in SPLITS:
            inside = splits.index[splits == split]
            if split in self._whole() or not len(inside):
                continue
            shares = {f"{split}_query": query, f"{split}_reference": 1 - query}
            pools.update(
                self._deal(counts.loc[inside], shares, dict.fromkeys(shares, 1), f"half/{split}")
            )
        return pools


def name_classes(subjects: pd.Series, target: pd.Series, bins: int) -> pd.Series:
    """Return the class of each row, for a number the quantile of the person's mean.

    >>> name_classes(pd.Series(list("aabc")), pd.Series([1.0, 3.0, 5.0, 9.0]), 2).tolist()
    ['quantile 1 of 2', 'quantile 1 of 2', 'quantile 2 of 2', 'quantile 2 of 2']
    """
    if not pd.api.types.is_numeric_dtype(target):
        return target.astype("str")
    # Sorted first, since the order of rows must not change the last digit of a mean.
    ordered = pd.DataFrame({"person": subjects, "value": target}).sort_values(["person", "value"])
    means = ordered.groupby("person")["value"].mean()
    # A value that many share gives equal edges, of which one stays: then there are fewer bins.
    edges = np.unique(np.quantile(means.to_numpy(), np.arange(1, bins) / bins))
    indices = np.searchsorted(edges, subjects.map(means).to_numpy(dtype=float), side="right")
    names = [f"quantile {index + 1} of {len(edges) + 1}" for index in indices.tolist()]
    return pd.Series(names, index=target.index, dtype="str")


def check_filled(counts: pd.DataFrame, pools: pd.Series) -> None:
    """Refuse a deal that families left without a class in some pool.

    Raises:
        DataError: names the pools, with the people of every class in each.
    """
    there = counts.groupby(pools).sum()
    empty = [pool for pool, row in there.iterrows() if (row == 0).any()]
    if empty:
        raise DataError(
            "families too large for that",
            expected="people of every class or bin in every pool",
            found={str(pool): dict(row) for pool, row in there.iterrows()},
            hint='set pools = "shared", use fewer bins or folds, another seed, or more people',
        )


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `stratified`."""
    yield Part("stratified", StratifiedOptions, Stratified)
