"""Intervals by resampling families or subjects; every system is scored on the same samples."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from brainplug.parts import ScoresResamples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.parts import Metric
    from brainplug.types import Predictions

MOST_UNDEFINED = 0.2
"""Share of samples in which a score may be undefined before its interval is withheld."""

UNDEFINED = "not defined here: it needs probabilities, two classes or values that vary"

CELLS_AT_ONCE = 4_000_000
"""Samples times subjects held as floats at one time, 32 MB."""


@attrs.frozen(kw_only=True)
class BootstrapPlan:
    """How intervals are made.

    Attributes:
        samples: number of bootstrap samples.
        confidence: coverage of the intervals.
        seed: of the draws.
    """

    samples: int
    confidence: float
    seed: int


@attrs.frozen(kw_only=True)
class Estimate:
    """A score with its percentile interval.

    Attributes:
        value: None where the score is not defined.
        low: lower end, None where there is no interval.
        high: upper end.
        reason: why something is None, else empty.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return attrs.asdict(self)


def draw_counts(clusters: Sequence[str], plan: BootstrapPlan) -> Int[np.ndarray, "samples n"]:
    """Return how often each row is in each sample; clusters are drawn whole, with replacement."""
    names, members = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    size = len(names)
    if not size:
        return np.zeros((plan.samples, 0), dtype=np.int16)
    rng = np.random.default_rng(plan.seed)
    drawn = rng.integers(size, size=(plan.samples, size))
    drawn += size * np.arange(plan.samples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=plan.samples * size)
    return counts.reshape(plan.samples, size).astype(np.int16)[:, members]


def resampled_scores(
    metric: Metric, predictions: Predictions, counts: Int[np.ndarray, "samples n"]
) -> Float[np.ndarray, " samples"]:
    """Score every sample; NaN where the metric is not defined."""
    if not counts.size:
        return np.full(len(counts), np.nan)
    if not isinstance(metric, ScoresResamples):
        return np.array([score_sample(metric, predictions, row) for row in counts])
    step = max(1, CELLS_AT_ONCE // counts.shape[1])
    blocks = range(0, len(counts), step)
    return np.concatenate(
        [metric.score_resamples(predictions, counts[i : i + step].astype(float)) for i in blocks]
    )


def score_sample(metric: Metric, predictions: Predictions, counts: Int[np.ndarray, " n"]) -> float:
    """Score one sample by repeating its subjects."""
    chosen = np.repeat(np.arange(len(counts)), counts)
    chances = predictions.probabilities
    sample = attrs.evolve(
        predictions,
        truth=predictions.truth[chosen],
        predicted=predictions.predicted[chosen],
        probabilities=None if chances is None else chances[chosen],
    )
    with warnings.catch_warnings():
        # a sample may lack a class; the metric says NaN, and its library warns besides
        warnings.simplefilter("ignore")
        return metric.score(sample)


def estimate(value: float, scores: Float[np.ndarray, " samples"], plan: BootstrapPlan) -> Estimate:
    """Put a percentile interval around a value; say why where that cannot be done."""
    if not np.isfinite(value):
        return Estimate(reason=UNDEFINED)
    defined = scores[np.isfinite(scores)]
    lost = 1 - len(defined) / len(scores)
    if lost > MOST_UNDEFINED:
        return Estimate(
            value=value,
            reason=f"not defined in {lost:.0%} of the bootstrap samples, so no interval",
        )
    if np.ptp(defined) <= 1e-12 * max(1.0, abs(value)):
        return Estimate(value=value, reason="the bootstrap samples do not differ, so no interval")
    tail = (1 - plan.confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    reason = f"not defined in {lost:.1%} of the bootstrap samples, left out" if lost else ""
    return Estimate(value=value, low=float(low), high=float(high), reason=reason)
