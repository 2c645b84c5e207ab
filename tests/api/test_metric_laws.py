"""What a metric must keep: it is one function of the predictions."""

from __future__ import annotations

import math
from itertools import count

import attrs
import numpy as np
import pytest

from brainplug.api.guard import Origin, build
from brainplug.api.metric_laws import hold_metrics, make_samples, metric_faults
from brainplug.api.roles import HasScale, Part
from brainplug.errors import PluginError
from brainplug.run.rehearsal import rehearse
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions

STATE, RANDOM = count(), np.random.default_rng()


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Made:
    """A metric that is one function."""

    higher_is_better, unit = True, ""

    def __init__(self, score, kind="categorical", scale=""):
        self.made, self.kind, self.scale = score, kind, scale
        self.abilities = (HasScale,) if scale else ()

    def score(self, predictions):
        return self.made(predictions)


def share(predictions):
    """Score as accuracy does."""
    return float(np.mean(predictions.truth == predictions.predicted))


def sort(predictions):
    """Sort what is given in place."""
    predictions.truth.sort()
    return 0.5


def one_class(predictions):
    """Fail where there are not two classes."""
    first, second, *_ = set(predictions.truth)
    return float(first < second)


@pytest.mark.parametrize(
    ("metric", "what"),
    [
        (Made(lambda _: math.inf), "returns inf for made-up predictions, expected at most 1e+300"),
        (Made(lambda _, state=STATE: next(state) / 7), "when it is asked again"),
        (
            Made(lambda _, rng=RANDOM: float(rng.random())),
            "when it is asked again",
        ),
        (Made(lambda _: 1), "expected a float"),
        (Made(lambda _: -2.0, "numerical", "log"), "no place on its scale 'log'"),
        (Made(lambda _: 1.5, "numerical", "fisher"), "no place on its scale 'fisher'"),
        (Made(share), ""),
        (Made(lambda _: math.nan), ""),
        (Made(lambda _: -1e300, "numerical"), ""),
        (Made(lambda _: 1e308), "returns 1e+308 for made-up predictions"),
    ],
)
def test_a_metric_gives_the_same_number_for_the_same_predictions(metric, what):
    """What is random, remembers, or has no end is refused; nan says that a score is not defined."""
    faults = list(metric_faults(metric, ("a", "b")))

    assert bool(faults) == bool(what)
    assert any(what in fault for fault in faults) or not what


@pytest.mark.parametrize(
    ("score", "what"), [(sort, "read-only"), (one_class, "ValueError: not enough values")]
)
def test_a_metric_is_tried_as_a_run_would_use_it(score, what):
    """It is given arrays that cannot be written to, and people of one class; its file is named."""
    made = Part("mine", Options, lambda _options: Made(score))
    metric = build(made, Options(), Origin("metrics", "mine", "bad.py"))

    with pytest.raises(PluginError, match=what) as raised:
        hold_metrics({"mine": metric}, ("a", "b"))

    assert "'mine' of bad.py" in str(raised.value)


@pytest.mark.parametrize("kind", ["categorical", "numerical"])
def test_samples_hold_one_class_and_ties(kind):
    """All that a small study may hand to a metric is among what it is tried with."""
    samples = make_samples(Made(share, kind)).values()

    assert {len(set(each.truth)) for each in samples} >= {1}
    assert any(len(set(each.predicted)) == 1 < len(set(each.truth)) for each in samples)


class Misstating(BalancedAccuracy):
    """A metric that says it is made of other shares than it is."""

    def shares(self, predictions):
        return super().shares(predictions)[:1]


class Misranking(Auroc):
    """A metric that says people rank the other way round."""

    def rankings(self, predictions):
        return tuple(
            attrs.evolve(each, height=-each.height) for each in super().rankings(predictions)
        )


@pytest.mark.parametrize(
    ("metric", "what"),
    [
        (Misstating(BalancedAccuracyOptions()), "the mean of its shares"),
        (Misranking(AurocOptions()), "the mean of its areas"),
    ],
)
def test_a_metric_is_made_of_what_it_says(metric, what):
    """Else its interval would be that of another score."""
    assert any(what in fault for fault in metric_faults(metric))


def test_scores_of_others_are_taken_to_intervals_before_training():
    """A metric that fails on a sample drawn with repeats only is refused with its file."""

    def all_once(predictions):
        if predictions.probabilities is not None and len(predictions.truth) == 12:
            told = predictions.truth[:2].tolist()
            if told != ["a", "b"]:
                raise ZeroDivisionError("drawn again")
        return share(predictions)

    made = Part("mine", Options, lambda _options: Made(all_once))
    metric = build(made, Options(), Origin("metrics", "mine", "bad.py"))
    hold_metrics({"mine": metric}, ("a", "b"))

    with pytest.raises(PluginError, match=r"ZeroDivisionError.*bad\.py|'mine' of bad\.py"):
        rehearse({"mine": metric}, ("a", "b"))
