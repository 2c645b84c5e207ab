"""Every class, or quantile of a number, in every pool and in proportion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainplug.api.roles import AsksAll, Repeats, TellsOfSplit, UsesTarget, able
from brainplug.errors import DataError
from brainplug.recipe.strict import ProblemsError, strict_converter
from brainplug.toolkit.hashed_pools import Fractions
from brainplug.toolkit.proportions import apportion
from brainplug_plugins.splits.stratified import Stratified, StratifiedOptions, name_classes

SMALL = ["f"] * 53 + ["m"] * 19
"""Classes of a small study: 72 people, 53 to 19."""

HALVES = (
    "train_query",
    "train_reference",
    "val_query",
    "val_reference",
    "test_query",
    "test_reference",
)
DESIGNS = {
    "halves": ({}, False, HALVES),
    "shared": ({"pools": "shared"}, False, ("train", "val", "test")),
    "anchors": ({}, True, ("train_query", "train_reference", "val", "test")),
    "shared anchors": ({"pools": "shared"}, True, ("train", "val", "test")),
}
every_design = pytest.mark.parametrize(
    ("options", "asks_all", "pools"), DESIGNS.values(), ids=DESIGNS
)


def make_cohort(target, *, family=None) -> pd.DataFrame:
    """Make people with these values."""
    names = [f"p{place}" for place in range(len(target))]
    lacking = [None] * len(target) if family is None else family
    return pd.DataFrame(
        {"subject": names, "family": pd.Series(lacking, dtype="str"), "target": target}
    )


def assign(cohort: pd.DataFrame, *, seed: int = 1, asks_all: bool = False, **options) -> pd.Series:
    """Split a cohort."""
    return Stratified(StratifiedOptions(**options), asks_all=asks_all).assign(cohort, seed=seed)


def count(cohort: pd.DataFrame, pools: pd.Series) -> pd.DataFrame:
    """Count the classes of each pool."""
    return pd.crosstab(pools, cohort["target"])


@every_design
@pytest.mark.parametrize("folds", [None, *range(1, 6)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_study_has_both_classes_everywhere(options, asks_all, pools, folds, seed):
    """72 people, 53 to 19: every pool has both, by shares and in every one of 5 folds."""
    cohort = make_cohort(SMALL)
    by = {} if folds is None else {"folds": 5, "fold": folds}

    counts = count(cohort, assign(cohort, seed=seed, asks_all=asks_all, **options, **by))

    assert set(pools) == set(counts.index)
    assert counts.to_numpy().min() >= 1


@pytest.mark.parametrize("seed", range(5))
def test_splits_are_in_proportion_to_the_person(seed):
    """70, 15 and 15 % of 53 and of 19 people are 37, 8 and 8, and 13, 3 and 3."""
    cohort = make_cohort(SMALL)

    counts = count(cohort, assign(cohort, seed=seed, pools="shared"))

    assert [[8, 3], [37, 13], [8, 3]] == counts.loc[["test", "train", "val"]].to_numpy().tolist()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(6, 60), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
    shares=st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.8, 0.1, 0.1)]),
)
def test_numbers_are_within_one_of_the_shares(sizes, seed, shares):
    """Every class has its share in every split, rounded up or down, and at least two."""
    cohort = make_cohort(
        [f"class {place}" for place, size in enumerate(sizes) for _ in range(size)]
    )
    fractions = Fractions(**dict(zip(("train", "val", "test"), shares, strict=True)))

    counts = count(cohort, assign(cohort, seed=seed, pools="shared", fractions=fractions))

    for split, share in zip(("train", "val", "test"), shares, strict=True):
        for place, size in enumerate(sizes):
            found = counts.loc[split, f"class {place}"]
            small = min(shares) * size < 2  # then others give to who has less than two
            assert found >= 2
            assert small or abs(found - share * size) < 1


def test_rounding_favours_nobody():
    """Of 400 seeds the odd ones of a class go to query and reference alike often."""
    wins = [
        apportion(
            pd.Series({"a": 11}),
            {"query": 0.5, "reference": 0.5},
            least={"query": 1, "reference": 1},
            salt=f"{seed}",
        )[0, 0]
        for seed in range(400)
    ]

    assert {5, 6} == set(wins)
    assert abs(np.mean(wins) - 5.5) < 0.1


def test_all_classes_together_are_in_proportion():
    """Six classes of 12 are 50, 11 and 11 people and not 48, 12 and 12."""
    shares = {"train": 0.7, "val": 0.15, "test": 0.15}

    found = apportion(
        pd.Series(dict.fromkeys("abcdef", 12)), shares, least=dict.fromkeys(shares, 1), salt="1"
    )

    assert sorted(found.sum(axis=1).tolist()) in ([11, 11, 50], [10, 11, 51])
    assert set(found[0].tolist()) == {8, 9}


@pytest.mark.parametrize("options", [{}, {"pools": "shared"}, {"folds": 3, "fold": 2}], ids=str)
def test_numbers_are_dealt_by_quantiles(options):
    """Of a number every pool holds every quantile, and the splits' means are alike."""
    values = np.random.default_rng(1).normal(size=96)
    cohort = make_cohort(values)

    pools = assign(cohort, bins=4, **options)

    quantiles = name_classes(cohort["subject"], cohort["target"], 4)
    assert pd.crosstab(pools, quantiles).to_numpy().min() >= 1
    assert [24] * 4 == quantiles.value_counts().tolist()


@pytest.mark.parametrize("options", [{}, {"pools": "shared"}, {"folds": 4, "fold": 3}], ids=str)
def test_families_stay_together(options):
    """Siblings, of one class or two, are in one pool, and classes are in proportion."""
    rng = np.random.default_rng(2)
    families = [f"f{place // 3}" if place % 9 < 3 else None for place in range(180)]
    cohort = make_cohort(rng.choice(["f", "m"], 180, p=[0.7, 0.3]).tolist(), family=families)

    pools = assign(cohort, **options)

    assert {1} == set(pools.groupby(cohort["family"]).nunique())
    shares = (pools.str.partition("_")[0] == "train").groupby(cohort["target"]).mean()
    assert abs(shares["f"] - shares["m"]) < 0.05


def test_families_are_spread_like_others():
    """Families of two go to training as often as the people without one do."""
    families = [f"f{place // 2}" if place < 80 else None for place in range(160)]
    cohort = make_cohort(["f", "m"] * 80, family=families)

    trains = assign(cohort, pools="shared") == "train"

    assert abs(trains[:80].mean() - 0.7) < 0.06


def test_all_sessions_of_a_person_are_together():
    """A person is one, whatever the number of scans, and counts as what most of them say."""
    cohort = pd.concat([make_cohort(SMALL), make_cohort(SMALL[:40])], ignore_index=True)

    pools = assign(cohort, pools="shared")

    assert {1} == set(pools.groupby(cohort["subject"]).nunique())
    once = pools[:72]
    assert [50, 11, 11] == once.value_counts()[["train", "val", "test"]].tolist()


@pytest.mark.parametrize("values", [SMALL, np.random.default_rng(5).normal(size=72)], ids=type)
def test_the_order_of_rows_does_not_matter(values):
    """A shuffled table gives each row the same pool."""
    cohort = make_cohort(values)

    again = assign(cohort.sample(frac=1, random_state=3))

    assert assign(cohort).equals(again.sort_index())


def test_the_seed_decides_who_goes_where():
    """Another seed tests other people, of the same numbers."""
    cohort = make_cohort(SMALL)
    one, other = (assign(cohort, seed=seed, pools="shared") for seed in (1, 2))

    assert not one.equals(other)
    assert one.value_counts().to_dict() == other.value_counts().to_dict()


def test_everybody_is_tested_once():
    """Over the folds each person is a test query once, with each design."""
    cohort = make_cohort(SMALL)

    for options, asks_all, _ in DESIGNS.values():
        split = Stratified(StratifiedOptions(folds=5, **options), asks_all=asks_all)
        pools = [
            Stratified(each, asks_all=asks_all).assign(cohort, seed=1)
            for each in split.runs(cohort).values()
        ]
        tested = sum(each.isin(["test", "test_query"]).astype(int) for each in pools)
        assert [1] * 72 == tested.tolist()


def test_a_fold_of_shared_pools_wastes_nobody():
    """Of 72 people in 5 folds about 14 are tested, as many validate, and all others train."""
    cohort = make_cohort(SMALL)

    sizes = assign(cohort, folds=5, fold=2, pools="shared").value_counts()

    assert [14, 14, 44] == pytest.approx(sizes[["test", "val", "train"]].tolist(), abs=1)


@pytest.mark.parametrize(
    ("asks_all", "options", "least"),
    [(True, {"pools": "shared"}, 1), (True, {}, 1), (False, {"pools": "shared"}, 2)],
    ids=["shared anchors", "anchors", "shared"],
)
def test_validation_can_be_next_to_nobody(asks_all, options, least):
    """A tiny share leaves one of each class, or two that can meet, and the others train."""
    cohort = make_cohort(SMALL)

    usual = assign(cohort, asks_all=asks_all, folds=5, fold=2, **options)
    counts = count(
        cohort, assign(cohort, asks_all=asks_all, folds=5, fold=2, validation=0.01, **options)
    )

    assert [least, least] == counts.loc["val"].tolist()
    assert count(cohort, usual).loc["test"].tolist() == counts.loc["test"].tolist()
    trained = counts[counts.index.str.startswith("train")].to_numpy().sum()
    assert 72 - 2 * least - counts.loc["test"].sum() == trained


def test_validation_of_halves_is_a_share_of_all_outside_the_test():
    """Of 60 people outside the tested fold 12 are asked where the recipe says a fifth."""
    cohort = make_cohort(["f", "m"] * 36)

    sizes = assign(cohort, folds=6, fold=2, validation=0.2).value_counts()

    assert 12 == sizes["val_query"]
    assert [6, 6] == sizes[["val_reference", "test_reference"]].tolist()


def test_a_class_of_few_is_refused_with_the_counts():
    """Five people cannot be asked and shown in three splits: what is there, and what to do."""
    cohort = make_cohort(["f"] * 30 + ["m"] * 5)

    with pytest.raises(DataError) as raised:
        assign(cohort)

    text = str(raised.value)
    assert {"f": 30, "m": 5} == raised.value.found
    assert "too few of 'm' (5)" in text
    assert "at least 6 of every class or bin, 2 in train and 2 in val and 2 in test" in text
    assert 'use = "subject"' in text


def test_a_large_family_that_leaves_a_pool_empty_is_told():
    """Six of a class in one family cannot be in six pools."""
    cohort = make_cohort(["f"] * 30 + ["m"] * 6, family=[None] * 30 + ["x"] * 6)

    with pytest.raises(DataError) as caught:
        assign(cohort)

    assert 0 == caught.value.found["m"]

    with pytest.raises(DataError) as caught:
        assign(cohort, pools="shared")

    assert "people of every class or bin in every pool" == caught.value.expected
    assert any(0 in each.values() for each in caught.value.found.values())


def test_it_declares_what_it_can():
    """It sees the target, stands for folds, drops references for anchors, and tells its name."""
    split = Stratified(StratifiedOptions())

    assert all(able(split, each) for each in (AsksAll, Repeats, TellsOfSplit, UsesTarget))
    (note,) = split.notes(make_cohort(SMALL), pd.Series(dtype="str"))
    assert 'use = "subject"' in note


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"folds": 5, "fractions": {}}, "folds and fractions exclude each other"),
        ({"fold": 1}, "fold needs folds"),
        ({"validation": 0.1}, "validation is a share of the people outside a tested fold"),
        ({"bins": 0}, "bins: 'bins' must be >= 1: 0"),
        ({"pools": "shared", "query": 0.4}, "query is the share of people who are asked"),
        ({"pools": "whole"}, "pools: expected 'halves' or 'shared'"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(table, problem):
    """No setting is ignored."""
    with pytest.raises(ProblemsError) as raised:
        strict_converter(Path()).structure(table, StratifiedOptions)

    assert any(line.startswith(problem) for line in raised.value.lines()), raised.value.lines()
