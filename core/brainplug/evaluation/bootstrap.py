"""Intervals by resampling families or subjects; every system is scored on the same samples."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.roles import HasScale, RanksPeople, ScoresResamples, able

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric

ROUNDING = 1e-12
"""Share of two scores up to which they differ by the order of sums alone, whatever their unit."""

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
    """A score with its interval.

    Attributes:
        value: None where the score is not defined.
        low: lower end, None where there is no interval.
        high: upper end.
        reason: why something is None, else empty.
        method: how the interval was found, in words; empty where there is none.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    method: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Resamples:
    """The bootstrap samples on which every system is scored.

    Attributes:
        members: number of the cluster of each subject.
        counts: how often each subject is in each sample.
        plan: how they were drawn.
    """

    members: Int[np.ndarray, " n"]
    counts: Int[np.ndarray, "samples n"]
    plan: BootstrapPlan

    @property
    def num_clusters(self) -> int:
        """Number of independent families or subjects."""
        return int(self.members.max()) + 1 if len(self.members) else 0


def draw_resamples(clusters: Sequence[str], plan: BootstrapPlan) -> Resamples:
    """Draw clusters whole, with replacement; the same ones for the same clusters and plan.

    Args:
        clusters: name of the cluster of each subject.
        plan: how many samples, and from which seed.
    """
    return draw_once(tuple(map(str, clusters)), plan)


@lru_cache(maxsize=2)
def draw_once(clusters: tuple[str, ...], plan: BootstrapPlan) -> Resamples:
    """Draw the samples that every score of a split shares."""
    names, members = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    size = len(names)
    rng = np.random.default_rng(plan.seed)
    # An empty range is refused, even to draw nothing from it.
    drawn = rng.integers(max(size, 1), size=(plan.samples, size))
    # Each sample gets a range of numbers of its own, so that one `bincount` counts all.
    drawn += size * np.arange(plan.samples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=plan.samples * size)
    # This is the largest table of an evaluation; two bytes hold any count that comes up.
    chosen = counts.reshape(plan.samples, size).astype(np.int16)[:, members]
    return Resamples(members=members, counts=chosen, plan=plan)


def resampled_scores(
    metric: Metric, predictions: Predictions, counts: Int[np.ndarray, "samples n"]
) -> Float[np.ndarray, " samples"]:
    """Score every sample; NaN where the metric is not defined."""
    if not counts.size:
        return np.full(len(counts), np.nan)
    if not able(metric, ScoresResamples):
        return np.array([score_sample(metric, predictions, row) for row in counts])
    step = max(1, CELLS_AT_ONCE // counts.shape[1])
    blocks = range(0, len(counts), step)
    return np.concatenate(
        [metric.score_resamples(predictions, counts[i : i + step].astype(float)) for i in blocks]
    )


def score_sample(metric: Metric, predictions: Predictions, counts: Int[np.ndarray, " n"]) -> float:
    """Score one sample by repeating its subjects."""
    sample = predictions.take(np.repeat(np.arange(len(counts)), counts))
    with warnings.catch_warnings():
        # a sample may lack a class; the metric says NaN, and its library warns besides
        warnings.simplefilter("ignore")
        return metric.score(sample)


def is_clear(gap: Estimate, p_value: float | None, plan: BootstrapPlan) -> bool:
    """Tell whether a difference is clear of zero, by its interval and the paired test alike."""
    tested = p_value is not None and p_value < 1 - plan.confidence
    if gap.low is None or gap.high is None:
        return tested
    return gap.low * gap.high > 0 and (tested or p_value is None)


def paired_p_value(
    metric: Metric, one: Predictions, other: Predictions, resamples: Resamples
) -> float | None:
    """Test whether two systems differ, by exchanging their predictions cluster by cluster.

    Two-sided permutation test; it needs no spread between bootstrap samples, so that it also
    serves where a system is always right. None where the score is not defined.
    """
    one, other = alike(metric, one), alike(metric, other)
    observed = abs(metric.score(one) - metric.score(other))
    if not np.isfinite(observed):
        return None
    # A stream of its own: with the plan's, coins would follow from the draws of the samples.
    rng = np.random.default_rng([resamples.plan.seed, 1])
    coins = rng.integers(2, size=(resamples.plan.samples, resamples.num_clusters), dtype=np.int16)
    exchanged = coins[:, resamples.members]
    # Weights of 0 and 1 over both systems' predictions do the exchange, so that a metric which
    # scores many samples at once scores all permutations at once.
    both = join_predictions(one, other)
    first = resampled_scores(metric, both, np.hstack([1 - exchanged, exchanged]))
    second = resampled_scores(metric, both, np.hstack([exchanged, 1 - exchanged]))
    gaps = np.abs(first - second)
    gaps = gaps[np.isfinite(gaps)]
    size = np.nanmax(np.abs([metric.score(one), metric.score(other)]))
    # What was observed counts as a permutation, so that p is never 0 (Phipson and Smyth 2010,
    # "Permutation P-values should never be zero"); equal gaps differ by rounding.
    return float((1 + np.sum(gaps >= observed - ROUNDING * size)) / (1 + len(gaps)))


def subtract(
    one: Float[np.ndarray, "*n"], other: Float[np.ndarray, "*n"]
) -> Float[np.ndarray, "*n"]:
    """Return the differences of scores; what rounding leaves of equal ones is none.

    >>> subtract(np.array([0.1 + 0.2, 3e-15]), np.array([0.3, 1e-15])) > 0
    array([False,  True])
    """
    with np.errstate(invalid="ignore"):
        gap = one - other
        size = np.maximum(np.abs(one), np.abs(other))
        return np.where(np.abs(gap) <= ROUNDING * size, 0.0, gap)


def alike(metric: Metric, predictions: Predictions) -> Predictions:
    """Return predictions on a scale that systems share, where the metric minds no scale.

    Else a system of narrow numbers, exchanged with one of wide numbers, would be ranked by whose
    number it is (Venkatraman 2000, "A permutation test to compare ROC curves").
    """
    from scipy.stats import rankdata

    chances = predictions.probabilities
    if able(metric, RanksPeople) and chances is not None:
        return attrs.evolve(predictions, probabilities=rankdata(chances, axis=0) / len(chances))
    if able(metric, HasScale) and metric.scale == "fisher":
        said = np.asarray(predictions.predicted, dtype=float)
        spread = said.std()
        if spread > 0:
            ends = None if predictions.possible is None else predictions.possible - said.mean()
            return attrs.evolve(
                predictions,
                predicted=(said - said.mean()) / spread,
                possible=None if ends is None else ends / spread,
            )
    return predictions


def join_predictions(one: Predictions, other: Predictions) -> Predictions:
    """Put the predictions of two systems over the same subjects one after the other."""
    chances = possible = None
    if one.probabilities is not None and other.probabilities is not None:
        chances = np.concatenate([one.probabilities, other.probabilities])
    if one.possible is not None or other.possible is not None:
        possible = np.concatenate([ends_of(one), ends_of(other)])
    return attrs.evolve(
        one,
        truth=np.concatenate([one.truth, other.truth]),
        predicted=np.concatenate([one.predicted, other.predicted]),
        probabilities=chances,
        possible=possible,
    )


def ends_of(predictions: Predictions) -> Float[np.ndarray, "n 2"]:
    """Return the lowest and the highest that each number may have been."""
    if predictions.possible is not None:
        return predictions.possible
    return np.stack([predictions.predicted.astype(float)] * 2, axis=1)
