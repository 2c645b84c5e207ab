"""Bins of stated probabilities, their edges and what was observed in each."""

import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.calibration import calibration


def stated(second, truth, labels=("female", "male")):
    """Predictions with the probability of the second of two labels."""
    second = np.asarray(second, dtype=float)
    truth = np.asarray(truth, dtype=object)
    chances = np.column_stack([1 - second, second])
    return Predictions(truth=truth, predicted=truth, labels=labels, probabilities=chances)


@pytest.mark.parametrize(("people", "bins"), [(199, 5), (200, 10), (201, 10)])
def test_two_hundred_people_are_enough_for_ten_bins(people, bins):
    """Fewer fall into five; bins are of equal width and hold everybody, those at 1 included."""
    found = calibration(stated(np.linspace(0, 1, people), ["male"] * people))

    assert bins == len(found.bins)
    assert [each.low for each in found.bins] == pytest.approx(np.arange(bins) / bins)
    assert [each.high for each in found.bins] == pytest.approx(np.arange(1, bins + 1) / bins)
    assert people == sum(each.n for each in found.bins)


def test_with_two_labels_the_second_is_stated():
    """Bins compare its probability with how often it is the truth; empty bins are left out."""
    found = calibration(stated([0.25, 0.35, 0.9, 0.9], ["female", "male", "male", "female"]))

    assert "male" == found.of
    low, high = found.bins
    assert (2, pytest.approx(0.3), 0.5) == (low.n, low.mean_probability, low.observed)
    assert (2, pytest.approx(0.9), 0.5) == (high.n, high.mean_probability, high.observed)
    assert pytest.approx((2 * 0.2 + 2 * 0.4) / 4) == found.expected_error
    squares = [2 * 0.25**2, 2 * 0.65**2, 2 * 0.1**2, 2 * 0.9**2]
    assert pytest.approx(np.mean(squares)) == found.brier


def test_with_three_labels_the_most_probable_is_stated():
    """Its probability is compared with how often it is right."""
    found = calibration(
        Predictions(
            truth=np.array(["a", "b"], dtype=object),
            predicted=np.array(["a", "a"], dtype=object),
            labels=("a", "b", "c"),
            probabilities=np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]),
        )
    )

    assert "the most probable label" == found.of
    assert [(1, 0.5, 0.0), (1, 0.7, 1.0)] == [
        (each.n, each.mean_probability, each.observed) for each in found.bins
    ]
    assert pytest.approx((0.5 + 0.3) / 2) == found.expected_error
    assert pytest.approx((0.3**2 + 0.2**2 + 0.1**2 + 0.5**2 + 0.7**2 + 0.2**2) / 2) == found.brier


def test_without_probabilities_there_is_none():
    """Neither for free words nor for nobody."""
    free = Predictions(truth=np.array(["a"]), predicted=np.array(["a"]), labels=("a", "b"))

    assert calibration(free) is None
    assert calibration(stated([], [])) is None
