"""Metric: Pearson's correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import HasScale, Metric, Part, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class PearsonROptions:
    """Options of `pearson-r`; it has none."""


class PearsonR:
    """Pearson's correlation of truth and prediction; with unread answers the least it may be."""

    abilities = (ScoresResamples, HasScale)

    kind: TargetKind = "numerical"
    higher_is_better = True
    unit = ""
    scale: Literal["log", "log-square", "log-rest", "fisher"] = "fisher"

    def __init__(self, options: PearsonROptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN where truth or prediction does not vary."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        truth = np.asarray(predictions.truth, dtype=float)
        predicted = np.asarray(predictions.predicted, dtype=float)
        if len(set(truth)) < 2 or len(set(predicted)) < 2:
            return np.full(len(counts), np.nan)
        if predictions.possible is not None:
            return least_correlation(truth, predictions.possible, counts)
        x, y = truth - truth.mean(), predicted - predicted.mean()
        size = np.maximum(counts.sum(axis=1), 1)
        sum_x, sum_y = counts @ x, counts @ y
        spread_x = counts @ x**2 - sum_x**2 / size
        spread_y = counts @ y**2 - sum_y**2 / size
        # rounding leaves a trace of variance in a sample of one subject drawn n times
        spread_x[spread_x <= 1e-9 * size * x.var()] = np.nan
        spread_y[spread_y <= 1e-9 * size * y.var()] = np.nan
        found = (counts @ (x * y) - sum_x * sum_y / size) / np.sqrt(spread_x * spread_y)
        return np.asarray(np.clip(found, -1, 1))  # rounding may carry it beyond


def least_correlation(
    truth: Float[np.ndarray, " n"],
    possible: Float[np.ndarray, "n 2"],
    counts: Float[np.ndarray, "samples n"],
) -> Float[np.ndarray, " samples"]:
    """Return a bound that no correlation is below, whatever was unread, within what it may be.

    The covariance is least with every number at the end that is on the wrong side of the mean; the
    spread is at most that about any centre, with every number at the far end, and at least that of
    the numbers which are known. Their quotient bounds the correlation.

    Args:
        truth: the values.
        possible: the lowest and the highest that each prediction may have been.
        counts: how often each subject is in each sample.
    """
    low, high = possible.T
    size = np.maximum(counts.sum(axis=1), 1)
    known = counts * (low == high)
    centre = known @ low / np.maximum(known.sum(axis=1), 1)
    x = truth - (counts @ truth / size)[:, None]
    below, above = low - centre[:, None], high - centre[:, None]
    together = (counts * np.minimum(x * below, x * above)).sum(axis=1)
    most = (counts * np.maximum(below**2, above**2)).sum(axis=1)
    least = (known * below**2).sum(axis=1)
    spread = (counts * x**2).sum(axis=1)
    spread[spread <= 1e-9 * size * truth.var()] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        found = together / np.sqrt(spread * np.where(together > 0, most, least))
    return np.asarray(np.clip(found, -1, 1))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `pearson-r`."""
    yield Part("pearson-r", PearsonROptions, PearsonR)
