"""What so many people can show, before anybody is asked: the smallest gain that would be seen."""

from __future__ import annotations

from math import asin, pi, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.relatives import PRIOR, number_families

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

POWER = 0.8
"""How often a gain shall be seen that is there."""

STEPS = 50
"""Halvings of the search."""


def independent(clusters: Sequence[str]) -> float:
    """Return how many unrelated people are worth as much as these, relatives half alike.

    >>> independent(["a", "b", "c"]), round(independent(["a", "a", "b", "b"]), 2)
    (3.0, 2.67)
    """
    sizes = np.bincount(number_families(clusters))
    return float(sizes.sum() ** 2 / (sizes + PRIOR * sizes * (sizes - 1)).sum())


def smallest_recall(sizes: Sequence[float], confidence: float) -> float | None:
    """Return the smallest balanced accuracy that would be told from chance.

    The interval is to end above chance in `POWER` of the studies: the score test of a mean of
    recalls, by the normal approximation. A rule that says one class to everybody has chance
    exactly.

    Args:
        sizes: independent people of each class.
        confidence: coverage of the interval.

    Returns:
        The balanced accuracy; None where even 1 would not do, or a class has nobody.
    """
    if not sizes or min(sizes) <= 0:
        return None
    chance = 1 / len(sizes)
    rarity = sqrt(sum(1 / size for size in sizes)) / len(sizes)
    far, often = quantiles(confidence)
    needed = far * rarity * sqrt(chance * (1 - chance))

    def lacking(score: float) -> float:
        return needed + often * rarity * sqrt(score * (1 - score)) - (score - chance)

    return search(lacking, chance, 1.0)


def smallest_gain(size: float, confidence: float) -> float | None:
    """Return the smallest gain in mean absolute error that would be seen, in SD of the target.

    Against the training mean, on the same people, of a model whose numbers are unbiased and
    normal: that of the correlation `r` errs with `s = sqrt(1 - r ** 2)` standard deviations, and
    its errors correlate by `s` with those of the mean, which is what a paired comparison gains by.

    Args:
        size: independent people.
        confidence: coverage of the interval.

    Returns:
        The gain; None where even a model without error would not do.
    """
    far, often = quantiles(confidence)

    def lacking(gain: float) -> float:
        spread = 1 - gain / sqrt(2 / pi)
        variance = 1 - 2 / pi
        shared = 2 / pi * (sqrt(max(1 - spread**2, 0.0)) + spread * asin(min(spread, 1.0)) - 1)
        paired = variance * (1 + spread**2) - 2 * spread * shared
        return (far + often) * sqrt(max(paired, 0.0) / size) - gain

    return search(lacking, 0.0, sqrt(2 / pi)) if size > 1 else None


def quantiles(confidence: float) -> tuple[float, float]:
    """Return standard errors to the end of the interval, and beyond it for the power."""
    normal = NormalDist()
    return normal.inv_cdf((1 + confidence) / 2), normal.inv_cdf(POWER)


def search(lacking: Callable[[float], float], low: float, high: float) -> float | None:
    """Return where nothing is lacking any more, None where that is nowhere."""
    if lacking(high) > 0:
        return None
    for _step in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if lacking(middle) > 0 else (low, middle)
    return high
