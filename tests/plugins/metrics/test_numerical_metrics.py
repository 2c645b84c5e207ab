"""Errors, variance explained and correlation."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from brainplug.api.records import Predictions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.pearson_r import PearsonR, PearsonROptions
from brainplug_plugins.metrics.r2 import R2, R2Options
from brainplug_plugins.metrics.rmse import Rmse, RmseOptions

MAE, RMSE = Mae(MaeOptions()), Rmse(RmseOptions())
EXPLAINED, PEARSON = R2(R2Options()), PearsonR(PearsonROptions())
ALL = [MAE, RMSE, EXPLAINED, PEARSON]


def made(truth, predicted):
    """Predictions of a numerical target."""
    return Predictions(
        truth=np.array(truth, dtype=float), predicted=np.array(predicted, dtype=float)
    )


def the_librarys(metric, truth, predicted):
    """Return what scikit-learn, and numpy for the correlation, say of the same numbers."""
    if not len(truth) or (metric in (EXPLAINED, PEARSON) and len(set(truth)) < 2):
        return math.nan
    if metric is PEARSON:
        return np.corrcoef(truth, predicted)[0, 1]
    library = {
        MAE: mean_absolute_error,
        RMSE: root_mean_squared_error,
        EXPLAINED: r2_score,
    }[metric]
    return library(truth, predicted)


@pytest.mark.parametrize("metric", ALL)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 40))
def test_scores_are_the_librarys(metric, seed, size):
    """One formula gives the library's figure for all subjects, and for a sample of them."""
    rng = np.random.default_rng(seed)
    truth, predicted = rng.normal(100, 3, size), rng.normal(100, 3, size)
    counts = rng.integers(0, 3, size=size)
    chosen = np.repeat(np.arange(size), counts)
    np.testing.assert_allclose(
        metric.score(made(truth, predicted)),
        the_librarys(metric, truth, predicted),
        rtol=1e-12,
        atol=1e-12,
    )
    expected = the_librarys(metric, truth[chosen], predicted[chosen])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        actual = metric.score_resamples(made(truth, predicted), counts[None, :].astype(float))
    np.testing.assert_allclose(actual, [expected], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(MAE, 2.0), (RMSE, math.sqrt(5)), (EXPLAINED, -3.0), (PEARSON, -2 / math.sqrt(50))],
)
def test_scores_of_a_known_case(metric, expected):
    """Worked by hand: errors of 1, 3, 1 and 3 on the truths 1 to 4."""
    predictions = made([1, 2, 3, 4], [2, 5, 4, 1])
    assert expected == pytest.approx(metric.score(predictions))


def test_sign_matters():
    """A prediction with the sign turned is wrong by twice its size (D6)."""
    assert MAE.score(made([-1.5, 2.0], [1.5, -2.0])) == 3.5


def test_constant_prediction_has_an_error():
    """Saying one number for everybody never scores as perfect (D7)."""
    assert MAE.score(made([10, 12], [11, 11])) == 1.0


@pytest.mark.parametrize("metric", ALL)
def test_no_subject_is_not_a_number(metric):
    """An error of 0.0 is never reported for lack of data (D8)."""
    assert math.isnan(metric.score(made([], [])))


@pytest.mark.parametrize("metric", [EXPLAINED, PEARSON])
def test_constant_truth_is_not_a_number(metric):
    """Where truth does not vary there is no variance to explain."""
    predictions = made([0.1, 0.1, 0.1], [0.1, 0.2, 0.3])
    actual = [metric.score(predictions), *metric.score_resamples(predictions, np.ones((1, 3)))]
    assert all(map(math.isnan, actual))


def test_constant_prediction_has_no_correlation():
    """The training mean said to everybody has no correlation, and no warning is given."""
    assert math.isnan(PEARSON.score(made([1, 2, 3], [2, 2, 2])))


def test_directions_and_units():
    """Errors are in the unit of the target and lower is better; the others are the reverse."""
    expected = [(False, "target"), (False, "target"), (True, ""), (True, "")]
    assert expected == [(metric.higher_is_better, metric.unit) for metric in ALL]
