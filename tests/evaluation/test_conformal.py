"""Split-conformal intervals hold as many truths as they promise."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.evaluation.conformal import (
    absolute_errors,
    conformal_band,
    conformal_rank,
    guarantee,
    least_people,
)


@pytest.mark.parametrize(("people", "coverage"), [(20, 0.9), (99, 0.9), (50, 0.8)])
def test_the_promised_share_is_held(people, coverage):
    """Over validation sets and new people of skewed errors: as many as promised, little more."""
    rng = np.random.default_rng(5)
    errors = rng.lognormal(size=(20_000, people + 1))
    radius = np.sort(errors[:, :-1], axis=1)[:, conformal_rank(people, coverage) - 1]

    held = float((errors[:, -1] <= radius).mean())

    assert coverage - 0.01 < held < coverage + 1 / (people + 1) + 0.01


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_too_few_people_give_an_interval_without_end(coverage):
    """One less than the least number has none, and says how many it takes."""
    least = least_people(coverage)

    assert conformal_band([1.0] * least, coverage).radius == 1.0
    short = conformal_band([1.0] * (least - 1), coverage)
    assert short.radius is None
    assert f"needs {least} validation people" in guarantee(short, chosen_there=False)


def test_people_of_whom_nothing_was_read_are_told_where_an_interval_lacks_people():
    """They are there and do not count, which is why there are too few."""
    band = attrs.evolve(conformal_band([], 0.9), unread=9)

    told = guarantee(band, chosen_there=False)

    assert "9 validation people whose answers could be read, and the run has 0; of 9 more" in told


def test_a_person_counts_once():
    """Of two scans of one person the larger error counts, or the person would weigh double."""
    frame = pd.DataFrame(
        {"subject": ["a", "a", "b"], "truth": [1.0, 2.0, 3.0], "prediction": [1.5, 4.0, 3.0]}
    )

    assert [2.0, 0.0] == absolute_errors(frame)


def test_the_promise_says_that_the_people_also_chose():
    """People who chose the checkpoint are not quite new ones."""
    band = conformal_band([1.0] * 30, 0.9)

    assert "a little too narrow" in guarantee(band, chosen_there=True)
    assert "a little too narrow" not in guarantee(band, chosen_there=False)
    assert "exchangeable" in guarantee(band, chosen_there=False)
