"""Metric: root mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import HasScale, Metric, Part, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class RmseOptions:
    """Options of `rmse`; it has none."""


class Rmse:
    """Root of the mean squared error."""

    abilities = (ScoresResamples, HasScale)

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = "target"
    scale: Literal["log", "log-square", "log-rest", "fisher"] = "log-square"

    def __init__(self, options: RmseOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        squares = (predictions.truth - predictions.scored) ** 2
        return np.asarray(np.sqrt(weighted_mean(squares, counts)))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `rmse`."""
    yield Part("rmse", RmseOptions, Rmse)
