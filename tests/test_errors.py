"""What errors hold, what they say, and how they travel."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from brainplug.errors import (
    DataError,
    LeakageError,
    PluginError,
    RecipeError,
    RunError,
    ScanError,
)
from brainplug.runtime.workers import in_processes

FACTS = {
    "where": ("t.csv", "column 'age'"),
    "expected": "numbers",
    "found": ("old",),
    "hint": "fix",
}
EVERY = [
    DataError("a sentence"),
    DataError(**FACTS),
    DataError(where=Path("t.csv"), expected=3, found=4),
    RunError("no space", where=Path("cache"), found=28, hint="free some"),
    ScanError("a.nii", "file cut short", "8 of 9 bytes"),
    ScanError("a.nii", "file missing"),
    LeakageError("families are in two pools", ["f1", "f2"]),
    PluginError("mae", "lab 1.0", "no module"),
    RecipeError("r.toml", ["seed: unknown key: 1", "model: lacking"]),
]


def raise_it(error, _path):
    raise error


@pytest.mark.parametrize("error", EVERY, ids=str)
def test_errors_travel_whole(error):
    """Class, text and facts survive pickling and copying."""
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(error) is type(twin)
        assert str(error) == str(twin)
        assert vars(error) == vars(twin)


@pytest.mark.parametrize("error", [DataError(**FACTS), ScanError("a.nii", "file cut short", "8")])
def test_errors_of_worker_processes_arrive_with_their_facts(error):
    """What a worker raises is raised here, as the class it was and with all it held."""
    with pytest.raises(type(error)) as caught:
        list(in_processes(raise_it, error, range(30), workers=2))

    assert str(error) == str(caught.value)
    assert error.where == caught.value.where
    assert error.found == caught.value.found


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError(**FACTS), "t.csv: column 'age': expected numbers, found 'old'; fix"),
        (
            DataError("nothing", where="t.csv", expected="rows"),
            "t.csv: expected rows, found nothing",
        ),
        (DataError(where="t.csv", expected="rows"), "t.csv: expected rows"),
        (DataError("2 rows have no id", where="t.csv", found=2), "t.csv: 2 rows have no id"),
        (DataError(where=Path("t.csv"), expected=(1, 2), found=0), "t.csv: expected 1, 2, found 0"),
        (DataError("no space", hint="free some"), "no space; free some"),
        (DataError("a sentence"), "a sentence"),
        (DataError(), ""),
    ],
)
def test_the_text_is_made_in_one_order(error, text):
    """Where, what was expected, what came, what to do; whatever is not known is left out."""
    assert text == str(error)


@pytest.mark.parametrize(
    ("error", "where", "found", "text"),
    [
        (EVERY[4], ("a.nii",), "8 of 9 bytes", "a.nii: file cut short: 8 of 9 bytes"),
        (EVERY[5], ("a.nii",), None, "a.nii: file missing"),
        (
            EVERY[6],
            (),
            ("f1", "f2"),
            "families are in two pools: 2 found, for example 'f1', 'f2'",
        ),
        (
            EVERY[7],
            ("plugin 'mae' of lab 1.0",),
            None,
            "plugin 'mae' of lab 1.0: no module",
        ),
        (
            EVERY[8],
            ("r.toml",),
            ("seed: unknown key: 1", "model: lacking"),
            "r.toml: seed: unknown key: 1\nr.toml: model: lacking",
        ),
    ],
)
def test_every_error_has_the_common_facts(error, where, found, text):
    """Errors with facts of their own say where and what was found under the common names too."""
    assert where == error.where
    assert found == error.found
    assert text == str(error)


def test_an_outer_place_is_put_in_front_and_nothing_is_lost():
    """The copy keeps class and facts, and the first error stays as it was."""
    inner = ScanError("a.nii", "file missing")
    outer = inner.within("pairs of test", "query 's1'")

    assert ("pairs of test", "query 's1'", "a.nii") == outer.where
    assert "pairs of test: query 's1': a.nii: file missing" == str(outer)
    assert ("file missing", ScanError) == (outer.reason, type(outer))
    assert ("a.nii",) == inner.where


def test_an_error_of_a_plugin_travels_whatever_it_is_made_from():
    """A class of a plugin's own, made from something else than words, is pickled all the same."""
    twin = pickle.loads(pickle.dumps(OwnError(3)))

    assert (3, "expected 2 arms, found 3") == (twin.arms, str(twin))


class OwnError(DataError):
    """As a plugin's author may write it."""

    def __init__(self, arms):
        super().__init__(expected="2 arms", found=arms)
        self.arms = arms
