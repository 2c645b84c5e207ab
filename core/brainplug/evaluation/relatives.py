"""How alike the errors of relatives are, and who is related."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from jaxtyping import Float, Int

PRIOR = 0.5
"""Likeness of relatives before any is seen: that of full siblings in what is wholly inherited."""

PRIOR_PAIRS = 3
"""Pairs of relatives that this is worth, so that few real ones are not believed outright."""


def cluster_names(subjects: pd.Series, people: pd.DataFrame | None) -> list[str]:
    """Return the family of each row's subject, or the subject where the family is not known."""
    families: dict[str, str] = {}
    if people is not None and "family" in people:
        known = people.dropna(subset=["family"])
        families = dict(zip(known["subject"], known["family"].astype(str), strict=True))
    # the prefix keeps a family called like a subject apart from it
    return [
        f"family {families[subject]}" if subject in families else f"subject {subject}"
        for subject in subjects
    ]


def number_families(clusters: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Return a number from 0 on for the family of each person."""
    return np.unique(np.asarray(clusters, dtype=str), return_inverse=True)[1]


def likeness(
    errors: Float[np.ndarray, " n"],
    spreads: Float[np.ndarray, " n"],
    members: Int[np.ndarray, " n"],
) -> float:
    """Return the correlation of the errors of relatives, from 0 to 1.

    The mean product over all pairs of relatives, of what it could be: the intraclass correlation by
    moments, drawn to `PRIOR` where there are few pairs or no errors that could tell.

    Args:
        errors: of each person.
        spreads: the standard deviation that each error has.
        members: number of the family of each.
    """
    pairs = float((np.bincount(members) ** 2).sum() - len(members))
    products = float((np.bincount(members, weights=errors) ** 2).sum() - (errors**2).sum())
    possible = float((np.bincount(members, weights=spreads) ** 2).sum() - (spreads**2).sum())
    if not pairs or possible <= 0:
        return PRIOR
    # Each pair is counted from both sides.
    weight = 2 * PRIOR_PAIRS * possible / pairs
    return float(np.clip((products + PRIOR * weight) / (possible + weight), 0.0, 1.0))
