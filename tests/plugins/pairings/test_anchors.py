"""The same few training scans for every query."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.api.roles import UsesTraining, able
from brainplug.audit.shortcuts import measure_dependence
from brainplug.errors import DataError
from brainplug.tasks.baselines import OPPOSITE, REPEAT, rule_predictions
from brainplug_plugins.pairings.anchors import Anchors, AnchorsOptions


def pair(queries, references, *, seed=1, **options) -> pd.DataFrame:
    """Pair two pools."""
    return Anchors(AnchorsOptions(**options)).pair(queries, references, seed=seed)


def anchors_of(pairs) -> list[str]:
    """Return the anchors in the order in which the first query meets them."""
    first = pairs.loc[pairs["query"] == pairs["query"].iloc[0], "references"]
    return [scan for told in first for scan in told]


def test_every_query_meets_every_anchor(labels, pool):
    """Twenty queries and six anchors are 120 tasks, the anchors in one order for all."""
    queries, references = (pool(name, labels(20, [0.7, 0.3], 1)) for name in "qr")

    pairs = pair(queries, references, anchors=6)

    assert 120 == len(pairs)
    told = pairs.groupby("query")["references"].agg(tuple)
    assert 1 == told.nunique()
    assert 6 == len(set(anchors_of(pairs)))
    assert sorted(pairs["query"]) == pairs["query"].tolist()


def test_anchors_cover_classes_equally(labels, pool):
    """Nine anchors of three classes are three of each, however rare a class is."""
    references = pool("r", labels(200, [0.9, 0.06, 0.04], 1))

    pairs = pair(pool("q", ["class 0"]), references, anchors=9)

    assert {3} == set(references.loc[anchors_of(pairs), "stratum"].value_counts())


def test_anchors_cover_the_range_of_numbers(pool):
    """Eight anchors of four bins are two of each bin."""
    references = pool("r", np.random.default_rng(1).normal(size=200))

    pairs = pair(pool("q", [0.0]), references, anchors=8)

    assert {"a": 2, "b": 2, "c": 2, "d": 2} == (
        references.loc[anchors_of(pairs), "stratum"].value_counts().sort_index().to_dict()
    )


def test_the_anchors_are_those_of_every_split(labels, pool):
    """The choice does not depend on the queries; the engine gives the same references to all."""
    references = pool("r", labels(50, [0.7, 0.2, 0.1], 1))
    train, test = pool("q", labels(30, [0.7, 0.2, 0.1], 2)), pool("t", ["class 0", "other"])

    chosen = [anchors_of(pair(queries, references, anchors=7)) for queries in (train, test)]

    assert chosen[0] == chosen[1]
    assert able(Anchors(AnchorsOptions()), UsesTraining)
    assert "train" == Anchors.references_from


def test_pairs_do_not_depend_on_the_order_of_rows(labels, pool):
    """The same people in another order are paired in the same way; another seed is not."""
    queries, references = (pool(name, labels(50, [0.7, 0.3], 1)) for name in "qr")

    pairs = pair(queries, references)
    again = pair(queries.sample(frac=1), references.sample(frac=1))

    pd.testing.assert_frame_equal(pairs, again)
    assert set(anchors_of(pairs)) != set(anchors_of(pair(queries, references, seed=2)))


def test_a_person_or_a_family_is_an_anchor_once(pool):
    """Several scans of one person, and siblings, are passed over while others are left."""
    families = ["f", "f", "f", "f", "g", "g", None, None, None, None]
    references = pool("r", ["a", "b"] * 5, family=families)
    references.loc["r0007", "subject"] = "r0006"

    for seed in range(20):
        chosen = references.loc[
            anchors_of(pair(pool("q", ["a"]), references, anchors=4, seed=seed))
        ]
        assert chosen["subject"].is_unique
        assert chosen["family"].dropna().is_unique


def test_siblings_are_anchors_where_nobody_else_is_left(pool):
    """A class of one family still gives its share."""
    references = pool("r", ["a"] * 6 + ["b"] * 3, family=[None] * 6 + ["f"] * 3)

    chosen = anchors_of(pair(pool("q", ["a"]), references, anchors=6))

    assert {"a": 3, "b": 3} == references.loc[chosen, "stratum"].value_counts().to_dict()


@pytest.mark.parametrize(("per_task", "tasks"), [(1, 5), (2, 2), (3, 1)])
def test_kin_of_an_anchor_meets_the_others(per_task, tasks, pool):
    """A query whose sibling is an anchor has no task with it; the others are as they were."""
    queries = pool("q", ["a", "b"], family=["f", None])
    references = pool("r", ["a", "b"] * 3, family=["f", None, None, None, None, None])

    pairs = pair(queries, references, anchors=6, references_per_task=per_task)

    met = pairs[pairs["query"] == "q0000"]
    assert tasks == len(met)
    assert "r0000" not in {scan for told in met["references"] for scan in told}
    assert {per_task} == set(pairs["references"].str.len())
    assert 6 // per_task == (pairs["query"] == "q0001").sum()


@pytest.mark.parametrize("per_task", [1, 2])
def test_rules_that_see_no_scan_are_at_chance(per_task, labels, pool, make_tasks):
    """What is the same for every query tells nothing of any: D1-D3."""
    queries, references = (pool(name, labels(90, [0.8, 0.1, 0.1], 1)) for name in "qr")

    pairs = pair(queries, references, anchors=6, references_per_task=per_task)

    tasks = make_tasks(pairs, queries, references)
    assert abs(measure_dependence(tasks).z) < 0.01
    for rule in (REPEAT, OPPOSITE):
        hits = np.equal(rule_predictions(rule, tasks, tasks), [task.truth for task in tasks])
        by_class = pd.Series(hits).groupby([task.truth for task in tasks]).mean()
        assert abs(by_class.mean() - 1 / 3) < 0.1


@pytest.mark.parametrize("num", [2, 7])
def test_anchors_that_cannot_be_chosen_are_an_error(num, pool):
    """Fewer anchors than classes, or more than people, are refused with the counts."""
    references = pool("r", ["a", "b", "c", "a", "b", "c"])

    with pytest.raises(DataError) as caught:
        pair(pool("q", ["a"]), references, anchors=num)

    assert (("pairing.anchors",), num) == (caught.value.where, caught.value.found)
    assert caught.value.expected.startswith("from 3, ")
    assert "'a' 2" in caught.value.expected


def test_a_query_of_the_anchors_family_is_an_error(pool):
    """A query that may meet no anchor at all is named."""
    with pytest.raises(DataError) as caught:
        pair(pool("q", ["a"], family="f"), pool("r", ["a", "b"], family="f"), anchors=2)

    assert ("q0000",) == caught.value.found


def test_numbers_that_do_not_divide_are_refused():
    """The message names both keys."""
    with pytest.raises(
        ValueError, match="anchors must be a multiple of references_per_task: 10, 3"
    ):
        AnchorsOptions(references_per_task=3)
