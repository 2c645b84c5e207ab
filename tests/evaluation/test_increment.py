"""What a model adds to confounds: nothing if it only repeats them, much if it knows more."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.conditional_logit import fit, make_design
from brainplug.evaluation.increment import TwoReaders, increment_in_words, measure_increment
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.r2 import R2, R2Options

PLAN = BootstrapPlan(samples=200, confidence=0.95, seed=0)


def classes(truth, score, *, speaks=False) -> Predictions:
    """Predict `b` by a score; without probabilities where the model only speaks."""
    chance = 1 / (1 + np.exp(-np.asarray(score, dtype=float)))
    return Predictions(
        truth=np.array(truth, dtype=object),
        predicted=np.where(chance > 0.5, "b", "a").astype(object),
        labels=("a", "b"),
        probabilities=None if speaks else np.column_stack([1 - chance, chance]),
    )


def numbers(truth, said) -> Predictions:
    return Predictions(
        truth=np.asarray(truth), predicted=np.asarray(said), train_mean=float(np.mean(truth))
    )


def measure(asked, weighing=None, metric=None):
    size = len(asked.model.truth)
    return measure_increment(
        asked,
        weighing,
        confounds=("age", "head_size"),
        by=metric or ("auroc", Auroc(AurocOptions())),
        people=([str(number) for number in range(size)], PLAN),
    )


def draw(size, seed, model=1.5):
    """Draw people of two classes, a confound that tells a little, and a model."""
    rng = np.random.default_rng(seed)
    truth = np.array(["a", "b"] * (size // 2), dtype=object)
    sign = np.where(truth == "b", 1.0, -1.0)
    known = 0.5 * sign + rng.normal(size=size)
    said = model * sign + rng.normal(size=size) if model else 2 * known
    return TwoReaders(model=classes(truth, said), confounds=classes(truth, known))


def test_a_model_that_knows_more_adds():
    """The ratio is significant, and both together rank better than the confounds alone."""
    found = measure(draw(100, 0), draw(100, 1))

    assert found.p_value < 1e-6
    assert found.gain.value == pytest.approx(found.together - found.alone)
    assert found.gain.low > 0
    assert increment_in_words(found).startswith("The model adds to what age and head size tell")


@pytest.mark.parametrize(("confidence", "adds"), [(0.9, True), (0.95, False)])
def test_whether_a_model_adds_goes_by_the_confidence_of_the_recipe(confidence, adds):
    """A p value of 0.07 is below what 90 % leave, and above what 95 % do."""
    found = attrs.evolve(measure(draw(100, 0)), p_value=0.07, confidence=confidence)

    assert adds is increment_in_words(found).startswith("The model adds to")


def test_a_model_that_repeats_the_confounds_adds_nothing():
    """On another scale it is the same score still."""
    found = measure(draw(100, 0, model=0), draw(100, 1, model=0))

    assert found.p_value > 0.5
    assert found.gain.value == pytest.approx(0, abs=1e-9)
    assert "is not shown to add" in increment_in_words(found)


def test_a_perfect_model_has_a_finite_ratio():
    """Separation sends the plain likelihood's weights to infinity."""
    truth = ["a", "b"] * 15
    sign = np.tile([-1.0, 1.0], 15)
    rng = np.random.default_rng(0)
    readers = TwoReaders(
        model=classes(truth, 20 * sign), confounds=classes(truth, rng.normal(size=30))
    )

    found = measure(readers)

    assert 10 < found.statistic < 100
    assert found.gain.value is None
    assert "too few validation people" in increment_in_words(found)


def test_a_model_that_only_speaks_is_measured_by_its_labels():
    """Without probabilities what it said counts."""
    readers = draw(100, 0)
    spoken = TwoReaders(
        model=classes(readers.model.truth, readers.model.probabilities[:, 1] - 0.5, speaks=True),
        confounds=readers.confounds,
    )

    assert measure(spoken).p_value < 1e-3


def test_numbers_are_measured_by_a_linear_model():
    """The F of one more column, as by hand."""
    rng = np.random.default_rng(0)
    known, extra = rng.normal(size=(2, 50))
    truth = known + extra + rng.normal(size=50)
    readers = TwoReaders(model=numbers(truth, extra), confounds=numbers(truth, known))

    found = measure(readers, readers, metric=("r2", R2(R2Options())))

    def left(*columns):
        design = np.column_stack([np.ones(50), *columns])
        return ((truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]) ** 2).sum()

    by_hand = (left(known) - left(known, extra)) / left(known, extra) * 47
    assert found.statistic == pytest.approx(by_hand)
    assert found.gain.value == pytest.approx(
        (left(known) - left(known, extra)) / ((truth - truth.mean()) ** 2).sum()
    )


@pytest.mark.parametrize(
    ("truth", "reason"),
    [(["a", "b"] * 9, "fewer than 20 people"), (["a"] * 26 + ["b"] * 4, "fewer than 5 people")],
)
def test_few_people_tell_nothing(truth, reason):
    """It says why."""
    readers = TwoReaders(
        model=classes(truth, np.zeros(len(truth))), confounds=classes(truth, np.zeros(len(truth)))
    )

    found = measure(readers)

    assert found.p_value is None
    assert reason in found.reason
    assert reason in increment_in_words(found)


def test_the_penalised_share_of_a_class_is_known_in_closed_form():
    """With a constant alone Jeffreys' prior adds half a person to each class (Firth 1993)."""
    design = make_design(np.zeros((10, 2)))[:, :, :1]

    weights, _ = fit(design, np.array([1] * 10))

    assert 1 / (1 + np.exp(-weights[0])) == pytest.approx(10.5 / 11, abs=1e-4)


def test_people_whom_several_seeds_asked_are_no_further_evidence():
    """Three copies of each, of one family, give the ratio of one copy, and not three times it."""
    once = draw(40, 3, model=0.3)
    rows = np.tile(np.arange(40), 3)
    thrice = TwoReaders(model=once.model.take(rows), confounds=once.confounds.take(rows))

    found = measure_increment(
        thrice,
        None,
        confounds=("age",),
        by=("auroc", Auroc(AurocOptions())),
        people=([str(row) for row in rows], PLAN),
    )

    assert found.n == 40
    assert found.p_value == pytest.approx(measure(once).p_value)
