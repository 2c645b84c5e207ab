"""Whether stated probabilities mean what they say, and whether numbers err towards the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.proper import LEAST
from brainplug.evaluation.records import Calibration, CalibrationBin, NumberBias
from brainplug.evaluation.robust import (
    cluster_mean,
    logistic_line,
    positive_mean,
    straight_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float

    from brainplug.api.records import Predictions

FEW_BINS, MANY_BINS = 5, 10

ENOUGH_FOR_CURVE = 200
"""People from which on a curve shows more than its noise (Van Calster et al. 2016, J Clin Epidemiol
74:167, ask for as many events and as many others)."""

MOST_BRIER = 2.0
"""The Brier score of who is sure of what is wrong, each time."""

CERTAIN = 1e-6
"""Probabilities nearer to 0 or 1 count as this far, since their log odds are infinite."""


def calibration(
    predictions: Predictions,
    clusters: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> Calibration | None:
    """Compare probabilities with what was observed, None without probabilities.

    With two classes the probability is that of the second label; with more it is that of the most
    probable label, against whether that label is right. Slope and intercept are those of logistic
    recalibration (Cox 1958, Biometrika 45:562), the intercept at slope 1.

    Args:
        predictions: one a person.
        clusters: name of the family of each; without it each person is one.
        confidence: of the intervals.
    """
    chances, labels = predictions.probabilities, predictions.labels
    if chances is None or not len(chances):
        return None
    of, stated, observed = stated_and_observed(predictions)
    bins = reliability(stated, observed)
    actual = predictions.truth[:, None] == np.array(labels, dtype=object)[None, :]
    families = list(map(str, range(len(stated)))) if clusters is None else clusters
    # Brier's own form (1950), summed over classes: from 0 to 2, with two classes too.
    squares = ((chances - actual) ** 2).sum(axis=1)
    losses = -np.log(np.maximum((chances * actual).sum(axis=1), LEAST))
    odds = log_odds(stated)
    seen = observed.astype(float)
    return Calibration(
        of=of,
        bins=bins if len(stated) >= ENOUGH_FOR_CURVE else (),
        expected_error=sum(each.n * abs(each.mean_probability - each.observed) for each in bins)
        / len(stated),
        brier=float(squares.mean()),
        people=len(stated),
        brier_score=positive_mean(squares, families, confidence, most=MOST_BRIER),
        log_loss=positive_mean(losses, families, confidence),
        slope=logistic_line(odds, seen, families, confidence),
        intercept=logistic_line(odds, seen, families, confidence, slope=1.0),
    )


def stated_and_observed(
    predictions: Predictions,
) -> tuple[str, Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return which probability is looked at, its values, and whether it came about."""
    chances, labels = predictions.probabilities, predictions.labels
    assert chances is not None
    if len(labels) == 2:
        return labels[1], chances[:, 1], np.asarray(predictions.truth == labels[1], dtype=bool)
    top = chances.argmax(axis=1)
    right = np.array(labels, dtype=object)[top] == predictions.truth
    return "the most probable label", chances.max(axis=1), np.asarray(right, dtype=bool)


def log_odds(stated: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the log odds of probabilities, finite for those of 0 and 1 too."""
    inner = np.clip(stated, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(inner / (1 - inner)))


def reliability(
    stated: Float[np.ndarray, " n"], observed: Bool[np.ndarray, " n"]
) -> tuple[CalibrationBin, ...]:
    """Return bins of equal width with their mean probability and observed frequency."""
    number = MANY_BINS if len(stated) >= ENOUGH_FOR_CURVE else FEW_BINS
    # A probability of 1 belongs to the last bin.
    indices = np.minimum((stated * number).astype(int), number - 1)
    return tuple(
        CalibrationBin(
            low=index / number,
            high=(index + 1) / number,
            n=int((indices == index).sum()),
            mean_probability=float(stated[indices == index].mean()),
            observed=float(observed[indices == index].mean()),
        )
        for index in range(number)
        if (indices == index).any()
    )


def number_bias(
    predictions: Predictions, clusters: Sequence[str], confidence: float
) -> NumberBias | None:
    """Describe the errors of numbers against the truth, None of classes and of nobody.

    A model that knows little says what lies near the mean, so that the low are told too high and
    the high too low. Corrections for that use the truth and make weak models look strong (Butler et
    al. 2021, PMC9188975), so none is applied: all scores are those of the numbers as predicted.

    Args:
        predictions: one a person.
        clusters: name of the family of each.
        confidence: of the intervals.
    """
    if predictions.labels or not len(predictions.truth):
        return None
    truth = predictions.truth.astype(float)
    errors = predictions.predicted.astype(float) - truth
    return NumberBias(
        people=len(truth),
        mean=cluster_mean(errors, clusters, confidence),
        slope=straight_line(truth, errors, clusters, confidence),
    )
