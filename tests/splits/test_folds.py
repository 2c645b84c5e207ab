"""Groups and their draws: old splits stand, and the folds of a cross-validation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from brainplug.groups import family_groups
from brainplug.parts import Repeats
from brainplug.pools import DrawOptions, Fractions
from brainplug.toml import ProblemsError, strict_converter
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.stratified import Stratified

BOTH = pytest.mark.parametrize("strategy", [Stratified, Family])

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

    assert isinstance(split, Repeats)
    assert {f"fold-{n}": DrawOptions(folds=4, fold=n, query=0.4) for n in (1, 2, 3, 4)} == runs


@BOTH
@pytest.mark.parametrize("given", [{}, {"folds": 3, "fold": 2}, {"fractions": Fractions()}])
def test_one_run_is_no_list_of_runs(strategy, given):
    """Shares, or a fold that is chosen, stand for a single run."""
    assert {} == strategy(DrawOptions(**given)).runs(make_cohort())


@BOTH
def test_everybody_is_tested_once_and_validates_once(strategy):
    """Over the runs of a cross-validation each scan has each place as often as it must."""
    cohort, runs = make_cohort(), strategy(DrawOptions(folds=4)).runs(make_cohort())

    pools = [strategy(each).assign(cohort, seed=5) for each in runs.values()]

    splits = pd.concat([each.str.partition("_")[0] for each in pools], axis="columns")
    counts = splits.apply(lambda row: row.value_counts(), axis="columns")[["train", "val", "test"]]
    assert [[2, 1, 1]] * len(cohort) == counts.to_numpy().tolist()


@BOTH
def test_the_next_fold_validates(strategy):
    """What one run validates on, the next one tests; the last run's is the first fold."""
    cohort = make_cohort()
    pools = [strategy(DrawOptions(folds=3, fold=n)).assign(cohort, seed=5) for n in (1, 2, 3)]

    validated = [set(cohort["subject"][each.str.startswith("val")]) for each in pools]
    tested = [set(cohort["subject"][each.str.startswith("test")]) for each in pools]

    assert [tested[1], tested[2], tested[0]] == validated


@BOTH
def test_half_and_fold_are_drawn_apart(strategy):
    """Queries stay queries from run to run, so answers of all folds can be put together."""
    cohort = make_cohort()
    halves = [
        strategy(DrawOptions(folds=3, fold=n)).assign(cohort, seed=5).str.partition("_")[2].tolist()
        for n in (1, 2, 3)
    ]

    assert halves[0] == halves[1] == halves[2]
    assert {"query", "reference"} == set(halves[0])


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
