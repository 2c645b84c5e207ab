"""Whether one system is better than another on the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.roles import CountsShares, RanksPeople, able
from brainplug.evaluation.accelerated import accelerated, keep_complete, scarce
from brainplug.evaluation.bootstrap import (
    Estimate,
    draw_resamples,
    is_clear,
    paired_p_value,
    resampled_scores,
    subtract,
)
from brainplug.evaluation.intervals import (
    enclose,
    interval,
    scale_of,
    student_interval,
    tell_undefined,
)
from brainplug.evaluation.jackknife import influences, scores_without
from brainplug.evaluation.records import Difference
from brainplug.evaluation.relatives import number_families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

DOUBT = 1
"""People that it takes to believe half of a correlation between errors that are right or wrong."""

ERRORS = ("log", "log-square", "log-rest")
"""Scales of errors, to which everybody adds: the correlation of two rests on no small class."""

PAIRED = "the two intervals joined, less what goes together (Zou and Donner)"


def difference(
    metric: Metric,
    ours: Predictions,
    theirs: Predictions,
    clusters: Sequence[str],
    plan: BootstrapPlan,
) -> Difference:
    """Subtract another system's score from ours, with an interval and a paired test.

    Args:
        metric: any metric.
        ours: one prediction a subject.
        theirs: the other system's, of the same subjects in the same order.
        clusters: name of the family of each subject.
        plan: coverage, and seed and number of the bootstrap samples and permutations.

    Returns:
        The difference; `against` is None, for the caller to fill in.
    """
    value = float(metric.score(ours)) - float(metric.score(theirs))
    p_value = None
    if not np.isfinite(value):
        lacking = ours if not np.isfinite(metric.score(ours)) else theirs
        gap = Estimate(reason=tell_undefined(lacking, float(metric.score(lacking))))
    else:
        gap = find_gap(metric, (ours, theirs), clusters, plan)
        p_value = paired_p_value(metric, ours, theirs, draw_resamples(clusters, plan))
    return Difference(
        against=None,
        **attrs.asdict(gap),
        p_value=p_value,
        clear=is_clear(gap, p_value, plan),
        higher_is_better=metric.higher_is_better,
    )


def find_gap(
    metric: Metric,
    systems: tuple[Predictions, Predictions],
    clusters: Sequence[str],
    plan: BootstrapPlan,
) -> Estimate:
    """Return the difference of two scores that are defined, with its interval."""
    scale = scale_of(metric)
    if able(metric, CountsShares) or able(metric, RanksPeople) or scale is not None:
        joined = joined_gap(metric, systems, clusters, plan)
        if joined.low is not None or scale in (None, "fisher"):
            return joined
    members = number_families(clusters)
    value = float(subtract(*(np.asarray(metric.score(each)) for each in systems)))
    if scale is not None:
        # One of them is without error, which has no place on the scale.
        first, second = (scores_without(metric, each, members) for each in systems)
        return student_interval(value, subtract(first, second), scale="plain", plan=plan)
    if lacking := scarce(systems[0], members):
        return Estimate(value=value, reason=lacking)
    # Subtracted sample by sample: what makes a sample easy for both cancels out.
    resamples = keep_complete(draw_resamples(clusters, plan), systems[0])
    first, second = (resampled_scores(metric, each, resamples.counts) for each in systems)
    moved = subtract(*(influences(metric, each, members) for each in systems))
    return accelerated(value, subtract(first, second), moved, plan.confidence)


def joined_gap(
    metric: Metric,
    systems: tuple[Predictions, Predictions],
    clusters: Sequence[str],
    plan: BootstrapPlan,
) -> Estimate:
    """Join the intervals of two scores of the same people to that of their difference.

    Zou and Donner 2008, "Construction of confidence limits about effect measures"; for paired
    shares it is Newcombe's (1998, "Improved confidence intervals for the difference between
    binomial proportions based on paired data"), for correlations Zou's (2007). Errors are skewed as
    squares are, so each is joined by its own interval on a log scale.
    """
    one, other = (interval(metric, each, clusters, plan, alone=False) for each in systems)
    if one.value is None or other.value is None:
        return Estimate(reason=one.reason or other.reason)
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value=value, reason=one.reason or other.reason)
    members = number_families(clusters)
    moved = (influences(metric, each, members) for each in systems)
    alike = go_together(*moved, doubt=0 if scale_of(metric) in ERRORS else DOUBT)
    down = (one.value - one.low, other.high - other.value)
    up = (one.high - one.value, other.value - other.low)
    lower, upper = (
        float(np.sqrt(max(a**2 + b**2 - 2 * alike * a * b, 0.0))) for a, b in (down, up)
    )
    return enclose(value, (value - lower, value + upper), PAIRED)


def go_together(
    ours: Float[np.ndarray, " families"], theirs: Float[np.ndarray, " families"], *, doubt: float
) -> float:
    """Return how the errors of two scores go together over people, drawn to none where few tell.

    The correlation makes an interval narrower, so one that rests on the two people of a small class
    must not be believed: it is worth as many people as share the variance evenly.

    Args:
        ours: how far each family moves our score.
        theirs: how far it moves the other one.
        doubt: people that it takes to believe half of the correlation.
    """
    lengths = float(np.sqrt((ours**2).sum() * (theirs**2).sum()))
    if not lengths:
        return 0.0
    found = float(np.clip(ours @ theirs / lengths, -1, 1))
    weights = ours**2 / (ours**2).sum() + theirs**2 / (theirs**2).sum()
    people = float(weights.sum() ** 2 / (weights**2).sum())
    return found * people / (people + doubt) if found > 0 else found
