"""Metric: area under the receiver operating characteristic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.hooks import hookimpl
from brainplug.api.records import Ranking
from brainplug.api.roles import Metric, Part, RanksPeople, ScoresResamples
from brainplug.toolkit.weighted_scores import score_once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Float

    from brainplug.api.records import Predictions, TargetKind


@attrs.frozen(kw_only=True)
class AurocOptions:
    """Options of `auroc`; it has none."""


class Auroc:
    """Area under the ROC of the candidate answers; macro one-versus-rest beyond two classes."""

    abilities = (ScoresResamples, RanksPeople)

    kind: TargetKind = "categorical"
    higher_is_better = True
    unit = ""

    def __init__(self, options: AurocOptions) -> None:
        """Take the options, of which there are none."""
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score, NaN without probabilities or where nobody is of a class."""
        return score_once(self, predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Score all bootstrap samples at once."""
        chances = predictions.probabilities
        classes = scored_classes(predictions)
        if chances is None or not classes:
            return np.full(len(counts), np.nan)
        areas = [
            resampled_area(
                predictions.truth == label, chances[:, predictions.labels.index(label)], counts
            )
            for label in classes
        ]
        # Not defined in a sample that lacks a class, which its mean would leave out unseen.
        return np.asarray(np.stack(areas).mean(axis=0))

    def rankings(self, predictions: Predictions) -> tuple[Ranking, ...]:
        """Return each class against all others, by its probability."""
        chances = predictions.probabilities
        assert chances is not None  # else there is no score
        return tuple(
            Ranking(
                positive=predictions.truth == label,
                height=chances[:, predictions.labels.index(label)],
            )
            for label in scored_classes(predictions)
        )


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `auroc`."""
    yield Part("auroc", AurocOptions, Auroc)


def scored_classes(predictions: Predictions) -> tuple[str, ...]:
    """Return the classes whose areas are averaged: the second of two, else all; none if one lacks.

    Where somebody is of no class of the target, no area is known either.
    """
    present, labels = set(predictions.truth), predictions.labels
    if len(labels) < 2 or present != set(labels):
        return ()
    return labels[1:] if len(labels) == 2 else labels


def resampled_area(
    positive: np.ndarray, score: Float[np.ndarray, " n"], counts: Float[np.ndarray, "samples n"]
) -> Float[np.ndarray, " samples"]:
    """Return the area for each sample: the share of pairs in the right order, ties half."""
    # Sorted once for all samples, which differ in counts and not in scores.
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    sorted_counts = counts[:, order]
    above = np.add.reduceat(sorted_counts * positive[order], starts, axis=1)
    below = np.add.reduceat(sorted_counts * ~positive[order], starts, axis=1)
    # Equal scores are one step of the curve, in which a positive wins against half.
    won = above * (np.cumsum(below, axis=1) - below / 2)
    with np.errstate(invalid="ignore"):
        return np.asarray(won.sum(axis=1) / (above.sum(axis=1) * below.sum(axis=1)))
