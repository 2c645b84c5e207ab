"""What errors hold, what they say, and how they travel."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pandas as pd
import pytest

from brainplug.checkpoint.read import read_checkpoint
from brainplug.checkpoint.tensors import find_weights
from brainplug.errors import (
    BrainplugError,
    DataError,
    LeakageError,
    PluginError,
    RecipeError,
    RunError,
    ScanError,
)
from brainplug.runtime.workers import in_processes
from brainplug.tasks.read import read_tasks
from brainplug.toolkit.image_matching import find_images
from brainplug.toolkit.tables import get_column, read_table
from brainplug.training.batch_sampler import Limits, refuse_limits
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions
from brainplug_plugins.splits.assigned import Assigned, AssignedOptions

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


def read_missing(folder):
    read_table(folder / "t.csv")


def read_short(folder):
    (folder / "t.csv").write_text("id,age\n1,2\n3\n")
    read_table(folder / "t.csv")


def ask_for_a_column(_folder):
    get_column(pd.DataFrame(columns=["id", "sex"]), "Sex", option="target.column", source="t.csv")


def look_for_images(folder):
    find_images(folder / "T1")


def split_by_codes(_folder):
    cohort = pd.DataFrame({"subject": ["a", "b"], "part": ["0", "train"]})
    Assigned(AssignedOptions(column="part")).assign(cohort.assign(family=None), seed=1)


def read_words_as_numbers(_folder):
    head = Numerical(NumericalOptions(column="age"))
    head.read(pd.Series(["old", "30", "old"], dtype="str"), codes={}, missing=frozenset())


def read_codes_as_words(_folder):
    head = Categorical(CategoricalOptions(column="sex"))
    codes = ["1", "1.0", "2.5", "."]
    head.read(pd.Series(codes, dtype="str"), codes={}, missing=frozenset())


def read_a_cut_task_file(folder):
    (folder / "tasks.json").write_text('[\n{"task_id": "t-1"}\n]')
    read_tasks(folder / "tasks.json")


def read_no_checkpoint(folder):
    read_checkpoint(folder / "llava")


def read_half_a_checkpoint(folder):
    (folder / "pytorch_model.bin").touch()
    find_weights(folder)


def share_out_too_little(_folder):
    refuse_limits(Limits(tasks=9, tokens=11, prefix=7, branch=5), 4, 1)


def start_too_many(_folder):
    refuse_limits(Limits(tasks=9), 2, 3)


WORDINGS = {
    read_missing: "FOLDER/t.csv: expected a table, found no such file",
    read_short: "FOLDER/t.csv: line 3: expected 2 values as in the header, found 1: '3'",
    ask_for_a_column: "t.csv: there is no column 'Sex'; did you mean 'sex'? it has 'id', 'sex'; "
    "set target.column",
    look_for_images: "FOLDER/T1: expected a folder of images, found no such folder",
    split_by_codes: "column 'part': expected 'train', 'val', 'test', 'train_query', "
    "'train_reference', 'val_query', 'val_reference', 'test_query', 'test_reference', found '0' "
    '(1 row); write what each means, as in values = { 0 = "train" } in [split]',
    read_words_as_numbers: "target column 'age': expected numbers, found text: 'old' (2 rows); "
    'classes and ranges are for use = "categorical", and codes that mean no value go to missing '
    "in [target]",
    read_codes_as_words: "target column 'sex': the values are numeric codes and neither the "
    "recipe nor the study says what they mean: '.' (1 row), '1' (1 row), '1.0' (1 row), "
    "'2.5' (1 row); "
    'write labels = { "." = "…", 1 = "…", "2.5" = "…" } in [target]',
    read_a_cut_task_file: "FOLDER/tasks.json: task 't-1': expected the keys task_id, subject_ids, "
    "images, conversations, metadata, found a row without 'subject_ids', 'images', "
    "'conversations', 'metadata'",
    read_no_checkpoint: "FOLDER/llava: expected the folder of a Llava checkpoint, found none",
    read_half_a_checkpoint: "FOLDER: expected model.safetensors or model.safetensors.index.json, "
    "found pickle files only: 'pytorch_model.bin'; reading these can run code they hold, so they "
    "are not read: save the model again with transformers' save_pretrained",
    share_out_too_little: "training.batch_tokens 11: a dialogue has 12 tokens; raise it, or use "
    "larger patches",
    start_too_many: "2 training tasks cannot be shared out over 3 processes",
}


@pytest.mark.parametrize("fail", WORDINGS, ids=lambda fail: fail.__name__)
def test_the_wording_of_errors_is_kept(tmp_path, fail):
    """One text of each family, whole, as a user reads it; other tests hold the facts alone."""
    with pytest.raises(BrainplugError) as caught:
        fail(tmp_path)

    assert WORDINGS[fail] == str(caught.value).replace(str(tmp_path), "FOLDER")
