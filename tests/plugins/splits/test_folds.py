"""Groups and their draws: old splits stand, and the folds of a cross-validation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from brainplug.api.roles import Repeats, able
from brainplug.recipe.strict import ProblemsError, strict_converter
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import DrawOptions, Fractions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.subject import Subject

BOTH = pytest.mark.parametrize("strategy", [Subject, Family])

OLD_POOLS = (
    "train_reference train_reference train_query val_reference "
    "train_reference val_reference train_reference train_reference "
    "train_query train_reference test_reference train_query "
    "val_query val_query train_reference test_query"
)
"""Written by version 0.1.0."""


def make_cohort(people: int = 60) -> pd.DataFrame:
    """Make people of whom every third pair are siblings."""
    families = [f"f{place // 2}" if place % 6 < 2 else None for place in range(people)]
    return pd.DataFrame(
        {"subject": [f"p{place}" for place in range(people)], "family": families}, dtype="str"
    )


def test_earlier_splits_stand():
    """Subjects and families have, to the last one, the pools that version 0.1.0 gave them."""
    pools = Family(DrawOptions()).assign(make_cohort(16), seed=4)

    assert OLD_POOLS == " ".join(pools)


def test_a_component_is_named_by_its_smallest_family():
    """Families that share people are one, however long the chain and whatever the order."""
    rows = [("a", "9"), ("a", "10"), ("b", "9"), ("b", "8"), ("c", "7"), ("d", None), ("c", None)]
    cohort = pd.DataFrame(rows, columns=["subject", "family"], dtype="str")

    names = family_groups(cohort)

    assert ["family 10"] * 4 + ["family 7", "subject d", "family 7"] == names.tolist()


def test_nobody_is_related_to_a_missing_family():
    """Where the study tells no family, everybody is a group."""
    cohort = pd.DataFrame({"subject": ["a", "b", "a"], "family": [None] * 3}, dtype="str")

    assert ["subject a", "subject b", "subject a"] == family_groups(cohort).tolist()


def test_an_id_is_no_number():
    """The family `1` and the subject `1` have nothing in common."""
    cohort = pd.DataFrame({"subject": ["1", "2"], "family": ["2", None]}, dtype="str")

    assert ["family 2", "subject 2"] == family_groups(cohort).tolist()


@BOTH
def test_folds_make_a_run_each(strategy):
    """Folds without a fold stand for as many runs, counted from 1."""
    split = strategy(DrawOptions(folds=4, query=0.4))

    runs = split.runs(make_cohort())

    assert able(split, Repeats)
    assert {f"fold-{n}": DrawOptions(folds=4, fold=n, query=0.4) for n in (1, 2, 3, 4)} == runs


@BOTH
@pytest.mark.parametrize("given", [{}, {"folds": 3, "fold": 2}, {"fractions": Fractions()}])
def test_one_run_is_no_list_of_runs(strategy, given):
    """Shares, or a fold that is chosen, stand for a single run."""
    assert {} == strategy(DrawOptions(**given)).runs(make_cohort())


@BOTH
def test_everybody_is_asked_once(strategy):
    """Over the runs each person is a test query once and a reference beside it once."""
    cohort, runs = make_cohort(), strategy(DrawOptions(folds=4)).runs(make_cohort())

    pools = [strategy(each).assign(cohort, seed=5) for each in runs.values()]

    table = pd.concat(pools, axis="columns")
    beside = table.isin(["val_reference", "test_reference"])
    assert [1] * len(cohort) == (table == "test_query").sum(axis="columns").tolist()
    assert [1] * len(cohort) == beside.sum(axis="columns").tolist()
    assert not (table == "val_query").all(axis="columns").any()


@BOTH
def test_the_next_fold_is_beside_the_test(strategy):
    """Whose references one run takes, the next one tests; the last's is the first fold."""
    cohort = make_cohort()
    pools = [strategy(DrawOptions(folds=3, fold=n)).assign(cohort, seed=5) for n in (1, 2, 3)]

    beside = [
        set(cohort["subject"][each.isin(["val_reference", "test_reference"])]) for each in pools
    ]
    tested = [set(cohort["subject"][each == "test_query"]) for each in pools]

    assert [tested[1], tested[2], tested[0]] == beside


@BOTH
def test_pools_of_a_fold_have_their_sizes(strategy):
    """Of 3,000 people in 5 folds: a fold is asked, half folds are beside it, the rest train."""
    cohort = make_cohort(3000)

    sizes = strategy(DrawOptions(folds=5, fold=2)).assign(cohort, seed=5).value_counts()

    expected = {
        "test_query": 600,
        "test_reference": 300,
        "val_query": 300,
        "val_reference": 300,
        "train_query": 750,
        "train_reference": 750,
    }
    assert set(expected) == set(sizes.index)
    assert all(abs(sizes[pool] - size) < 5 * size**0.5 for pool, size in expected.items())


@BOTH
@pytest.mark.parametrize("pools", ["halves", "shared"])
def test_validation_is_the_share_that_is_asked_for(strategy, pools):
    """Of 3,000 people in 5 folds, a tenth of those outside the tested fold is asked in val."""
    cohort = make_cohort(3000)
    options = DrawOptions(folds=5, fold=2, pools=pools, validation=0.1)
    usual = DrawOptions(folds=5, fold=2, pools=pools)

    split = strategy(options).assign(cohort, seed=5)

    asked, tested = (split.isin([f"{name}_query", name]) for name in ("val", "test"))
    assert abs(asked.sum() - 240) < 5 * 240**0.5
    before = strategy(usual).assign(cohort, seed=5)
    assert tested.equals(before.isin(["test_query", "test"]))
    # Who validates with few of them does so with more: the same draw decides.
    assert not (asked & ~before.isin(["val_query", "val"])).any()


@BOTH
def test_half_and_fold_are_drawn_apart(strategy):
    """Whoever trains in two runs has the same part in both, by a hash that is not the fold's."""
    cohort = make_cohort()
    pools = [strategy(DrawOptions(folds=4, fold=n)).assign(cohort, seed=5) for n in (1, 2, 3, 4)]

    parts = [{pool for pool in row if pool.startswith("train")} for row in zip(*pools, strict=True)]
    assert {1} == {len(part) for part in parts if part}
    assert {"train_query", "train_reference"} == set.union(*parts)


@BOTH
def test_folds_without_a_fold_are_the_first(strategy):
    """What `check` shows of a cross-validation is its first run."""
    cohort = make_cohort()

    first = strategy(DrawOptions(folds=3, fold=1)).assign(cohort, seed=5)

    assert first.equals(strategy(DrawOptions(folds=3)).assign(cohort, seed=5))


@BOTH
def test_no_fractions_are_those_of_the_table(strategy):
    """Fractions that are not set are 0.70, 0.15 and 0.15."""
    cohort = make_cohort()

    told = strategy(DrawOptions(fractions=Fractions())).assign(cohort, seed=5)

    assert told.equals(strategy(DrawOptions()).assign(cohort, seed=5))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"folds": 5, "fractions": {}}, "folds and fractions exclude each other"),
        ({"fold": 1}, "fold needs folds"),
        ({"validation": 0.1}, "validation is a share of the people outside a tested fold"),
        ({"folds": 3, "validation": 0.5}, "validation: 'validation' must be < 0.5: 0.5"),
        ({"folds": 3, "fold": 4}, "fold must be 1 to folds: fold = 4, folds = 3"),
        ({"folds": 2}, "folds: 'folds' must be >= 3: 2"),
        ({"folds": 3, "fold": 0}, "fold: 'fold' must be >= 1: 0"),
        ({"query": 1.0}, "query: 'query' must be < 1: 1.0"),
        ({"fractions": {"train": 0.9}}, "fractions: train, val and test must sum to 1"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(table, problem):
    """No setting is ignored: the recipe's own keys are named."""
    with pytest.raises(ProblemsError) as raised:
        strict_converter(Path()).structure(table, DrawOptions)

    assert any(line.startswith(problem) for line in raised.value.lines())
