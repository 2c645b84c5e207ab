"""The split stage: every subject goes into one of six pools, by a hash of its group."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from attrs.validators import and_, gt, lt

from brainplug.errors import DataError, LeakageError
from brainplug.parts import about
from brainplug.types import POOLS, SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.parts import SplitStrategy


@attrs.frozen(kw_only=True)
class Fractions:
    """Shares of the groups that go to training, validation and test; they sum to 1."""

    train: float = attrs.field(
        default=0.70, validator=and_(gt(0), lt(1)), metadata=about("share that is trained on")
    )
    val: float = attrs.field(
        default=0.15, validator=and_(gt(0), lt(1)), metadata=about("share that chooses the weights")
    )
    test: float = attrs.field(
        default=0.15, validator=and_(gt(0), lt(1)), metadata=about("share that is reported")
    )

    def __attrs_post_init__(self) -> None:
        """Refuse shares that leave people out or count them twice."""
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(
                f"train, val and test must sum to 1: {self.train} + {self.val} + {self.test} "
                f"= {total:g}"
            )


def uniform(salt: str, keys: Iterable[str]) -> Float[np.ndarray, " n"]:
    """Return a number in [0, 1) for each key, settled by salt and key alone.

    >>> uniform("a", ["x", "y"])[1] == uniform("a", ["y"])[0]
    np.True_
    """
    digests = (hashlib.sha256(f"{salt}\n{key}".encode()).digest() for key in keys)
    return np.array([int.from_bytes(digest[:8]) >> 11 for digest in digests], dtype=float) / 2**53


def hash_pools(groups: pd.Series, fractions: Fractions, query: float, *, seed: int) -> pd.Series:
    """Put each group into one of the six pools by two independent hashes of its name.

    Args:
        groups: name of the group of each row.
        fractions: shares of the groups that each split gets.
        query: share of each split's groups that become queries; the others become references.
        seed: salt of the hashes.
    """
    names = sorted(groups.unique())
    edges = [fractions.train, fractions.train + fractions.val]
    splits = np.searchsorted(edges, uniform(f"{seed}/split", names), side="right")
    queries = uniform(f"{seed}/query", names) < query
    pools = {
        name: f"{SPLITS[split]}_{'query' if is_query else 'reference'}"
        for name, split, is_query in zip(names, splits, queries, strict=True)
    }
    return groups.map(pools)


def split_cohort(strategy: SplitStrategy, cohort: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Let a strategy put the subjects of a cohort into pools, and check what it did.

    The strategy is not shown the target, and is asked twice with the rows in another order.

    Returns:
        `subject` and `pool`, one row a subject, sorted by subject.

    Raises:
        LeakageError: a subject is in two pools.
        DataError: a pool is unknown or empty, or the strategy depends on the order of rows.
    """
    shown = cohort.drop(columns=["scan", "target"], errors="ignore").reset_index(drop=True)
    pools = strategy.assign(shown, seed=seed)
    _check_names(pools, shown)
    again = strategy.assign(shown.iloc[::-1], seed=seed)
    if not pools.sort_index().astype("str").equals(again.sort_index().astype("str")):
        raise DataError(
            "the split strategy gave other pools when the rows came in another order; it must "
            "depend on the seed and on a row's own group only"
        )
    split = pd.DataFrame({"subject": shown["subject"], "pool": pools.astype("str")})
    split = split.drop_duplicates().sort_values("subject", ignore_index=True)
    twice = split.loc[split["subject"].duplicated(), "subject"]
    if len(twice):
        raise LeakageError("the split strategy put subjects into two pools", twice)
    _check_filled(split)
    return split


def add_pools(cohort: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with the pool of each scan's subject in a column `pool`.

    Raises:
        DataError: a subject has no pool.
    """
    pools = cohort["subject"].map(dict(zip(split["subject"], split["pool"], strict=True)))
    lacking = cohort.loc[pools.isna(), "subject"].unique()
    if len(lacking):
        raise DataError(
            f"{len(lacking)} subjects of the cohort have no pool, for example "
            f"{', '.join(map(repr, lacking[:5]))}; make the split anew"
        )
    return cohort.assign(pool=pools)


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
