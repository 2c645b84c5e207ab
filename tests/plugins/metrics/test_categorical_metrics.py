"""Accuracy, balanced accuracy, F1 and AUROC."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from brainplug.api.records import Predictions
from brainplug.api.roles import ScoresResamples, able
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.macro_f1 import MacroF1, MacroF1Options

ACCURACY = Accuracy(AccuracyOptions())
BALANCED = BalancedAccuracy(BalancedAccuracyOptions())
F1 = MacroF1(MacroF1Options())
AUROC = Auroc(AurocOptions())
ALL = [ACCURACY, BALANCED, F1, AUROC]


def made(truth, predicted, labels=("female", "male"), probabilities=None):
    """Predictions of a categorical target."""
    return Predictions(
        truth=np.array(truth, dtype=object),
        predicted=np.array(predicted, dtype=object),
        labels=labels,
        probabilities=None if probabilities is None else np.array(probabilities, dtype=float),
    )


@st.composite
def resampled(draw):
    """Predictions of two to four classes with unread answers, and how often each is drawn."""
    labels = ("a", "b", "c", "d")[: draw(st.integers(2, 4))]
    size = draw(st.integers(1, 12))
    truth = draw(st.lists(st.sampled_from(labels), min_size=size, max_size=size))
    predicted = draw(st.lists(st.sampled_from((*labels, None)), min_size=size, max_size=size))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    chances = rng.integers(1, 4, size=(size, len(labels))).astype(float)
    counts = rng.integers(0, 3, size=size)
    return made(truth, predicted, labels, chances / chances.sum(axis=1, keepdims=True)), counts


def repeated(predictions, counts):
    """The predictions as the sample holds them."""
    chosen = np.repeat(np.arange(len(counts)), counts)
    return Predictions(
        truth=predictions.truth[chosen],
        predicted=predictions.predicted[chosen],
        labels=predictions.labels,
        probabilities=predictions.probabilities[chosen],
    )


def scikit_learns(metric, predictions):
    """Return what scikit-learn says of the same predictions, an unread answer being a word."""
    truth = predictions.truth.astype(str)
    said = np.array(["" if each is None else each for each in predictions.predicted])
    present = sorted(set(truth))
    if not present:
        return math.nan
    if metric is ACCURACY:
        return accuracy_score(truth, said)
    if present != sorted(predictions.labels):
        return math.nan  # scikit-learn leaves the class out
    if metric is AUROC:
        ranked = present if len(predictions.labels) > 2 else predictions.labels[1:]
        chances = [predictions.probabilities[:, predictions.labels.index(each)] for each in ranked]
        pairs = zip(ranked, chances, strict=True)
        return np.mean([roc_auc_score(truth == label, chance) for label, chance in pairs])
    library = {BALANCED: recall_score, F1: f1_score}[metric]
    return library(truth, said, labels=present, average="macro")


@pytest.mark.parametrize("metric", ALL)
@given(case=resampled())
def test_scores_are_scikit_learns(metric, case):
    """One formula gives the library's figure for all subjects, and for a sample of them."""
    predictions, counts = case
    sample = repeated(predictions, counts)
    expected = [scikit_learns(metric, predictions), scikit_learns(metric, sample)]

    ways = [metric.score(predictions), metric.score(sample)]
    (at_once,) = metric.score_resamples(predictions, counts[None, :].astype(float))

    np.testing.assert_allclose([*ways, at_once], [*expected, expected[1]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("metric", "expected"), [(ACCURACY, 0.5), (BALANCED, 0.5), (F1, (2 / 3 + 2 / 3) / 2)]
)
def test_unread_answer_is_wrong(metric, expected):
    """An answer that cannot be read stays in the denominator (D12)."""
    predictions = made(["male", "male", "female", "female"], ["male", None, "female", None])
    assert expected == pytest.approx(metric.score(predictions))


@pytest.mark.parametrize("metric", [ACCURACY, BALANCED, F1])
def test_nothing_read_is_zero_because_all_is_wrong(metric):
    """Zero is said when every answer is wrong, not when there is nothing to score (D8)."""
    assert metric.score(made(["male", "female"], [None, None])) == 0.0


@pytest.mark.parametrize("metric", ALL)
def test_no_subject_is_not_a_number(metric):
    """Without subjects no metric claims a score (D8)."""
    assert math.isnan(metric.score(made([], [], probabilities=np.empty((0, 2)))))


def test_accuracy_is_not_balanced_accuracy():
    """Three of four right is 0.75, though the rare class is missed (D12)."""
    predictions = made(["male", "male", "male", "female"], ["male"] * 4)
    assert [ACCURACY.score(predictions), BALANCED.score(predictions)] == [0.75, 0.5]


def test_truth_is_not_read_from_the_prediction():
    """A constant answer scores the share it is right about, not 1 (D7)."""
    assert ACCURACY.score(made(["male", "female"], ["male", "male"])) == 0.5


def test_labels_of_several_words_are_compared_whole():
    """Labels that share their first word differ (D11)."""
    labels = ("mild cognitive impairment", "mild dementia")
    assert ACCURACY.score(made(labels, labels[::-1], labels)) == 0.0


def test_balanced_accuracy_and_f1_are_scikit_learns():
    """Where every answer is read and every class occurs, the library's figures are given."""
    truth, predicted = list("aabbcc"), list("abbbca")
    predictions = made(truth, predicted, ("a", "b", "c"))
    expected = [
        balanced_accuracy_score(truth, predicted),
        f1_score(truth, predicted, average="macro"),
    ]
    assert expected == pytest.approx([BALANCED.score(predictions), F1.score(predictions)])


@pytest.mark.parametrize("metric", [BALANCED, F1, AUROC])
@pytest.mark.parametrize(
    ("truth", "labels"),
    [("aa", ("a", "b")), ("ab", ("a", "b", "c"))],
    ids=["one class", "two of three"],
)
def test_what_lacks_a_class_is_not_defined(metric, truth, labels):
    """A class without subjects has no recall: it is neither zero nor left out of the mean."""
    chances = np.full((2, len(labels)), 1 / len(labels))
    predictions = made(list(truth), list(truth), labels, chances)
    (sample,) = metric.score_resamples(predictions, np.ones((1, 2)))
    assert math.isnan(metric.score(predictions))
    assert math.isnan(sample)


def test_auroc_of_two_classes_ranks_the_second_label():
    """The probability of `labels[1]` is what is ranked; ties count half."""
    chances = [[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.1, 0.9]]
    predictions = made(["female", "female", "male", "male"], ["male"] * 4, probabilities=chances)
    assert AUROC.score(predictions) == 0.875


def test_auroc_of_three_classes_is_macro_one_versus_rest():
    """Beyond two classes the areas of each class against the rest are averaged."""
    truth = list("aabbcc")
    chances = np.random.default_rng(3).dirichlet(np.ones(3), size=6)
    expected = roc_auc_score(truth, chances, multi_class="ovr", average="macro")
    assert expected == pytest.approx(AUROC.score(made(truth, truth, ("a", "b", "c"), chances)))


@pytest.mark.parametrize(
    "predictions",
    [
        made(["male", "female"], ["male", "female"]),
        made(["male", "male"], ["male", "male"], probabilities=[[0.1, 0.9], [0.2, 0.8]]),
    ],
    ids=["no probabilities", "one class"],
)
def test_auroc_is_undefined_without_probabilities_or_with_one_class(predictions):
    """There is no area to speak of, so none is claimed."""
    actual = [AUROC.score(predictions), *AUROC.score_resamples(predictions, np.ones((1, 2)))]
    assert all(map(math.isnan, actual))


@pytest.mark.parametrize("metric", ALL)
def test_metric_scores_samples_at_once(metric):
    """The shipped metrics offer the quick way."""
    assert able(metric, ScoresResamples)
