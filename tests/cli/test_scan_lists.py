"""Scans as they are named on the command line."""

from __future__ import annotations

import pytest

from brainplug.cli.scan_lists import read_queries, read_references
from brainplug.errors import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("a.nii.gz", "below/b.nii", "notes.pdf"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_path_may_hold_the_sign(tmp_path):
    """The last one parts scan and value."""
    assert [(f"{tmp_path}/k=3/a.nii.gz", "-1.5")] == read_references(
        [f"{tmp_path}/k=3/a.nii.gz=-1.5"]
    )


def test_a_folder_stands_for_its_scans(folder):
    """Those below too; all have the value that is told."""
    found = [str(folder / name) for name in ("a.nii.gz", "below/b.nii")]

    assert found == read_queries([str(folder)])
    assert [(scan, "male") for scan in found] == read_references([f"{folder}=male"])


def test_a_table_names_scans_and_values(folder):
    """Paths in it begin where it lies, whole ones stay."""
    table = folder / "people.csv"
    table.write_text("image,value,age\na.nii.gz,male,3\n/else/b.nii,female,4\n")

    assert [str(folder / "a.nii.gz"), "/else/b.nii"] == read_queries([str(table)])
    assert [(str(folder / "a.nii.gz"), "male"), ("/else/b.nii", "female")] == read_references(
        [str(table)]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan,value\na,b\n", "the columns image and value"),
        ("image,value\na,\n", "in every row"),
    ],
)
def test_a_table_without_values_is_refused(tmp_path, text, words):
    """A missing column or cell is told with the file."""
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(DataError, match=words):
        read_references([str(tmp_path / "t.csv")])


@pytest.mark.parametrize("given", ["a.nii.gz", "=male", "a.nii.gz="])
def test_a_reference_without_scan_or_value_is_refused(given):
    """What it should look like is said."""
    with pytest.raises(DataError, match="SCAN=VALUE"):
        read_references([given])


def test_an_empty_folder_is_told(tmp_path):
    """Most often the wrong folder was named."""
    with pytest.raises(DataError, match="expected scans"):
        read_queries([str(tmp_path)])
