"""Metric: share of variance explained."""

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
class R2Options:
    """Options of `r2`; it has none."""


class R2:
    """Share of variance explained, against the mean of the scored subjects; can be negative."""

    abilities = (ScoresResamples, HasScale)

    kind: TargetKind = "numerical"
    higher_is_better = True
    unit = ""
    scale: Literal["log", "log-square", "log-rest", "fisher"] = "log-rest"

    def __init__(self, options: R2Options) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN where the truth does not vary (scikit-learn would say 0 or 1)."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        truth = np.asarray(predictions.truth, dtype=float)
        if len(set(truth)) < 2:
            return np.full(len(counts), np.nan)
        centred = truth - truth.mean()
        squares = (truth - np.asarray(predictions.scored, dtype=float)) ** 2
        size = np.maximum(counts.sum(axis=1), 1)
        # About each sample's own mean; centred on the whole first, or large means would cost
        # digits.
        spread = counts @ centred**2 - (counts @ centred) ** 2 / size
        # rounding leaves a trace of variance in a sample of one subject drawn n times
        spread[spread <= 1e-9 * size * centred.var()] = np.nan
        return np.asarray(1 - counts @ squares / spread)


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `r2`."""
    yield Part("r2", R2Options, R2)
