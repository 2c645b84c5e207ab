"""Simple readers learn from training people and tell what their features tell, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from brainplug.baselines.components import find_components
from brainplug.baselines.exam import References
from brainplug.baselines.likeness import nearest_people, nearest_reference
from brainplug.baselines.linear import read_linearly
from brainplug.baselines.readers import list_baselines, read_confounds, read_head_size
from brainplug.baselines.sites import probe_scanner, say_site
from exams import make_exam, make_side


def ab(count, first=0.5) -> list[str]:
    """Make classes, a share of them `a`."""
    return ["a" if number < first * count else "b" for number in range(count)]


def test_a_site_says_what_most_of_its_training_people_are():
    """Two sites of 80 and 20 % `a`; a third is new, and says what most people are (fault 4)."""
    truths = ["a"] * 8 + ["b"] * 2 + ["a"] * 2 + ["b"] * 9
    learn = make_side(truths, site=["one"] * 10 + ["two"] * 11)
    asked = make_side(["b", "b", "a"], site=["one", "two", "new"])

    said = say_site(make_exam(learn, asked, confounds=["site"]))

    assert said.predictions.tolist() == ["a", "b", "b"]
    assert said.probabilities[:, 0].tolist() == pytest.approx([0.8, 2 / 11, 10 / 21])


def test_a_site_says_the_mean_of_its_training_people():
    """Numbers likewise; a new site says the mean of all."""
    learn = make_side([10.0, 20.0, 30.0], site=["one", "one", "two"])
    asked = make_side([0.0, 0.0, 0.0], site=["one", "two", "new"])

    said = say_site(make_exam(learn, asked, labels=(), confounds=["site"]))

    assert said.predictions.tolist() == [15, 30, 20]


def test_without_a_site_nothing_is_said():
    """It says so in place of an answer."""
    exam = make_exam(make_side(ab(4)), make_side(ab(2)))

    assert "no site is known" in say_site(exam)


def test_head_size_is_read():
    """Large heads are `b`."""
    learn = make_side(ab(40), heads=[1400] * 20 + [1600] * 20)
    asked = make_side(["a", "b"], heads=[1390, 1610])

    said = read_head_size(make_exam(learn, asked))

    assert said.predictions.tolist() == ["a", "b"]
    assert said.probabilities.sum(axis=1).tolist() == pytest.approx([1, 1])


def test_a_number_is_read_off_head_size():
    """A straight line is found again."""
    sizes = np.linspace(1400, 1600, 30)
    learn = make_side(sizes / 10, heads=sizes)
    asked = make_side([0.0], heads=[1500])

    said = read_head_size(make_exam(learn, asked, labels=()))

    assert said.predictions.tolist() == pytest.approx([150], abs=0.5)
    assert said.probabilities is None


def test_a_rare_class_is_said_where_it_is_likelier_than_by_its_share():
    """Of 90 % `a`, balanced accuracy is best served by a lower bar for `b`."""
    sizes = np.concatenate([np.full(90, 1500.0), [1500.0] * 4 + [1700.0] * 6])
    learn, asked = make_side(ab(100, 0.9), heads=sizes), make_side(["b"], heads=[1560])

    fair, plain = (
        read_head_size(make_exam(learn, asked, by_share=share)) for share in (True, False)
    )

    assert 0.1 < fair.probabilities[0, 1] < 0.5
    assert (fair.predictions.tolist(), plain.predictions.tolist()) == (["b"], ["a"])


def test_three_classes_keep_the_order_of_the_labels():
    """Columns are those of the head, although training lacks one class."""
    learn = make_side(["c"] * 10 + ["a"] * 10, heads=[1400] * 10 + [1600] * 10)
    asked = make_side(["c"], heads=[1400])

    said = read_head_size(make_exam(learn, asked, labels=("a", "b", "c")))

    assert said.predictions.tolist() == ["c"]
    assert said.probabilities[0, 1] == 0


def test_one_class_in_training_is_always_said():
    """There is nothing to learn, and no fault either."""
    exam = make_exam(make_side(["b"] * 5), make_side(["a"]))

    assert read_linearly(exam, np.ones((5, 1)), np.ones((1, 1))).predictions.tolist() == ["b"]


def test_confounds_tell_what_they_tell():
    """An unknown value and a missing number are answered, too."""
    learn = make_side(ab(40), scanner=["x"] * 20 + ["y"] * 20, age=[30.0, np.nan] * 20)
    asked = make_side(["a", "b", "a"], scanner=["x", "y", "z"], age=[30.0, np.nan, 1.0])
    exam = make_exam(learn, asked, confounds=["scanner", "age"])

    said = read_confounds(("scanner", "age"), exam)

    assert said.predictions[:2].tolist() == ["a", "b"]
    assert np.isfinite(said.probabilities).all()


def test_components_tell_what_coarse_copies_hold():
    """Classes that differ along one direction of many are told apart."""
    rng = np.random.default_rng(0)
    axis = rng.normal(size=27)
    coarse = rng.normal(0, 0.1, (60, 27)) + np.outer(np.repeat([-1, 1], 30), axis)
    learn = make_side(ab(60), coarse=coarse)
    asked = make_side(["a", "b"], coarse=np.stack([-axis, axis]))
    exam = make_exam(learn, asked)

    taught, features = find_components(exam)

    assert taught.shape == (60, 20)  # one for three scans
    assert read_linearly(exam, taught, features).predictions.tolist() == ["a", "b"]


def test_the_nearest_reference_that_a_person_saw_is_repeated():
    """Not the nearest of all; the first of equals."""
    coarse = np.eye(4, 27) + np.full((4, 27), 0.1)
    learn, asked = make_side(ab(4)), make_side(["b", "b"], coarse=coarse[:2])
    exam = make_exam(
        learn,
        asked,
        references=References(coarse=coarse[[0, 2, 3, 2]], values=("b", "a", "b", "b")),
        shown=[(0, 1), (1, 3)],
    )

    said = nearest_reference(exam)

    assert said.predictions.tolist() == ["b", "a"]
    assert said.probabilities.tolist() == [[0, 1], [1, 0]]


def test_without_references_there_is_no_nearest_one():
    """It says so."""
    assert isinstance(nearest_reference(make_exam(make_side(ab(4)), make_side(["a"]))), str)


def test_the_nearest_people_are_asked():
    """Of 16 people the four that are most alike."""
    coarse = np.repeat(np.eye(4, 27), 4, axis=0)
    learn = make_side([1.0, 1, 1, 3, *[9.0] * 12], coarse=coarse)
    asked = make_side([0.0], coarse=coarse[:1] * 2)

    said = nearest_people(make_exam(learn, asked, labels=()))

    assert said.predictions.tolist() == [1.5]


def test_a_probe_reads_the_scanner_where_scans_tell_it():
    """A place with few training scans is left out on both sides."""
    features = np.repeat([[-1.0], [1.0]], 10, axis=0)
    places = ["x"] * 10 + ["y"] * 10
    learn = make_side(ab(20), scanner=[*places[:-1], "rare"], site=["s"] * 20)
    asked = make_side(ab(3), scanner=["x", "y", "rare"], site=["s"] * 3)

    probe = probe_scanner(
        make_exam(learn, asked, confounds=["scanner", "site"]), features, features[[0, 19, 0]]
    )

    assert (probe.facts.of, probe.facts.places, probe.facts.left_out) == ("scanner", 2, 1)
    assert probe.truth.tolist() == ["x", "y", None]
    assert probe.read.tolist() == ["x", "y", None]


def test_one_place_is_not_probed():
    """It says why."""
    learn, asked = (make_side(ab(20), site=["one"] * 20) for _ in range(2))

    assert "fewer than two" in probe_scanner(
        make_exam(learn, asked, confounds=["site"]), np.ones((20, 1)), np.ones((20, 1))
    )


def test_baselines_are_those_that_are_asked_for():
    """Each confound alone and all together; what a site tells is a baseline of its own."""
    side = make_side(ab(4), age=[1.0, 2, 3, 4], site=["x", "x", "y", "y"])
    exam = make_exam(side, side, confounds=["age", "site"])

    found = list_baselines(("site", "confounds"), exam, find_components(exam), lambda _path: None)

    assert [(each.name, each.kind) for each in found] == [
        ("site majority", "site"),
        ("age alone", "confound"),
        ("all confounds", "confound"),
    ]
    assert found[-1].about == "a logistic regression on age, site and head size"
    assert list_baselines((), exam, find_components(exam), lambda _path: None) == []
