"""For metrics with one formula over counts of subjects: the score is that of each counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    from brainplug.api.records import Predictions
    from brainplug.api.roles import ScoresResamples


def score_once(metric: ScoresResamples, predictions: Predictions) -> float:
    """Return the score of the predictions as they are, as one sample with each subject once."""
    counts = np.ones((1, len(predictions.truth)))
    return float(metric.score_resamples(predictions, counts)[0])


def weighted_mean(
    values: Shaped[np.ndarray, " n"], counts: Float[np.ndarray, "samples n"]
) -> Float[np.ndarray, " samples"]:
    """Return the mean of each sample, NaN of one without subjects.

    >>> weighted_mean(np.array([1, 4]), np.array([[1.0, 1.0], [2.0, 1.0]]))
    array([2.5, 2. ])
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(counts @ values.astype(float) / counts.sum(axis=1))
