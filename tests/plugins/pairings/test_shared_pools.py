"""Pools whose people are asked and shown alike: all are asked, and references tell nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brainplug.audit.shortcuts import BEYOND_CHANCE, label_excess, measure_dependence
from brainplug.errors import DataError
from brainplug.tasks.baselines import OPPOSITE, REPEAT, rule_predictions
from brainplug_plugins.pairings.anchors import Anchors, AnchorsOptions
from brainplug_plugins.pairings.independent import Independent, IndependentOptions
from brainplug_plugins.pairings.matched import Matched, MatchedOptions

SHAPES = (
    {},
    {"references_per_query": 1},
    {"references_per_query": 4, "references_per_task": 2},
    {"block": 2},
    {"block": 4},
    {"block": 3, "references_per_query": 6},
)
every_shape = pytest.mark.parametrize("options", SHAPES, ids=str)


def pair(people: pd.DataFrame, *, seed: int = 1, **options) -> pd.DataFrame:
    """Pair a shared pool with itself."""
    return Independent(IndependentOptions(**options)).pair(people, people, seed=seed)


def with_families(people: pd.DataFrame, size: int) -> pd.DataFrame:
    """Make every other run of `size` people a family."""
    places = np.arange(len(people)) // size
    names = pd.Series([f"f{place}" if place % 2 else None for place in places], dtype="str")
    return people.assign(family=names.to_numpy())


def relatives(pairs: pd.DataFrame, people: pd.DataFrame) -> int:
    """Count references that are the query itself, another scan of it, or of its family."""
    told = pairs.explode("references")
    asked = people.loc[told["query"]].reset_index(drop=True)
    shown = people.loc[told["references"]].reset_index(drop=True)
    family = asked["family"].notna() & (asked["family"] == shown["family"])
    return int(((asked["subject"] == shown["subject"]) | family).sum())


def beyond_chance(tasks, rule: str) -> float:
    """Return how many standard errors a rule is from what its answers give in any order."""
    said = rule_predictions(rule, tasks, tasks)
    shares = pd.Series(said).value_counts(normalize=True).to_dict()
    gain = [
        (value == task.truth) - shares.get(task.truth, 0.0)
        for task, value in zip(tasks, said, strict=True)
    ]
    by_query = pd.Series(gain, dtype=float).groupby([task.subject for task in tasks]).mean()
    error = max(by_query.std() / np.sqrt(len(by_query)), 0.5 / np.sqrt(len(tasks)))
    return abs(by_query.mean() / error)


@every_shape
@settings(max_examples=20, derandomize=True)  # a bound of luck is not searched for luck
@given(
    share=st.floats(0.5, 0.95),
    classes=st.integers(2, 6),
    num=st.integers(60, 140),
    seed=st.integers(0, 10_000),
)
@example(share=0.95, classes=2, num=60, seed=0)
@example(share=0.95, classes=6, num=140, seed=0)
def test_rules_that_see_no_scan_are_at_chance(
    options, labels, pool, make_tasks, share, classes, num, seed
):
    """For every balance of classes the reference tells nothing, and nobody meets relatives."""
    shares = [share] + [(1 - share) / (classes - 1)] * (classes - 1)
    # Two of each class at least, or a class would be one person.
    drawn = labels(num, shares, seed)[: num - classes] + labels(classes, [1.0] * classes, seed)
    people = pool("p", drawn)

    pairs = pair(people, seed=seed, **options)

    tasks = make_tasks(pairs, people, people)
    assert 0 == relatives(pairs, people)
    assert abs(measure_dependence(tasks).z) < BEYOND_CHANCE
    for rule in (REPEAT, OPPOSITE):
        assert beyond_chance(tasks, rule) < BEYOND_CHANCE


@every_shape
@settings(max_examples=20, derandomize=True)  # a bound of luck is not searched for luck
@given(num=st.integers(60, 140), seed=st.integers(0, 10_000))
def test_numbers_of_references_tell_nothing(options, pool, make_tasks, num, seed):
    """The value of a reference does not go with the query's, up or down."""
    values = np.random.default_rng(seed).normal(size=num)
    people = pool("p", values).assign(stratum=pd.qcut(values, 4, labels=list("abcd")).astype("str"))

    tasks = make_tasks(pair(people, seed=seed, **options), people, people)

    assert abs(measure_dependence(tasks).z) < BEYOND_CHANCE


@pytest.mark.parametrize("options", [{"references_per_query": 1}, {}, {"block": 3}], ids=str)
def test_leaving_oneself_out_tilts_nothing(options, labels, pool, make_tasks):
    """Over 400 seeds of 20 people the excess of agreement is 0; a draw among others had -0.026.

    With one or three references of two classes one class is in the majority, so a query that gave
    back its own label would meet the other more often: 1 in 20 times a half.
    """
    people = pool("p", labels(20, [0.5, 0.5], 7))

    excess = [
        label_excess(make_tasks(pair(people, seed=seed, **options), people, people)).mean()
        for seed in range(400)
    ]

    error = np.std(excess) / 20
    assert abs(np.mean(excess)) < 3.3 * error
    assert error < 0.026 / 3.3


def test_leaving_oneself_out_tilts_no_numbers(pool):
    """Over 400 seeds of 20 people in one bin the correlation is 0; among others it were -1/19."""
    values = np.random.default_rng(3).normal(size=20)
    people = pool("p", values).assign(stratum="all")

    found = []
    for seed in range(400):
        pairs = pair(people, seed=seed, references_per_query=2)
        told = people["value"].loc[pairs["references"].str[0]].to_numpy()
        asked = people["value"].loc[pairs["query"]].to_numpy()
        found.append(np.mean((asked - values.mean()) * (told - values.mean())) / values.var())

    assert abs(np.mean(found)) < 0.5 / 19
    assert np.std(found) / 20 < 0.2 / 19


@every_shape
def test_everybody_is_asked(options, labels, pool):
    """All people of a pool are queries, and have as many references as without sharing."""
    people = pool("p", labels(61, [0.7, 0.3], 1))

    pairs = pair(people, **options)

    met = pairs.explode("references").groupby("query")["references"].nunique()
    wanted = IndependentOptions(**options).wanted
    assert set(people.index) == set(met.index)
    assert {wanted} == set(met.tolist())


@pytest.mark.parametrize("options", [{"references_per_query": 2}, {"references_per_query": 4}])
def test_balance_is_exact(options, labels, pool):
    """Each query meets each class equally often, and a class's people are used alike."""
    people = with_families(pool("p", labels(50, [0.7, 0.3], 2)), 3)

    pairs = pair(people, **options)

    told = pairs.explode("references")
    classes = told["references"].map(people["stratum"])
    counts = pd.crosstab(told["query"], classes)
    uses = told["references"].value_counts().groupby(people["stratum"])
    assert {options["references_per_query"] // 2} == set(counts.to_numpy().ravel().tolist())
    assert (uses.max() - uses.min() <= 1).all()
    assert 0 == relatives(pairs, people)


@every_shape
def test_pairs_do_not_depend_on_the_order_of_rows(options, labels, pool):
    """The same people in another order are paired in the same way."""
    people = with_families(pool("p", labels(50, [0.7, 0.3], 1)), 2)

    again = pair(people.sample(frac=1, random_state=1), **options)

    pd.testing.assert_frame_equal(pair(people, **options), again)


def test_other_sessions_are_the_same_person(labels, pool):
    """A person with several scans meets none of them."""
    people = pool("p", labels(40, [0.5, 0.5], 1))
    people["subject"] = [f"s{place // 2}" for place in range(40)]

    pairs = pair(people, references_per_query=6)

    assert set(people.index) == set(pairs["query"])
    assert 0 == relatives(pairs, people)


def test_a_class_that_nobody_else_has_is_refused(labels, pool):
    """One person, or one family, of a class would never see it: the counts are told."""
    people = pool("p", ["a"] * 9 + ["b", "b"])
    people["family"] = pd.Series([None] * 9 + ["f", "f"], dtype="str").to_numpy()

    with pytest.raises(DataError) as caught:
        pair(people)

    assert ("'b' 2",) == caught.value.found


def test_too_few_people_are_refused(pool):
    """Where somebody's family is nearly all of the pool, what all can meet is told."""
    people = pool("p", ["a", "b"] * 3)
    people["family"] = pd.Series(["f"] * 4 + [None] * 2, dtype="str").to_numpy()

    with pytest.raises(DataError) as caught:
        pair(people, references_per_query=4)

    assert 2 == caught.value.found


@pytest.mark.parametrize("same", [0.0, 0.5, 1.0])
def test_matched_keeps_its_share(same, labels, pool):
    """As many references as asked for are of the query's class, and none is a relative."""
    people = with_families(pool("p", labels(60, [0.6, 0.4], 3)), 2)

    pairs = Matched(MatchedOptions(same=same, references_per_query=4)).pair(people, people, seed=1)

    told = pairs.explode("references")
    alike = told["query"].map(people["value"]) == told["references"].map(people["value"])
    assert same == alike.mean()
    assert 0 == relatives(pairs, people)


def test_matched_stays_near(pool):
    """References within the distance are found for everybody, and none is a relative."""
    people = with_families(pool("p", np.linspace(0, 10, 80)), 2)

    pairs = Matched(MatchedOptions(distance=1.0)).pair(people, people, seed=1)

    told = pairs.explode("references")
    far = told["query"].map(people["value"]) - told["references"].map(people["value"])
    assert far.abs().max() <= 1
    assert 0 == relatives(pairs, people)


def test_groups_of_within_are_shared_too(labels, pool):
    """References are of the query's site, and none is a relative."""
    people = with_families(pool("p", labels(90, [0.5, 0.5], 3)), 2)
    people["site"] = [f"s{place % 3}" for place in range(90)]

    pairs = pair(people, within=("site",), references_per_query=2)

    told = pairs.explode("references")
    assert told["query"].map(people["site"]).equals(told["references"].map(people["site"]))
    assert 0 == relatives(pairs, people)


def test_anchors_are_asked_too(labels, pool):
    """Everybody meets as many of each class as all others, anchors and their relatives included."""
    people = with_families(pool("p", labels(60, [0.7, 0.3], 3)), 2)

    pairs = Anchors(AnchorsOptions(anchors=6)).pair(people, people, seed=1)

    told = pairs.explode("references")
    counts = pd.crosstab(told["query"], told["references"].map(people["stratum"]))
    assert set(people.index) == set(pairs["query"])
    assert {3} == set(counts.to_numpy().ravel().tolist())
    assert 0 == relatives(pairs, people)
