"""Metric: how far probabilities are from what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Metric, Part, ScoresResamples, about
from brainplug.toolkit.weighted_scores import score_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class CalibrationErrorOptions:
    """Options of `calibration-error`."""

    bins: int = attrs.field(
        default=10,
        validator=[attrs.validators.ge(1), attrs.validators.le(1000)],
        metadata=about("bins of equal width that probabilities are sorted into"),
    )


class CalibrationError:
    """Expected calibration error: distance of mean probability and frequency, weighted by bin.

    With two classes of the probability of the second label; with more of the most probable label's,
    against whether that label is right.
    """

    abilities = (ScoresResamples,)

    kind: TargetKind = "categorical"
    higher_is_better = False
    unit = ""

    def __init__(self, options: CalibrationErrorOptions) -> None:
        """Keep the number of bins."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without probabilities or subjects."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        if predictions.probabilities is None:
            return np.full(len(counts), np.nan)
        stated, observed = stated_and_observed(predictions, predictions.probabilities)
        # A probability of 1 belongs to the last bin, not to one of its own.
        indices = np.minimum((stated * self.options.bins).astype(int), self.options.bins - 1)
        # Mean probability minus frequency, times the share of the bin, is this sum by all subjects.
        gaps = (stated - observed)[:, None] * (indices[:, None] == np.unique(indices))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(counts @ gaps).sum(axis=1) / counts.sum(axis=1))


def stated_and_observed(
    predictions: Predictions, chances: Float[np.ndarray, "n c"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a probability of each subject, and whether what it is of is so."""
    labels = np.array(predictions.labels, dtype=object)
    if len(labels) == 2:
        return chances[:, 1], predictions.truth == labels[1]
    return chances.max(axis=1), predictions.truth == labels[chances.argmax(axis=1)]


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `calibration-error`."""
    yield Part("calibration-error", CalibrationErrorOptions, CalibrationError)
