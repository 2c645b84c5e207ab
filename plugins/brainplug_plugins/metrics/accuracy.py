"""Metric: share of subjects whose answer is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.records import Share
from brainplug.api.roles import CountsShares, Metric, Part, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class AccuracyOptions:
    """Options of `accuracy`; it has none."""


class Accuracy:
    """Share of subjects answered rightly; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples, CountsShares)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: AccuracyOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        return weighted_mean(predictions.truth == predictions.predicted, counts)

    def shares(self, predictions: Predictions) -> tuple[Share, ...]:
        """Return the share that is right, of all subjects."""
        right = predictions.truth == predictions.predicted
        return (Share(counted=np.ones(len(right), dtype=bool), right=right),)


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `accuracy`."""
    yield Part("accuracy", AccuracyOptions, Accuracy)
