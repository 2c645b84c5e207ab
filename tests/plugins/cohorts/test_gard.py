"""GARD: integer ids meet files named by number; the two kinds of scan are never mixed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainplug.errors import DataError
from brainplug_plugins.cohorts.gard import Gard, GardOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions


def write_study(folder: Path, text: str, *names: str, **more) -> GardOptions:
    """Write a table and empty scans."""
    (folder / "gard.csv").write_text(text)
    for name in names:
        path = folder / "T1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return GardOptions(table=folder / "gard.csv", images=folder / "T1", **more)


def found(table) -> dict[str, str]:
    """Return the name of each person's scan."""
    return {
        subject: Path(image).name
        for subject, image in zip(table.scans["subject"], table.scans["image"], strict=True)
    }


def reasons(table) -> dict[str, str]:
    exclusions = table.exclusions.fillna("")
    return dict(zip(exclusions["subject"], exclusions["reason"], strict=True))


def test_integer_ids_meet_their_files(tmp_path):
    """7.0, 007 and 7 are one number on both sides, padded files and .nii too (D21)."""
    names = ("7.nii.gz", "0012_brain.nii.gz", "part/30.nii")
    options = write_study(tmp_path, "subject_id,age\n007,60\n12.0,61\n30,62\n", *names)

    table = Gard(options).load()

    assert {"7": "7.nii.gz", "12": "0012_brain.nii.gz", "30": "30.nii"} == found(table)
    assert (3, 3, 3) == (table.join.rows, table.join.images, table.join.matched)


def test_every_row_is_accounted_for(tmp_path):
    """Rows without an id, with another kind of id, or without a scan become exclusions."""
    text = "subject_id,age\n1,60\n,61\nA7,62\n9,63\n"
    options = write_study(tmp_path, text, "1.nii.gz", "44.nii.gz", "1_mask.nii.gz")

    table = Gard(options).load()

    assert {"": "no subject id", "A7": "id is no integer", "9": "no image"} == reasons(table)
    assert table.rows_read == len(table.scans) + len(table.exclusions)
    assert ("9",) == table.join.rows_without_image
    assert [str(tmp_path / "T1" / "44.nii.gz")] == list(table.join.images_without_row)


def test_both_kinds_of_scan_need_a_choice(tmp_path):
    """A person with a whole head and a brain gets neither silently."""
    options = write_study(tmp_path, "subject_id\n1\n", "1.nii.gz", "1_brain.nii.gz")

    with pytest.raises(DataError) as caught:
        Gard(options).load()

    assert 'set prefer = "brain" or "whole"' in caught.value.hint


@pytest.mark.parametrize(("prefer", "name"), [("brain", "1_brain.nii.gz"), ("whole", "1.nii.gz")])
def test_the_preferred_kind_is_taken(tmp_path, prefer, name):
    """The choice holds where there are both; whoever has one kind keeps it, and that is said."""
    names = ("1.nii.gz", "1_brain.nii.gz", "2.nii.gz", "3_brain.nii.gz")
    options = write_study(tmp_path, "subject_id\n1\n2\n3\n", *names, prefer=prefer)

    table = Gard(options).load()

    assert {"1": name, "2": "2.nii.gz", "3": "3_brain.nii.gz"} == found(table)
    assert "the whole head" in table.notes[0]


def test_two_scans_of_one_kind_are_refused(tmp_path):
    """7.nii.gz and 007.nii.gz are the same person's: none is taken silently."""
    names = ("7.nii.gz", "007.nii.gz")
    options = write_study(tmp_path, "subject_id\n7\n", *names, prefer="whole")

    with pytest.raises(DataError) as caught:
        Gard(options).load()

    assert 2 == len(caught.value.found)


def test_the_coding_of_sex_is_never_guessed(tmp_path):
    """1/2 and 0/1 are both in use, so the head asks for labels (D13)."""
    names = ("1.nii.gz", "2.nii.gz")
    table = Gard(write_study(tmp_path, "subject_id,sex\n1,1\n2,2\n", *names)).load()
    head = Categorical(CategoricalOptions(column="sex"))

    with pytest.raises(DataError) as caught:
        head.read(table.scans["sex"], codes=table.codes.get("sex", {}), missing=table.missing)

    assert "write labels" in caught.value.hint


def test_text_classes_are_read(tmp_path):
    """A diagnosis in words needs no codes (D22)."""
    text = "subject_id,diagnosis\n1,mild dementia\n2,mild cognitive impairment\n"
    table = Gard(write_study(tmp_path, text, "1.nii.gz", "2.nii.gz")).load()
    head = Categorical(CategoricalOptions(column="diagnosis"))

    read = head.read(table.scans["diagnosis"], codes={}, missing=table.missing)

    assert ["mild dementia", "mild cognitive impairment"] == read.values.tolist()


def test_a_missing_id_column_names_what_there_is(tmp_path):
    """The message shows the columns and the key to set."""
    options = write_study(tmp_path, "ID,age\n1,60\n", "1.nii.gz")

    with pytest.raises(DataError) as caught:
        Gard(options).load()

    assert "'subject_id'" in caught.value.what
    assert caught.value.hint.endswith("set cohort.subject")
