"""What a model adds to confounds: a likelihood ratio, and the gain of both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.conditional_logit import fit, make_design, predict
from brainplug.evaluation.confounding import Increment
from brainplug.evaluation.differences import difference
from brainplug.evaluation.numbers_in_words import bracketed, show, show_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

FEWEST_PEOPLE = 20
FEWEST_OF_A_CLASS = 5
"""Fewer say nothing of three weights."""

LEAST_PROBABILITY = 1e-6


@attrs.frozen(kw_only=True, eq=False)
class TwoReaders:
    """The model and the confounds, asked of the same people in the same order."""

    model: Predictions
    confounds: Predictions


def measure_increment(
    asked: TwoReaders,
    weighing: TwoReaders | None,
    *,
    confounds: Sequence[str],
    by: tuple[str, Metric],
    people: tuple[Sequence[str], BootstrapPlan],
) -> Increment:
    """Measure what the model adds to a model of the confounds that was fitted on training people.

    The ratio compares, on the people asked, a model of the confounds' score with one of both
    scores; it takes people for independent, so that one of each family is looked at, and whoever
    several seeds asked once. For the gain the two scores are weighed on other people, so that it is
    no gain of fitting.

    Args:
        asked: the people.
        weighing: validation people; None where these are asked, or there are none.
        confounds: their names.
        by: name of a metric, and the metric.
        people: the family of each, and how intervals are made.
    """
    name, metric = by
    clusters, plan = people
    unrelated = take_unrelated(asked, clusters)
    reason = too_few(unrelated.model)
    statistic, p_value = (None, None) if reason else ratio_test(unrelated)
    alone = together = None
    if reason:
        gain = Estimate(reason=reason)
    elif weighing is None or too_few(weighing.model):
        gain = Estimate(reason="too few validation people to weigh both by")
    else:
        first, second = (weigh(asked, weighing, model=model) for model in (False, True))
        found = difference(metric, second, first, clusters, plan)
        gain = Estimate(value=found.value, low=found.low, high=found.high, reason=found.reason)
        alone, together = finite(metric.score(first)), finite(metric.score(second))
    return Increment(
        confounds=tuple(confounds),
        n=len(unrelated.model.truth),
        statistic=statistic,
        p_value=p_value,
        reason=reason,
        metric=name,
        alone=alone,
        together=together,
        gain=gain,
        confidence=plan.confidence,
    )


def take_unrelated(asked: TwoReaders, clusters: Sequence[str]) -> TwoReaders:
    """Return the first person of each family.

    Args:
        asked: the people.
        clusters: name of the family of each.
    """
    rows = np.sort(np.unique(np.asarray(clusters, dtype=str), return_index=True)[1])
    return TwoReaders(model=asked.model.take(rows), confounds=asked.confounds.take(rows))


def too_few(predictions: Predictions) -> str:
    """Say why a few weights cannot be fitted to these people, empty where they can."""
    size = len(predictions.truth)
    if size < FEWEST_PEOPLE:
        return f"fewer than {FEWEST_PEOPLE} people"
    if predictions.labels:
        counts = [int((predictions.truth == label).sum()) for label in predictions.labels]
        if min(counts) < FEWEST_OF_A_CLASS:
            return f"a class has fewer than {FEWEST_OF_A_CLASS} people"
    elif np.ptp(predictions.truth.astype(float)) == 0:
        return "all people have one value"
    return ""


def ratio_test(asked: TwoReaders) -> tuple[float, float]:
    """Return the statistic of adding the model's score to the confounds', and its p value.

    Of classes twice the difference of the penalised log likelihoods, which is chi-squared; of
    numbers the F of a linear model, whose p value is exact for normal residuals.
    """
    from scipy import stats

    if asked.model.labels:
        design, truth = class_design(asked, model=True), number_classes(asked.model)
        last = design.shape[2] - 1
        _, both = fit(design, truth)
        _, alone = fit(design, truth, without=last)
        ratio = max(0.0, 2 * (both - alone))
        return ratio, float(stats.chi2.sf(ratio, 1))
    truth = asked.model.truth.astype(float)
    left, less = (residual(number_design(asked, model=model), truth) for model in (False, True))
    freedom = len(truth) - 3
    ratio = max(0.0, (left - less) / max(less, 1e-300) * freedom)
    return ratio, float(stats.f.sf(ratio, 1, freedom))


def weigh(asked: TwoReaders, weighing: TwoReaders, *, model: bool) -> Predictions:
    """Return what confounds say, with or without the model, as weighed by other people."""
    if asked.model.labels:
        weights, _ = fit(class_design(weighing, model=model), number_classes(weighing.model))
        chances = predict(class_design(asked, model=model), weights)
        labels = np.array(asked.model.labels, dtype=object)
        return attrs.evolve(
            asked.model, predicted=labels[chances.argmax(axis=1)], probabilities=chances
        )
    truth = weighing.model.truth.astype(float)
    weights = np.linalg.lstsq(number_design(weighing, model=model), truth, rcond=None)[0]
    return attrs.evolve(asked.model, predicted=number_design(asked, model=model) @ weights)


def class_design(readers: TwoReaders, *, model: bool) -> Float[np.ndarray, "n classes weights"]:
    """Return constants, the confounds' log probabilities, and those of the model."""
    scores = [class_scores(readers.confounds)]
    if model:
        scores.append(class_scores(readers.model))
    return make_design(*scores)


def class_scores(predictions: Predictions) -> Float[np.ndarray, "n classes"]:
    """Return log probabilities; without probabilities 1 for the class that was said."""
    chances = predictions.probabilities
    if chances is None:
        said = [predictions.predicted == label for label in predictions.labels]
        return np.column_stack(said).astype(float)
    logs: Float[np.ndarray, "n classes"] = np.log(np.maximum(chances, LEAST_PROBABILITY))
    centred: Float[np.ndarray, "n classes"] = logs - logs.mean(axis=1, keepdims=True)
    return centred


def number_classes(predictions: Predictions) -> Int[np.ndarray, " n"]:
    """Return the number of the class of each."""
    return np.array([predictions.labels.index(label) for label in predictions.truth])


def number_design(readers: TwoReaders, *, model: bool) -> Float[np.ndarray, "n weights"]:
    """Return a constant, what the confounds say, and what the model says."""
    said = [readers.confounds.predicted, *([readers.model.predicted] if model else [])]
    return np.column_stack([np.ones(len(said[0])), *(each.astype(float) for each in said)])


def residual(design: Float[np.ndarray, "n weights"], truth: Float[np.ndarray, " n"]) -> float:
    """Return the sum of squares that a linear model leaves."""
    weights = np.linalg.lstsq(design, truth, rcond=None)[0]
    return float(((truth - design @ weights) ** 2).sum())


def finite(value: float) -> float | None:
    """Return the value, None for NaN."""
    return float(value) if np.isfinite(value) else None


def increment_in_words(found: Increment) -> str:
    """Say what the model adds to the confounds."""
    *others, last = [name.replace("_", " ") for name in found.confounds]
    known = f"{', '.join(others)} and {last}" if others else last
    if found.p_value is None:
        return f"What the model adds to {known} is not known: {found.reason}."
    adds = found.p_value < 1 - found.confidence
    told = (
        f"The model {'adds' if adds else 'is not shown to add'} to what {known} tell "
        f"(likelihood ratio, {show_p(found.p_value)}, {found.n} people)"
    )
    gain = found.gain
    if gain.value is None:
        return f"{told}; by how much is not known: {gain.reason}."
    return (
        f"{told}: {found.metric} {show(found.alone or 0.0)} becomes {show(found.together or 0.0)}, "
        f"{show(gain.value, sign=True)}{bracketed(gain.low, gain.high, ' (', ')')}."
    )
