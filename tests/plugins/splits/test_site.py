"""Whole sites held out: named, drawn, or each in its turn."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from brainplug.api.roles import Repeats, able
from brainplug.errors import DataError
from brainplug.recipe.strict import ProblemsError, strict_converter
from brainplug.toolkit.hashed_pools import Fractions
from brainplug_plugins.splits.site import Site, SiteOptions


def make_cohort(*rows: tuple[str, str | None, str | None]) -> pd.DataFrame:
    """Make a cohort of subject, family and site."""
    return pd.DataFrame(rows, columns=["subject", "family", "site"], dtype="str")


def many(people: int = 200, sites: str = "ABCD") -> pd.DataFrame:
    """Make people who go round the sites."""
    return make_cohort(*((f"p{place}", None, sites[place % len(sites)]) for place in range(people)))


def splits(cohort: pd.DataFrame, seed: int = 1, **options) -> list[str]:
    """Return the split of each row."""
    pools = Site(SiteOptions(**options)).assign(cohort, seed=seed)
    return pools.str.partition("_")[0].tolist()


def test_named_sites_are_tested():
    """All of a test site is tested, and nobody else."""
    cohort = many()

    found = splits(cohort, test=("B", "C"))

    assert cohort["site"].isin(["B", "C"]).tolist() == [split == "test" for split in found]
    assert {"train", "val"} == set(found) - {"test"}


def test_named_sites_validate():
    """With sites for validation nobody is drawn for it."""
    cohort = many()

    found = splits(cohort, test=("B",), val=("C", "D"))

    expected = {"A": "train", "B": "test", "C": "val", "D": "val"}
    assert cohort["site"].map(expected).tolist() == found


def test_the_share_of_validation_is_drawn_of_other_sites():
    """`val_fraction` is a share of the groups that are not tested; 0.15 where it is not set."""
    cohort = many(4000)

    shares = {
        fraction: splits(cohort, test=("A",), val_fraction=fraction).count("val") / 3000
        for fraction in (None, 0.5)
    }

    assert {None: 0.15, 0.5: 0.5} == pytest.approx(shares, abs=0.02)


@pytest.mark.parametrize(
    ("homes", "expected"),
    [("AA", "train"), ("AV", "val"), ("AT", "test"), ("VT", "test"), ("TA", "test")],
)
def test_relatives_at_two_sites_go_as_one(homes, expected):
    """A family goes to test if any of it was scanned there, else to val if any was there."""
    cohort = make_cohort(("a", "f", homes[0]), ("b", "f", homes[1]), ("c", None, "V"))
    cohort = pd.concat([cohort, make_cohort(("d", None, "T"))], ignore_index=True)

    assert [expected, expected, "val", "test"] == splits(cohort, test=("T",), val=("V",))


def test_a_person_who_moved_goes_as_one():
    """Two sessions at two sites are on one side, so no scan of a test site is trained on."""
    cohort = make_cohort(("a", None, "A"), ("a", None, "T"), ("b", None, "A"))

    assert ["test", "test"] == splits(cohort, test=("T",), val_fraction=0.01)[:2]


def test_sites_are_drawn_by_their_names():
    """Without names whole sites are drawn, and more sites move none that was there."""
    sites = [f"s{place}" for place in range(40)]
    cohort = make_cohort(*((f"p {site}", None, site) for site in sites))

    every, some = splits(cohort), splits(cohort[:30])

    assert {"train", "val", "test"} == set(every)
    assert every[:30] == some


def test_another_seed_draws_other_sites():
    """The seed salts the draw of sites and that of validation, not only that of the halves."""
    cohort = make_cohort(*((f"p{place}", None, f"s{place}") for place in range(40)))

    assert splits(cohort, seed=1) != splits(cohort, seed=2)
    assert splits(cohort, seed=1, test=("s1",)) != splits(cohort, seed=2, test=("s1",))


def test_people_of_a_drawn_site_stay_together():
    """A drawn site is in one split."""
    cohort = many(400, "ABCDEFGHIJKLMNOP")

    found = pd.Series(splits(cohort, fractions=Fractions(train=0.4, val=0.3, test=0.3)))

    assert [1] * 16 == found.groupby(cohort["site"]).nunique().tolist()


def test_each_site_is_a_run():
    """Leave one site out: a run a site, in natural order, each as if that site were named."""
    split = Site(SiteOptions(each=True, val_fraction=0.3))
    cohort = make_cohort(("a", None, "10"), ("b", None, "2"), ("c", None, "London"))

    runs = split.runs(cohort)

    assert able(split, Repeats)
    assert ["site-2", "site-10", "site-London"] == list(runs)
    assert SiteOptions(test=("10",), val_fraction=0.3) == runs["site-10"]


def test_each_without_a_run_is_the_first():
    """What `check` shows is the first run."""
    cohort = many()

    assert splits(cohort, test=("A",)) == splits(cohort, each=True)


def test_everybody_is_tested_once():
    """Over the runs each person is tested in exactly one."""
    cohort = many()
    runs = Site(SiteOptions(each=True)).runs(cohort)

    tested = [Site(each).assign(cohort, seed=1).str.startswith("test") for each in runs.values()]

    assert [1] * len(cohort) == sum(each.astype(int) for each in tested).tolist()


def test_a_single_site_cannot_be_left_out():
    """With one site there is nothing to train on."""
    with pytest.raises(DataError) as caught:
        Site(SiteOptions(each=True)).runs(many(sites="A"))

    assert ("A",) == caught.value.found


def test_names_of_runs_are_file_names_and_differ():
    """Sites that differ in case or signs alone, or have no letters, are told apart."""
    names = ("a/b", "A b", "Zürich", "北京", "上海", "x" * 200)
    cohort = make_cohort(*((f"p{place}", None, name) for place, name in enumerate(names)))

    runs = list(Site(SiteOptions(each=True)).runs(cohort))

    assert len(names) == len({name.casefold() for name in runs})
    assert [] == [name for name in runs if not re.fullmatch(r"site(-[A-Za-z0-9]+)+", name)]
    assert max(map(len, runs)) < 80


def test_scans_without_a_site_are_refused():
    """Nobody knows whether they are from a test site, so the user is told how many and who."""
    cohort = make_cohort(("a", None, "A"), ("b", None, None), ("c", None, "n/a"))

    with pytest.raises(DataError) as caught:
        splits(cohort, test=("A",))

    assert ("b", "c") == caught.value.found


@pytest.mark.parametrize("option", ["test", "val"])
def test_an_unknown_site_is_refused(option):
    """A misspelt site is named beside those there are and their sizes."""
    with pytest.raises(DataError) as caught:
        Site(SiteOptions(**{"test": ("B",), option: ("a",)})).runs(many(3, sites="AB"))

    assert ((f"split.{option}",), ("a",)) == (caught.value.where, caught.value.found)
    assert "column 'site' has 'A' (2 rows), 'B' (1 row)" in caught.value.what


def test_another_column_can_be_the_site():
    """Scanners are held out as sites are; spaces around names do not count."""
    cohort = many().assign(
        scanner=[" GE " if place % 5 == 0 else "SIEMENS" for place in range(200)]
    )

    found = splits(cohort, column="scanner", test=("GE",))

    assert 40 == found.count("test")


def test_a_column_that_is_not_there_is_refused():
    """The columns there are, and the key to set, are named."""
    with pytest.raises(DataError) as caught:
        splits(many(), column="sites", test=("A",))

    assert (("the cohort",), True) == (caught.value.where, "site" in caught.value.found)
    assert "did you mean 'site'?" in caught.value.hint


def test_sites_of_two_studies_are_told_apart():
    """`STUDY:SITE` is that study's site; a plain name is the site of every study."""
    cohort = many(8, sites="AB").assign(study=["X"] * 4 + ["Y"] * 4)
    tested = {
        name: [row for row, split in enumerate(splits(cohort, test=(name,))) if split == "test"]
        for name in ("X:A", "A")
    }

    assert {"X:A": [0, 2], "A": [0, 2, 4, 6]} == tested


def test_each_site_of_two_studies_is_a_run():
    """Runs are named by study and site where there are several studies, else by site alone."""
    both = many(8, sites="AB").assign(study=["X"] * 4 + ["Y"] * 4)
    split = Site(SiteOptions(each=True))

    assert ["site-X-A", "site-X-B", "site-Y-A", "site-Y-B"] == list(split.runs(both))
    assert ["site-A", "site-B"] == list(split.runs(both[:4]))


@pytest.mark.parametrize(("column", "site"), [("site", "X:A"), ("study", "X")])
def test_a_site_of_another_study_tests_nobody_here(column, site):
    """Studies are split one by one, so a name may be that of a site of another one."""
    cohort = many(8, sites="AB").assign(study=["Y"] * 8)

    assert "test" not in splits(cohort, column=column, test=(site,))


def test_a_whole_study_can_be_held_out():
    """The study itself is a column like any other."""
    cohort = many(8).assign(study=["X"] * 4 + ["Y"] * 4)

    found = splits(cohort, column="study", test=("Y",))

    assert ["test"] * 4 == found[4:]
    assert "test" not in found[:4]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"test": ["A"], "each": True}, "each tests every site in turn; leave test out"),
        ({"test": ["A"], "fractions": {}}, "fractions are shares of sites that are drawn"),
        ({"each": True, "fractions": {}}, "fractions are shares of sites that are drawn"),
        ({"val": ["A"]}, "val and val_fraction need test or each"),
        ({"val_fraction": 0.2}, "val and val_fraction need test or each"),
        ({"test": ["A"], "val": ["B"], "val_fraction": 0.2}, "val names the sites that validate"),
        ({"each": True, "val": ["B"]}, "val cannot be held with each"),
        ({"test": ["A", "B"], "val": ["B"]}, "a site cannot be in test and in val: 'B'"),
        ({"test": []}, "test: "),
    ],
)
def test_settings_that_exclude_each_other_are_refused(table, problem):
    """No setting is ignored."""
    with pytest.raises(ProblemsError) as raised:
        strict_converter(Path()).structure(table, SiteOptions)

    assert any(line.startswith(problem) for line in raised.value.lines())
