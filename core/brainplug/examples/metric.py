"""Metric: the median of the absolute errors."""

from collections.abc import Iterable

import attrs
import numpy as np

from brainplug import Part, Predictions, hookimpl
from brainplug.api.records import TargetKind
from brainplug.api.roles import Metric


@attrs.frozen(kw_only=True)
class MedianErrorOptions:
    """Options of `median-error`; it has none."""


class MedianError:
    """Median absolute error."""

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = "target"

    def __init__(self, options: MedianErrorOptions) -> None:
        self.options = options

    def score(self, predictions: Predictions) -> float:
        """Return the score of one prediction a person; nan where there is nobody."""
        if not len(predictions.truth):
            return float("nan")
        # `scored` counts the worse of what an unreadable answer may have been.
        errors = np.abs(predictions.scored - predictions.truth)
        return float(np.median(errors))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `median-error`."""
    yield Part("median-error", MedianErrorOptions, MedianError)
