"""Metric: root mean squared error."""

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
class RmseOptions:
    """Options of `rmse`; it has none."""


class Rmse:
    """Root of the mean squared error."""

    abilities = (ScoresResamples,)

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = "target"

    def __init__(self, options: RmseOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        from sklearn.metrics import root_mean_squared_error

        if not len(predictions.truth):
            return float("nan")
        return float(root_mean_squared_error(predictions.truth, predictions.predicted))

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        squares = ((predictions.truth - predictions.predicted) ** 2).astype(float)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(counts @ squares / counts.sum(axis=1)))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `rmse`."""
    yield Part("rmse", RmseOptions, Rmse)
