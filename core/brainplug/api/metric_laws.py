"""The laws of a metric: it is one function of the predictions, and says how sure it is truly."""

from __future__ import annotations

import math
import warnings
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from brainplug.api.laws import hold
from brainplug.api.records import Predictions
from brainplug.api.roles import CountsShares, HasScale, RanksPeople, ScoresResamples, able

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.api.records import Ranking
    from brainplug.api.roles import Metric

LARGEST_SCORE = 1e300
"""Of which a mean can still be made."""


def hold_metrics(metrics: Mapping[str, Metric], labels: Sequence[str]) -> None:
    """Let every metric of a run score small made-up samples before anything is trained.

    Raises:
        PluginError: one raises, returns something else than a float or one without end, or says
            another thing when it is asked again.
    """
    for metric in metrics.values():
        # One is told: what is amiss with one sample is with the others.
        hold(metric, islice(metric_faults(metric, labels), 1))


def metric_faults(metric: Metric, labels: Sequence[str] = ()) -> Iterator[str]:
    """Say where a metric gives no number, or another one when asked again or for weighted subjects.

    Args:
        metric: of either kind.
        labels: the classes of the target; two made-up ones where there are none.
    """
    samples = make_samples(metric, labels)
    scores = score_samples(metric, samples)
    again = score_samples(metric, samples)  # after all others, which shows what it remembers
    for name, sample in samples.items():
        score = scores[name]
        if not isinstance(score, float):
            yield f"score returns {score!r} for {name}, expected a float (nan where undefined)"
            continue
        if abs(score) > LARGEST_SCORE:
            yield f"score returns {score} for {name}, expected at most {LARGEST_SCORE:g}, or nan"
            continue
        if not np.isclose(score, again[name], rtol=1e-9, atol=0, equal_nan=True):
            yield f"score returns {score} for {name}, and {again[name]} when it is asked again"
            continue
        if able(metric, HasScale) and is_off(score, metric.scale):
            yield f"score of {name} is {score}, which has no place on its scale {metric.scale!r}"
        yield from made_of_faults(metric, sample, score, name)
        if able(metric, ScoresResamples):
            yield from weight_faults(metric, sample, score, name)


def score_samples(metric: Metric, samples: Mapping[str, Predictions]) -> dict[str, Any]:
    """Return what a metric says of each sample."""
    with warnings.catch_warnings():
        # A sample may lack a class; the metric says NaN, and its library warns besides.
        warnings.simplefilter("ignore")
        return {name: metric.score(sample) for name, sample in samples.items()}


def is_off(score: float, scale: str) -> bool:
    """Tell whether a score lies outside of the scale on which its errors are said to be even."""
    low, high = {"fisher": (-1.0, 1.0), "log-rest": (-math.inf, 1.0)}.get(scale, (0.0, math.inf))
    return not (math.isnan(score) or low - 1e-9 <= score <= high + 1e-9)


def made_of_faults(metric: Metric, sample: Predictions, score: float, name: str) -> Iterator[str]:
    """Say where a metric is not made of what it says that it is made of."""
    if not np.isfinite(score):
        return
    if able(metric, CountsShares):
        shares = [(each, each.right[each.counted].mean()) for each in metric.shares(sample)]
        made = np.mean([2 * s / (1 + s) if each.jaccard else s for each, s in shares])
        if not np.isclose(made, score):
            yield f"score of {name} is {score}, the mean of its shares {made}"
    if able(metric, RanksPeople):
        made = np.mean([ranked_area(each) for each in metric.rankings(sample)])
        if not np.isclose(made, score):
            yield f"score of {name} is {score}, the mean of its areas {made}"


def ranked_area(ranking: Ranking) -> float:
    """Return how often one of the class ranks above one who is not, ties half."""
    above = ranking.height[ranking.positive][:, None] - ranking.height[~ranking.positive]
    return float((np.sign(above).mean() + 1) / 2)


def weight_faults(
    metric: ScoresResamples, sample: Predictions, score: float, name: str
) -> Iterator[str]:
    """Say where counts of subjects are not what repeating these subjects is."""
    num = len(sample.truth)
    counts = np.ones((2, num))
    # Each subject once, and each twice: both must be the plain score, whatever the metric is.
    counts[1] = 2
    scores = np.asarray(metric.score_resamples(sample, counts))
    if scores.shape != (2,):
        yield f"score_resamples returns the shape {scores.shape} for 2 samples of {name}"
    elif not np.allclose(scores, score, rtol=1e-6, atol=1e-9, equal_nan=True):
        yield f"score of {name} is {score}, score_resamples makes it {scores.tolist()}"


def make_samples(metric: Metric, labels: Sequence[str] = ()) -> dict[str, Predictions]:
    """Make up predictions such as a run may hand to a metric, by what they are.

    >>> from types import SimpleNamespace
    >>> samples = make_samples(SimpleNamespace(kind="categorical"))
    >>> samples["made-up predictions"].truth.tolist()[:3]
    ['a', 'b', 'a']
    """
    if metric.kind == "numerical":
        truth = np.linspace(20.0, 80.0, 12)
        errors = np.resize([1.5, -3.0, 0.0, 4.5, -0.5], len(truth))
        whole = Predictions(truth=truth, predicted=truth + errors, train_mean=48.0)
        mean = np.full(len(truth), 48.0)
        return {
            "made-up predictions": whole,
            "the same number for everybody": attrs.evolve(whole, predicted=mean),
            "people who all have one value": attrs.evolve(whole, truth=mean),
            "predictions that are all right": attrs.evolve(whole, predicted=truth),
            "a single subject": whole.take(slice(1)),
        }
    names = tuple(labels) or ("a", "b")
    indices = np.arange(6 * len(names)) % len(names)
    # Every third answer is wrong, so that no metric stands at an end of its scale.
    shifted = np.where(np.arange(len(indices)) % 3 == 2, (indices + 1) % len(names), indices)
    truth = np.array([names[index] for index in indices], dtype=object)
    predicted = np.array([names[index] for index in shifted], dtype=object)
    predicted[0] = None  # an answer that nobody could read
    chances = np.full((len(indices), len(names)), 0.4 / len(names))
    chances[np.arange(len(indices)), shifted] += 0.6
    whole = Predictions(truth=truth, predicted=predicted, labels=names, probabilities=chances)
    return {
        "made-up predictions": whole,
        "predictions without probabilities": attrs.evolve(whole, probabilities=None),
        "the same answer for everybody": attrs.evolve(
            whole,
            predicted=np.full(len(truth), names[0], dtype=object),
            probabilities=np.tile(np.eye(len(names))[0], (len(truth), 1)),
        ),
        "predictions that are all right": attrs.evolve(
            whole, predicted=truth, probabilities=np.eye(len(names))[indices]
        ),
        "people of one class": whole.take(indices == 0),
        # Not the first, whose answer could not be read.
        "a single subject": whole.take(slice(1, 2)),
    }
