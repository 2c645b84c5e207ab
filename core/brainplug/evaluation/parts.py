"""A score that is the mean of estimates which have an interval each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@attrs.frozen(kw_only=True, eq=False)
class Parts:
    """Estimates, each with its interval, and how their errors go together.

    Attributes:
        values: the estimates.
        lows: lower ends.
        highs: upper ends.
        correlation: of the errors of the estimates.
    """

    values: Float[np.ndarray, " k"]
    lows: Float[np.ndarray, " k"]
    highs: Float[np.ndarray, " k"]
    correlation: Float[np.ndarray, "k k"]


def join(parts: Parts) -> tuple[float, float]:
    """Return the interval of the mean of estimates: the method of variance estimates recovery.

    The distance of an estimate from its lower end tells its variance near that end; variances add,
    the ends do not (Zou and Donner 2008, "Construction of confidence limits about the risk
    difference"; Zou 2009 for correlated ones).
    """
    below, above = parts.values - parts.lows, parts.highs - parts.values
    mean = float(parts.values.mean())
    lower, upper = (
        float(np.sqrt(max(each @ parts.correlation @ each, 0.0))) / len(parts.values)
        for each in (below, above)
    )
    return mean - lower, mean + upper


def correlate(
    influences: Float[np.ndarray, "k n"], members: Int[np.ndarray, " n"], *, unknown: float
) -> Float[np.ndarray, "k k"]:
    """Return how the errors of estimates on the same people go together.

    Args:
        influences: what each person adds to the error of each estimate.
        members: number of the family of each person.
        unknown: the correlation where an estimate has no error that would tell.
    """
    sums = np.stack([np.bincount(members, weights=row) for row in influences])
    covariance = sums @ sums.T
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    found = np.divide(covariance, spread, out=np.full_like(covariance, unknown), where=spread > 0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)
