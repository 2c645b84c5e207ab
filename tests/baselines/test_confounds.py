"""What is taken as a confound of a target, and what never is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.baselines.confounds import encode_column, find_confounds
from brainplug.errors import DataError


def cohort(**columns) -> pd.DataFrame:
    """Make a cohort of six scans."""
    usual = {
        "image": [f"/{number}" for number in range(6)],
        "site": ["1", "1", "1", "2", "2", "2"],
        "study": ["S"] * 6,
        "target": ["a", "b"] * 3,
    }
    return pd.DataFrame(usual | columns)


def test_common_columns_are_found_whatever_their_case():
    """A study alone tells nothing, and neither does a column with one value."""
    found = find_confounds(
        cohort(Age=["20", "21.5", "n/a", "23", "24", "25"], Manufacturer=["GE"] * 6),
        target="diagnosis",
        declared=None,
    )

    assert found.columns == {"age": "Age", "site": "site"}
    assert found.known["age"].isna().tolist() == [False, False, True, False, False, False]
    assert found.known["age"].iloc[1] == 21.5
    assert found.known.index.tolist() == [f"/{number}" for number in range(6)]


def test_the_target_is_no_confound_of_itself():
    """Under its own name, under another, and in another unit."""
    sexes = ["F", "M"] * 3
    ages = [20.0, 31, 42, 53, 64, 75]
    months = [str(12 * age + 1) for age in ages]

    by_name = find_confounds(cohort(sex=sexes), target="sex", declared=None)
    by_alias = find_confounds(cohort(gender=sexes), target="sex", declared=None)
    by_value = find_confounds(cohort(sex=sexes), target="group", declared=None)
    by_unit = find_confounds(cohort(age=months, target=ages), target="years", declared=None)

    assert [list(found.columns) for found in (by_name, by_alias, by_value, by_unit)] == [
        ["site"],
        ["site"],
        ["site"],
        ["site"],
    ]
    assert "tells the target" in by_value.notes[0]


def test_a_site_that_settles_the_target_stays_a_confound():
    """All patients of one scanner and all controls of another: the worst there is."""
    found = find_confounds(cohort(target=["a"] * 3 + ["b"] * 3), target="diagnosis", declared=None)

    assert list(found.columns) == ["site"]


def test_declared_columns_take_the_place_of_common_ones():
    """Digits with few distinct values are codes."""
    found = find_confounds(
        cohort(age=["1", "2", "3", "4", "5", "6"], coil=["8", "32", "8", "8", "8", "32"]),
        target="diagnosis",
        declared=["coil"],
    )

    assert list(found.columns) == ["coil"]
    assert found.known["coil"].tolist() == ["8", "32", "8", "8", "8", "32"]


@pytest.mark.parametrize("declared", ["handedness", "target", "diagnosis"])
def test_a_column_that_is_not_there_or_is_the_target_is_refused(declared):
    """By its name."""
    with pytest.raises(DataError) as caught:
        find_confounds(cohort(diagnosis=["x"] * 6), target="diagnosis", declared=[declared])

    assert "evidence.confounds" in str(caught.value)


def test_missing_numbers_are_the_training_mean_and_marked():
    """By what training people have, and not those who are asked."""
    learn, asked = encode_column(pd.Series([1.0, 3.0, np.nan]), pd.Series([np.nan, 9.0]))

    assert learn.tolist() == [[1, 0], [3, 0], [2, 1]]
    assert asked.tolist() == [[2, 1], [9, 0]]


def test_a_value_that_nobody_in_training_has_is_none():
    """And a missing one is a value of its own."""
    learn, asked = encode_column(
        pd.Series(["x", None, "y"], dtype=object), pd.Series(["z", None], dtype=object)
    )

    assert learn.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert asked.tolist() == [[0, 0, 0], [1, 0, 0]]
