"""Mistakes of earlier pipelines (D16 to D19 of the project's list) that must not come back."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.audit.leakage import find_leaks
from brainplug.design.split import pool_scans, split_cohort
from brainplug.toolkit.hashed_pools import DrawOptions
from brainplug_plugins.splits.assigned import Assigned, AssignedOptions
from brainplug_plugins.splits.family import Family
from brainplug_plugins.splits.site import Site, SiteOptions
from brainplug_plugins.splits.subject import Subject

STRATEGIES = {
    "subject": Subject(DrawOptions()),
    "family": Family(DrawOptions()),
    "family-folds": Family(DrawOptions(folds=5, fold=3)),
    "site": Site(SiteOptions(test=("s1", "s2"))),
    "assigned": Assigned(AssignedOptions(column="part", others="draw")),
}
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def make_cohort(children: int = 400, sessions: int = 1) -> pd.DataFrame:
    """Make children of whom every second has a sibling in the study, at six sites."""
    rows = [
        {
            "study": "LAB",
            "subject": f"c{child:03d}",
            "session": f"visit {visit}",
            "family": f"f{child // 4}" if child % 4 < 2 else None,
            "site": f"s{child // 4 % 6}",
            "part": "test" if child % 40 == 2 else None,
        }
        for child in range(children)
        for visit in range(sessions)
    ]
    return pd.DataFrame(rows, dtype="str")


def find_tested(split: pd.DataFrame) -> set[str]:
    """Return who is tested."""
    return set(split["subject"][split["pool"].str.startswith("test")])


@every_strategy
def test_d16_longitudinal_rows_do_not_leak(strategy):
    """Children with two rows are each in one pool, the one they have with a single row."""
    once = split_cohort(strategy, make_cohort(), seed=1)
    twice = split_cohort(strategy, make_cohort(sessions=2), seed=1)

    assert once.equals(twice)
    assert 400 == twice["subject"].nunique() == len(twice)


@pytest.mark.parametrize("name", ["family", "family-folds", "site", "assigned"])
def test_d17_siblings_are_grouped(name):
    """No family is in two pools, by the audit that every run makes."""
    cohort = make_cohort()
    split = split_cohort(STRATEGIES[name], cohort, seed=1)

    assert [] == find_leaks(pool_scans(cohort, split))


def test_d17_ungrouped_siblings_are_found():
    """A split by subject that parts siblings does not get past the audit."""
    cohort = make_cohort()
    split = split_cohort(STRATEGIES["subject"], cohort, seed=1)

    found = [finding.what for finding in find_leaks(pool_scans(cohort, split))]

    assert any("families are in two of train, val and test" in what for what in found)


def test_d17_sites_are_grouped():
    """Nobody of a test site is trained on or chooses the weights."""
    cohort = make_cohort()
    split = split_cohort(STRATEGIES["site"], cohort, seed=1)

    assert set(cohort["subject"][cohort["site"].isin(["s1", "s2"])]) == find_tested(split)


@every_strategy
def test_d18_the_split_does_not_depend_on_the_target(strategy):
    """Whoever lacks one target's value, the test children of each are trained on for none."""
    cohort = make_cohort()
    for_sex = cohort[cohort.index % 4 != 3].assign(target="male")
    for_bmi = cohort[cohort.index % 7 != 5].assign(target=1.5)

    sex = split_cohort(strategy, for_sex, seed=1)
    bmi = split_cohort(strategy, for_bmi, seed=1)

    both = set(sex["subject"]) & set(bmi["subject"])
    assert find_tested(sex) & both == find_tested(bmi) & both
    assert len(find_tested(sex) & both) > 10


@every_strategy
def test_d19_one_more_row_moves_nobody(strategy):
    """An added child at the head of the table, and another order, leave all others in place."""
    cohort = make_cohort()
    new = pd.DataFrame({"study": "LAB", "subject": ["a new child"], "site": ["s3"]}).reindex(
        columns=cohort.columns
    )
    more = pd.concat([new.astype("str"), cohort.sample(frac=1, random_state=1)])

    after = split_cohort(strategy, more, seed=1)

    before = split_cohort(strategy, cohort, seed=1)
    assert before.equals(after[after["subject"] != "a new child"].reset_index(drop=True))
