"""Metric: mean recall of the classes."""

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
class BalancedAccuracyOptions:
    """Options of `balanced-accuracy`; it has none."""


class BalancedAccuracy:
    """Mean recall of the classes; an answer that cannot be read is wrong."""

    abilities = (ScoresResamples, CountsShares)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: BalancedAccuracyOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN where nobody is of a class or all are of one."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        right = predictions.truth == predictions.predicted
        labels = predictions.labels
        if len(labels) < 2:
            return np.full(len(counts), np.nan)
        members = np.stack([predictions.truth == label for label in labels], axis=1)
        total = counts @ members.astype(float)
        hits = counts @ (members & right[:, None]).astype(float)
        with np.errstate(invalid="ignore"):
            # Not defined in a sample that lacks a class, which its mean would leave out unseen.
            return np.asarray((hits / total).mean(axis=1))

    def shares(self, predictions: Predictions) -> tuple[Share, ...]:
        """Return the recall of each class."""
        right = predictions.truth == predictions.predicted
        return tuple(
            Share(counted=predictions.truth == label, right=right) for label in predictions.labels
        )


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `balanced-accuracy`."""
    yield Part("balanced-accuracy", BalancedAccuracyOptions, BalancedAccuracy)
