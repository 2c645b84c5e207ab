"""Intervals: always one, wide enough, and what cannot be told is said."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import attrs
import numpy as np
import pytest

from brainplug.api.records import Predictions
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.differences import difference
from brainplug.evaluation.intervals import interval
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.macro_f1 import MacroF1, MacroF1Options
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.pearson_r import PearsonR, PearsonROptions
from brainplug_plugins.metrics.r2 import R2, R2Options
from brainplug_plugins.metrics.rmse import Rmse, RmseOptions

ACCURACY = Accuracy(AccuracyOptions())
BALANCED = BalancedAccuracy(BalancedAccuracyOptions())
F1 = MacroF1(MacroF1Options())
AUROC = Auroc(AurocOptions())
LABELLED = [ACCURACY, BALANCED, F1, AUROC]
NUMBERS = [
    Mae(MaeOptions()),
    Rmse(RmseOptions()),
    R2(R2Options()),
    PearsonR(PearsonROptions()),
]
PLAN = BootstrapPlan(samples=400, confidence=0.95, seed=3)


class Oddity:
    """A stranger's metric of labels: the smallest recall of a class that is there."""

    kind, higher_is_better, unit = "categorical", True, ""

    def score(self, predictions):
        right = predictions.truth == predictions.predicted
        recalls = [right[predictions.truth == label] for label in predictions.labels]
        return min(float(each.mean()) for each in recalls if len(each))


def answers(right, *, names="abcd"):
    """Predictions with so many right and wrong of each class; wrong ones name the next class."""
    labels = tuple(names[: len(right)])
    truth, said = [], []
    for index, (hits, misses) in enumerate(right):
        truth += [labels[index]] * (hits + misses)
        said += [labels[index]] * hits + [labels[(index + 1) % len(labels)]] * misses
    sure = np.array([[label == each for label in labels] for each in said], dtype=float)
    return Predictions(
        truth=np.array(truth, dtype=object),
        predicted=np.array(said, dtype=object),
        labels=labels,
        probabilities=((0.2 + sure) / (1 + 0.2 * len(labels))).reshape(-1, len(labels)),
    )


def numbers(truth, predicted):
    """Predictions of a number."""
    return Predictions(truth=np.array(truth, float), predicted=np.array(predicted, float))


def alone(predictions):
    """The families where nobody is related."""
    return [str(number) for number in range(len(predictions.truth))]


def ends(metric, predictions, clusters=None):
    """The interval of a metric."""
    found = interval(metric, predictions, clusters or alone(predictions), PLAN)
    return found.low, found.high


@pytest.mark.parametrize(
    ("right", "size", "expected"),
    [(20, 20, (0.870, 1.0)), (39, 43, (0.792, 0.970)), (0, 20, (0.0, 0.130))],
)
def test_one_share_has_the_corrected_score_interval(right, size, expected):
    """Wilson's score interval, moved by the skewness of the binomial to be even on both sides."""
    predictions = answers([(right, size - right), (0, 0)])
    assert ends(ACCURACY, predictions) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("metric", LABELLED)
@pytest.mark.parametrize("size", [2, 20, 400])
def test_all_right_has_an_interval(metric, size):
    """At 100 % right it reaches from below 1 to 1, narrower the more people there are."""
    low, high = ends(metric, answers([(size, 0), (size, 0)]))
    wider = ends(metric, answers([(size, 0), (1, 0)]))
    assert high == 1.0
    assert 1 - 6 / size < low < 1 - 0.2 / size
    assert wider[0] < low


def test_many_right_and_few_of_a_class_say_little_of_it():
    """40 and 3 all right: the minority's error may be 71 %, so the mean of recalls may be 0.7."""
    low, _high = ends(BALANCED, answers([(40, 0), (3, 0)]))
    assert 0.65 < low < 0.8


def test_a_singleton_is_not_dropped_with_its_class():
    """Of 19 and 1, the same said of all: 0.50 with the luck of the one in it, and never 1.00."""
    two = answers([(19, 0), (0, 1)])
    found = interval(BALANCED, two, alone(two), PLAN)
    four = answers([(10, 0), (10, 0), (10, 0), (0, 1)])
    assert found.value == 0.5
    assert 0.3 < found.low < 0.5 < found.high < 0.96
    assert interval(BALANCED, four, alone(four), PLAN).high < 0.99


def test_what_is_the_same_for_everybody_is_known():
    """A rule that says one label has a recall of 1 and 0 whoever is asked; its accuracy varies."""
    rule = attrs.evolve(answers([(19, 0), (0, 1)]), constant=True)
    low, high = ends(ACCURACY, rule)
    assert ends(BALANCED, rule) == (0.5, 0.5)
    assert (low < 0.9, high > 0.95) == (True, True)


@pytest.mark.parametrize("metric", [BALANCED, F1, AUROC])
def test_one_class_is_undefined_and_says_so(metric):
    """People of one class have no balanced accuracy, however right the answers are."""
    predictions = answers([(12, 0), (0, 0)])
    found = interval(metric, predictions, alone(predictions), PLAN)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == "not defined: nobody here is 'b'"


def test_reasons_name_what_is_lacking():
    """No probabilities, nobody, and values that do not vary are each told as such."""
    bare = attrs.evolve(answers([(5, 1), (4, 2)]), probabilities=None)
    flat, same = numbers([1, 1, 1], [1, 2, 3]), numbers([1, 2, 3], [2, 2, 2])
    reasons = [
        interval(metric, each, alone(each), PLAN).reason
        for metric, each in (
            (AUROC, bare),
            (ACCURACY, answers([(0, 0), (0, 0)])),
            (NUMBERS[2], flat),
            (NUMBERS[3], same),
        )
    ]
    assert reasons == [
        "not defined: it needs probabilities of the answers, and there are none",
        "not defined: nobody was asked",
        "not defined: everybody here has the same value",
        "not defined: the same number is said of everybody",
    ]


@pytest.mark.parametrize("metric", [*LABELLED, *NUMBERS])
def test_relatives_who_err_alike_count_for_less(metric):
    """Twins with the same answer give a wider interval than as many strangers."""
    rng = np.random.default_rng(5)
    if metric in NUMBERS:
        truth = rng.normal(size=40).repeat(2)
        predictions = numbers(truth, truth + rng.normal(size=40).repeat(2))
    else:
        predictions = answers([(30, 10), (28, 12)])
    twins = [str(number // 2) for number in range(80)]
    low, high = ends(metric, predictions)
    wide = ends(metric, predictions, twins)
    assert 1.15 < (wide[1] - wide[0]) / (high - low) < 2.2


def test_errors_that_are_all_alike_tell_nothing_of_others():
    """Without any spread there is no interval, and the reason is said."""
    exact = numbers([1, 2, 3, 4], [1, 2, 3, 4])
    reasons = {interval(metric, exact, alone(exact), PLAN).reason for metric in NUMBERS}
    assert len(reasons) == 1
    assert "errors are all alike" in reasons.pop()


def test_two_people_have_no_interval_of_an_error():
    """Two errors say nothing of how errors spread."""
    found = interval(NUMBERS[0], numbers([1, 2], [2, 4]), ["a", "b"], PLAN)
    assert (found.value, found.low) == (1.5, None)
    assert "fewer than three" in found.reason


def test_stranger_gets_a_bootstrap_in_which_no_class_is_lost():
    """No sample that lacks a class is scored, so a lost class never shows as a better score."""
    predictions = answers([(18, 0), (1, 1)])
    low, high = ends(Oddity(), predictions)
    assert 0.0 <= low < 0.5 <= high <= 1.0

    seen = []

    class Watching(Oddity):
        def score(self, predictions):
            seen.append(len(set(predictions.truth)))
            return super().score(predictions)

    ends(Watching(), predictions)
    assert set(seen) == {2}


def test_stranger_has_no_interval_over_a_class_of_one():
    """A class of one person cannot be resampled; that is said, and the score stands."""
    predictions = answers([(9, 1), (1, 0)])
    found = interval(Oddity(), predictions, alone(predictions), PLAN)
    assert (found.value, found.low) == (0.9, None)
    assert "'b' is one person or family" in found.reason


@pytest.mark.parametrize("metric", [*LABELLED, *NUMBERS])
def test_order_of_people_does_not_matter(metric):
    """The same people in another order have the same interval."""
    if metric in NUMBERS:
        rng = np.random.default_rng(2)
        truth = rng.normal(size=30)
        predictions = numbers(truth, truth + rng.normal(size=30))
    else:
        predictions = answers([(12, 3), (9, 6)])
    size = len(predictions.truth)
    order = np.random.default_rng(1).permutation(size)
    families = [str(number // 2) for number in range(size)]
    found = ends(metric, predictions.take(order), [families[place] for place in order])
    assert found == pytest.approx(ends(metric, predictions, families))


# differences ----------------------------------------------------------------------------------


def test_difference_of_shares_is_newcombes_for_pairs():
    """For one share it is near Newcombe's interval of paired shares (1998, method 10)."""
    # Newcombe's example: 36 both, 12 and 2 one only, 0 neither: 0.20 (0.0569 to 0.3404).
    truth = np.array(["a"] * 50, dtype=object)
    first = np.array(["a"] * 48 + ["b"] * 2, dtype=object)
    second = np.array(["a"] * 36 + ["b"] * 12 + ["a"] * 2, dtype=object)
    one, other = (
        Predictions(truth=truth, predicted=said, labels=("a", "b")) for said in (first, second)
    )
    found = difference(ACCURACY, one, other, alone(one), PLAN)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=0.025)
    assert found.clear


@pytest.mark.parametrize("metric", [*LABELLED, *NUMBERS])
def test_difference_turns_with_its_systems(metric):
    """Theirs less ours is ours less theirs with the other sign, ends and all."""
    rng = np.random.default_rng(8)
    if metric in NUMBERS:
        truth = rng.normal(size=40)
        one, other = (numbers(truth, truth + rng.normal(size=40)) for _system in range(2))
    else:
        one = answers([(18, 2), (17, 3)])
        other = answers([(12, 8), (14, 6)])
    ours, theirs = (
        difference(metric, *two, alone(one), PLAN) for two in ((one, other), (other, one))
    )
    assert (ours.value, ours.low, ours.high) == pytest.approx(
        (-theirs.value, -theirs.high, -theirs.low)
    )
    assert ours.low <= ours.value <= ours.high
    assert ours.p_value == pytest.approx(theirs.p_value)


def test_difference_to_a_constant_is_as_sure_as_the_score():
    """Against a rule that says one label, only the model's own error counts."""
    model = answers([(16, 4), (15, 5)])
    rule = attrs.evolve(
        model, predicted=np.array(["a"] * 40, dtype=object), probabilities=None, constant=True
    )
    score = interval(BALANCED, model, alone(model), PLAN)
    gap = difference(BALANCED, model, rule, alone(model), PLAN)
    assert (gap.low, gap.high) == pytest.approx((score.low - 0.5, score.high - 0.5))


def test_areas_are_compared_whatever_their_scale():
    """Probabilities squeezed to a hundredth rank as before, so the test finds no difference."""
    model = answers([(16, 4), (15, 5)])
    squeezed = attrs.evolve(model, probabilities=0.5 + (model.probabilities - 0.5) / 100)
    found = difference(AUROC, model, squeezed, alone(model), PLAN)
    assert (found.value, found.p_value) == (0.0, 1.0)


def test_difference_of_what_is_undefined_says_why():
    """Where one system has no score there is no difference, and its reason is given."""
    model = answers([(5, 1), (4, 2)])
    bare = attrs.evolve(model, probabilities=None)
    found = difference(AUROC, model, bare, alone(model), PLAN)
    assert (found.value, found.p_value, found.clear) == (None, None, False)
    assert "probabilities" in found.reason


# coverage -------------------------------------------------------------------------------------


@cache
def benchmark():
    """The benchmark of coverage, of which a small part runs here."""
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    sys.path.append(str(path.parent))  # benchmarks share a module of theirs
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "people", "truth", "minority", "likeness"),
    [
        ("accuracy", 43, 0.8, 0.5, 0.5),
        ("balanced-accuracy", 43, 0.8, 0.1, 0.0),
        ("balanced-accuracy", 43, 0.97, 0.1, 0.0),
        ("auroc", 43, 0.8, 0.5, 0.5),
        ("mae", 20, 0.8, 0.5, 0.5),
        ("pearson-r", 43, 0.8, 0.5, 0.0),
    ],
)
def test_interval_holds_the_truth(name, people, truth, minority, likeness):
    """Of simulated test sets about 95 % do, evenly, also where the bootstrap held 77 %."""
    case = benchmark().Case(people=people, truth=truth, minority=minority, likeness=likeness)
    found = benchmark().measure(name, case, 300)
    # Three standard errors of 300 sets about the 93 % and 4 % that are asked of 2,000.
    assert found["held"] >= 0.93 - 0.037
    assert max(found["above"], found["below"]) <= 0.04 + 0.034
    assert found["none"] == 0.0


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_difference_of_errors_holds_the_truth_where_systems_differ(name):
    """A good system beside a poor one, whose errors are skewed: Student's t missed it to one side.

    Three standard errors of 300 sets about the 93 % and 4 % that are asked of 2,000.
    """
    case = benchmark().Case(people=20, truth=0.97, minority=0.5, likeness=0.0, against=0.5)
    found = benchmark().measure(name, case, 300, paired=True)
    assert found["held"] >= 0.93 - 0.037
    assert max(found["above"], found["below"]) <= 0.04 + 0.034


def test_the_interval_of_a_root_of_squares_allows_for_rare_large_errors():
    """It reaches up farther than a plain one on a log scale, and little down."""
    case = benchmark().Case(people=20, truth=0.8, minority=0.5, likeness=0.0)
    (system,) = benchmark().draw("rmse", case, np.random.default_rng(3))
    squares = (system.truth - system.predicted) ** 2
    spread = np.log(squares.mean()) / 2

    found = interval(Rmse(RmseOptions()), system, alone(system), PLAN)

    up, down = np.log(found.high) - spread, spread - np.log(found.low)
    assert up - down == pytest.approx(np.log(20 / 19))


def test_difference_holds_the_truth():
    """So does the interval of two equally good systems' difference."""
    case = benchmark().Case(people=43, truth=0.8, minority=0.5, likeness=0.5)
    found = benchmark().measure("balanced-accuracy", case, 200, paired=True)
    assert found["held"] >= 0.93 - 0.045


class InUnit:
    """A stranger's metric of numbers, in whatever unit: the mean of absolute errors."""

    kind, higher_is_better, unit = "numerical", False, "F"

    def __init__(self, size):
        self.size = size

    def score(self, predictions):
        return self.size * float(np.abs(predictions.truth - predictions.predicted).mean())


def triple(found):
    return np.array([found.value, found.low, found.high])


@pytest.mark.parametrize("size", [1e-9, 1e-15, 2.0**-80, 1e15])
def test_a_unit_changes_no_interval(size):
    """Nor whether two systems differ: what rounding leaves is told by the size of the scores."""
    rng = np.random.default_rng(4)
    truth = rng.normal(40, 9, 40)
    ours, theirs = (numbers(truth, truth + rng.normal(0, spread, 40)) for spread in (2, 4))
    people = [str(person) for person in range(40)]
    plain, small = InUnit(1.0), InUnit(size)

    one, same = (interval(each, ours, people, PLAN) for each in (plain, small))

    assert triple(one) * size == pytest.approx(triple(same), rel=1e-6, abs=0)
    apart, likewise = (difference(each, ours, theirs, people, PLAN) for each in (plain, small))
    assert triple(apart) * size == pytest.approx(triple(likewise), rel=1e-6, abs=0)
    assert apart.p_value == likewise.p_value
    assert apart.clear == likewise.clear


def test_numbers_in_a_tiny_unit_have_intervals():
    """Of every metric that comes with brainplug."""
    rng = np.random.default_rng(4)
    truth = rng.normal(40, 9, 40)
    said = truth + rng.normal(0, 2, 40)
    people = [str(person) for person in range(40)]

    for metric in NUMBERS:
        found = interval(metric, numbers(truth * 1e-15, said * 1e-15), people, PLAN)
        plain = interval(metric, numbers(truth, said), people, PLAN)
        unit = 1e-15 if metric.unit else 1.0
        assert triple(plain) * unit == pytest.approx(triple(found), rel=1e-6, abs=0), metric


@pytest.mark.parametrize("size", [1.0, 1e-15])
def test_what_rounding_leaves_is_no_spread(size):
    """Whatever the unit: of errors that are alike nothing is learnt of other people's."""
    truth = np.arange(20.0) / 7
    found = interval(InUnit(size), numbers(truth, truth + 0.1), list(map(str, range(20))), PLAN)

    assert found.low is None
    assert found.reason == "the bootstrap samples do not differ, so no interval"
