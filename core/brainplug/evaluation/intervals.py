"""How sure a score is: the interval of any metric over people who may be relatives.

A metric says what it is made of by an ability, and that decides the method; a metric that says
nothing gets a bootstrap. `docs/decisions/0021-intervals.md` tells why, `benchmarks/coverage.py` how
often each interval holds the truth.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from brainplug.api.roles import CountsShares, HasScale, RanksPeople, able
from brainplug.evaluation.accelerated import accelerated, keep_complete, scarce
from brainplug.evaluation.areas import area_interval
from brainplug.evaluation.bootstrap import Estimate, draw_resamples, resampled_scores
from brainplug.evaluation.jackknife import influences, scores_without, student
from brainplug.evaluation.relatives import number_families
from brainplug.evaluation.shares import share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

SHARES = "skewness-corrected score (Wilson's where there is one share), families by likeness"
AREAS = "Newcombe's score of the area, families by likeness"
STUDENT = "Student's t on the scale {scale}, families left out in turn"
FEWEST = 3
"""Families below which nothing is said of how much they differ."""
CONSTANT = "the same is said to everybody, which needs no sample"
SINGLE = "fewer than three independent people, so no interval"
NO_SPREAD = "the errors are all alike and tell nothing of other people's, so no interval"


def interval(
    metric: Metric,
    predictions: Predictions,
    clusters: Sequence[str],
    plan: BootstrapPlan,
    *,
    alone: bool = True,
) -> Estimate:
    """Score a system and say how sure that is.

    Args:
        metric: any metric, of the shipped plugins or of a stranger's.
        predictions: one a subject.
        clusters: name of the family of each subject, in the same order.
        plan: coverage, and seed and number of the bootstrap samples.
        alone: whether it stands for itself, and is not one of two that are subtracted.
    """
    value = float(metric.score(predictions))
    if not np.isfinite(value):
        return Estimate(reason=tell_undefined(predictions, value))
    members = number_families(clusters)
    if predictions.constant and not influences(metric, predictions, members).any():
        return Estimate(value=value, low=value, high=value, reason=CONSTANT)
    if (scale := scale_of(metric)) is not None:
        without = scores_without(metric, predictions, members)
        return student_interval(value, without, scale=scale, plan=plan, alone=alone)
    z = NormalDist().inv_cdf((1 + plan.confidence) / 2)
    if able(metric, CountsShares):
        return enclose(value, share_interval(metric.shares(predictions), members, z), SHARES)
    if able(metric, RanksPeople):
        return enclose(value, area_interval(metric.rankings(predictions), members, z), AREAS)
    return resampled_interval(metric, predictions, clusters, plan)


def scale_of(metric: Metric) -> str | None:
    """Return the scale on which a metric's errors are even, None where it names none."""
    return metric.scale if able(metric, HasScale) else None


def resampled_interval(
    metric: Metric, predictions: Predictions, clusters: Sequence[str], plan: BootstrapPlan
) -> Estimate:
    """Return a score that is defined with its interval by the bootstrap."""
    value, members = float(metric.score(predictions)), number_families(clusters)
    if lacking := scarce(predictions, members):
        return Estimate(value=value, reason=lacking)
    resamples = keep_complete(draw_resamples(clusters, plan), predictions)
    scores = resampled_scores(metric, predictions, resamples.counts)
    return accelerated(value, scores, influences(metric, predictions, members), plan.confidence)


def enclose(value: float, ends: tuple[float, float], method: str) -> Estimate:
    """Return a score with its interval, which holds it whatever rounding did."""
    return Estimate(value=value, low=min(ends[0], value), high=max(ends[1], value), method=method)


def student_interval(
    value: float,
    without: Float[np.ndarray, " families"],
    *,
    scale: str,
    plan: BootstrapPlan,
    alone: bool = True,
) -> Estimate:
    """Return a score, or a difference, with Student's interval on a scale.

    Args:
        value: the score.
        without: the score without each family.
        scale: a name of `SCALES`.
        plan: coverage.
        alone: whether it stands for itself, and is not one of two that are subtracted.
    """
    if len(without) < FEWEST:
        return Estimate(value=value, reason=SINGLE)
    low, high = student(value, without, scale=scale, confidence=plan.confidence, alone=alone)
    if not np.isfinite(low + high):
        return Estimate(value=value, reason=NO_SPREAD)
    return enclose(value, (low, high), STUDENT.format(scale=scale))


def tell_undefined(predictions: Predictions, score: float = float("nan")) -> str:
    """Say what predictions lack that a score needs.

    Args:
        predictions: that were scored.
        score: what the metric made of them.
    """
    if np.isinf(score):
        return f"not defined: the metric returns {score}"
    lacking = find_lacking(predictions) or "the metric returns nan for these answers"
    return f"not defined: {lacking}"


def find_lacking(predictions: Predictions) -> str:
    """Say what predictions lack for any score; empty where they lack nothing."""
    truth = predictions.truth
    if not len(truth):
        return "nobody was asked"
    lacking = [repr(label) for label in predictions.labels if not np.any(truth == label)]
    if lacking:
        return f"nobody here is {' or '.join(lacking)}"
    if predictions.labels and predictions.probabilities is None:
        return "it needs probabilities of the answers, and there are none"
    if len(set(truth)) < 2:
        return "everybody here has the same value"
    what = "answer" if predictions.labels else "number"
    return f"the same {what} is said of everybody" if len(set(predictions.predicted)) < 2 else ""
