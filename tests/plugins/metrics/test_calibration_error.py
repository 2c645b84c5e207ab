"""How far probabilities are from what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainplug.api.records import Predictions
from brainplug.evaluation.calibration import calibration
from brainplug_plugins.metrics.calibration_error import CalibrationError, CalibrationErrorOptions

TEN = CalibrationError(CalibrationErrorOptions())
FIVE = CalibrationError(CalibrationErrorOptions(bins=5))


def made(truth, probabilities, labels):
    truth = np.array(truth, dtype=object)
    chances = None if probabilities is None else np.array(probabilities, dtype=float)
    return Predictions(truth=truth, predicted=truth, labels=labels, probabilities=chances)


@st.composite
def predicted(draw):
    """Predictions of two to four classes, and how often each subject is drawn."""
    labels = ("a", "b", "c", "d")[: draw(st.integers(2, 4))]
    size = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    chances = rng.dirichlet(np.ones(len(labels)), size=size)
    return made(rng.choice(labels, size), chances, labels), rng.integers(0, 3, size)


@given(case=predicted())
def test_it_is_the_error_of_the_reports_bins(case):
    """With as many bins it is what the page shows, for all subjects and for a sample of them."""
    predictions, counts = case
    chosen = np.repeat(np.arange(len(counts)), counts)
    sample = made(predictions.truth[chosen], predictions.probabilities[chosen], predictions.labels)
    found = calibration(sample)

    at_once = FIVE.score_resamples(predictions, counts[None, :].astype(float))

    assert FIVE.score(predictions) == pytest.approx(calibration(predictions).expected_error)
    expected = math.nan if found is None else found.expected_error
    np.testing.assert_allclose(at_once, [expected], atol=1e-12)


def test_the_number_of_bins_matters():
    """Two probabilities that are wrong in opposite ways cancel where they share a bin."""
    predictions = made(["a", "b"], [[0.45, 0.55], [0.45, 0.55]], ("a", "b"))
    apart = made(["a", "b"], [[0.45, 0.55], [0.38, 0.62]], ("a", "b"))
    wide, narrow = (CalibrationError(CalibrationErrorOptions(bins=bins)) for bins in (2, 10))

    assert 0.05 == pytest.approx(wide.score(predictions))
    assert [0.085, 0.465] == pytest.approx([wide.score(apart), narrow.score(apart)])


def test_without_probabilities_or_subjects_it_is_not_defined():
    """Free answers alone say nothing of how sure they are."""
    nobody = made([], np.empty((0, 2)), ("a", "b"))

    assert all(map(math.isnan, (TEN.score(made(["a"], None, ("a", "b"))), TEN.score(nobody))))
