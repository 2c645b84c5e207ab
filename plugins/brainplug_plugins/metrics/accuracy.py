"""Metric: share of subjects whose answer is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Metric, Part, ScoresResamples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class AccuracyOptions:
    """Options of `accuracy`; it has none."""


class Accuracy:
    """Share of subjects answered rightly; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples,)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: AccuracyOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        from sklearn.metrics import accuracy_score

        if not len(predictions.truth):
            return float("nan")
        right = predictions.truth == predictions.predicted
        return float(accuracy_score(np.ones(len(right)), right))

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        right = (predictions.truth == predictions.predicted).astype(float)
        with np.errstate(invalid="ignore"):
            return np.asarray(counts @ right / counts.sum(axis=1))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `accuracy`."""
    yield Part("accuracy", AccuracyOptions, Accuracy)
