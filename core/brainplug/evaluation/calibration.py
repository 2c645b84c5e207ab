"""Whether the probabilities of the candidate answers mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.records import Calibration, CalibrationBin

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from brainplug.api.records import Predictions

FEW_BINS, MANY_BINS, ENOUGH_FOR_MANY = 5, 10, 200


def calibration(predictions: Predictions) -> Calibration | None:
    """Bin probabilities against what was observed, None without probabilities.

    With two classes the probability is that of the second label; with more it is that of the most
    probable label, against whether that label is right.

    """
    chances, labels = predictions.probabilities, predictions.labels
    if chances is None or not len(chances):
        return None
    if len(labels) == 2:
        of, stated, observed = labels[1], chances[:, 1], predictions.truth == labels[1]
    else:
        top = chances.argmax(axis=1)
        right = np.array(labels, dtype=object)[top] == predictions.truth
        of, stated, observed = "the most probable label", chances.max(axis=1), right
    bins = reliability(stated, observed)
    actual = predictions.truth[:, None] == np.array(labels, dtype=object)[None, :]
    return Calibration(
        of=of,
        bins=bins,
        expected_error=sum(each.n * abs(each.mean_probability - each.observed) for each in bins)
        / len(stated),
        # Brier's own form (1950), summed over classes: from 0 to 2, with two classes too.
        brier=float(((chances - actual) ** 2).sum(axis=1).mean()),
    )


def reliability(
    stated: Float[np.ndarray, " n"], observed: Bool[np.ndarray, " n"]
) -> tuple[CalibrationBin, ...]:
    """Return bins of equal width with their mean probability and observed frequency."""
    number = MANY_BINS if len(stated) >= ENOUGH_FOR_MANY else FEW_BINS
    # A probability of 1 belongs to the last bin.
    indices = np.minimum((stated * number).astype(int), number - 1)
    return tuple(
        CalibrationBin(
            low=index / number,
            high=(index + 1) / number,
            n=int((indices == index).sum()),
            mean_probability=float(stated[indices == index].mean()),
            observed=float(observed[indices == index].mean()),
        )
        for index in range(number)
        if (indices == index).any()
    )
