"""The split stage: every subject goes into one pool, as a strategy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.api.guard import is_of_others, judging, judging_others
from brainplug.api.lending import lending
from brainplug.api.records import POOLS, SPLITS, asked_pools, list_pools, shown_pools
from brainplug.api.roles import TellsOfSplit, UsesTarget, able
from brainplug.errors import DataError, LeakageError, show
from brainplug.toolkit.study_ids import unmark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from brainplug.api.records import Split
    from brainplug.api.roles import SplitStrategy


LIKENESS = ("same_image", "near_image", "repeated_image")
"""Columns that say which scans are alike; a strategy need not know."""

USES_TARGET = (
    "this split depends on the target and on who is in the table: with another target, or with "
    "people who come or go, others are tested; to keep the test people, keep split.csv and name it "
    'with use = "assigned"'
)
"""What is told of a split that a strategy made by the target."""


def split_cohort(
    strategy: SplitStrategy,
    cohort: pd.DataFrame,
    *,
    seed: int,
    asks_all: bool = False,
    shows_none: bool = False,
) -> pd.DataFrame:
    """Let a strategy put the subjects of each study into pools, and check what it did.

    Each study is split by itself and under its own ids, so that a second study in the recipe moves
    nobody. The strategy is shown the target only if it declares that it uses it, and is asked twice
    with the rows in another order.

    Args:
        strategy: decides.
        cohort: the cohort frame, of one study or several.
        seed: the run's seed.
        asks_all: whether the references of all splits are training scans, so that everybody in
            validation and test is asked.
        shows_none: whether there are no references, so that everybody is asked.

    Returns:
        `subject` and `pool`, one row a subject, sorted by subject.

    Raises:
        LeakageError: a subject is in two pools.
        DataError: a pool is unknown or empty, or the strategy depends on the order of rows.
    """
    parts = [ask_strategy(strategy, scans, str(study), seed) for study, scans in by_study(cohort)]
    split = pd.concat(parts).sort_values("subject", ignore_index=True)
    # A strategy that does not know of it gives halves, but nobody in them has to be a reference.
    if asks_all or shows_none:
        split = ask_everybody(split, SPLITS if shows_none else SPLITS[1:])
    hint = "use more subjects, other fractions or another seed"
    if is_of_others(strategy):
        hint = "`assign` must put somebody into each of train, val and test"
    with judging_others(strategy, "assign"):
        _check_filled(split, hint)
    return split


def load_split(path: Path) -> pd.DataFrame:
    """Read the pools back from `split.csv`; ids stay the text that they are.

    pandas' engine "pyarrow" would be faster, and before pandas 3.1 takes the id 007 for 7.
    """
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def ask_everybody(split: pd.DataFrame, names: Sequence[Split]) -> pd.DataFrame:
    """Return pools in which nobody of some splits is kept as a reference.

    Args:
        split: `subject` and `pool`.
        names: of the splits.
    """
    whole = {half: name for name in names for half in (*asked_pools(name), *shown_pools(name))}
    return split.assign(pool=split["pool"].replace(whole))


def by_study(cohort: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the scans of each study by its name, sorted."""
    for study, scans in cohort.groupby("study", sort=True):
        yield str(study), scans


def as_study_alone(scans: pd.DataFrame, study: str, *, target: bool = False) -> pd.DataFrame:
    """Return a study's scans as a strategy sees them: its own ids, and nothing of the target.

    Args:
        scans: of the study.
        study: its name.
        target: whether the strategy uses the target.
    """
    hidden = ["scan", *LIKENESS, *([] if target else ["target"])]
    own = scans.drop(columns=hidden, errors="ignore")
    return unmark(own.reset_index(drop=True), study)


def alike(pools: pd.Series, others: pd.Series) -> bool:
    """Tell whether pools are the same, whatever the order of rows."""
    return pools.sort_index().astype("str").equals(others.sort_index().astype("str"))


def ask_strategy(
    strategy: SplitStrategy, scans: pd.DataFrame, study: str, seed: int
) -> pd.DataFrame:
    """Return `subject` and `pool` of one study, under the ids of the run."""
    shown = as_study_alone(scans, study, target=able(strategy, UsesTarget))
    with lending(strategy, "assign", shown) as lent:
        pools = strategy.assign(*lent, seed=seed)
    with judging(strategy, "assign"):
        _check_names(pools, shown)
        # A draw that follows the order of rows moves people whenever a table grows: in an existing
        # pipeline one row more put 16 of 57 test people into training.
        again = strategy.assign(shown.iloc[::-1], seed=seed)
        if not alike(pools, again):
            if not alike(pools, strategy.assign(shown, seed=seed)):
                raise DataError(
                    "other pools when it was asked again",
                    expected="the same pools for the same seed",
                    hint="draw by the seed alone, such as by a hash of hashlib; not by hash(), the "
                    "time, or a generator without seed",
                )
            raise DataError(
                "other pools when the rows came in another order",
                expected="the same pools whatever the order",
                hint="draw by a hash of the seed and the family or subject, not by where rows are",
            )
        # Under the ids of the run again; the strategy has seen those of the study alone.
        people = scans["subject"].reset_index(drop=True)
        split = pd.DataFrame({"subject": people, "pool": pools.astype("str")}).drop_duplicates()
        twice = split.loc[split["subject"].duplicated(), "subject"]
        if len(twice):
            raise LeakageError(
                "subjects are put into two pools", twice, hint="all rows of one belong together"
            )
    return split


def tell_split(
    strategy: SplitStrategy,
    cohort: pd.DataFrame,
    split: pd.DataFrame,
    *,
    asks_all: bool = False,
    shows_none: bool = False,
) -> list[str]:
    """Return who is asked, and what a strategy says of the split it made, in every study.

    Args:
        strategy: that made it.
        cohort: the cohort frame.
        split: `subject` and `pool`.
        asks_all: whether the references of all splits are training scans.
        shows_none: whether there are no references.
    """
    told = describe_pools(split, asks_all=asks_all, shows_none=shows_none)
    said = dict.fromkeys([told])
    if able(strategy, UsesTarget):
        said[USES_TARGET] = None
    if not able(strategy, TellsOfSplit):
        return list(said)
    for study, scans in by_study(add_pools(cohort, split)):
        shown = as_study_alone(scans, study, target=able(strategy, UsesTarget))
        said.update(dict.fromkeys(strategy.notes(shown.drop(columns="pool"), shown["pool"])))
    return list(said)


def count_asked(split: pd.DataFrame) -> dict[Split, tuple[int, int]]:
    """Return how many people of each split are asked, and how many it has."""
    return {
        name: (
            int(split["pool"].isin(asked_pools(name)).sum()),
            int(split["pool"].isin({*asked_pools(name), *shown_pools(name)}).sum()),
        )
        for name in SPLITS
    }


def describe_pools(split: pd.DataFrame, *, asks_all: bool, shows_none: bool = False) -> str:
    """Say who is asked.

    Args:
        split: `subject` and `pool`.
        asks_all: whether the references of all splits are training scans.
        shows_none: whether there are no references.

    >>> table = pd.DataFrame({"subject": list("abc"), "pool": ["train", "val", "test"]})
    >>> describe_pools(table, asks_all=False)
    'shared pools: asked are all 1 of train, all 1 of val and all 1 of test; the references of a \
query are other people of its split, none of its family'
    """
    counts = count_asked(split)
    listed = [
        f"{f'all {people}' if asked == people else f'{asked} of {people}'} of {name}"
        for name, (asked, people) in counts.items()
    ]
    asked = f"asked are {listed[0]}, {listed[1]} and {listed[2]}"
    whole = set(split["pool"]).intersection(SPLITS)
    if shows_none:
        return f"no references: {asked}"
    if asks_all:
        design = "shared pools" if "train" in whole else "pools by halves"
        return f"{design}, references from training: {asked}"
    if len(whole) == len(SPLITS):
        return (
            f"shared pools: {asked}; the references of a query are other people of its split, none "
            "of its family"
        )
    named = "pools by halves" + f" ({' and '.join(sorted(whole))} shared)" * bool(whole)
    return f"{named}: {asked}; the others are their references, and query and reference never meet"


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
            f"{len(lacking)} subjects of the cohort have no pool, for example {show(lacking[:5])}",
            found=tuple(lacking),
            hint="make the split anew",
        )
    return cohort.assign(pool=pools)


def training_values(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.Series:
    """Return the target of the training scans, queries and references alike."""
    trains = split["pool"].isin({*asked_pools("train"), *shown_pools("train")})
    training = set(split.loc[trains, "subject"].tolist())
    # A set is some ten times faster here than `isin` of Arrow strings.
    return cohort.loc[[name in training for name in cohort["subject"].tolist()], "target"]


def _check_names(pools: pd.Series, cohort: pd.DataFrame) -> None:
    """Refuse an answer that is not one known pool for each row."""
    if not pools.index.sort_values().equals(cohort.index):
        raise DataError(
            f"{len(pools)}" + " with another index" * (len(pools) == len(cohort)),
            expected=f"one pool for each of {len(cohort)} rows with their index",
            found=len(pools),
            hint="make it of the table, pd.Series(…, index=cohort.index)",
        )
    known = (*POOLS, *SPLITS)
    unknown = pools[~pools.isin(known)]
    if len(unknown):
        raise DataError(
            f"{unknown.iloc[0]!r} for subject {cohort.loc[unknown.index[0], 'subject']!r} "
            f"({len(unknown)} such rows)",
            expected=f"one of {', '.join(known)}",
            found=tuple(unknown.unique()),
        )


def _check_filled(split: pd.DataFrame, hint: str) -> None:
    """Refuse empty pools, naming them and the size of every pool."""
    sizes = {
        pool: int((split["pool"] == pool).sum()) for pool in list_pools(split["pool"].unique())
    }
    # A half may well be empty where its whole split is one pool.
    empty = [pool for pool, size in sizes.items() if size == 0 and not sizes.get(_split_of(pool))]
    if empty:
        listed = ", ".join(f"{pool} {size}" for pool, size in sizes.items())
        if set(SPLITS).intersection(sizes):
            empty = list(dict.fromkeys(map(_split_of, empty)))
        raise DataError(
            f"no subject is in {', '.join(empty)} (subjects in each pool: {listed})",
            found=sizes,
            hint=hint,
        )


def _split_of(pool: str) -> str:
    return pool.partition("_")[0]


def pool_scans(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with `pool` and `part` (train, val or test) of each scan."""
    pooled = cohort.merge(split, on="subject", how="left", suffixes=("_in_table", ""))
    return pooled.assign(part=pooled["pool"].str.partition("_")[0])
