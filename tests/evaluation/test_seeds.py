"""The mean score of several seeds: people and seeds as two levels."""

import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.seeds import over_seeds
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions

ACCURACY = Accuracy(AccuracyOptions())
BALANCED = BalancedAccuracy(BalancedAccuracyOptions())
MAE = Mae(MaeOptions())
PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=3)


def trained(right):
    """A training that is right about some people, of two sexes by turns."""
    labels = np.array(["a", "b"], dtype=object)
    truth = np.arange(len(right)) % 2
    said = np.where(right, truth, 1 - truth)
    return Predictions(truth=labels[truth], predicted=labels[said], labels=("a", "b"))


def families(size):
    """Nobody is related."""
    return [str(number) for number in range(size)]


def test_seeds_that_agree_are_one_training():
    """Three trainings that answer alike tell no more of people than one does."""
    same = trained(np.arange(60) % 5 > 0)
    one = interval(BALANCED, same, families(60), PLAN)
    three = over_seeds(BALANCED, [same] * 3, families(60), PLAN)
    assert (three.value, three.low, three.high) == pytest.approx((one.value, one.low, one.high))


def test_seeds_that_differ_widen_the_interval():
    """Where seeds score 0.6 to 0.9 on the same people, another seed may score anything there."""
    rng = np.random.default_rng(4)
    order = rng.permutation(200)
    trainings = [trained(order < 200 * share) for share in (0.6, 0.75, 0.9)]
    found = over_seeds(ACCURACY, trainings, families(200), PLAN)
    alone = interval(ACCURACY, trainings[1], families(200), PLAN)
    assert found.value == pytest.approx(0.75)
    assert found.high - found.low > 3 * (alone.high - alone.low)
    assert found.method == "people and seeds of training as two levels"


def test_one_seed_is_its_own_interval():
    """A single training has the interval over people."""
    one = trained(np.arange(40) % 4 > 0)
    assert over_seeds(ACCURACY, [one], families(40), PLAN) == interval(
        ACCURACY, one, families(40), PLAN
    )


def test_two_levels_hold_the_truth():
    """Of simulated seeds and people about 95 % of the intervals hold the mean of all seeds."""
    rng = np.random.default_rng(6)
    held = []
    for _set in range(300):
        truth = rng.normal(size=40)
        shared = rng.normal(size=40)
        trainings = [
            Predictions(
                truth=truth,
                predicted=truth + size * (0.6 * shared + 0.8 * rng.normal(size=40)),
            )
            for size in np.exp(0.15 * rng.normal(size=3))
        ]
        found = over_seeds(MAE, trainings, families(40), PLAN)
        expected = np.sqrt(2 / np.pi) * np.exp(0.15**2 / 2)
        held.append(found.low <= expected <= found.high)
    assert 0.92 <= np.mean(held) <= 0.995


def test_a_seed_without_a_score_says_why():
    """Where one training has no score there is no mean, and its reason is given."""
    one = trained(np.arange(40) % 4 > 0)
    lame = Predictions(truth=one.truth[::2], predicted=one.predicted[::2], labels=("a", "b"))
    found = over_seeds(BALANCED, [lame, lame], families(20), PLAN)
    assert (found.value, found.low) == (None, None)
    assert found.reason == "not defined: nobody here is 'b'"
