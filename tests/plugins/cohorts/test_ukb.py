"""UK Biobank: one name for a field in every naming, codes, visits, relatives and withdrawals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug_plugins.cohorts.ukb import Ukb, UkbOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = ("1000001", "1000002", "1000003")
BULK = "{}_20252_2_0/T1/T1_brain.nii.gz"


def write_study(folder: Path, text: str, names=None, **more) -> UkbOptions:
    """Write a table and empty scans, by default one unpacked zip for each of three people."""
    (folder / "ukb.csv").write_text(text)
    (folder / "T1w").mkdir()
    for name in [BULK.format(eid) for eid in PEOPLE] if names is None else names:
        path = folder / "T1w" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return UkbOptions(table=folder / "ukb.csv", images=folder / "T1w", **more)


def load(folder: Path, text: str, names=None, **more):
    return Ukb(write_study(folder, text, names, **more)).load()


def column(table, name: str) -> dict[str, str]:
    """Return a column by subject, missing values as None."""
    values = table.scans.set_index("subject")[name]
    return {eid: None if pd.isna(value) else value for eid, value in values.items()}


def read_sex(table, name: str) -> list[str]:
    head = Categorical(CategoricalOptions(column=name))
    codes = table.codes.get(name, {})
    read = head.read(table.scans[name], codes=codes, missing=table.missing)
    return read.values.tolist()  # noqa: PD011 (a field of TargetColumn)


def image_of(table) -> list[str]:
    return [image.partition("/T1w/")[2] for image in table.scans["image"]]


NAMINGS = {
    "f.31.0.0": ("f.eid", "f.31.0.0", "f.21001.0.0", "f.21001.2.0", "f.54.2.0"),
    "31-0.0": ("eid", "31-0.0", "21001-0.0", "21001-2.0", "54-2.0"),
    "X31.0.0": ("eid", "X31.0.0", "X21001.0.0", "X21001.2.0", "X54.2.0"),
    "p31": ("eid", "p31", "p21001_i0", "p21001_i2", "p54_i2"),
    "p31_i0": ("eid", "p31_i0", "p21001_i0", "p21001_i2_a0", "p54_i2"),
    "participant.p31": (
        "participant.eid",
        "participant.p31",
        "participant.p21001_i0",
        "participant.p21001_i2",
        "participant.p54_i2",
    ),
}


@pytest.mark.parametrize("sex", NAMINGS)
def test_every_naming_gives_the_same_columns(tmp_path, sex):
    """A recipe for p31 and p21001 works with any download, and 0 is female (D13)."""
    rows = "\n1000001,0,20.5,25.5,11025\n1000002,1,21.5,26.5,11026\n"

    table = load(tmp_path, ",".join(NAMINGS[sex]) + rows)

    assert ["female", "male"] == read_sex(table, "p31")
    assert ["female", "male"] == read_sex(table, sex)
    assert {"1000001": "25.5", "1000002": "26.5"} == column(table, "p21001")
    assert {"1000001": "11025", "1000002": "11026"} == column(table, "site")
    assert {"2"} == set(table.scans["session"])


def test_sex_in_words_is_read_alike(tmp_path):
    """The research analysis platform may export Male and Female instead of codes (D13)."""
    table = load(tmp_path, "eid,p31\n1000001,Female\n1000002,Male\n")

    assert ["female", "male"] == read_sex(table, "p31")


def test_text_classes_are_read(tmp_path):
    """A column of words that is no field needs no codes (D22)."""
    table = load(tmp_path, "eid,diagnosis\n1000001,control\n1000002,mild dementia\n")

    assert ["control", "mild dementia"] == read_sex(table, "diagnosis")


@pytest.mark.parametrize("eid", ["1000001", "1000001.0", " 1000001 "])
def test_integer_ids_meet_their_files(tmp_path, eid):
    """Eids are text on both sides, whatever a spreadsheet did to them (D21)."""
    table = load(tmp_path, f"eid,31-0.0\n{eid},0\n")

    assert ["1000001"] == table.scans["subject"].tolist()
    assert [BULK.format("1000001")] == image_of(table)


def test_the_join_is_reported_both_ways(tmp_path):
    """Counts and examples of rows without a scan and of scans without a row; rows add up."""
    table = load(tmp_path, "eid,31-0.0\n1000001,0\n9999999,1\n,1\n")

    assert (2, 3, 1) == (table.join.rows, table.join.images, table.join.matched)
    assert ("9999999",) == table.join.rows_without_image
    assert "1000002_20252_2_0" in table.join.images_without_row[0]
    assert table.rows_read == len(table.scans) + len(table.exclusions) == 3


def test_a_value_of_another_visit_is_not_taken(tmp_path):
    """Who told their hours of sleep at the first visit only has none for a later scan."""
    table = load(tmp_path, "eid,1160-0.0,1160-2.0\n1000001,6,8\n1000002,7,\n")

    assert {"1000001": "8", "1000002": None} == column(table, "p1160")
    assert {"1000001": "6", "1000002": "7"} == column(table, "1160-0.0")


def test_fields_of_the_first_visit_alone_are_taken_and_named(tmp_path):
    """Sex and year of birth exist once; age then is not age now, and stays under its own name."""
    table = load(tmp_path, "eid,31-0.0,34-0.0,21003-0.0,845-1.0\n1000001,0,1950,55,16\n")

    assert {"1000001": "1950"} == column(table, "p34")
    assert "Taken from instance 0, the only one in the table: p31, p34." in table.notes
    assert {"p21003", "p845"}.isdisjoint(table.scans.columns)
    assert (
        "Not in the table at instance 2, left under their own names: p845, p21003." in table.notes
    )


def test_items_of_an_array_keep_their_number(tmp_path):
    """The first item has the plain name, the others their place; genetic components begin at 1."""
    text = "eid,20002-2.0,20002-2.1,f.22009.0.1\n1000001,1065,1111,-3.5\n"

    table = load(tmp_path, text)

    assert ["1065", "1111", "-3.5"] == table.scans[["p20002", "p20002_a1", "p22009_a1"]].iloc[
        0
    ].tolist()


def test_two_columns_of_one_field_must_agree(tmp_path):
    """None of two different values wins silently."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, "eid,p31,31-0.0\n1000001,0,1\n")

    assert ("p31", "31-0.0") == caught.value.found


def test_codes_without_a_value_are_missing(tmp_path):
    """Negative codes are no values of a field, under either of its names (D20)."""
    text = "eid,1160-2.0\n1000001,-3.0\n1000002,7.0\n1000003,-818\n"

    table = load(tmp_path, text)

    expected = {"1000001": None, "1000002": "7.0", "1000003": None}
    assert expected == column(table, "p1160") == column(table, "1160-2.0")


def test_negative_numbers_that_are_values_survive(tmp_path):
    """A z-score of -1.0 in a derived column is a value, and so is one among broken numbers."""
    text = "eid,BMI_sds,p189,p25000_i2\n1000001,-1.0,-3,-1\n1000002,-3,-1.25,0\n"

    table = load(tmp_path, text, missing_by_field={"p25000": ()})

    assert {"1000001": "-1.0", "1000002": "-3"} == column(table, "BMI_sds")
    assert {"1000001": "-3", "1000002": "-1.25"} == column(table, "p189")
    assert {"1000001": "-1", "1000002": "0"} == column(table, "p25000")


def test_codes_can_be_named(tmp_path):
    """More codes for all fields, and for one field exactly its own: -10 is less than one there."""
    text = "eid,p1289_i2,p6150_i2,p6154_i2\n1000001,-10,-7,99\n1000002,-3,1,2\n"

    table = load(tmp_path, text, missing=("99",), missing_by_field={"1289-2.0": ("-1", "-3")})

    assert {"1000001": "-10", "1000002": None} == column(table, "p1289")
    assert {"1000001": None, "1000002": "1"} == column(table, "p6150")
    assert {"1000001": None, "1000002": "2"} == column(table, "p6154")


def test_refusals_in_words_are_missing(tmp_path):
    """Decoded exports say Prefer not to answer instead of -3."""
    table = load(tmp_path, "eid,p20116_i2\n1000001,Never\n1000002,Prefer not to answer\n")

    assert {"1000001": "Never", "1000002": None} == column(table, "p20116")


def test_codes_of_an_absent_field_are_refused(tmp_path):
    """A setting that does nothing is an error."""
    with pytest.raises(DataError) as caught:
        load(tmp_path, "eid,p31\n1000001,0\n", missing_by_field={"p6150": ("-7",)})

    assert "p6150" == caught.value.found


@pytest.mark.parametrize(
    "name",
    [
        "1000001_20252_2_0/T1/T1_brain.nii.gz",
        "10/1000001_20252_2_0/T1/T1_brain.nii",
        "1000001/T1/T1_brain.nii.gz",
        "1000001/20140523/T1/T1_brain.nii.gz",
        "1000001/ses-2/T1/T1_brain.nii.gz",
        "1000001/2/T1/T1_brain.nii.gz",
        "1000001_20252_2_0.nii.gz",
        "1000001_T1.nii.gz",
        "1000001_2_0_T1.nii.gz",
        "1000001.nii.gz",
        "sub-1000001/ses-2/anat/sub-1000001_ses-2_T1w.nii.gz",
        "sub-1000001_ses-02_T1w.nii.gz",
    ],
)
def test_layouts_that_people_have_are_read(tmp_path, name):
    """Unpacked zips, folders of one person, flat folders and BIDS."""
    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", [name])

    assert [name] == image_of(table)


@pytest.mark.parametrize(
    "name",
    [
        "1000001_20252_3_0/T1/T1_brain.nii.gz",
        "1000001/3/T1/T1_brain.nii.gz",
        "instance3/1000001/T1/T1_brain.nii.gz",
        "1000001_3_T1.nii.gz",
        "1000001_20252_3_0.nii.gz",
        "1000001_i3.nii.gz",
        "sub-1000001/ses-3/anat/sub-1000001_ses-3_T1w.nii.gz",
    ],
)
def test_scans_of_another_visit_are_no_candidates(tmp_path, name):
    """The repeat scan never stands in for the first, and the other way round."""
    options = write_study(tmp_path, "eid,31-0.0\n1000001,0\n", [name])

    with pytest.raises(DataError) as caught:
        Ukb(options).load()

    assert caught.value.expected.startswith("scans of instance 2: ")
    assert (1, 0, (name,)) == caught.value.found


def test_the_repeat_visit_can_be_chosen(tmp_path):
    """With instance 3 both columns and scans are those of the repeat visit."""
    names = [BULK.format("1000001"), "1000001_20252_3_0/T1/T1_brain.nii.gz"]
    text = "eid,21001-2.0,21001-3.0\n1000001,25.5,27.5\n"

    table = load(tmp_path, text, names, instance=3)

    assert ["1000001_20252_3_0/T1/T1_brain.nii.gz"] == image_of(table)
    assert {"1000001": "27.5"} == column(table, "p21001")
    assert "1 scans of other instances were left aside." in table.notes


def test_derived_images_beside_the_scan_are_no_candidates(tmp_path):
    """Masks, registered copies, other sequences and other files of the folder stay out."""
    folder = "1000001_20252_2_0/T1/"
    others = ("T1_brain_mask", "T1_brain_to_MNI", "T1", "T1_fast/T1_brain_seg", "T1_orig_defaced")
    names = [
        BULK.format("1000001"),
        "1000001_20253_2_0/T2_FLAIR/T2_FLAIR_brain.nii.gz",
        "1000001_20253_2_0.nii.gz",
        "sub-1000001_FLAIR.nii.gz",
        *(f"{folder}{other}.nii.gz" for other in others),
    ]

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", names)

    assert [BULK.format("1000001")] == image_of(table)
    assert 1 == table.join.images


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"image": "T1_unbiased_brain.nii.gz"}, "1000001_20252_2_0/T1/T1_unbiased_brain.nii.gz"),
        ({"suffix": "_reg.nii.gz"}, "1000001_reg.nii.gz"),
        ({"image": "mri/brain.mgz", "field": 20263}, "1000001_20263_2_0/FreeSurfer/mri/brain.mgz"),
    ],
)
def test_another_scan_can_be_wanted(tmp_path, more, name):
    """The end of a path, the end of a name, or another data-field of the scans."""
    names = [name, name.replace("brain", "head").replace("_reg", "_mask")]

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", names, **more)

    assert [name] == image_of(table)


def test_a_number_in_front_of_a_name_is_no_eid_inside_a_folder(tmp_path):
    """`1000001/4_mask.nii.gz` is not the scan of a person 4, nor one named by eid."""
    names = [BULK.format("1000001"), "1000001_20252_2_0/4_mask.nii.gz"]

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n4,1\n", names)

    assert [BULK.format("1000001")] == image_of(table)


def test_scans_that_tell_no_visit_are_told(tmp_path):
    """What is taken on trust stands in the notes."""
    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", ["1000001_T1.nii.gz"])

    assert "1 scans tell no instance and are taken as of 2." in table.notes


def test_two_scans_of_one_person_are_refused(tmp_path):
    """A scan whose name tells the visit does not win silently over one whose name does not."""
    names = [BULK.format("1000001"), "1000001_T1.nii.gz"]
    options = write_study(tmp_path, "eid,31-0.0\n1000001,0\n", names)

    with pytest.raises(DataError) as caught:
        Ukb(options).load()

    assert 2 == len(caught.value.found)
    assert "image or suffix" in caught.value.hint


def test_a_rule_chooses_among_scans(tmp_path):
    """With several the first or the last path is taken."""
    names = [BULK.format("1000001"), "1000001_T1.nii.gz"]

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", names, several="last")

    assert ["1000001_T1.nii.gz"] == image_of(table)


def test_zips_are_named_as_the_cause(tmp_path):
    """A folder of downloads as they came says what to do."""
    options = write_study(tmp_path, "eid,31-0.0\n1000001,0\n", ["1000001_20252_2_0.zip"])

    with pytest.raises(DataError) as caught:
        Ukb(options).load()

    assert (0, 1) == caught.value.found[:2]


def test_zips_beside_scans_are_mentioned(tmp_path):
    """A download that is only half unpacked is told."""
    names = [BULK.format("1000001"), "1000002_20252_2_0.zip"]

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n", names)

    assert any(note.startswith("1 zips were found") for note in table.notes)


def test_who_did_not_come_asks_for_no_scan(tmp_path):
    """Of half a million people a tenth was scanned: the rest is no failed join."""
    text = "eid,53-2.0\n1000001,2015-05-01\n1000002,\n"

    table = load(tmp_path, text)

    assert (1, 1) == (table.join.rows, table.join.matched)
    assert [("no visit", "instance 2")] == list(
        zip(table.exclusions["reason"], table.exclusions["detail"], strict=True)
    )


def test_people_who_withdrew_are_left_out(tmp_path):
    """Those on the list, and those whose id became negative."""
    (tmp_path / "w123.csv").write_text("1000002\n")
    text = "eid,31-0.0\n1000001,0\n1000002,1\n-5,1\n"

    table = load(tmp_path, text, withdrawn=tmp_path / "w123.csv")

    assert ["1000001"] == table.scans["subject"].tolist()
    assert {"-5", "1000002"} == set(table.exclusions["subject"])
    assert ["withdrawn consent"] * 2 == table.exclusions["reason"].tolist()


def test_relatives_become_families(tmp_path):
    """Pairs of the kinship file are families; who withdrew links nobody."""
    (tmp_path / "w123.csv").write_text("eid\n1000009\n")
    (tmp_path / "ukb_rel.dat").write_text(
        "ID1 ID2 HetHet IBS0 Kinship\n1000002 1000001 0.1 0.0 0.25\n"
        "1000003 1000009 0.1 0.0 0.25\n1000009 1000001 0.1 0.0 0.25\n"
    )
    more = {"kinship": tmp_path / "ukb_rel.dat", "withdrawn": tmp_path / "w123.csv"}

    table = load(tmp_path, "eid,31-0.0\n1000001,0\n1000002,1\n1000003,1\n", **more)

    assert {"1000001": "1000001", "1000002": "1000001", "1000003": None} == column(table, "family")


def test_unknown_relatives_are_told(tmp_path):
    """Without a list of relatives the user learns that families may be split."""
    table = load(tmp_path, "eid,31-0.0\n1000001,0\n")

    assert any("set kinship" in note for note in table.notes)


def test_the_options_refuse_what_cannot_be(tmp_path):
    """Two sources of families, a scan that is none, and a column that is no field."""
    given = {"table": tmp_path, "images": tmp_path}
    with pytest.raises(ValueError, match="family and kinship"):
        UkbOptions(**given, family="fam", kinship=tmp_path)
    with pytest.raises(ValueError, match="image must end"):
        UkbOptions(**given, image="T1")
    with pytest.raises(ValueError, match="missing_by_field must name"):
        UkbOptions(**given, missing_by_field={"BMI_sds": ("-7",)})


def test_sources_are_all_files_that_are_read(tmp_path):
    """A change of any of them redoes the run."""
    given = {name: tmp_path / name for name in ("table", "images", "kinship", "withdrawn")}

    assert set(given.values()) == set(Ukb(UkbOptions(**given)).sources())


@pytest.mark.parametrize(
    "name", ["example01.csv", "example06_nan_integer.csv", "example09_with_arrays.csv"]
)
def test_tables_of_others_are_read(shared_data, tmp_path, name):
    """Synthetic tables of another project load whole; dates in field 31 are refused as a sex."""
    path = shared_data / "tables" / "ukb" / name
    people = pd.read_csv(path, dtype="str")["eid"]

    table = load(tmp_path, path.read_text(), [BULK.format(eid) for eid in people])

    assert people.tolist() == table.scans["subject"].tolist()
    assert people.size == table.rows_read
    with pytest.raises(DataError) as caught:
        read_sex(table, "p31")

    assert caught.value.expected.startswith("one of the codes 0 = female, 1 = male")
