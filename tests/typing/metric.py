"""Metrics: one that scores a sample at a time, and one that scores all at once."""

from collections.abc import Iterable

import attrs
import numpy as np
from jaxtyping import Float

from brainplug import Part, Predictions, hookimpl
from brainplug.api.records import TargetKind
from brainplug.api.roles import Metric, ScoresResamples


@attrs.frozen(kw_only=True)
class BiasOptions:
    """Options of `bias` and `quick-bias`; they have none."""


class Bias:
    """Mean of the errors, with their sign."""

    kind: TargetKind = "numerical"
    higher_is_better = False
    unit = "target"

    def __init__(self, options: BiasOptions) -> None:
        self.options = options

    def score(self, predictions: Predictions) -> float:
        errors = predictions.predicted - predictions.truth
        return float(errors.mean()) if len(errors) else float("nan")


class QuickBias(Bias):
    """The same, for all bootstrap samples at once."""

    abilities = (ScoresResamples,)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        errors = (predictions.predicted - predictions.truth).astype(float)
        return np.asarray(counts @ errors / counts.sum(axis=1))


@hookimpl
def brainplug_metrics() -> Iterable[Part[Metric]]:
    """Offer `bias` and `quick-bias`."""
    yield Part("bias", BiasOptions, Bias)
    yield Part("quick-bias", BiasOptions, QuickBias)
