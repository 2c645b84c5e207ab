"""What so many people can show, held to simulated studies."""

import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.differences import find_gap
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.power import independent, smallest_gain, smallest_recall
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions

BALANCED = BalancedAccuracy(BalancedAccuracyOptions())
MAE = Mae(MaeOptions())
PLAN = BootstrapPlan(samples=100, confidence=0.95, seed=1)


def alone(size):
    """Nobody is related."""
    return [f"{number:04}" for number in range(size)]


@pytest.mark.parametrize("sizes", [(40, 40), (60, 12)])
def test_smallest_balanced_accuracy_is_seen_four_times_of_five(sizes):
    """Of models as good as that, about 80 % have an interval that ends above chance."""
    least = smallest_recall(sizes, 0.95)
    rng = np.random.default_rng(3)
    few = np.arange(sum(sizes)) < sizes[0]
    names = np.array(["a", "b"], dtype=object)
    seen = []
    for _study in range(300):
        said = np.where(rng.random(len(few)) < least, few, ~few)
        predictions = Predictions(
            truth=names[few.astype(int)], predicted=names[said.astype(int)], labels=("a", "b")
        )
        seen.append(interval(BALANCED, predictions, alone(len(few)), PLAN).low > 0.5)
    assert 0.72 <= np.mean(seen) <= 0.88


def test_smallest_gain_in_error_is_seen_four_times_of_five():
    """Of models that err by so much less than the mean, about 80 % are told from it."""
    size = 60
    gain = smallest_gain(size, 0.95)
    spread = 1 - gain / np.sqrt(2 / np.pi)
    rng = np.random.default_rng(4)
    seen = []
    for _study in range(300):
        truth = rng.normal(size=size)
        told = (1 - spread**2) * truth
        told += spread * np.sqrt(1 - spread**2) * rng.normal(size=size)
        model, mean = (Predictions(truth=truth, predicted=each) for each in (told, 0 * truth))
        seen.append(find_gap(MAE, (model, mean), alone(size), PLAN).high < 0)
    assert 0.72 <= np.mean(seen) <= 0.88


def test_more_people_see_less():
    """Four times the people see about half the gain."""
    few, many = (smallest_recall((size, size), 0.95) - 0.5 for size in (50, 200))
    assert few / many == pytest.approx(2, abs=0.15)
    assert smallest_gain(20, 0.95) > smallest_gain(80, 0.95) > smallest_gain(320, 0.95) > 0


def test_some_studies_can_show_nothing():
    """With two people and one, or a class of nobody, no model could be told from chance."""
    assert smallest_recall((2, 1), 0.95) is None
    assert smallest_recall((20, 0), 0.95) is None
    assert smallest_gain(1, 0.95) is None


def test_relatives_count_for_less():
    """Ten pairs of siblings are worth more than ten people and less than twenty."""
    assert 10 < independent([str(number // 2) for number in range(20)]) < 20
