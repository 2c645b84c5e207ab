"""Bootstrap intervals, for metrics that say nothing of themselves: the bias corrected, and skew."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.bootstrap import ROUNDING, Estimate

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from brainplug.api.records import Predictions
    from brainplug.evaluation.bootstrap import Resamples

MOST_LOST = 0.2
"""Share of samples in which a score may be undefined before its interval is withheld."""

METHOD = "BCa bootstrap of families"
ALIKE = "the bootstrap samples do not differ, so no interval"


def accelerated(
    value: float,
    samples: Float[np.ndarray, " samples"],
    influences: Float[np.ndarray, " families"],
    confidence: float,
) -> Estimate:
    """Return the bias-corrected and accelerated interval of a score.

    Efron 1987, "Better bootstrap confidence intervals".

    Args:
        value: the score.
        samples: of the bootstrap samples.
        influences: how far each family moves the score.
        confidence: coverage.
    """
    defined = samples[np.isfinite(samples)]
    lost = 1 - len(defined) / len(samples)
    if lost > MOST_LOST:
        return Estimate(
            value=value,
            reason=f"not defined in {lost:.0%} of the bootstrap samples, so no interval",
        )
    # Sums in another order differ by rounding, which would be shown as an interval.
    if np.ptp(defined) <= ROUNDING * max(abs(value), np.abs(defined).max()):
        return Estimate(value=value, reason=ALIKE)
    normal = NormalDist()
    below = (np.sum(defined < value) + np.sum(defined == value) / 2 + 0.5) / (len(defined) + 1)
    bias = normal.inv_cdf(float(below))
    bent = bend_of(influences)
    ends = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        moved = bias + normal.inv_cdf(tail)
        ends.append(normal.cdf(bias + moved / max(1 - bent * moved, 0.1)))
    # A quarter of each, since two of the largest numbers have no distance.
    low, high = 4 * np.quantile(defined / 4, ends)
    reason = f"not defined in {lost:.1%} of the bootstrap samples, left out" if lost else ""
    return Estimate(value=value, low=float(low), high=float(high), reason=reason, method=METHOD)


def bend_of(influences: Float[np.ndarray, " families"]) -> float:
    """Return the acceleration: a sixth of the skewness of what families do to a score."""
    largest = float(np.abs(influences).max(initial=0.0))
    if largest and not 1e-90 < largest < 1e90:
        influences = influences / largest  # it minds no unit, and cubes of such numbers are none
    power = (influences**2).sum() ** 1.5
    return float((influences**3).sum() / (6 * power)) if power > 0 else 0.0


def keep_complete(resamples: Resamples, predictions: Predictions) -> Resamples:
    """Leave out samples that lack a class which the people have, so that none is dropped unseen."""
    truth = predictions.truth
    present = [label for label in predictions.labels if np.any(truth == label)]
    there = [resamples.counts[:, truth == label].any(axis=1) for label in present]
    if not there:
        return resamples
    return attrs.evolve(resamples, counts=resamples.counts[np.all(there, axis=0)])


def scarce(predictions: Predictions, members: Int[np.ndarray, " n"]) -> str:
    """Say which class has people of one family only, so that resampling cannot tell; else empty."""
    for label in predictions.labels:
        families = np.unique(members[predictions.truth == label])
        if len(families) == 1:
            return f"{label!r} is one person or family, which resampling cannot vary: no interval"
    return ""
