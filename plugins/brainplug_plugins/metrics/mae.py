"""Metric: mean absolute error."""

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
class MaeOptions:
    """Options of `mae`; it has none."""


class Mae:
    """Mean absolute error."""

    abilities = (ScoresResamples,)

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = "target"

    def __init__(self, options: MaeOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        from sklearn.metrics import mean_absolute_error

        if not len(predictions.truth):
            return float("nan")
        return float(mean_absolute_error(predictions.truth, predictions.predicted))

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        errors = np.abs(predictions.truth - predictions.predicted).astype(float)
        with np.errstate(invalid="ignore"):
            return np.asarray(counts @ errors / counts.sum(axis=1))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `mae`."""
    yield Part("mae", MaeOptions, Mae)
