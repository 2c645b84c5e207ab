"""Intervals of shares of people, and of scores that are a mean of shares.

A share is so many right of so many counted. Where relatives are right or wrong together, people
count for less: each share is given the number of independent people that would leave it as
uncertain.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.parts import Parts, join
from brainplug.evaluation.relatives import likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.api.records import Share

MOST_SKEW = 3.0
"""Skewness beyond which the correction grows no more, else it would turn the limits around."""

STEPS = 40
"""Halvings of the search for a limit."""


@attrs.frozen(kw_only=True)
class Counts:
    """Shares as numbers of independent people.

    Attributes:
        right: how many are right, of each share.
        size: of how many.
        correlation: of the errors of the shares.
    """

    right: tuple[float, ...]
    size: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...]


def share_interval(
    shares: Sequence[Share], members: Int[np.ndarray, " n"], z: float
) -> tuple[float, float]:
    """Return the interval of a mean of shares.

    Args:
        shares: each of the people it counts.
        members: number of the family of each.
        z: standard errors on either side, such as 1.96.
    """
    counts = count(shares, members)
    if not any(share.jaccard for share in shares):
        return score_interval(counts, z)
    # F1 rises with its share, so the ends of the share give those of F1, and F1s are joined.
    single = [
        score_interval(Counts(right=(right,), size=(size,), correlation=((1.0,),)), z)
        for right, size in zip(counts.right, counts.size, strict=True)
    ]
    values = np.array(counts.right) / np.array(counts.size)
    lows, highs = np.array(single).T
    return join(
        Parts(
            values=2 * values / (1 + values),
            lows=2 * lows / (1 + lows),
            highs=2 * highs / (1 + highs),
            correlation=np.array(counts.correlation),
        )
    )


def count(shares: Sequence[Share], members: Int[np.ndarray, " n"]) -> Counts:
    """Return shares as numbers of independent people.

    Args:
        shares: each of the people it counts.
        members: number of the family of each.
    """
    counted = np.stack([share.counted for share in shares]).astype(float)
    right = np.stack([share.counted & share.right for share in shares]).astype(float)
    size = counted.sum(axis=1)
    values = right.sum(axis=1) / size
    together = relate(right - counted * values[:, None], counted, members)
    effect = np.diag(together) / size
    spread = np.sqrt(np.outer(np.diag(together), np.diag(together)))
    return Counts(
        right=tuple((values * size / effect).tolist()),
        size=tuple((size / effect).tolist()),
        correlation=tuple(map(tuple, (together / spread).tolist())),
    )


def relate(
    errors: Float[np.ndarray, "k n"],
    counted: Float[np.ndarray, "k n"],
    members: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "k k"]:
    """Return how the sums of standardised errors vary together; of who stands alone it is by 1.

    Args:
        errors: right or wrong less the share, 0 of who is not counted.
        counted: 1 of who is counted.
        members: number of the family of each.
    """
    size = counted.sum(axis=1)
    spread = np.sqrt((errors**2).sum(axis=1) / size)[:, None]
    scaled = np.divide(errors, spread, out=np.zeros_like(errors), where=spread > 0)
    own = scaled @ scaled.T
    np.fill_diagonal(own, size)
    families = np.stack([np.bincount(members, weights=row) for row in counted])
    pairs = families @ families.T - counted @ counted.T
    if not pairs.any():
        return np.asarray(own)
    alike = likeness(errors.sum(axis=0), (counted * spread).sum(axis=0), members)
    return np.asarray(own + alike * pairs)


def score_interval(counts: Counts, z: float) -> tuple[float, float]:
    """Return the interval of a mean of shares by inverting its score test.

    Wilson's interval (1927) where there is one share, but for the correction of skewness: the
    standard error is that of the very value that is tested, with the likeliest shares that have
    this mean (Miettinen and Nurminen 1985), and the quantile is moved by the skewness there, so
    that misses are even on both sides (Gart and Nam 1988; Laud 2017, "Equal-tailed confidence
    intervals for comparison of rates"). Wilson's per share, joined by the method of variance
    estimates recovery, missed 5 to 11 % on one side where nearly all are right.

    Args:
        counts: the shares.
        z: standard errors on either side.

    >>> one = Counts(right=(20.0,), size=(20.0,), correlation=((1.0,),))
    >>> [round(end, 3) for end in score_interval(one, 1.96)]
    [0.87, 1.0]
    """
    low, high = (search_limit(counts, z, side) for side in (1, -1))
    mean = sum(r / n for r, n in zip(counts.right, counts.size, strict=True)) / len(counts.size)
    return min(low, mean), max(high, mean)


def search_limit(counts: Counts, z: float, side: int) -> float:
    """Return the lower limit, or the upper one for a side of -1."""
    near, far = -15.0, 12.0
    total = sum(counts.size)
    limit = 0.0
    for _step in range(STEPS):
        middle = (near + far) / 2
        inside, limit = try_pull(counts, z, side * exp(middle) * total)
        near, far = (middle, far) if inside else (near, middle)
    return limit


def try_pull(counts: Counts, z: float, pull: float) -> tuple[bool, float]:
    """Tell whether a mean of shares is inside the interval, and which it is.

    Args:
        counts: the shares.
        z: standard errors on either side.
        pull: the multiplier of the constraint that the shares have this mean; down if positive.
    """
    weight = 1 / len(counts.size)
    shares = [
        likeliest(right, size, pull * weight)
        for right, size in zip(counts.right, counts.size, strict=True)
    ]
    mean = sum(shares) * weight
    errors = [
        weight * sqrt(share * (1 - share) / size)
        for share, size in zip(shares, counts.size, strict=True)
    ]
    variance = sum(
        one * other * counts.correlation[i][j]
        for i, one in enumerate(errors)
        for j, other in enumerate(errors)
    )
    if variance <= 0:
        return True, mean
    third = sum(
        error**2 * weight * (1 - 2 * share) / size
        for error, share, size in zip(errors, shares, counts.size, strict=True)
    )
    skew = min(max(third / variance**1.5, -MOST_SKEW), MOST_SKEW)
    observed = sum(r / n for r, n in zip(counts.right, counts.size, strict=True)) * weight
    away = (observed - mean) / sqrt(variance)
    moved = (z**2 - 1) * skew / 6
    return (away <= z + moved if pull > 0 else away >= moved - z), mean


def likeliest(right: float, size: float, pull: float) -> float:
    """Return the likeliest share under the pull of a constraint: a root of a quadratic."""
    slope = size + pull
    root = sqrt(max(slope**2 - 4 * pull * right, 0.0))
    # The form of the root that does not subtract like from like.
    if slope > 0:
        return min(2 * right / (slope + root), 1.0)
    return min(max((slope - root) / (2 * pull), 0.0), 1.0)
