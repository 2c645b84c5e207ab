"""The numerical head: what is no number is refused, and so are codes that only look like one."""

from __future__ import annotations

import attrs
import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions

AGES = ["21.7", "23", "35.5", "48", "61", "79.8"]


def read(values, **options):
    """Return the numbers of a column of a table whose study declares nothing."""
    head = Numerical(NumericalOptions(column="age", **options))
    found = head.read(pd.Series(values, dtype="str"), codes={}, missing=frozenset())
    numbers, _ = attrs.astuple(found, recurse=False)
    return numbers.dropna().tolist()


@pytest.mark.parametrize("code", ["999", "777.0", "-9999", "-818", "999.9", "888"])
def test_codes_that_nobody_declared_are_no_values(code):
    """A number that studies write for none, far from all others, is not learnt from (D20)."""
    with pytest.raises(DataError) as caught:
        read([*AGES, code, code])

    assert {code: 2} == caught.value.found
    assert f'set missing = ["{code}"] in [target]' in caught.value.hint
    assert [*map(float, AGES)] == read([*AGES, code], missing=(code,))


@pytest.mark.parametrize(
    "values", [["97", "99", *AGES], ["-9", "-4", "3", "0", "5.5"], ["1", "99"]]
)
def test_numbers_beside_others_are_believed(values):
    """Somebody of 99 beside one of 97, and changes of a score below zero."""
    assert len(values) == len(read(values))


def test_a_column_without_a_number_is_read():
    """Every row then has a reason, and nothing lies far from the others."""
    assert [] == read([None, "-9"], missing=("-9",))


def test_a_bound_of_the_recipe_says_what_a_value_is():
    """A recipe that allows 999 means it; one that bounds the other side does not."""
    assert [7, 6] == [len(read([*AGES, "999"], maximum=most)) for most in (1000, 120)]
    with pytest.raises(DataError, match="far from all others"):
        read([*AGES, "999"], minimum=0)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1,043", "2,310"], "their commas part thousands, or decimals"),
        (["1,043,200"], "their commas part thousands, or decimals"),
        (["1,5", "2,310"], "their decimals stand behind a comma"),
        (["1,5", "many"], "classes and ranges are for"),
    ],
)
def test_what_a_comma_means_is_not_guessed(values, told):
    """1,043 is a thousand in one country, and one in another."""
    with pytest.raises(DataError) as caught:
        read(values)

    assert caught.value.hint.startswith(told)
