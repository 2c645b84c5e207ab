"""`pools = "shared"`: a split is one pool; and what folds do where nobody has to be a reference."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from brainplug.api.roles import AsksAll, able
from brainplug.recipe.strict import ProblemsError, strict_converter
from brainplug.toolkit.hashed_pools import DrawOptions, Fractions
from brainplug_plugins.splits.assigned import Assigned, AssignedOptions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.site import Site, SiteOptions
from brainplug_plugins.splits.subject import Subject

BOTH = pytest.mark.parametrize("strategy", [Subject, Family])


def make_cohort(people: int = 300) -> pd.DataFrame:
    """Make people of whom every third pair are siblings, from six sites."""
    families = [f"f{place // 2}" if place % 6 < 2 else None for place in range(people)]
    sites = [f"s{place // 2 % 6}" for place in range(people)]
    columns = {"subject": [f"p{place}" for place in range(people)], "family": families}
    return pd.DataFrame({**columns, "site": sites}, dtype="str")


def splits_of(pools: pd.Series) -> list[str]:
    """Return the split of each pool."""
    return pools.str.partition("_")[0].tolist()


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Subject, {"fractions": Fractions(train=0.6, val=0.2, test=0.2)}),
        (Family, {}),
        (Site, {"test": ("s1",)}),
        (Site, {"fractions": Fractions(train=0.4, val=0.3, test=0.3)}),
    ],
    ids=str,
)
def test_people_are_in_the_split_that_halves_have(make, options):
    """Train, val and test are the same people with either design; none has halves."""
    cohort = make_cohort()
    kind = SiteOptions if make is Site else DrawOptions
    halves, shared = (
        make(kind(pools=pools, **options)).assign(cohort, seed=4) for pools in ("halves", "shared")
    )

    assert splits_of(halves) == shared.tolist()
    assert {"train", "val", "test"} == set(shared)


@BOTH
def test_a_fold_keeps_nobody_as_a_reference(strategy):
    """Of 3,000 people in 5 folds one fold is tested, as many validate, and all others train."""
    pools = strategy(DrawOptions(folds=5, fold=2, pools="shared")).assign(make_cohort(3000), seed=5)

    sizes = pools.value_counts()
    assert [600, 600, 1800] == pytest.approx(sizes[["test", "val", "train"]].tolist(), rel=0.1)


@BOTH
def test_a_fold_is_the_same_people_with_either_design(strategy):
    """Who is tested in a fold does not hang on the design."""
    cohort = make_cohort()
    halves, shared = (
        strategy(DrawOptions(folds=5, fold=2, pools=pools)).assign(cohort, seed=5)
        for pools in ("halves", "shared")
    )

    assert ((halves == "test_query") == (shared == "test")).all()


@BOTH
@pytest.mark.parametrize("fold", [None, 2])
def test_references_from_training_need_no_fold(strategy, fold):
    """With anchors all of val and test are asked, and only training has halves."""
    cohort = make_cohort()
    options = DrawOptions(folds=fold and 4, fold=fold)
    split = strategy(options)

    pools = split.ask_all().assign(cohort, seed=5)

    assert able(split, AsksAll)
    assert {"train_query", "train_reference", "val", "test"} == set(pools)
    if fold:
        tested = split.assign(cohort, seed=5) == "test_query"
        assert (tested == (pools == "test")).all()


@pytest.mark.parametrize("told", ["test", "test_query", "test_reference"])
def test_told_halves_are_passed_over(told):
    """With shared pools a file that tells a half tells the split."""
    cohort = make_cohort(6).assign(split=["train", "train", "val", "val_query", told, "test"])
    options = AssignedOptions(column="split", pools="shared")

    pools = Assigned(options).assign(cohort, seed=1)

    assert ["train", "train", "val", "val", "test", "test"] == pools.tolist()


def test_the_split_of_a_shared_run_comes_back(tmp_path):
    """The `split.csv` of a run with shared pools gives the same pools where they are shared."""
    cohort = make_cohort()
    pools = Family(DrawOptions(pools="shared")).assign(cohort, seed=4)
    path = tmp_path / "split.csv"
    cohort[["subject"]].assign(pool=pools).to_csv(path, index=False)

    again = Assigned(AssignedOptions(file=path, pools="shared")).assign(cohort, seed=9)

    assert pools.tolist() == again.tolist()


@pytest.mark.parametrize(
    ("options", "table"),
    [(DrawOptions, {}), (SiteOptions, {"each": True}), (AssignedOptions, {"column": "split"})],
)
def test_a_share_of_queries_is_refused_where_all_are(options, table):
    """`query` would be ignored, so it is an error that names both."""
    given = {**table, "pools": "shared", "query": 0.3}

    with pytest.raises(ProblemsError) as raised:
        strict_converter(Path()).structure(given, options)

    assert 'with pools = "shared" all are' in "".join(raised.value.lines())
