"""The cohort stage: counts add up, joins are reported, bad scans are left out with a reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.cohort.build import StudyParts, gather
from brainplug.errors import DataError
from brainplug.recipe.tables import Audit, Images
from brainplug.runtime.files import write_csv
from brainplug.runtime.records import write_record
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions

if TYPE_CHECKING:
    from pathlib import Path

SEX = Categorical(CategoricalOptions(column="sex", labels={"1": "male", "2": "female"}))
IMAGES = Images(shape=(8, 8, 8), spacing_mm=16.0)


def gather_one(loader, tmp_path, head=SEX, audit=None):
    return gather(
        [StudyParts(loader=loader, head=head)],
        images=IMAGES,
        audit=audit or Audit(),
        cache=tmp_path / "cache",
        progress=lambda _done, _total: None,
    )


def write_study(folder: Path, make_scan, ids, text):
    for number, name in enumerate(ids):
        make_scan(folder / "T1" / f"{name}.nii.gz", seed=number)
    (folder / "table.csv").write_text(text)
    return TableOptions(table=folder / "table.csv", images=folder / "T1", subject="id")


@pytest.mark.parametrize(
    ("described", "simulated"),
    [
        ('{"Name": "X", "Simulated": true}', True),
        ('{"Name": "X", "Simulated": "no"}', False),
        ('{"Name": "X"}', False),
        ("[" * 20_000, False),
        ("", False),
    ],
)
def test_simulated_scans_are_called_so_by_whatever_loader(
    tmp_path, make_scan, described, simulated
):
    """The description beside them says it; a damaged one says nothing, and stops nothing."""
    options = write_study(tmp_path, make_scan, "ab", "id,sex\na,1\nb,2\n")
    (tmp_path / "dataset_description.json").write_text(described)

    (study,) = gather_one(Table(options), tmp_path).facts().studies

    assert simulated is study.simulated


def test_counts_add_up(tmp_path, make_scan):
    """Rows without target, image or readable voxels become exclusions, the rest scans."""
    options = write_study(tmp_path, make_scan, "abcde", "id,sex\na,1\nb,2\nc,999\nd,1\ne,2\nf,1\n")
    (tmp_path / "T1" / "d.nii.gz").write_bytes(b"")
    options = attrs.evolve(options, missing=("999",))

    cohort = gather_one(Table(options), tmp_path)

    assert list(cohort.frame["scan"]) == ["a", "b", "e"]
    assert list(cohort.frame["target"]) == ["male", "female", "female"]
    assert dict(zip(cohort.exclusions["subject"], cohort.exclusions["reason"], strict=True)) == {
        "f": "no image",
        "c": "target missing",
        "d": "empty file",
    }


def test_a_shuffled_table_gives_the_same_frame(tmp_path, make_scan):
    """The order of rows leaves no trace (D19)."""
    rows = ["a,1", "b,2", "c,1", "d,2"]
    first = write_study(tmp_path / "x", make_scan, "abcd", "id,sex\n" + "\n".join(rows))
    frame = gather_one(Table(first), tmp_path).frame
    (tmp_path / "x" / "table.csv").write_text("id,sex\n" + "\n".join(reversed(rows)))

    pd.testing.assert_frame_equal(frame, gather_one(Table(first), tmp_path).frame)


def test_ids_that_do_not_meet_are_shown_from_both_sides(tmp_path, make_scan):
    """A failed join stops with numbers and examples of table and files (D21)."""
    options = write_study(tmp_path, make_scan, ["x1", "x2"], "id,sex\n1001,1\n1002,2\n")

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path)

    ids, images = caught.value.found
    assert ("1001", "1002") == ids
    assert ["x1.nii.gz", "x2.nii.gz"] == [Path(image).name for image in images]
    assert str(caught.value).startswith("2 of 2 rows of the table found no image (100%, ")


def test_integer_ids_with_zeros_and_decimals_meet_their_files(tmp_path, make_scan):
    """`7.0` in the table is `007` in the folder (D21)."""
    options = write_study(tmp_path, make_scan, ["007", "012"], "id,sex\n7.0,1\n12.0,2\n")

    assert len(gather_one(Table(options), tmp_path).frame) == 2


def test_numeric_codes_are_not_guessed(tmp_path, make_scan):
    """0 and 1 without declared labels are an error that shows the values (D13)."""
    options = write_study(tmp_path, make_scan, "ab", "id,sex\na,0\nb,1\n")
    head = Categorical(CategoricalOptions(column="sex"))

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path, head)

    assert {"0": 1, "1": 1} == caught.value.found


def test_an_undeclared_code_is_an_error_with_counts(tmp_path, make_scan):
    """A value outside the labels does not become a class of its own (D15)."""
    options = write_study(tmp_path, make_scan, "abc", "id,sex\na,1\nb,2\nc,3\n")

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path)

    assert {"3": 1} == caught.value.found


def test_words_for_no_family_are_no_family(tmp_path, make_scan):
    """`NA` and `n/a` are nobody's family; a family known at one visit is known at all."""
    options = write_study(
        tmp_path,
        make_scan,
        ["a_1", "a_2", "b_1", "c_1"],
        "id,visit,sex,fam\na,1,1,f1\na,2,1,\nb,1,2,NA\nc,1,2,n/a\n",
    )
    options = attrs.evolve(
        options, session="visit", family="fam", pattern="{subject}_{session}.nii.gz"
    )

    frame = gather_one(Table(options), tmp_path).frame

    assert ["f1", "f1"] == list(frame.loc[frame["subject"] == "a", "family"])
    assert frame.loc[frame["subject"] != "a", "family"].isna().all()


def test_relatives_stay_together_whatever_the_target(tmp_path, make_scan):
    """D18: people linked by somebody without the target are one family all the same."""
    options = write_study(
        tmp_path,
        make_scan,
        ["a_1", "b_1", "b_2", "c_1"],
        "id,visit,sex,fam\na,1,1,f1\nb,1,,f1\nb,2,,f2\nc,1,2,f2\n",
    )
    options = attrs.evolve(
        options, session="visit", family="fam", pattern="{subject}_{session}.nii.gz"
    )

    frame = gather_one(Table(options), tmp_path).frame

    assert ["a", "c"] == list(frame["subject"])
    assert 1 == frame["family"].nunique()


def test_labels_that_contradict_the_study_are_refused(tmp_path, make_scan):
    """D13, D14: labels made for another column do not turn a study's own codes round."""
    options = write_study(tmp_path, make_scan, "ab", "id,sex\na,1\nb,2\n")
    options = attrs.evolve(options, codes={"sex": {"1": "female", "2": "male"}})

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path)

    assert ("1", "male") == caught.value.found


def test_a_missing_target_column_names_the_nearest(tmp_path, make_scan):
    """The message shows what the study has."""
    options = write_study(tmp_path, make_scan, "ab", "id,sexe\na,1\nb,2\n")

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path)

    assert caught.value.where == ("the study",)
    assert "sexe" in caught.value.found
    assert "did you mean 'sexe'" in caught.value.hint


def test_ids_that_differ_only_in_spelling_never_share_an_image(tmp_path, make_scan):
    """`1` has its image; `01` is told to have none rather than given the same."""
    options = write_study(tmp_path, make_scan, ["1", "2"], "id,sex\n1,1\n01,2\n2,1\n")

    with pytest.raises(DataError) as caught:
        gather_one(Table(options), tmp_path)

    assert "01" in caught.value.found[0]


def test_real_bids_study(shared_data, tmp_path):
    """72 people, 53 f and 19 m, all scans readable."""
    head = Categorical(CategoricalOptions(column="gender", labels={"f": "female", "m": "male"}))

    cohort = gather_one(Bids(BidsOptions(root=shared_data / "ds002748-2mm")), tmp_path, head)

    assert cohort.frame["target"].value_counts().to_dict() == {"female": 53, "male": 19}
    assert np.array_equal(cohort.frame["scan"], sorted(cohort.frame["scan"]))


def test_images_without_a_row_are_always_counted(tmp_path, make_scan):
    """People whom a table lacks are seen by their images, also where most rows found one."""
    options = write_study(tmp_path, make_scan, "abcde", "id,sex\na,1\nb,2\nc,1\n")

    (facts,) = gather_one(Table(options), tmp_path).facts().studies

    assert any(note.startswith("2 of 5 images belong to no row") for note in facts.notes)


def test_a_pipe_in_place_of_a_scan_costs_that_row(tmp_path, make_scan):
    """It is not opened, neither for its header nor to compare it with others."""
    options = write_study(tmp_path, make_scan, "abcde", "id,sex\na,1\nb,2\nc,1\nd,1\ne,2\n")
    (tmp_path / "T1" / "d.nii.gz").unlink()
    os.mkfifo(tmp_path / "T1" / "d.nii.gz")

    cohort = gather_one(Table(options), tmp_path)

    assert ["not a plain file"] == cohort.exclusions["reason"].tolist()


def test_names_that_are_not_utf_8_cost_their_own_row(tmp_path, make_scan):
    """A stray file is an image without a row, and one that a row finds is an exclusion."""
    options = write_study(tmp_path, make_scan, "abcde", "id,sex\na,1\nb,2\nc,1\nd,1\ne,2\n")
    options = attrs.evolve(options, pattern="{subject}*.nii.gz")
    folder = os.fsencode(tmp_path / "T1")
    Path(os.fsdecode(folder + b"/\xe9.nii.gz")).touch()
    (tmp_path / "T1" / "d.nii.gz").rename(Path(os.fsdecode(folder + b"/d\xe9.nii.gz")))

    cohort = gather_one(Table(options), tmp_path)
    write_record(tmp_path / "facts.json", cohort.facts())
    write_csv(tmp_path / "exclusions.csv", cohort.exclusions)

    assert [("file missing", "its name is not UTF-8: rename it")] == list(
        cohort.exclusions[["reason", "detail"]].itertuples(index=False, name=None)
    )


@pytest.mark.parametrize("mark", ["\r", "\n", "\x0b", "\x1b", "\x85"])
def test_a_control_character_in_an_id_costs_that_row(tmp_path, make_scan, mark):
    """Files of ids would break at it; in a site's name it is shown."""
    text = f'id,sex,site\na,1,x\nb,2,"x{mark}y"\nc,1,x\n"d{mark}2",1,x\ne,2,x\n'
    options = write_study(tmp_path, make_scan, ["a", "b", "c", f"d{mark}2", "e"], text)
    options = attrs.evolve(options, site="site")

    cohort = gather_one(Table(options), tmp_path)
    write_csv(tmp_path / "e.csv", cohort.exclusions)

    assert ["control character in the id"] == cohort.exclusions["reason"].tolist()
    assert mark not in "".join(cohort.frame["site"]) + cohort.exclusions["subject"][0]
    assert 1 == len(pd.read_csv(tmp_path / "e.csv"))
