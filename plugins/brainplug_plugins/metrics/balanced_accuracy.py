"""Metric: mean recall of the classes."""

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
class BalancedAccuracyOptions:
    """Options of `balanced-accuracy`; it has none."""


class BalancedAccuracy:
    """Mean recall of the classes that occur; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples,)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: BalancedAccuracyOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without subjects."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        right = predictions.truth == predictions.predicted
        classes = sorted(set(predictions.truth))
        if not classes:
            return np.full(len(counts), np.nan)
        members = np.stack([predictions.truth == label for label in classes], axis=1)
        total = counts @ members.astype(float)
        hits = counts @ (members & right[:, None]).astype(float)
        with np.errstate(invalid="ignore"):
            return np.asarray(
                np.where(total > 0, hits / total, 0).sum(axis=1) / (total > 0).sum(axis=1)
            )


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `balanced-accuracy`."""
    yield Part("balanced-accuracy", BalancedAccuracyOptions, BalancedAccuracy)
