"""The cohort stage: counts add up, joins are reported, bad scans are left out with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
import pytest

from brainplug.cohort import collect
from brainplug.errors import DataError
from brainplug.recipe import Audit, Images
from brainplug_plugins.cohorts.abcd import Abcd, AbcdOptions
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions

if TYPE_CHECKING:
    from pathlib import Path

SEX = Categorical(CategoricalOptions(column="sex", labels={"1": "male", "2": "female"}))
IMAGES = Images(shape=(8, 8, 8), spacing_mm=16.0)


def gather(loader, tmp_path, head=SEX, audit=None):
    return collect(
        loader,
        head,
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


def test_counts_add_up(tmp_path, make_scan):
    """Rows without target, image or readable voxels become exclusions, the rest scans."""
    options = write_study(tmp_path, make_scan, "abcde", "id,sex\na,1\nb,2\nc,999\nd,1\ne,2\nf,1\n")
    (tmp_path / "T1" / "d.nii.gz").write_bytes(b"")
    options = attrs.evolve(options, missing=("999",))

    cohort = gather(Table(options), tmp_path)

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
    frame = gather(Table(first), tmp_path).frame
    (tmp_path / "x" / "table.csv").write_text("id,sex\n" + "\n".join(reversed(rows)))

    pd.testing.assert_frame_equal(frame, gather(Table(first), tmp_path).frame)


def test_ids_that_do_not_meet_are_shown_from_both_sides(tmp_path, make_scan):
    """A failed join stops with numbers and examples of table and files (D21)."""
    options = write_study(tmp_path, make_scan, ["x1", "x2"], "id,sex\n1001,1\n1002,2\n")

    with pytest.raises(DataError) as caught:
        gather(Table(options), tmp_path)

    assert "2 of 2 rows" in str(caught.value)
    assert "'1001'" in str(caught.value)
    assert "x1.nii.gz" in str(caught.value)


def test_integer_ids_with_zeros_and_decimals_meet_their_files(tmp_path, make_scan):
    """`7.0` in the table is `007` in the folder (D21)."""
    options = write_study(tmp_path, make_scan, ["007", "012"], "id,sex\n7.0,1\n12.0,2\n")

    assert len(gather(Table(options), tmp_path).frame) == 2


def test_numeric_codes_are_not_guessed(tmp_path, make_scan):
    """0 and 1 without declared labels are an error that shows the values (D13)."""
    options = write_study(tmp_path, make_scan, "ab", "id,sex\na,0\nb,1\n")
    head = Categorical(CategoricalOptions(column="sex"))

    with pytest.raises(DataError, match="'0'"):
        gather(Table(options), tmp_path, head)


def test_an_undeclared_code_is_an_error_with_counts(tmp_path, make_scan):
    """A value outside the labels does not become a class of its own (D15)."""
    options = write_study(tmp_path, make_scan, "abc", "id,sex\na,1\nb,2\nc,3\n")

    with pytest.raises(DataError, match="'3'"):
        gather(Table(options), tmp_path)


def test_a_missing_target_column_names_the_nearest(tmp_path, make_scan):
    """The message shows what the study has."""
    options = write_study(tmp_path, make_scan, "ab", "id,sexe\na,1\nb,2\n")

    with pytest.raises(DataError, match="did you mean 'sexe'"):
        gather(Table(options), tmp_path)


def test_ids_that_differ_only_in_spelling_never_share_an_image(tmp_path, make_scan):
    """`1` has its image; `01` is told to have none rather than given the same."""
    options = write_study(tmp_path, make_scan, ["1", "2"], "id,sex\n1,1\n01,2\n2,1\n")

    with pytest.raises(DataError, match="'01'"):
        gather(Table(options), tmp_path)


def write_bids(folder: Path, make_scan, names, text):
    for number, name in enumerate(names):
        subject = name.split("_")[0]
        make_scan(folder / subject / "anat" / f"{name}_T1w.nii.gz", seed=number)
    folder.mkdir(exist_ok=True)
    (folder / "participants.tsv").write_bytes(text.encode())
    return BidsOptions(root=folder)


def test_bids_reads_crlf_padding_and_levels(tmp_path, make_scan):
    """Windows line ends, ids without `sub-`, other zero padding and declared levels are read."""
    options = write_bids(
        tmp_path / "ds",
        make_scan,
        ["sub-01", "sub-02"],
        "participant_id\t sex\r\n1\tM\r\nsub-2\tF\r\n",
    )
    (tmp_path / "ds" / "participants.json").write_text(
        '{"sex": {"Levels": {"M": "male", "F": "female"}}}'
    )

    cohort = gather(Bids(options), tmp_path, Categorical(CategoricalOptions(column="sex")))

    assert list(cohort.frame["target"]) == ["male", "female"]


def test_bids_several_scans_are_an_error_until_chosen(tmp_path, make_scan):
    """Two runs are never last-one-wins; `select` chooses."""
    names = ["sub-01_run-1", "sub-01_run-2", "sub-02_run-1", "sub-02_run-2"]
    options = write_bids(
        tmp_path / "ds", make_scan, names, "participant_id\tsex\nsub-01\t1\nsub-02\t2\n"
    )

    with pytest.raises(DataError, match="several images"):
        gather(Bids(options), tmp_path)

    chosen = attrs.evolve(options, select={"run": "2"})
    assert all("run-2" in image for image in gather(Bids(chosen), tmp_path).frame["image"])


def test_bids_sessions_are_rows_of_one_subject(tmp_path, make_scan):
    """Visits become rows with one subject, so that a split keeps them together (D16)."""
    names = ["sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a"]
    options = write_bids(
        tmp_path / "ds", make_scan, names, "participant_id\tsex\nsub-01\t1\nsub-02\t2\n"
    )

    frame = gather(Bids(options), tmp_path).frame

    assert list(frame["scan"]) == ["sub-01_a", "sub-01_b", "sub-02"]


ABCD_LT = (
    '"subjectkey"\t"src_subject_id"\t"eventname"\t"site_id_l"\n'
    '"The NDAR Global Unique Identifier"\t"Subject ID"\t"Event"\t"Site"\n'
)
EVENTS = ("baseline_year_1_arm_1", "2_year_follow_up_y_arm_1")


def write_abcd_4(folder: Path, make_scan, ids):
    rows = [(f"NDAR_INV{name}", event) for name in ids for event in EVENTS]
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "abcd_lt01.txt").write_text(
        ABCD_LT + "".join(f'"{i}"\t"{i}"\t"{event}"\t"site01"\n' for i, event in rows)
    )
    family = (
        '"subjectkey"\t"eventname"\t"rel_family_id"\t"demo_sex_v2"\n'
        '"GUID"\t"Event"\t"Family"\t"Sex"\n'
    )
    codes = ["1", "2", "777", "1"]
    (folder / "tables" / "acspsw03.txt").write_text(
        family
        + "".join(
            f'"NDAR_INV{name}"\t"{EVENTS[0]}"\t"{number // 2}"\t"{codes[number]}"\n'
            for number, name in enumerate(ids)
        )
    )
    for number, name in enumerate(ids):
        make_scan(
            folder
            / "T1"
            / f"sub-NDARINV{name}"
            / "ses-baselineYear1Arm1"
            / f"sub-NDARINV{name}_T1w.nii.gz",
            seed=number,
        )
    return AbcdOptions(tables=folder / "tables", images=folder / "T1")


def test_abcd_4_joins_its_tables_and_knows_its_codes(tmp_path, make_scan):
    """Descriptions are skipped, ids meet in every spelling, 777 is missing (D20)."""
    options = write_abcd_4(tmp_path, make_scan, ["0A1B2C3D", "1A1B2C3D", "2A1B2C3D", "3A1B2C3D"])
    head = Categorical(CategoricalOptions(column="demo_sex_v2"))

    cohort = gather(Abcd(options), tmp_path, head)

    assert list(cohort.frame["target"]) == ["male", "female", "male"]
    assert list(cohort.frame["family"]) == ["0", "0", "1"]
    assert (cohort.exclusions["reason"] == "other session").sum() == 4
    assert (cohort.exclusions["reason"] == "target missing").sum() == 1


def test_abcd_6_reads_participant_and_session_ids(tmp_path, make_scan):
    """One parquet table a topic, `sub-` ids and `ses-00A` as baseline."""
    ids = ["sub-0A1B2C3D", "sub-1A1B2C3D"]
    (tmp_path / "tables").mkdir()
    frame = pd.DataFrame(
        {
            "participant_id": ids,
            "session_id": "ses-00A",
            "ab_g_dyn__design_site": "s1",
            "sex": ["1", "2"],
        }
    )
    frame.to_parquet(tmp_path / "tables" / "ab_g_dyn.parquet")
    for number, name in enumerate(ids):
        make_scan(tmp_path / "T1" / f"{name}_ses-00A_T1w.nii.gz", seed=number)

    cohort = gather(Abcd(AbcdOptions(tables=tmp_path / "tables", images=tmp_path / "T1")), tmp_path)

    assert list(cohort.frame["subject"]) == ["0A1B2C3D", "1A1B2C3D"]
    assert list(cohort.frame["site"]) == ["s1", "s1"]


def test_real_bids_study(shared_data, tmp_path):
    """72 people, 53 f and 19 m, all scans readable."""
    head = Categorical(CategoricalOptions(column="gender", labels={"f": "female", "m": "male"}))

    cohort = gather(Bids(BidsOptions(root=shared_data / "ds002748-2mm")), tmp_path, head)

    assert cohort.frame["target"].value_counts().to_dict() == {"female": 53, "male": 19}
    assert np.array_equal(cohort.frame["scan"], sorted(cohort.frame["scan"]))
