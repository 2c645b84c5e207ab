"""What every split strategy owes: nobody moves, nobody is in two places, nothing else matters."""

from __future__ import annotations

import attrs
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainplug.api.records import POOLS
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import DrawOptions, Fractions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.site import Site, SiteOptions
from brainplug_plugins.splits.subject import Subject

SITES = tuple(f"site {number}" for number in range(12))
THIRDS = Fractions(train=0.4, val=0.3, test=0.3)

BY_SUBJECT = {
    "subject": Subject(DrawOptions()),
    "subject-fold": Subject(DrawOptions(folds=4, fold=2)),
}
BY_FAMILY = {
    "family": Family(DrawOptions(fractions=THIRDS, query=0.4)),
    "family-fold": Family(DrawOptions(folds=3, fold=3)),
    "site-drawn": Site(SiteOptions(fractions=THIRDS)),
    "site-named": Site(SiteOptions(test=SITES[:2])),
    "site-val": Site(SiteOptions(test=SITES[:2], val=SITES[2:4])),
    "site-each": Site(SiteOptions(each=True, val_fraction=0.3)),
}
EVERY = {**BY_SUBJECT, **BY_FAMILY}

every_strategy = pytest.mark.parametrize("strategy", EVERY.values(), ids=EVERY)
every_family_strategy = pytest.mark.parametrize("strategy", BY_FAMILY.values(), ids=BY_FAMILY)
quick = settings(max_examples=15)

seeds = st.sampled_from([1, 2, 3])
"""With these every split is drawn a site."""


def scans(prefix: str = "") -> st.SearchStrategy[list[tuple[str, str | None, str]]]:
    """Give rows of subject, family and site; ids begin with the prefix."""
    people = st.integers(0, 14).map(lambda number: f"{prefix}p{number}")
    families = st.none() | st.integers(0, 8).map(lambda number: f"{prefix}f{number}")
    return st.lists(st.tuples(people, families, st.sampled_from(SITES)), max_size=25)


def make_cohort(rows) -> pd.DataFrame:
    """Make a cohort of these rows, and one person of every site before them."""
    anchors = [(f"anchor {site}", None, site) for site in SITES]
    columns = ["subject", "family", "site"]
    return pd.DataFrame([*anchors, *rows], columns=columns, dtype="str")


def by_subject(cohort: pd.DataFrame, pools: pd.Series) -> dict[str, set[str]]:
    """Return the pools of each subject."""
    return {name: set(each) for name, each in pools.groupby(cohort["subject"])}


@every_strategy
@given(rows=scans(), seed=seeds)
@quick
def test_every_row_has_a_pool_and_every_subject_one(strategy, rows, seed):
    """All sessions of a person are on one side, and every pool is known."""
    cohort = make_cohort(rows)

    pools = strategy.assign(cohort, seed=seed)

    assert cohort.index.equals(pools.index)
    assert set(pools) <= set(POOLS)
    assert {1} == {len(each) for each in by_subject(cohort, pools).values()}


@every_family_strategy
@given(rows=scans(), seed=seeds)
@quick
def test_families_never_meet(strategy, rows, seed):
    """A family is in one pool: in one split, and among its queries or its references."""
    cohort = make_cohort(rows)

    pools = strategy.assign(cohort, seed=seed)

    counts = pools.groupby(cohort["family"]).nunique()
    assert [1] * len(counts) == counts.tolist()


@every_strategy
@given(rows=scans(), more=scans("new "), seed=seeds)
@quick
def test_added_people_move_nobody(strategy, rows, more, seed):
    """People who were there keep their pools when others join the study."""
    before, after = make_cohort(rows), make_cohort([*rows, *more])

    kept = by_subject(after, strategy.assign(after, seed=seed))

    assert by_subject(before, strategy.assign(before, seed=seed)).items() <= kept.items()


@pytest.mark.parametrize("strategy", [BY_FAMILY["family"], BY_FAMILY["family-fold"]])
@given(rows=scans(), more=scans(), seed=seeds)
@quick
def test_added_relatives_move_only_families_they_join(strategy, rows, more, seed):
    """Even where new rows link people, a family that keeps its smallest id keeps its pool."""
    before, after = make_cohort(rows), make_cohort([*rows, *more])
    first, then = strategy.assign(before, seed=seed), strategy.assign(after, seed=seed)

    same = family_groups(before) == family_groups(after)[: len(before)]

    assert first[same].tolist() == then[: len(before)][same].tolist()


@every_strategy
@given(rows=scans(), seed=seeds, data=st.data())
@quick
def test_the_order_of_rows_does_not_matter(strategy, rows, seed, data):
    """A shuffled table gives each row the same pool."""
    cohort = make_cohort(rows)
    order = data.draw(st.permutations(range(len(cohort))))

    shuffled = strategy.assign(cohort.iloc[order], seed=seed)

    assert strategy.assign(cohort, seed=seed).equals(shuffled.sort_index())


@every_strategy
@given(rows=scans(), seed=seeds, data=st.data())
@quick
def test_other_columns_do_not_matter(strategy, rows, seed, data):
    """A target, were it shown, would change nothing."""
    cohort = make_cohort(rows)
    size = len(cohort)
    target = data.draw(st.lists(st.sampled_from(["f", "m"]), min_size=size, max_size=size))

    told = strategy.assign(cohort.assign(target=target, sex=target), seed=seed)

    assert strategy.assign(cohort, seed=seed).equals(told)


@every_strategy
def test_another_seed_gives_another_split(strategy):
    """The seed salts the draw: of 500 people many change place."""
    cohort = make_cohort([(f"p{place}", None, SITES[place % 12]) for place in range(500)])

    moved = strategy.assign(cohort, seed=1) != strategy.assign(cohort, seed=2)

    assert moved.mean() > 0.3


@pytest.mark.parametrize("name", ["subject", "family"])
def test_shares_hold_on_average(name):
    """Of 4,000 people about as many go to each pool as the fractions and the half say."""
    cohort = make_cohort([(f"p{place}", None, SITES[0]) for place in range(4000)])
    strategy = type(EVERY[name])(attrs.evolve(EVERY[name].options, fractions=None, query=0.2))

    shares = strategy.assign(cohort, seed=1).value_counts(normalize=True)

    expected = [0.7 * 0.2, 0.7 * 0.8, 0.15 * 0.2, 0.15 * 0.8, 0.15 * 0.2, 0.15 * 0.8]
    assert expected == pytest.approx(shares[list(POOLS)].tolist(), abs=0.02)
