"""What a stranger's loader must give, and what it is told where it does not."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.api.guard import Origin, guard
from brainplug.api.records import CohortTable, JoinReport
from brainplug.cohort.build import StudyParts, collect
from brainplug.cohort.contract import check_table
from brainplug.errors import DataError
from brainplug.recipe.tables import Audit, Images

PEOPLE = 10


def make_table(**columns):
    scans = pd.DataFrame(
        {
            "subject": [f"p{number}" for number in range(PEOPLE)],
            "image": [f"/t1/{number}.nii.gz" for number in range(PEOPLE)],
            **dict.fromkeys(("session", "family", "site"), pd.NA),
        },
        dtype="str",
    ).assign(**columns)
    none = pd.DataFrame(columns=["subject", "session", "image", "reason", "detail"], dtype="str")
    join = JoinReport(rows=PEOPLE, images=PEOPLE, matched=PEOPLE)
    return CohortTable(study="LAB", scans=scans, exclusions=none, rows_read=PEOPLE, join=join)


TEXT = {
    "text": ["a"] * PEOPLE,
    "text as objects": pd.Series(["a", None] * 5, dtype=object),
    "classes": pd.Categorical(["a", "b"] * 5),
    "nothing": [np.nan] * PEOPLE,
}


@pytest.mark.parametrize("name", TEXT)
def test_text_of_any_type_is_taken(name):
    """As objects, as classes, or where nothing is known."""
    check_table(make_table(mood=TEXT[name]))


ODD = {
    "numbers": ([21.5] * PEOPLE, "'mood' 21.5 (float64)"),
    "counts": ([1] * PEOPLE, "'mood' 1 (int64)"),
    "truths": ([True] * PEOPLE, "'mood' True (bool)"),
    "lists": ([["a"]] * PEOPLE, "'mood' ['a'] (list)"),
    "some numbers": (["a", 2.0] * 5, "'mood' 2.0 (float)"),
    "numbers or NA": (pd.array([1, None] * 5, dtype="Int64"), "'mood' 1 (int)"),
    "days": (pd.Timestamp("2020-01-01"), "'mood' Timestamp('2020-01-01 00:00:00')"),
}


@pytest.mark.parametrize("name", ODD)
def test_columns_of_a_study_that_are_no_text_are_refused(name):
    """All of them are named, and how to make them text."""
    values, told = ODD[name]

    with pytest.raises(DataError) as caught:
        check_table(make_table(mood=values, site=1))

    assert "'site' 1 (int64)" in str(caught.value)
    assert told in str(caught.value)
    assert "[['site', 'mood']].astype(\"str\")" in str(caught.value)


FRAMES = {
    "a number for a name": (lambda scans: scans.rename(columns={"mood": 0}), "a column 0;"),
    "no name": (lambda scans: scans.rename(columns={"mood": " "}), "' '"),
    "levels": (lambda scans: scans.set_index(["subject", "image"], drop=False), "several levels"),
    "a column": (lambda scans: scans.set_index("subject", drop=False), "is a column, too"),
    "again": (lambda scans: scans.set_index(pd.Index([0] * PEOPLE)), "repeats; reset it, scans"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_names_of_columns_and_rows_are_plain(name):
    """Columns have texts for names, and rows an index that is none of them."""
    change, told = FRAMES[name]
    table = make_table(mood="a")

    with pytest.raises(DataError) as caught:
        check_table(attrs.evolve(table, scans=change(table.scans)))

    assert told in str(caught.value)


def with_exclusion(**columns):
    table = make_table()
    lost = table.scans.tail(1).assign(reason="blurred", detail="", **columns)
    return attrs.evolve(table, scans=table.scans.head(PEOPLE - 1), exclusions=lost)


FAULTY = {
    "a subject of no letters": (make_table(subject=["", *"abcdefghi"]), "empty text for its subj"),
    "a subject after a space": (
        make_table(subject=["b", " b", *"cdefghij"]),
        "subject ' b' begins",
    ),
    "a family before a space": (make_table(family=["f", "f "] * 5), "the family 'f ' begins or"),
    "numbers of who is left out": (with_exclusion(age=7), "'age' 7 (int64)"),
    "numbers for no value": (
        attrs.evolve(make_table(), missing=frozenset({-9})),
        "its missing holds -9 (int); expected text, since cells are: '-9'",
    ),
    "codes of a misspelt column": (
        attrs.evolve(make_table(gender="1"), codes={"gendre": {"1": "male"}}),
        "codes are for a column 'gendre', which its scans have not; did you mean 'gender'?",
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_would_be_misread_in_silence_is_refused(name):
    """Ids that only spaces tell apart, columns and codes that nobody would find."""
    table, told = FAULTY[name]

    with pytest.raises(DataError) as caught:
        check_table(table)

    assert told in str(caught.value)


def test_codes_of_columns_that_one_release_has_not_are_no_fault():
    """A loader may know more columns, those of other visits among them."""
    codes = {name: {"1": "left"} for name in ("hand", "mood_2", "site")}

    check_table(attrs.evolve(make_table(mood_1="a"), codes=codes))


def test_spaces_that_are_no_id_are_taken():
    """A blank family is none, and an id with a line end is left out with its reason."""
    check_table(make_table(family=" ", subject=["a\n", *"bcdefghij"]))


@attrs.define
class Loader:
    """A stranger's, with two scans of each person."""

    table: CohortTable

    def load(self):
        return self.table

    def sources(self):
        return ()


TABLES = {
    "visits that nothing tells apart": (
        make_table(subject=[f"p{number // 2}" for number in range(PEOPLE)]),
        r"10 of 10 rows .*tell the visits apart",
    ),
    "too few images": (
        attrs.evolve(
            make_table(),
            scans=make_table().scans.head(3),
            exclusions=make_table().scans.tail(7).assign(reason="no image", detail=""),
            join=JoinReport(rows=PEOPLE, images=PEOPLE, matched=3),
        ),
        r"(?s)7 of 10 rows of the table found no image.*how `load` finds images",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_a_loader_of_others_loses_is_its_own_to_find(name):
    """It is named, and told what its author does; nothing is lost until a pool is empty."""
    table, words = TABLES[name]
    loader = guard(Loader(table), Origin("cohorts", "lab", "lab.py"))

    with pytest.raises(DataError, match=words) as caught:
        collect(
            StudyParts(loader=loader, head=None),
            images=Images(shape=(8, 8, 8)),
            audit=Audit(),
            cache=None,
            progress=lambda _done, _total: None,
        )

    assert str(caught.value).startswith("the cohort loader 'lab' of lab.py: ")
    assert str(caught.value).endswith("correct it, or name another part")
