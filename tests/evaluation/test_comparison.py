"""What the comparison of runs rests on."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.evaluation.comparison import holm, independent_difference
from brainplug.evaluation.records import ReportedScore


def score(value, low, high) -> ReportedScore:
    return ReportedScore(value=value, low=low, high=high, reason="", higher_is_better=True, unit="")


def test_independent_scores_join_their_intervals():
    """Of two means with normal errors the interval is that of their difference."""
    found = independent_difference(score(5.0, 4.0, 6.0), score(3.0, 2.0, 4.0))

    assert 2.0 == found.value
    assert pytest.approx(2 - np.sqrt(2)) == found.low
    assert pytest.approx(2 + np.sqrt(2)) == found.high
    assert found.clear
    assert found.p_value is None


def test_uneven_intervals_lend_the_side_that_matters():
    """The lower end uses how far the first may be below, and the second above."""
    found = independent_difference(score(0.9, 0.6, 0.95), score(0.8, 0.7, 0.9))

    assert pytest.approx(0.1 - np.hypot(0.3, 0.1)) == found.low
    assert pytest.approx(0.1 + np.hypot(0.05, 0.1)) == found.high
    assert not found.clear


def test_without_an_interval_there_is_none_of_the_difference():
    """A score that is not defined leaves nothing to subtract."""
    gap = independent_difference(score(0.9, None, None), score(0.8, 0.7, 0.9))

    assert pytest.approx(0.1) == gap.value
    assert (None, None, False) == (gap.low, gap.high, gap.clear)
    assert independent_difference(score(None, None, None), score(0.8, 0.7, 0.9)).value is None


def test_holm_keeps_the_family_wise_error():
    """Of ten true null hypotheses one is refused at 5 % in at most 5 % of 2,000 families."""
    rng = np.random.default_rng(3)

    wrong = np.mean([min(holm(list(rng.uniform(size=10)))) < 0.05 for _ in range(2000)])

    assert 0.03 < wrong < 0.065
