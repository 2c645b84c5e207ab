"""A scan in one person's folder under another's name is nobody's, and is told."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.table import Table, TableOptions

WRONG = "image under another person's or visit's name"


def load(folder, kind, *images):
    """Read four people with `bids` or `table`."""
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / image).touch()
    people = "".join(f"sub-{n:02}\tM\n" for n in range(1, 5))
    (folder / "participants.tsv").write_text(f"participant_id\tsex\n{people}")
    if kind == "bids":
        return Bids(BidsOptions(root=folder)).load()
    options = TableOptions(
        table=folder / "participants.tsv",
        images=folder,
        subject="participant_id",
        pattern="*/*/{subject}_T1w.nii.gz",
    )
    return Table(options).load()


def path(folder, name):
    return f"sub-{folder}/anat/sub-{name}_T1w.nii.gz"


@pytest.mark.parametrize("kind", ["bids", "table"])
def test_two_exchanged_people_are_left_out_and_told(tmp_path, kind):
    """Neither name nor folder wins; who may be meant is an exclusion that shows the file."""
    table = load(tmp_path, kind, path("01", "02"), path("02", "01"), path("03", "03"), path(4, 4))

    assert ["sub-03", "sub-04"] == table.scans["subject"].tolist()
    assert [WRONG] * 2 == table.exclusions["reason"].tolist()
    assert {path("01", "02"), path("02", "01")} >= set(table.exclusions["detail"])
    assert any("2 images named for another person" in note for note in table.notes)


def test_other_spellings_of_a_label_are_one_person(tmp_path):
    """`sub-001` holds `sub-1`."""
    table = load(tmp_path, "bids", *(path(f"{n:03}", n) for n in range(1, 5)))

    assert 4 == len(table.scans)


def test_exchanged_visits_are_left_out(tmp_path):
    """A session's folder and a name of another session do not agree either."""
    swapped = "sub-01/ses-a/anat/sub-01_ses-b_T1w.nii.gz"
    table = load(tmp_path, "bids", swapped, path("02", "02"), path("03", "03"), path("04", "04"))

    assert (WRONG, swapped) == tuple(table.exclusions.loc[0, ["reason", "detail"]])


@pytest.mark.parametrize("kind", ["bids", "table"])
def test_a_study_of_misfiled_scans_says_so(tmp_path, kind):
    """Where nothing else is there, the error shows them."""
    with pytest.raises(DataError, match="named for another person"):
        load(tmp_path, kind, path("01", "02"), path("02", "01"))
