"""Copies are known by their volumes, whatever the files around them say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainplug.audit.leakage import find_leaks
from brainplug.cohort.build import StudyParts, gather
from brainplug.recipe.tables import Audit, Images
from brainplug.testing import write_scan
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions

if TYPE_CHECKING:
    from pathlib import Path

NAMES = "abcdefghijx"


def another_text(image):
    image.header["descrip"] = b"exported again"
    return image


def another_type(image):
    return nibabel.Nifti1Image(np.asarray(image.dataobj, dtype=np.float64), image.affine)


def another_origin(image):
    affine = image.affine.copy()
    affine[:3, 3] += (7.3, -4.1, 11.7)
    return nibabel.Nifti1Image(np.asarray(image.dataobj), affine)


def another_scale(image):
    return nibabel.Nifti1Image(np.asarray(image.dataobj) * 3.7, image.affine)


def gather_with(folder: Path, change, *, audit=None, sessions=False):
    """Read a study in which the scan of the last person is that of the first, changed."""
    for seed, name in enumerate(NAMES):
        write_scan(folder / "T1" / f"{name}.nii.gz", seed=seed)
    first = nibabel.load(folder / "T1" / "a.nii.gz")
    nibabel.save(change(first), folder / "T1" / "x.nii.gz")
    people = [*NAMES[:-1], "a" if sessions else "x"]
    visits = ["1"] * (len(NAMES) - 1) + ["2" if sessions else "1"]
    for name, person, visit in zip(NAMES, people, visits, strict=True):
        (folder / "T1" / f"{name}.nii.gz").rename(folder / "T1" / f"{person}_{visit}.nii.gz")
    rows = [
        f"{person},{number % 2},{visit}"
        for number, (person, visit) in enumerate(zip(people, visits, strict=True))
    ]
    (folder / "table.csv").write_text("\n".join(["id,sex,visit", *rows]) + "\n")
    options = TableOptions(
        table=folder / "table.csv",
        images=folder / "T1",
        subject="id",
        session="visit",
        pattern="{subject}_{session}.nii.gz",
    )
    head = Categorical(CategoricalOptions(column="sex", labels={"0": "male", "1": "female"}))
    return gather(
        [StudyParts(loader=Table(options), head=head)],
        images=Images(shape=(16, 16, 16), spacing_mm=8.0),
        audit=audit or Audit(),
        cache=folder / "cache",
        progress=lambda _done, _total: None,
    )


@pytest.mark.parametrize("change", [another_text, another_type, another_origin, another_scale])
def test_a_copy_is_found_whatever_its_file_says(tmp_path, change):
    """Header text, type of voxels, place in the world and scale hid copies (fault 8)."""
    frame = gather_with(tmp_path, change).frame

    same = dict(zip(frame["subject"], frame["same_image"].notna(), strict=True))
    assert [name for name, found in same.items() if found] == ["a", "x"]


def test_a_hidden_copy_in_two_pools_is_a_leak(tmp_path):
    """As one of byte for byte is."""
    frame = gather_with(tmp_path, another_type).frame
    pools = ["train" if name < "f" else "test" for name in frame["subject"]]

    (leak,) = find_leaks(frame.assign(pool=pools, part=pools))

    assert (leak.kind, leak.members) == ("leak", ("a", "x"))


def test_hidden_copies_can_be_left_out(tmp_path):
    """Both go, since nobody knows whose scan it is, and the counts add up."""
    cohort = gather_with(tmp_path, another_origin, audit=Audit(duplicates="exclude"))

    assert sorted(cohort.exclusions["subject"]) == ["a", "x"]
    assert len(cohort.frame) == len(NAMES) - 2
    assert "same_image" not in cohort.frame.columns


def test_one_scan_for_two_sessions_of_a_person_is_told(tmp_path):
    """It leaks nothing, but one of both is not what the table says."""
    frame = gather_with(tmp_path, another_text, sessions=True).frame

    (note,) = find_leaks(frame.assign(pool="train", part="train"))

    assert (note.kind, note.members) == ("note", ("a_1", "a_2"))
    assert "sessions" in note.what


def test_scans_that_look_alike_are_told_and_not_refused():
    """Twins and rescans may look so."""
    frame = pd.DataFrame(
        {
            "scan": ["a", "b", "c"],
            "subject": ["a", "b", "c"],
            "family": [None, None, None],
            "near_image": ["a", "a", None],
            "pool": ["train", "test", "test"],
            "part": ["train", "test", "test"],
        }
    )

    (note,) = find_leaks(frame)

    assert (note.kind, note.members) == ("note", ("a", "b"))
    assert "two pools" in note.what
