"""Metric: mean F1 of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Metric, Part, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class MacroF1Options:
    """Options of `macro-f1`; it has none."""


class MacroF1:
    """Mean F1 of the classes that occur; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples,)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: MacroF1Options) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        classes = sorted(set(predictions.truth))
        if not classes:
            return np.full(len(counts), np.nan)
        true = np.stack([predictions.truth == label for label in classes], axis=1)
        said = np.stack([predictions.predicted == label for label in classes], axis=1)
        hits = counts @ (true & said).astype(float)
        total = counts @ true.astype(float)
        with np.errstate(invalid="ignore"):
            # A class that a sample has lost is left out of its mean, and counts as 0 only if it is
            # there.
            f1 = 2 * hits / (total + counts @ said.astype(float))
            return np.asarray(np.where(total > 0, f1, 0).sum(axis=1) / (total > 0).sum(axis=1))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `macro-f1`."""
    yield Part("macro-f1", MacroF1Options, MacroF1)
