"""Scores by group, and models that read the group rather than the target."""

import json

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.api.records import Predictions
from brainplug.errors import DataError
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.groupings import Groups, find_groups, name_bands
from brainplug.evaluation.subgroup_records import Grouping, GroupScore
from brainplug.evaluation.subgroups import heterogeneity, heterogeneity_in_words, score_groups
from brainplug.evaluation.within_groups import Scored, within_in_words
from brainplug.runtime.records import from_json, to_json
from brainplug_plugins.metrics.accuracy import Accuracy, AccuracyOptions
from brainplug_plugins.metrics.auroc import Auroc, AurocOptions
from brainplug_plugins.metrics.balanced_accuracy import BalancedAccuracy, BalancedAccuracyOptions
from brainplug_plugins.metrics.mae import Mae, MaeOptions
from brainplug_plugins.metrics.pearson_r import PearsonR, PearsonROptions

SEX = ("female", "male")
METRICS = {
    "accuracy": Accuracy(AccuracyOptions()),
    "auroc": Auroc(AurocOptions()),
    "balanced-accuracy": BalancedAccuracy(BalancedAccuracyOptions()),
    "mae": Mae(MaeOptions()),
    "pearson-r": PearsonR(PearsonROptions()),
}
PLAN = BootstrapPlan(samples=300, confidence=0.95, seed=7)


def grouped(truth, predicted, groups, metric="balanced-accuracy", second=None):
    """Score people by groups named after them."""
    numbers = metric in ("mae", "pearson-r")
    subjects = [f"s{number:03}" for number in range(len(truth))]
    known = Groups(
        column="site",
        of={s: g for s, g in zip(subjects, groups, strict=True) if g},
        order=tuple(sorted({g for g in groups if g})),
        seen=frozenset({"A"}),
    )
    scored = Scored(
        metric=METRICS[metric],
        name=metric,
        predictions=Predictions(
            truth=np.array(truth, dtype=float if numbers else object),
            predicted=np.array(predicted, dtype=float if numbers else object),
            labels=() if numbers else SEX,
            probabilities=None if second is None else np.column_stack([1 - second, second]),
        ),
        subjects=subjects,
        clusters=subjects,
        plan=PLAN,
    )
    return score_groups(scored, {"site": known}).get("site")


def two_sites():
    """Fifty people of each of two sites, 80 % female at one and 80 % male at the other."""
    groups = ["A"] * 50 + ["B"] * 50
    truth = ["female"] * 40 + ["male"] * 10 + ["female"] * 10 + ["male"] * 40
    return truth, groups, ["female" if group == "A" else "male" for group in groups]


@pytest.mark.parametrize("metric", ["balanced-accuracy", "accuracy", "auroc"])
def test_a_scanner_detector_is_called_one(metric):
    """It says each site's majority: well over all, and no better than that within a site."""
    truth, groups, majority = two_sites()
    second = np.array([0.8 if said == "male" else 0.2 for said in majority])

    found = grouped(truth, majority, groups, metric, second)

    assert "reads the group" == found.within.verdict
    assert 0.8 == pytest.approx(found.within.overall.score)
    assert 0.0 == pytest.approx(found.within.within.value)
    sentence = within_in_words("site", found, metric)
    assert sentence.startswith(f"This is what a scanner detector scores: {metric} is 0.80 over all")


def test_a_model_that_reads_the_scan_is_not_called_one():
    """Right nine times of ten at either site, whatever most people there are."""
    truth, groups, _ = two_sites()
    other = {"female": "male", "male": "female"}
    said = [other[sex] if number % 10 == 0 else sex for number, sex in enumerate(truth)]

    found = grouped(truth, said, groups).within

    assert "holds within" == found.verdict
    assert 0.9 == pytest.approx(found.within.score, abs=0.05)
    assert found.within.low > 0
    assert found.drop_low < 0 < found.drop_high


def test_a_model_that_reads_both_is_told_to_be_helped():
    """Right about most people, and about the others more often than not where they stand out."""
    rng = np.random.default_rng(1)
    groups = np.repeat(["A", "B"], 400)
    truth = np.where(rng.random(800) < np.where(groups == "A", 0.85, 0.15), "female", "male")
    height = (groups == "B") * 1.6 + (truth == "male") * 0.8 + rng.normal(0, 0.8, 800)
    said = np.where(height > 1.2, "male", "female")

    found = grouped(truth, said, groups)

    assert "helped by the group" == found.within.verdict
    assert found.within.within.low > 0
    assert within_in_words("site", found, "accuracy").startswith("Part of the score is a reading")


def test_intervals_within_groups_are_those_of_a_skewed_score():
    """Nine of ten right: the end towards chance is farther away, as by any other interval here."""
    truth = ["female", "male"] * 20
    said = ["male", *truth[1:20], "male", *truth[21:]]

    found = grouped(truth, said, ["A"] * 20 + ["B"] * 20).within.within

    assert 0.45 == pytest.approx(found.value)
    assert found.value - found.low > 1.3 * (found.high - found.value)


def test_chance_leaves_it_open():
    """What is no better than one answer for all says nothing of sites."""
    rng = np.random.default_rng(2)
    truth, groups, _ = two_sites()

    found = grouped(truth, rng.choice(SEX, 100), groups)

    assert "open" == found.within.verdict
    assert "is open" in within_in_words("site", found, "accuracy")


@pytest.mark.parametrize("metric", ["mae", "pearson-r"])
def test_a_scanner_detector_of_numbers_is_called_one(metric):
    """It says each site's mean, with a little noise."""
    rng = np.random.default_rng(3)
    groups = ["A"] * 60 + ["B"] * 60
    truth = np.where(np.array(groups) == "A", 30.0, 60.0) + rng.normal(0, 5, 120)
    said = np.where(np.array(groups) == "A", 30.0, 60.0) + rng.normal(0, 1, 120)

    found = grouped(truth, said, groups, metric)

    assert "reads the group" == found.within.verdict
    assert found.within.overall.value > 0.5


def test_sites_of_one_class_each_tell_nothing():
    """Target and site are one: the sentence says that they cannot be told apart."""
    truth = ["female"] * 20 + ["male"] * 20

    found = grouped(truth, truth, ["A"] * 20 + ["B"] * 20)

    assert found.within is None
    assert "no group has people of two classes" in within_in_words("site", found, "accuracy")
    assert {"all of them are of one class"} == {each.reason for each in found.groups.values()}


def test_small_cells_are_counted_and_not_scored():
    """Four people, or four of a class, are no group; whose group is unknown is counted apart."""
    groups = ["A"] * 20 + ["B"] * 14 + ["C"] * 4 + [""] * 2
    truth = ["female", "male"] * 10 + ["female"] * 10 + ["male"] * 4 + ["female", "male"] * 3

    found = grouped(truth, truth, groups)

    assert ["A"] == list(found.groups)
    assert (10, 10) == found.groups["A"].classes
    assert (2, 18, 2, 18) == (
        found.too_small,
        found.people_too_small,
        found.unknown,
        found.unseen,
    )


def test_one_group_only_is_no_grouping():
    """There is nothing to compare."""
    assert grouped(["male", "female"] * 5, ["male"] * 10, ["A"] * 10) is None


def cell(value, low, high):
    return GroupScore(people=50, classes=(25, 25), value=value, low=low, high=high)


def test_heterogeneity_is_cochrans_q():
    """As in a meta-analysis of three studies with standard errors of 0.05."""
    reach = 1.959964 * 0.05
    found = heterogeneity([cell(v, v - reach, v + reach) for v in (0.6, 0.7, 0.8)], 0.95)

    assert 8.0 == pytest.approx(found.q, rel=1e-4)
    assert 0.0183156 == pytest.approx(found.p_value, rel=1e-3)
    assert 0.75 == pytest.approx(found.i2, rel=1e-3)
    assert heterogeneity([cell(0.6, 0.5, 0.7)], 0.95) is None


def test_heterogeneity_is_said_with_its_test():
    """Only a small p value lets groups differ."""
    groups = {"A": cell(0.6, 0.5, 0.7), "B": cell(0.65, 0.55, 0.75)}
    grouping = Grouping(
        column="site",
        metric="accuracy",
        groups=groups,
        too_small=0,
        people_too_small=0,
        unknown=0,
        unseen=0,
        heterogeneity=heterogeneity(list(groups.values()), 0.95),
        within=None,
    )

    said = heterogeneity_in_words("site", grouping)

    assert said.startswith("The score does not clearly differ by site (Cochran's Q 0.5")


def test_records_survive_json():
    """They are part of `metrics.json`."""
    truth, groups, majority = two_sites()
    found = grouped(truth, majority, groups)

    text = json.dumps(to_json(found), allow_nan=False)

    assert found == from_json(json.loads(text), Grouping, source="metrics.json")


# what people are grouped by ---------------------------------------------------------------------


def cohort(**columns):
    """A cohort of ten people, one scan each."""
    frame = pd.DataFrame({"subject": [f"s{i}" for i in range(10)], "site": ["A", "B"] * 5})
    return frame.assign(study="S", target=["x", "y"] * 4 + ["y", "x"], **columns)


def test_common_columns_group_people_and_the_target_does_not():
    """Site, sex and age by their usual names; sex is left out where it is the target itself."""
    people = cohort(Gender=["f", "m", "m", "f"] * 2 + ["f", "m"], age=[str(a) for a in range(10)])
    own = cohort(Gender=["f", "m"] * 4 + ["m", "f"])

    assert ["site", "sex", "age"] == list(find_groups(people, people["subject"]))
    assert ["site"] == list(find_groups(own, own["subject"]))


def test_declared_columns_group_people():
    """By their codes in order; a missing one is told with what there is."""
    people = cohort(handed=["10", "9", "n/a", "9", "10"] * 2)

    found = find_groups(people, people["subject"], ["handed"])["handed"]

    assert ("9", "10") == found.order
    assert 8 == len(found.of)
    with pytest.raises(DataError, match=r"evaluation.subgroups.*columns of the cohort: site"):
        find_groups(people, people["subject"], ["hand"])


def test_bands_come_from_training_people_alone():
    """Quarters of theirs; whoever is tested moves no edge."""
    trained = pd.Series([9.0, 9.2, 9.4, 9.6, 9.8])
    tested = pd.Series([8.0, 9.3, 9.6, 15.0])

    bands, order = name_bands(tested, trained, decades=True)

    assert ["under 9.2", "9.2 to under 9.4", "9.6 and over", "9.6 and over"] == bands.tolist()
    assert ["under 9.2", "9.2 to under 9.4", "9.6 and over"] == order


def test_groups_nobody_was_trained_on_are_known():
    """As a site that is left out."""
    people = cohort()

    found = find_groups(people, people.loc[people["site"] == "A", "subject"])

    assert frozenset({"A"}) == found["site"].seen


@pytest.mark.parametrize("metric", ["mae", "pearson-r"])
def test_unread_numbers_count_in_their_own_group(metric):
    """Who was silent makes the score of the own group worse, and of no other."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=80)
    said = truth + rng.normal(size=80) / 2
    low, high = truth.min(), truth.max()
    mute = np.arange(80) < 8
    subjects = [f"s{number:02}" for number in range(80)]
    spoken = Predictions(truth=truth, predicted=said, train_mean=0.0)
    ends = np.where(mute[:, None], [low, high], said[:, None])
    silent = attrs.evolve(spoken, predicted=np.where(mute, 0.0, said), possible=ends)
    sites = Groups(
        column="site",
        of={name: "A" if place < 40 else "B" for place, name in enumerate(subjects)},
        order=("A", "B"),
        seen=frozenset({"A"}),
    )

    before, after = (
        score_groups(
            Scored(
                metric=METRICS[metric],
                name=metric,
                predictions=each,
                subjects=subjects,
                clusters=subjects,
                plan=PLAN,
            ),
            {"site": sites},
        )["site"].groups
        for each in (spoken, silent)
    )

    assert before["B"].value == pytest.approx(after["B"].value)
    worse = METRICS[metric].higher_is_better == (after["A"].value < before["A"].value)
    assert worse
