"""References alike to a degree the recipe sets, and what that gives away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from brainplug.audit.shortcuts import measure_dependence
from brainplug.errors import DataError
from brainplug.tasks.baselines import OPPOSITE, REPEAT, rule_predictions
from brainplug_plugins.pairings.matched import Matched, MatchedOptions


def pair(queries, references, *, seed=1, **options) -> pd.DataFrame:
    """Pair two pools."""
    return Matched(MatchedOptions(**options)).pair(queries, references, seed=seed)


def same_counts(pairs, queries, references) -> pd.Series:
    """Return how many references of its own class each query meets."""
    met = pairs.explode("references")
    same = met["query"].map(queries["value"]) == met["references"].map(references["value"])
    return same.groupby(met["query"]).sum()


@pytest.mark.parametrize("same", [0.0, 1 / 3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_share_of_the_own_class_is_met(same, classes, labels, pool):
    """The share holds over the pool to one reference; queries differ by one at most."""
    queries = pool("q", labels(100, [1.0] * classes, 3))
    references = pool("r", labels(100, [1.0] * classes, 4))

    pairs = pair(queries, references, same=same, references_per_query=3)

    counts = same_counts(pairs, queries, references)
    assert 300 == len(pairs)
    assert abs(counts.sum() - 300 * same) <= 1
    assert counts.max() - counts.min() <= 1


def test_each_class_has_the_share(labels, pool):
    """A rare class has the same share of its own as a common one, to one reference."""
    queries, references = (pool(name, labels(200, [0.8, 0.2], 3)) for name in "qr")

    pairs = pair(queries, references, same=0.5, references_per_query=3)

    counts = same_counts(pairs, queries, references)
    for _, each in counts.groupby(queries["value"]):
        assert abs(each.sum() - len(each) * 1.5) <= 1


def test_other_classes_have_equal_shares(pool):
    """What is not of the query's class is of all the others alike."""
    queries = pool("q", ["a"] * 30 + ["b"] * 30 + ["c"] * 30)
    references = pool("r", ["a"] * 60 + ["b"] * 20 + ["c"] * 10)

    pairs = pair(queries, references, same=0.0, references_per_query=2)

    told = pairs["references"].str[0].map(references["value"])
    table = pd.crosstab(pairs["query"].map(queries["value"]), told)
    assert [[0, 30, 30], [30, 0, 30], [30, 30, 0]] == table.to_numpy().tolist()


def test_references_of_a_class_are_used_equally_often(labels, pool):
    """Uses within a class differ by one at most, and no query meets a reference twice."""
    queries, references = (pool(name, labels(90, [0.6, 0.4], 3)) for name in "qr")

    pairs = pair(queries, references, same=0.5, references_per_query=4)

    uses = pairs["references"].str[0].value_counts().reindex(references.index, fill_value=0)
    for _, each in uses.groupby(references["value"]):
        assert each.max() - each.min() <= 1
    assert not pairs.duplicated().any()


def test_the_place_in_a_dialogue_does_not_tell(pool):
    """D3: of two references, one of the query's class, either comes first as often by chance."""
    queries, references = (pool(name, ["a", "b"] * 100) for name in "qr")

    pairs = pair(queries, references, same=0.5, references_per_query=2, references_per_task=2)

    first = pairs["references"].str[0].map(references["value"])
    alike = (first == pairs["query"].map(queries["value"])).mean()
    assert {2} == set(pairs["references"].str.len())
    assert abs(alike - 0.5) < 3.29 * 0.5 / np.sqrt(200)


@pytest.mark.parametrize(
    ("same", "classes", "repeat", "opposite"),
    [(1 / 3, 2, 1 / 3, 2 / 3), (0.5, 3, 0.5, 0.25), (0.5, 10, 0.5, 0.5 / 9)],
)
def test_the_note_tells_the_score_of_a_rule(same, classes, repeat, opposite, pool, make_tasks):
    """D1, D2: the score that is told is the one the rule gets on these very tasks."""
    names = [f"class {place}" for place in range(classes)] * 60
    queries, references = pool("q", names), pool("r", names)
    pairing = Matched(MatchedOptions(same=same, references_per_query=6))
    pairs = pairing.pair(queries, references, seed=1)
    tasks = make_tasks(pairs, queries, references)
    truths = [task.truth for task in tasks]

    (note,) = pairing.notes(pairs, queries, references)

    assert f"repeats the reference is right in {repeat:.1%}".replace("%", " %") in note
    assert f"({1 / classes:.1%} by chance)".replace("%", " %") in note
    assert f"another class in {opposite:.1%}".replace("%", " %") in note
    assert repeat == pytest.approx(
        np.mean(np.equal(rule_predictions(REPEAT, tasks, tasks), truths))
    )
    said = rule_predictions(OPPOSITE, tasks, tasks)
    assert opposite == pytest.approx(np.mean(np.equal(said, truths)), abs=0.03)


@pytest.mark.parametrize(("classes", "beats"), [(2, False), (3, True)])
def test_half_alike_is_chance_for_two_classes_only(classes, beats, pool, make_tasks):
    """D2: half the pairs alike gives nothing away for two classes, and much for three."""
    names = [f"class {place}" for place in range(classes)] * 60
    queries, references = pool("q", names), pool("r", names)

    pairs = pair(queries, references, same=0.5, references_per_query=4)

    found = measure_dependence(make_tasks(pairs, queries, references))
    assert beats == found.beats_chance


def test_numbers_are_near(pool):
    """No reference is farther than the distance, and a query meets none twice."""
    rng = np.random.default_rng(1)
    queries, references = (pool(name, rng.uniform(0, 10, 200)) for name in "qr")

    pairs = pair(queries, references, distance=1.5, references_per_query=4)

    told = pairs["references"].str[0].map(references["value"])
    apart = (pairs["query"].map(queries["value"]) - told).abs()
    assert 800 == len(pairs)
    assert apart.max() <= 1.5
    assert apart.max() > 1.2
    assert not pairs.duplicated().any()


def test_the_note_tells_the_error_of_a_rule(pool):
    """The mean absolute error of the rule that repeats, beside that of a constant answer."""
    rng = np.random.default_rng(1)
    queries, references = (pool(name, rng.uniform(0, 10, 200)) for name in "qr")
    pairing = Matched(MatchedOptions(distance=1.0))
    pairs = pairing.pair(queries, references, seed=1)
    truth, told = pairs["query"].map(queries["value"]), pairs["references"].str[0]
    told = told.map(references["value"])

    (note,) = pairing.notes(pairs, queries, references)

    assert f"mean absolute error of {(truth - told).abs().mean():.3g}" in note
    assert f"the mean of the references {(truth - told.mean()).abs().mean():.3g}" in note


@pytest.mark.parametrize(("values", "option"), [("labels", "same"), ("numbers", "distance")])
def test_pairs_do_not_depend_on_the_order_of_rows(values, option, labels, pool):
    """The same people in another order are paired in the same way."""
    drawn = labels(60, [0.6, 0.4], 2)
    if values == "numbers":
        drawn = np.random.default_rng(1).integers(0, 5, 60).astype(float)
    queries, references = pool("q", drawn), pool("r", drawn)

    pairs = pair(queries, references, **{option: 1.0})
    again = pair(queries.sample(frac=1), references.sample(frac=1), **{option: 1.0})

    pd.testing.assert_frame_equal(pairs, again)


@pytest.mark.parametrize("option", ["same", "distance"])
def test_kin_never_meet(option, labels, pool):
    """Siblings in both pools are not paired, however alike."""
    drawn = labels(60, [0.5, 0.5], 2)
    if option == "distance":
        drawn = np.random.default_rng(1).uniform(0, 4, 60)
    families = [f"f{place % 25}" for place in range(60)]
    queries, references = (pool(name, drawn, family=families) for name in "qr")

    pairs = pair(queries, references, **{option: 1.0}, references_per_query=4)

    told = pairs["references"].str[0].map(references["family"])
    assert 240 == len(pairs)
    assert not (pairs["query"].map(queries["family"]) == told).any()
    assert not pairs.duplicated().any()


def test_groups_are_kept(labels, pool):
    """With `within` and `bands` a reference is of the query's site and age band."""
    rng = np.random.default_rng(1)
    queries, references = (
        pool(
            name,
            labels(200, [0.5, 0.5], 2),
            site=rng.choice(["one", "two"], 200),
            age=rng.uniform(8, 12, 200).astype("str"),
        )
        for name in "qr"
    )

    pairs = pair(queries, references, same=0.5, within=("site",), bands={"age": 2.0})

    met = pairs["references"].str[0]
    assert pairs["query"].map(queries["site"]).tolist() == met.map(references["site"]).tolist()
    bands = [
        (scans.map(frame["age"]).astype(float) // 2).tolist()
        for scans, frame in ((pairs["query"], queries), (met, references))
    ]
    assert bands[0] == bands[1]


@pytest.mark.parametrize(
    ("values", "options", "fitting"),
    [
        (["a", "b"], {"distance": 1.0}, "same"),
        ([1.0, 2.0], {"same": 0.5}, "distance"),
    ],
)
def test_the_other_kind_of_target_is_refused(values, options, fitting, pool):
    """The option for the other kind is named, with the one that fits."""
    with pytest.raises(DataError) as caught:
        pair(pool("q", values * 5), pool("r", values * 5), **options)

    assert (f"pairing.{next(iter(options))}",) == caught.value.where
    assert f"give {fitting} in its place" == caught.value.hint


def test_too_few_of_a_class_is_an_error(pool):
    """Three of the own class are asked for where one is there."""
    with pytest.raises(DataError) as caught:
        pair(pool("q", ["a", "b"]), pool("r", ["a"] * 9 + ["b"]), same=1.0)

    assert ("queries of 'b'",) == caught.value.where
    assert (1, 9) == caught.value.found


def test_too_few_near_is_an_error(pool):
    """The queries without references in reach are counted and named."""
    with pytest.raises(DataError) as caught:
        pair(pool("q", [1.0, 9.0]), pool("r", [1.0, 1.1, 1.2, 8.9]), distance=0.5)

    assert ("q0001",) == caught.value.found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either same .* or distance .*same None, distance None"),
        ({"same": 0.5, "distance": 1.0}, "same 0.5, distance 1.0"),
        ({"same": 0.5, "references_per_task": 2}, "references_per_task: 3, 2"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    """The message names both keys."""
    with pytest.raises(ValueError, match=message):
        MatchedOptions(**options)


def test_what_is_asked_for_as_by_chance_passes_the_audit(pool, make_tasks):
    """One of the own class of three classes is what independence gives."""
    names = ["a", "b", "c"] * 40
    queries, references = pool("q", names), pool("r", names)

    pairs = pair(queries, references, same=1 / 3)

    assert {1: 120} == Counter(same_counts(pairs, queries, references))
    assert not measure_dependence(make_tasks(pairs, queries, references)).beats_chance
