"""The metric keeps its contract on made-up predictions."""

import numpy as np

from brainplug import Predictions
from brainplug.examples import metric as plugin
from brainplug.testing import check_plugin


def test_the_metric_keeps_its_contract() -> None:
    """It is a float for a small sample, a single person, and predictions that fail."""
    check_plugin(plugin)


def test_the_score_is_the_one_computed_by_hand() -> None:
    """Errors of 1, 2 and 9: the median is 2."""
    truth, predicted = np.array([0.0, 0.0, 0.0]), np.array([1.0, -2.0, 9.0])
    metric = plugin.MedianError(plugin.MedianErrorOptions())
    assert metric.score(Predictions(truth=truth, predicted=predicted)) == 2.0
