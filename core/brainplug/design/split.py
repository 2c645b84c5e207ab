"""The split stage: every subject goes into one of six pools, by a hash of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.api.records import POOLS
from brainplug.errors import DataError, LeakageError
from brainplug.toolkit.study_ids import unmark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.api.roles import SplitStrategy


def split_cohort(strategy: SplitStrategy, cohort: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Let a strategy put the subjects of each study into pools, and check what it did.

    Each study is split by itself and under its own ids, so that a second study in the recipe moves
    nobody. The strategy is not shown the target, and is asked twice with the rows in another order.

    Args:
        strategy: decides.
        cohort: the cohort frame, of one study or several.
        seed: the run's seed.

    Returns:
        `subject` and `pool`, one row a subject, sorted by subject.

    Raises:
        LeakageError: a subject is in two pools.
        DataError: a pool is unknown or empty, or the strategy depends on the order of rows.
    """
    parts = [ask_strategy(strategy, scans, str(study), seed) for study, scans in by_study(cohort)]
    split = pd.concat(parts).sort_values("subject", ignore_index=True)
    _check_filled(split)
    return split


def by_study(cohort: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the scans of each study by its name, sorted."""
    for study, scans in cohort.groupby("study", sort=True):
        yield str(study), scans


def as_study_alone(scans: pd.DataFrame, study: str) -> pd.DataFrame:
    """Return a study's scans as a strategy sees them: its own ids, and nothing of the target."""
    own = scans.drop(columns=["scan", "target", "same_image"], errors="ignore")
    return unmark(own.reset_index(drop=True), study)


def ask_strategy(
    strategy: SplitStrategy, scans: pd.DataFrame, study: str, seed: int
) -> pd.DataFrame:
    """Return `subject` and `pool` of one study, under the ids of the run."""
    shown = as_study_alone(scans, study)
    pools = strategy.assign(shown, seed=seed)
    _check_names(pools, shown)
    again = strategy.assign(shown.iloc[::-1], seed=seed)
    if not pools.sort_index().astype("str").equals(again.sort_index().astype("str")):
        raise DataError(
            "the split strategy gave other pools when the rows came in another order; it must "
            "depend on the seed and on a row's own group only"
        )
    people = scans["subject"].reset_index(drop=True)
    split = pd.DataFrame({"subject": people, "pool": pools.astype("str")}).drop_duplicates()
    twice = split.loc[split["subject"].duplicated(), "subject"]
    if len(twice):
        raise LeakageError("the split strategy put subjects into two pools", twice)
    return split


def add_pools(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with the pool of each scan's subject in a column `pool`.

    Raises:
        DataError: a subject has no pool.
    """
    told = dict(zip(split["subject"].tolist(), split["pool"].tolist(), strict=True))
    pools = cohort["subject"].map(told)
    lacking = cohort.loc[pools.isna(), "subject"].unique()
    if len(lacking):
        raise DataError(
            f"{len(lacking)} subjects of the cohort have no pool, for example "
            f"{', '.join(map(repr, lacking[:5]))}; make the split anew"
        )
    return cohort.assign(pool=pools)


def training_values(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.Series:
    """Return the target of the training scans, queries and references alike."""
    training = set(split.loc[split["pool"].str.startswith("train_"), "subject"].tolist())
    # A set is some ten times faster here than `isin` of Arrow strings.
    return cohort.loc[[name in training for name in cohort["subject"].tolist()], "target"]


def _check_names(pools: pd.Series, cohort: pd.DataFrame) -> None:
    """Refuse an answer that is not one known pool for each row."""
    if not pools.index.sort_values().equals(cohort.index):
        raise DataError(
            f"the split strategy must return one pool for each of {len(cohort)} rows with their "
            f"index, got {len(pools)}"
        )
    unknown = pools[~pools.isin(POOLS)]
    if len(unknown):
        raise DataError(
            f"the split strategy returned {unknown.iloc[0]!r} for subject "
            f"{cohort.loc[unknown.index[0], 'subject']!r} ({len(unknown)} such rows); "
            f"expected one of {', '.join(POOLS)}"
        )


def _check_filled(split: pd.DataFrame) -> None:
    """Refuse empty pools, naming them and the size of every pool."""
    sizes = {pool: int((split["pool"] == pool).sum()) for pool in POOLS}
    empty = [pool for pool, size in sizes.items() if size == 0]
    if empty:
        listed = ", ".join(f"{pool} {size}" for pool, size in sizes.items())
        raise DataError(
            f"no subject is in {', '.join(empty)} (subjects in each pool: {listed}); "
            "use more subjects, other fractions or another seed"
        )


def pool_scans(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with `pool` and `part` (train, val or test) of each scan."""
    pooled = cohort.merge(split, on="subject", how="left", suffixes=("_in_table", ""))
    return pooled.assign(part=pooled["pool"].str.partition("_")[0])
