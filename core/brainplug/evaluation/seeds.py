"""How sure the mean score of several trainings is: over people, and over seeds of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.intervals import enclose, interval
from brainplug.evaluation.jackknife import influences
from brainplug.evaluation.parts import Parts, correlate, join
from brainplug.evaluation.relatives import number_families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

TWO_LEVELS = "people and seeds of training as two levels"


def over_seeds(
    metric: Metric,
    trainings: Sequence[Predictions],
    clusters: Sequence[str],
    plan: BootstrapPlan,
) -> Estimate:
    """Return the mean score of trainings of several seeds on the same people, with its interval.

    People and seeds are crossed: each training answers all people. The variance of the mean is that
    over people, plus that over seeds, less what both count, the luck of one seed with one person
    (Cameron, Gelbach and Miller 2011, "Robust inference with multiway clustering"; Owen 2007, "The
    pigeonhole bootstrap", keeps it and is wider). Seeds are few, so theirs goes by Student's
    quantile, and both levels are joined by the recovery of variances.

    Args:
        metric: any metric.
        trainings: predictions of each seed, of the same subjects in the same order.
        clusters: name of the family of each subject.
        plan: coverage, and how intervals are resampled where they are.
    """
    found = [interval(metric, each, clusters, plan) for each in trainings]
    if len(found) == 1:
        return found[0]
    lacking = next((each for each in found if each.value is None or each.low is None), None)
    if lacking is not None:
        known = [each.value for each in found if each.value is not None]
        mean = float(np.mean(known)) if len(known) == len(found) else None
        return Estimate(value=mean, reason=lacking.reason)
    values, lows, highs = (
        np.array([getattr(each, end) for each in found], dtype=float)
        for end in ("value", "low", "high")
    )
    members = number_families(clusters)
    moved = np.stack([influences(metric, each, members) for each in trainings])
    low, high = join(Parts(values=values, lows=lows, highs=highs, correlation=together(moved)))
    mean = float(np.mean(values))
    seeds = seed_error(values, moved, plan.confidence)
    ends = (mean - float(np.hypot(mean - low, seeds)), mean + float(np.hypot(high - mean, seeds)))
    return enclose(mean, ends, TWO_LEVELS)


def together(moved: Float[np.ndarray, "seeds families"]) -> Float[np.ndarray, "seeds seeds"]:
    """Return how the errors of trainings go together over people; as one where none is seen."""
    return correlate(moved, np.arange(moved.shape[1]), unknown=1.0)


def seed_error(
    values: Float[np.ndarray, " seeds"],
    moved: Float[np.ndarray, "seeds families"],
    confidence: float,
) -> float:
    """Return how far the mean may be off because other seeds would give other scores.

    Args:
        values: the score of each seed.
        moved: how far each family moves the score of each seed.
        confidence: coverage.
    """
    from scipy.special import stdtrit

    count = len(values)
    shared = ((moved - moved.mean(axis=0)) ** 2).sum() / (count - 1)
    own = max(float(values.var(ddof=1)) - float(shared), 0.0)
    return float(stdtrit(count - 1, (1 + confidence) / 2) * np.sqrt(own / count))
