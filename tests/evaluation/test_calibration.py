"""Bins of stated probabilities, their edges and what was observed in each."""

import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.calibration import calibration, number_bias, reliability
from brainplug.evaluation.records import Calibration
from brainplug.evaluation.robust import cluster_mean, logistic_line, straight_line
from brainplug.runtime.records import from_json


def stated(second, truth, labels=("female", "male")):
    """Predictions with the probability of the second of two labels."""
    second = np.asarray(second, dtype=float)
    truth = np.asarray(truth, dtype=object)
    chances = np.column_stack([1 - second, second])
    return Predictions(truth=truth, predicted=truth, labels=labels, probabilities=chances)


@pytest.mark.parametrize(("people", "bins"), [(199, 5), (200, 10), (201, 10)])
def test_two_hundred_people_are_enough_for_ten_bins(people, bins):
    """Fewer fall into five; bins are of equal width and hold everybody, those at 1 included."""
    found = reliability(np.linspace(0, 1, people), np.ones(people, dtype=bool))

    assert bins == len(found)
    assert [each.low for each in found] == pytest.approx(np.arange(bins) / bins)
    assert [each.high for each in found] == pytest.approx(np.arange(1, bins + 1) / bins)
    assert people == sum(each.n for each in found)


def test_there_is_a_curve_from_two_hundred_people_on():
    """Below that the numbers stand alone."""
    few, enough = (
        calibration(stated(np.linspace(0, 1, people), ["male"] * people)) for people in (199, 200)
    )

    assert ((), 199) == (few.bins, few.people)
    assert 10 == len(enough.bins)
    assert few.expected_error == pytest.approx(enough.expected_error, abs=0.01)


def test_with_two_labels_the_second_is_stated():
    """Bins compare its probability with how often it is the truth; empty bins are left out."""
    predictions = stated([0.25, 0.35, 0.9, 0.9], ["female", "male", "male", "female"])
    found = calibration(predictions)
    low, high = reliability(predictions.probabilities[:, 1], predictions.truth == "male")

    assert "male" == found.of
    assert (2, pytest.approx(0.3), 0.5) == (low.n, low.mean_probability, low.observed)
    assert (2, pytest.approx(0.9), 0.5) == (high.n, high.mean_probability, high.observed)
    assert pytest.approx((2 * 0.2 + 2 * 0.4) / 4) == found.expected_error
    squares = [2 * 0.25**2, 2 * 0.65**2, 2 * 0.1**2, 2 * 0.9**2]
    assert pytest.approx(np.mean(squares)) == found.brier == found.brier_score.value
    losses = -np.log([0.75, 0.35, 0.9, 0.1])
    assert pytest.approx(losses.mean()) == found.log_loss.value


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
    assert 2 == found.people
    assert pytest.approx((0.5 + 0.3) / 2) == found.expected_error
    assert pytest.approx((0.3**2 + 0.2**2 + 0.1**2 + 0.5**2 + 0.7**2 + 0.2**2) / 2) == found.brier


def test_without_probabilities_there_is_none():
    """Neither for free words nor for nobody."""
    free = Predictions(truth=np.array(["a"]), predicted=np.array(["a"]), labels=("a", "b"))

    assert calibration(free) is None
    assert calibration(stated([], [])) is None


def sampled(people, *, steepness, shift, seed=2):
    """Probabilities whose log odds are those of the truth times a steepness, and shifted."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, people)
    truth = np.where(rng.random(people) < 1 / (1 + np.exp(-odds)), "male", "female")
    return stated(1 / (1 + np.exp(-(steepness * odds + shift))), truth)


def test_no_interval_of_a_loss_goes_below_zero_or_above_what_a_loss_can_be():
    """One of twelve is wrong and sure of it, which an even interval would take below 0."""
    sure = calibration(stated([0.999] * 11 + [0.001], ["male"] * 12))
    lost = calibration(stated([0.001] * 11 + [0.6], ["male"] * 12))

    for found in (sure.brier_score, sure.log_loss):
        assert 0 < found.low < found.value < found.high
    assert lost.brier_score.high == 2.0 > lost.brier_score.value


def test_slope_tells_overconfidence_and_intercept_what_is_stated_too_often():
    """Log odds twice too steep have a slope of a half; those shifted up by 1 an intercept below."""
    steep = calibration(sampled(4000, steepness=2.0, shift=0.0))
    shifted = calibration(sampled(4000, steepness=1.0, shift=1.0))
    honest = calibration(sampled(4000, steepness=1.0, shift=0.0))

    assert 0.5 == pytest.approx(steep.slope.value, abs=0.05)
    assert steep.slope.high < 1
    assert -1.0 == pytest.approx(shifted.intercept.value, abs=0.1)
    assert honest.slope.low < 1 < honest.slope.high
    assert honest.intercept.low < 0 < honest.intercept.high


def test_the_slope_is_that_of_the_most_likely_line():
    """As scikit-learn fits it without a penalty; its interval is the sandwich one."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    predictor = rng.normal(size=300)
    observed = (rng.random(300) < 1 / (1 + np.exp(-0.7 * predictor - 0.3))).astype(float)
    names = [str(number) for number in range(300)]
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(predictor[:, None], observed)

    found = logistic_line(predictor, observed, names, 0.95)

    assert float(expected.coef_[0, 0]) == pytest.approx(found.value, abs=1e-4)
    # Model and sandwich agree where the model is true: 1 / sqrt(information).
    assert 0.5 < (found.high - found.low) / (2 * 1.968 * 0.13) < 2


@pytest.mark.parametrize(
    ("predictor", "observed", "reason"),
    [
        ([-1, 0, 1, 2], [0, 0, 1, 1], "apart without overlap"),
        ([-1, 0, 1, 2], [1, 1, 1, 1], "only one outcome"),
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], "one probability is stated"),
    ],
)
def test_a_slope_that_does_not_exist_says_why(predictor, observed, reason):
    """No line is the most likely one there."""
    found = logistic_line(np.array(predictor, float), np.array(observed, float), "abcd", 0.95)

    assert found.value is None
    assert reason in found.reason


def test_intervals_of_means_are_of_families():
    """Twins alike tell as much as one of them; few families tell no interval."""
    values = np.random.default_rng(0).normal(size=40)
    names = [str(number) for number in range(40)]

    alone = cluster_mean(values, names, 0.95)
    twins = cluster_mean(np.repeat(values, 2), list(np.repeat(names, 2)), 0.95)

    reach = 2.0227 * values.std(ddof=1) / np.sqrt(40)
    assert (values.mean() - reach, values.mean() + reach) == pytest.approx(
        (alone.low, alone.high), rel=1e-3
    )
    assert alone.high - alone.low == pytest.approx(twins.high - twins.low, rel=0.02)
    assert cluster_mean(values[:4], ["a", "a", "b", "b"], 0.95).low is None


def numbers(truth, predicted):
    return Predictions(truth=np.array(truth, float), predicted=np.array(predicted, float))


def test_numbers_err_towards_the_mean():
    """Errors fall by the truth: by one with one answer for all, by nothing with the truth."""
    truth = np.linspace(20, 80, 50)
    names = [str(number) for number in range(50)]
    noise = np.random.default_rng(1).normal(0, 1, 50)

    constant = number_bias(numbers(truth, np.full(50, 50.0)), names, 0.95)
    half = number_bias(numbers(truth, 50 + (truth - 50) / 2 + 3 + noise), names, 0.95)

    assert -1.0 == pytest.approx(constant.slope.value)
    assert -0.5 == pytest.approx(half.slope.value, abs=0.03)
    assert half.slope.low < -0.5 < half.slope.high < 0
    assert 3.0 == pytest.approx(half.mean.value, abs=0.4)
    assert number_bias(stated([0.5], ["male"]), ["a"], 0.95) is None


def test_a_slope_on_one_truth_is_not_defined():
    """Nobody differs."""
    found = straight_line(np.ones(5), np.arange(5.0), list("abcde"), 0.95)

    assert (None, "the truth does not vary") == (found.value, found.reason)


def test_calibration_of_an_older_run_is_read():
    """Files that know bins and two numbers only."""
    old = {"of": "male", "bins": [], "expected_error": 0.1, "brier": 0.2}

    assert from_json(old, Calibration, source="metrics.json").slope is None
