"""How alike the pools of a split are: counts, standardised differences, balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from brainplug.api.records import list_pools
from brainplug.audit.leakage import apart
from brainplug.audit.records import PoolBalance, PoolCounts, SplitAudit
from brainplug.toolkit.common_columns import COMMON_COLUMNS, find_common
from brainplug.toolkit.cross_counts import cross_counts

MOST_CLASSES = 12
"""A column of the study with at most this many values is compared class by class."""

FARTHEST = 99.0
"""Largest standardised difference that is told."""

BALANCED = {
    "target": ("target",),
    "age": COMMON_COLUMNS["age"],
    "sex": COMMON_COLUMNS["sex"],
    "site": ("site",),
    "scanner": COMMON_COLUMNS["scanner"],
}
"""What is compared between pools -> names, without case, of the columns that may hold it."""


def describe_split(pooled: pd.DataFrame) -> SplitAudit:
    """Count who is where, and compare the pools.

    Args:
        pooled: as `pool_scans` gives it.
    """
    sites = apart(pooled, "site", "part")
    return SplitAudit(
        checks={
            "subjects in two pools": len(apart(pooled, "subject", "pool")),
            "families in two of train, val and test": len(apart(pooled, "family", "part")),
            "families in query and reference pools": len(apart(pooled, "family", "pool")),
        },
        known={
            "families": int(pooled["family"].nunique()),
            "sites": int(pooled["site"].nunique()),
            "sites in two of train, val and test": len(sites),
            "scans whose content others have": int(pooled["same_image"].notna().sum())
            if "same_image" in pooled.columns
            else 0,
        },
        pools={
            pool: describe_pool(pooled[pooled["pool"] == pool])
            for pool in list_pools(pooled["pool"].unique())
        },
        balance={name: balance(pooled, column) for name, column in find_balanced(pooled).items()},
    )


def find_balanced(pooled: pd.DataFrame) -> dict[str, str]:
    """Return which column holds what is compared between pools, as far as there is one."""
    found = {name: find_common(pooled.columns, names) for name, names in BALANCED.items()}
    return {
        name: column
        for name, column in found.items()
        if column is not None and pooled[column].notna().any()
    }


def describe_pool(scans: pd.DataFrame) -> PoolCounts:
    """Count scans, subjects and families of a pool."""
    return PoolCounts(
        scans=len(scans),
        subjects=int(scans["subject"].nunique()),
        families=int(scans["family"].nunique()),
    )


def balance(pooled: pd.DataFrame, column: str) -> dict[str, PoolBalance]:
    """Compare a column between pools: mean and SD, or counts of classes.

    The standardised difference is that of a pool's mean from all other scans, in pooled SD; for
    classes, the largest among them.
    """
    numbers = pd.to_numeric(pooled[column], errors="coerce")
    is_number = numbers.notna().sum() == pooled[column].notna().sum() and (
        numbers.nunique() > MOST_CLASSES
    )
    if is_number:
        return {
            pool: describe_numbers(numbers, pooled["pool"] == pool)
            for pool in list_pools(pooled["pool"].unique())
        }
    return describe_classes(pooled[column], pooled["pool"])


def describe_numbers(values: pd.Series, inside: pd.Series) -> PoolBalance:
    """Describe a pool's numbers."""
    here, others = values[inside].dropna(), values[~inside].dropna()
    return PoolBalance(
        n=len(here),
        mean=plain(here.mean()),
        sd=plain(here.std()),
        standardised_difference=plain(
            standardised_difference((here.mean(), here.var()), (others.mean(), others.var()))
        ),
    )


def describe_classes(values: pd.Series, pools: pd.Series) -> dict[str, PoolBalance]:
    """Describe the classes of every pool, from one table of counts."""
    names = list_pools(pools.unique())
    counted, labels, table = cross_counts(pools, values)
    places = {pool: place for place, pool in enumerate(counted)}
    none = np.zeros(len(labels), dtype=table.dtype)
    counts = np.array([table[places[pool]] if pool in places else none for pool in names])
    found = {}
    for pool, here in zip(names, counts, strict=True):
        moments = [share_moments(part.astype(float)) for part in (here, counts.sum(axis=0) - here)]
        differences = np.abs(standardised_difference(*moments))
        # A class that is all of its pool and nowhere else is infinitely far, which JSON has not.
        known = np.minimum(differences[~np.isnan(differences)], FARTHEST)
        found[pool] = PoolBalance(
            n=int(here.sum()),
            counts={
                str(label): count
                for label, count in zip(labels, here.tolist(), strict=True)
                if count
            },
            standardised_difference=plain(known.max()) if len(known) else None,
        )
    return found


def share_moments(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of being of each class."""
    total = counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / total
        return share, share * (1 - share) * total / (total - 1)


def standardised_difference(here: tuple[Any, Any], others: tuple[Any, Any]) -> Any:
    """Return the difference of means in pooled SD, NaN where it is not defined.

    Args:
        here: mean and variance.
        others: the same.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(here[0] - others[0], np.sqrt((here[1] + others[1]) / 2))


def plain(value: float) -> float | None:
    """Return a rounded float, None for NaN."""
    return round(float(value), 4) if np.isfinite(value) else None
