"""What is made to be shared: few people are not counted, nobody is named, no number is exact."""

import numpy as np
import pandas as pd
import pytest

from brainplug.evaluation.shareable import hide_few, pseudonym, share_predictions

KEY = b"secret"


def people(**columns):
    """A line a person, of the columns that every table has."""
    frame = pd.DataFrame(columns)
    count = len(frame)
    return frame.assign(
        subject=[f"sub-{number:02}" for number in range(count)],
        split="test",
        failure=frame.get("failure", ""),
    )


def test_counts_of_few_people_are_hidden_at_any_depth():
    """As null; nobody at all, and five, are told."""
    given = {
        "subjects": 40,
        "runs": {"site-A": {"subjects": 4, "metrics": {"accuracy": 1.0}}},
        "unparsed_subjects": 0,
        "folds": [{"people": 5, "unseen": 1}],
    }

    assert {
        "subjects": 40,
        "runs": {"site-A": {"subjects": None, "metrics": {"accuracy": 1.0}}},
        "unparsed_subjects": 0,
        "folds": [{"people": 5, "unseen": None}],
    } == hide_few(given)


def test_a_cell_does_not_follow_from_its_row():
    """A single small one takes the next larger one with it; two small ones hide each other."""
    hidden = hide_few({"matrix": [[49, 1, 0], [2, 3, 20], [9, 7, 0]]})

    assert [[None, None, 0], [None, None, 20], [9, 7, 0]] == hidden["matrix"]


def test_single_people_go():
    """Pairs of truth and prediction, and bins of few people."""
    bins = [{"low": 0, "high": 0.1, "n": 4}, {"low": 0.1, "high": 0.2, "n": 200}]

    hidden = hide_few({"scatter": [[63.2, 60.0]], "calibration": {"bins": bins}})

    assert hidden["scatter"] is None
    assert [200] == [each["n"] for each in hidden["calibration"]["bins"]]


def test_training_counts_hide_a_rare_class():
    """And the next one, since the total is told."""
    train = {"n": 103, "counts": {"a": 60, "b": 40, "c": 3}}

    assert {"a": 60, "b": None, "c": None} == hide_few(train)["counts"]


def test_answers_that_few_did_not_give_are_hidden():
    """38 of 40 in the trained form leave two that are not."""
    counts = {"subjects": 40, "tasks": 40, "unparsed_tasks": 2, "strange": 0, "trained_form": 38}

    hidden = hide_few(counts)

    assert (None, 0, None) == (
        hidden["unparsed_tasks"],
        hidden["strange"],
        hidden["trained_form"],
    )
    assert 12 == hide_few(counts | {"unparsed_tasks": 12})["unparsed_tasks"]


def test_few_people_in_no_group_hide_the_size_of_one():
    """Else they would be the difference to everybody."""
    groups = {
        "A": {"people": 20, "classes": [10, 10]},
        "B": {"people": 12, "classes": [6, 6]},
    }

    few = hide_few({"groups": groups, "people_too_small": 3, "unknown": 0})
    many = hide_few({"groups": groups, "people_too_small": 8, "unknown": 0})

    assert ({"people": None, "classes": []}, groups["A"]) == (
        few["groups"]["B"],
        few["groups"]["A"],
    )
    assert groups == many["groups"]


def test_the_cause_of_a_failed_arm_is_not_shared():
    """It names files and ids as well; that the arm failed stays known."""
    lost, done = (hide_few({"arms": {"query-alone": {"failed": why}}}) for why in ("/a/sub-1", ""))

    assert ("not told", "") == tuple(each["arms"]["query-alone"]["failed"] for each in (lost, done))


def test_causes_of_failed_runs_are_not_shared():
    """They name files and ids."""
    assert {"fold-2": ""} == hide_few({"failed": {"fold-2": "/home/me/sub-01.nii: cut"}})["failed"]


def test_ids_become_pseudonyms_that_need_the_key():
    """The same with the same key, others with another one; nobody's is told of a missing family."""
    table = people(truth=["f"] * 6, prediction=["f"] * 6, family=["F", "F", None, "G", "G", "G"])

    shared = share_predictions(table, KEY)

    names = set(shared["subject"])
    assert 6 == len(names)
    assert not [name for name in names if "sub" in name.replace("subject-", "")]
    assert names == set(share_predictions(table, KEY)["subject"])
    assert not names & set(share_predictions(table, b"other")["subject"])
    assert [2, 3] == sorted(shared["family"].value_counts())
    assert pseudonym("1", "subject", KEY)[8:] != pseudonym("1", "family", KEY)[7:]


def test_the_order_of_lines_tells_no_order_of_ids():
    """Failures still come first; within them pseudonyms are in order."""
    failures = ["wrong"] * 5 + [""] * 15
    table = people(truth=["f"] * 20, prediction=["m"] * 5 + ["f"] * 15, failure=failures)

    shared = share_predictions(table, KEY)

    assert failures == shared["failure"].tolist()
    right = shared["subject"].tolist()[5:]
    assert sorted(right) == right
    assert right != [pseudonym(f"sub-{n:02}", "subject", KEY) for n in range(5, 20)]


def test_rare_classes_and_small_sites_are_not_told():
    """People of the one are left out; the other's name is blank, also for few of one class."""
    table = people(
        truth=["f"] * 8 + ["m"] * 8 + ["x"] * 4,
        prediction=["f"] * 20,
        site=["A"] * 8 + ["A"] * 6 + ["B"] * 2 + ["A"] * 4,
    )

    shared = share_predictions(table, KEY)

    assert {"f": 8, "m": 8} == shared["truth"].value_counts().to_dict()
    assert {"A": 14} == shared["site"].value_counts().to_dict()


def test_numbers_are_means_of_people_alike_and_errors_stay():
    """Each truth is shared by five people or more, and every score of errors can be made again."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 80, 23).round(1)
    said = (truth + rng.normal(0, 5, 23)).round(1)
    table = people(truth=truth, prediction=said, said=said, error=said - truth)

    shared = share_predictions(table, KEY)

    assert shared["truth"].value_counts().min() >= 5
    assert not set(shared["truth"]) & set(truth)
    errors = shared["prediction"] - shared["truth"]
    np.testing.assert_allclose(errors, shared["error"], atol=1e-5)
    np.testing.assert_allclose(sorted(errors), sorted(said - truth), atol=1e-5)


def test_one_person_in_several_runs_has_one_truth():
    """Blurred once."""
    truth = [float(number) for number in range(20, 30)]
    table = people(truth=truth, prediction=truth, error=[0.0] * 10)
    twice = pd.concat([table.assign(run="seed-1"), table.assign(run="seed-2")])

    shared = share_predictions(twice, KEY)

    assert 1 == shared.groupby("subject")["truth"].nunique().max()
    assert {10} == set(shared["truth"].value_counts())


def test_nobody_is_an_empty_table():
    """With its heads."""
    table = people(truth=[], prediction=[])

    assert list(table.columns) == list(share_predictions(table, KEY).columns)


@pytest.mark.parametrize("value", [True, 1.0, "3", None])
def test_what_is_no_count_stays(value):
    """A share, a switch or a text under such a key."""
    assert {"people": value} == hide_few({"people": value})


def test_few_unread_answers_of_interventions_are_hidden():
    """Without and with one thing changed; many and none stay."""
    assert {"unread": [None, 40]} == hide_few({"unread": [3, 40]})
    assert {"unread": [0, None]} == hide_few({"unread": [0, 1]})
