"""A model that reads head size alone tells nothing among people with equally large heads."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.same_head_size import (
    head_size_in_words,
    join_pairs,
    match_head_size,
    pair_by_size,
)
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions

PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=0)
BY = ("balanced-accuracy", BalancedAccuracy(BalancedAccuracyOptions()))


def match(predictions, sizes):
    clusters = [str(number) for number in range(len(sizes))]
    return match_head_size(predictions, sizes, by=BY, people=(clusters, PLAN))


def test_neighbours_of_two_classes_are_paired():
    """Each once; whoever has no neighbour within the caliper stays alone."""
    truth = np.array(["a", "b", "a", "a", "b", "b"])
    sizes = np.array([1.0, 1.1, 2.0, 3.0, 3.2, 9.0])

    assert pair_by_size(truth, sizes, 0.5).tolist() == [[0, 1], [3, 4]]


def test_pairs_and_families_are_resampled_together():
    """Two siblings in two pairs make one cluster of four."""
    joined = join_pairs(["f", "x", "y", "f", "v", "w"])

    assert len(set(joined)) == 2
    assert joined[0] == joined[1] == joined[2] == joined[3]


def test_a_reader_of_head_size_is_at_chance_within_pairs():
    """Among all it is right in four of five, among equals in half (PMC7395772)."""
    rng = np.random.default_rng(0)
    truth = np.array(["a", "b"] * 200, dtype=object)
    sizes = 1500 + 80 * np.where(truth == "b", 1, -1) + rng.normal(0, 90, 400)
    said = np.where(sizes > 1500, "b", "a").astype(object)

    found = match(Predictions(truth=truth, predicted=said, labels=("a", "b")), sizes)

    assert found.whole > 0.75
    assert found.matched.value == pytest.approx(0.5, abs=0.06)
    assert found.n > 60
    assert found.caliper_ml == pytest.approx(0.2 * np.std(sizes))
    assert "equally large heads" in head_size_in_words(found)


def test_few_pairs_are_not_scored():
    """Heads of two classes that hardly overlap."""
    truth = np.array(["a"] * 10 + ["b"] * 10, dtype=object)
    sizes = np.concatenate([np.linspace(1000, 1100, 10), np.linspace(2000, 2100, 10)])

    found = match(Predictions(truth=truth, predicted=truth, labels=("a", "b")), sizes)

    assert (found.whole, found.matched.value) == (1.0, None)
    assert "fewer than 5 pairs" in head_size_in_words(found)


def test_a_number_read_off_head_size_has_no_partial_correlation():
    """Truth and prediction both follow the size, and nothing else joins them."""
    rng = np.random.default_rng(0)
    sizes = rng.normal(1500, 100, 300)
    truth, said = (sizes / 100 + rng.normal(size=300) for _ in range(2))

    found = match(Predictions(truth=truth, predicted=said, train_mean=15.0), sizes)

    assert found.whole > 0.4
    assert found.matched.low < 0 < found.matched.high
    assert "Given head size" in head_size_in_words(found)


def test_a_constant_prediction_correlates_with_nothing():
    """It is not defined, and says so."""
    truth = np.arange(30.0)
    said = np.full(30, 4.0)

    found = match(Predictions(truth=truth, predicted=said, train_mean=4.0), truth * 10)

    assert found.matched.value is None
    assert "does not vary" in head_size_in_words(found)


def test_copies_of_people_make_no_partial_correlation_surer():
    """Whoever several seeds asked is left out whole, so that the interval stays as wide."""
    rng = np.random.default_rng(1)
    sizes = rng.normal(1500, 100, 60)
    truth, said = (rng.normal(size=60) + sizes / 200 for _ in range(2))
    rows = np.tile(np.arange(60), 3)

    once, thrice = (
        match_head_size(
            Predictions(truth=truth[own], predicted=said[own], train_mean=0.0),
            sizes[own],
            by=BY,
            people=([str(row) for row in own], PLAN),
        ).matched
        for own in (np.arange(60), rows)
    )

    assert once.high - once.low == pytest.approx(thrice.high - thrice.low, rel=1e-6)


def test_ten_people_of_three_seeds_are_too_few():
    """Thirty predictions of them tell no more of other people than ten."""
    rng = np.random.default_rng(1)
    sizes, truth, said = rng.normal(size=(3, 30))
    predictions = Predictions(truth=truth, predicted=said, train_mean=0.0)
    people = [str(number % 10) for number in range(30)]

    found = match_head_size(predictions, sizes, by=BY, people=(people, PLAN)).matched

    assert (None, "fewer than 20 unrelated people") == (found.value, found.reason)
