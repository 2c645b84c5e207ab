"""Metric: mean F1 of the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.records import Share
from brainplug.api.roles import CountsShares, Metric, Part, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class MacroF1Options:
    """Options of `macro-f1`; it has none."""


class MacroF1:
    """Mean F1 of the classes; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples, CountsShares)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: MacroF1Options) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN where nobody is of a class or all are of one."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        labels = predictions.labels
        if len(labels) < 2:
            return np.full(len(counts), np.nan)
        true = np.stack([predictions.truth == label for label in labels], axis=1)
        said = np.stack([predictions.predicted == label for label in labels], axis=1)
        hits = counts @ (true & said).astype(float)
        total = counts @ true.astype(float)
        # Not defined in a sample that lacks a class, which its mean would leave out unseen.
        total[total == 0] = np.nan
        return np.asarray((2 * hits / (total + counts @ said.astype(float))).mean(axis=1))

    def shares(self, predictions: Predictions) -> tuple[Share, ...]:
        """Return for each class who is rightly said to be of it, of all who are or are said to be.

        F1 is twice that share over one more.
        """
        truth, said = predictions.truth, predictions.predicted
        return tuple(
            Share(
                counted=(truth == label) | (said == label),
                right=(truth == label) & (said == label),
                jaccard=True,
            )
            for label in predictions.labels
        )


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `macro-f1`."""
    yield Part("macro-f1", MacroF1Options, MacroF1)
