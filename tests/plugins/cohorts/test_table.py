"""The loader `table`: any table with any folder, as declared, and nothing guessed."""

from __future__ import annotations

from pathlib import Path

import attrs
import openpyxl
import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.heads.categorical import Categorical, CategoricalOptions
from brainplug_plugins.heads.numerical import Numerical, NumericalOptions


def write_study(folder: Path, text: str, images, **options) -> TableOptions:
    for name in images:
        (folder / "T1" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "T1" / name).touch()
    (folder / "table.csv").write_text(text)
    return TableOptions(table=folder / "table.csv", images=folder / "T1", **options)


def load(options: TableOptions):
    table = Table(options).load()
    assert table.rows_read == len(table.scans) + len(table.exclusions)
    return table


def images_of(table, folder: Path) -> dict[str, str]:
    names = [Path(image).relative_to(folder / "T1").as_posix() for image in table.scans["image"]]
    return dict(zip(table.scans["subject"], names, strict=True))


def reasons_of(table) -> dict[str, str]:
    exclusions = table.exclusions.fillna({"subject": ""})
    return dict(zip(exclusions["subject"], exclusions["reason"], strict=True))


def test_every_row_is_a_scan_or_an_exclusion(tmp_path):
    """Rows without an id, a session or an image say so; the counts add up."""
    text = "id,visit,sex\na,1,M\nb,1,F\n,1,M\nc,,F\nd,1,M\na,2,M\n"
    options = write_study(tmp_path, text, ["a.nii.gz", "b.nii.gz", "z.nii.gz"], subject="id")

    table = load(attrs.evolve(options, session="visit", keep_session="1"))

    assert ["a", "b"] == table.scans["subject"].tolist()
    assert {"": "no subject id", "c": "no session", "d": "no image", "a": "another session"} == (
        reasons_of(table)
    )
    assert (3, 3, 2) == (table.join.rows, table.join.images, table.join.matched)
    assert ("d",) == table.join.rows_without_image
    assert (str(tmp_path / "T1" / "z.nii.gz"),) == table.join.images_without_row


@pytest.mark.parametrize(
    ("written", "subject", "name"),
    [("7.0", "7", "007"), ("1004", "1004", "1004"), ("A-1", "A-1", "sub-A1")],
)
def test_integer_and_text_ids_meet_their_files(tmp_path, written, subject, name):
    """An id read as a number is the text in the file's name (D21), in any kind of table."""
    options = write_study(tmp_path, f"id,sex\n{written},M\n", [f"{name}.nii.gz"], subject="id")

    assert {subject: f"{name}.nii.gz"} == images_of(load(options), tmp_path)


def test_duplicate_rows_are_left_to_the_cohort_stage(tmp_path):
    """Copies of a row are no visits: each goes on, so that all are counted as such."""
    options = write_study(
        tmp_path, "id,sex\na,M\na,M\nb,F\n", ["a.nii.gz", "b.nii.gz"], subject="id"
    )

    assert ["a", "a", "b"] == load(options).scans["subject"].tolist()


def test_a_missing_subject_shows_columns_and_candidates(tmp_path):
    """Nothing is taken for the id, however likely; the message tells what to write."""
    options = write_study(tmp_path, "PTGENDER,ptid,RID\n1,002_S_0413,413\n", ["a.nii.gz"])

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert str(caught.value) == (
        f"{options.table}: expected to be told which column holds the id of a person, found "
        "'PTGENDER', 'ptid', 'RID'; likely are 'RID' or 'ptid'; write subject = 'RID' in [cohort] "
        "if that is it"
    )


@pytest.mark.parametrize(
    ("option", "value", "likely"),
    [
        ("subject", "Id", "did you mean 'id'? "),
        ("subject", "person", "did you mean 'id'? "),
        ("session", "visits", "did you mean 'visit'? "),
        ("family", "fam", ""),
        ("codes", {"gender": {"1": "male"}}, ""),
    ],
)
def test_a_wrong_column_shows_the_likeliest(tmp_path, option, value, likely):
    """Each option names its own key."""
    options = write_study(tmp_path, "id,visit,sex\na,1,M\n", ["a.nii.gz"], subject="id")

    with pytest.raises(DataError) as caught:
        Table(attrs.evolve(options, **{option: value})).load()

    error = caught.value
    assert ((options.table,), ("id", "visit", "sex")) == (error.where, error.found)
    assert f"{likely}it has 'id', 'visit', 'sex'; set cohort.{option}" == error.hint


def test_visits_without_a_declared_column_are_refused(tmp_path):
    """Rows of one person that are likely visits do not vanish as copies (D16)."""
    text = "RID,VISCODE,AGE\n1,bl,70\n1,m12,71\n2,bl,60\n"
    options = write_study(tmp_path, text, ["1.nii.gz", "2.nii.gz"], subject="RID")

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert ("1",) == caught.value.found
    assert 'session = "VISCODE"' in caught.value.hint


def test_visits_that_would_share_an_image_are_refused(tmp_path):
    """A pattern without the session cannot serve several visits (D16)."""
    options = write_study(tmp_path, "id,v\na,1\na,2\n", ["a.nii.gz"], subject="id", session="v")

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert ("a",) == caught.value.found
    assert "set cohort.keep_session" in caught.value.hint


def test_visits_are_rows_of_one_subject(tmp_path):
    """Each visit has its image, and all of a person bear one id for the split (D16)."""
    options = write_study(
        tmp_path,
        "id,visit\na,1\na,2\nb,1\n",
        ["a/v01.nii", "a/v02.nii", "b/v01.nii"],
        subject="id",
        session="visit",
        pattern="{subject}/v{session}.nii",
    )

    scans = load(options).scans

    assert ["a", "a", "b"] == scans["subject"].tolist()
    assert ["v01.nii", "v02.nii", "v01.nii"] == [Path(image).name for image in scans["image"]]


@pytest.mark.parametrize(("keep", "expected"), [("first", ["2", "1"]), ("v1", ["1"])])
def test_one_visit_of_each_is_kept(tmp_path, keep, expected):
    """The first is the first with an image; a name keeps that visit only (D16)."""
    options = write_study(
        tmp_path,
        "id,visit\na,1\na,10\na,2\nb,1\n",
        ["a_2.nii", "a_10.nii", "b_1.nii"],
        subject="id",
        session="visit",
        pattern="{subject}_{session}.nii",
    )

    kept = load(attrs.evolve(options, keep_session=keep.removeprefix("v")))

    assert expected == kept.scans["session"].tolist()


@pytest.mark.parametrize(("keep", "expected"), [("first", "s2.nii"), ("10", "s10.nii")])
def test_a_session_that_only_the_images_tell(tmp_path, keep, expected):
    """A table of people takes one session of the folder, and the scan knows which."""
    options = write_study(
        tmp_path,
        "id\na\n",
        ["a/s10.nii", "a/s2.nii"],
        subject="id",
        keep_session=keep,
        pattern="{subject}/s{session}.nii",
    )

    scans = load(options).scans

    assert [expected] == [Path(image).name for image in scans["image"]]
    assert [expected[1:-4]] == scans["session"].tolist()


def test_several_images_of_a_row_need_a_rule(tmp_path):
    """Two runs are an error that names both; `several` chooses."""
    options = write_study(
        tmp_path, "id\na\n", ["a/r10.nii", "a/r2.nii"], subject="id", pattern="{subject}/r*.nii"
    )

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert ["r2.nii", "r10.nii"] == [path.rpartition("/")[2] for path in caught.value.found]
    assert 'several = "first"' in caught.value.hint

    chosen = load(attrs.evolve(options, several="last"))
    assert {"a": "a/r10.nii"} == images_of(chosen, tmp_path)


def test_the_table_decides_where_an_id_ends(tmp_path):
    """`A_1_T1` is the image of `A_1`, not one of `A` that is not in the table."""
    options = write_study(
        tmp_path,
        "id\nA_1\nB\n",
        ["A_1_T1.nii", "B_T1.nii"],
        subject="id",
        pattern="{subject}_*.nii",
    )

    assert {"A_1": "A_1_T1.nii", "B": "B_T1.nii"} == images_of(load(options), tmp_path)


def test_an_image_of_two_possible_people_is_refused(tmp_path):
    """Where both `A` and `A_1` are in the table, neither is given the scan by chance."""
    options = write_study(
        tmp_path, "id\nA\nA_1\n", ["A_1_T1.nii"], subject="id", pattern="{subject}_*.nii"
    )

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert ("A", "A_1") == caught.value.found


def test_a_pattern_that_nothing_fits_shows_what_there_is(tmp_path):
    """The message shows examples of names."""
    options = write_study(tmp_path, "id\na\n", ["anat/a.nii"], subject="id")

    with pytest.raises(DataError) as caught:
        Table(options).load()

    assert (options.images,) == caught.value.where
    assert ("anat/a.nii",) == caught.value.found


@pytest.mark.parametrize("pattern", ["T1.nii.gz", "{subject}/{run}.nii", "{subject}/}.nii"])
def test_a_pattern_that_names_nobody_is_refused(pattern):
    """The pattern has one meaning only."""
    with pytest.raises(ValueError, match="pattern must hold"):
        TableOptions(table=Path("t"), images=Path("i"), pattern=pattern)


def test_a_session_that_nothing_tells_is_refused():
    """keep_session without a session would be ignored."""
    with pytest.raises(ValueError, match="keep_session needs session"):
        TableOptions(table=Path("t"), images=Path("i"), keep_session="first")


def test_an_adni_table(tmp_path):
    """PTID with underscores meets names without; 1 and 2 are as declared, -4 has no value (D13)."""
    options = write_study(
        tmp_path,
        '"RID","PTID","VISCODE","PTGENDER","MMSE"\n'
        '"413","002_S_0413","bl","1","29"\n"413","002_S_0413","m12","1","-1"\n'
        '"5678","123_S_5678","bl","2","-4"\n"22","009_S_0022","bl","-4","28"\n',
        ["sub-ADNI002S0413/ses-bl/T1.nii", "sub-ADNI002S0413/ses-m12/T1.nii"]
        + [f"sub-ADNI{name}/ses-bl/T1.nii" for name in ("123S5678", "009S0022")],
        subject="PTID",
        session="VISCODE",
        pattern="sub-ADNI{subject}/ses-{session}/T1.nii",
        codes={"PTGENDER": {"1": "male", "2": "female"}},
        missing=("-1", "-4"),
    )

    table = load(options)
    sex = Categorical(CategoricalOptions(column="PTGENDER")).read(
        table.scans["PTGENDER"], codes=table.codes["PTGENDER"], missing=table.missing
    )
    mmse = Numerical(NumericalOptions(column="MMSE")).read(
        table.scans["MMSE"], codes={}, missing=table.missing
    )

    assert 4 == len(table.scans)
    assert ["male", "male", "female", ""] == sex.values.fillna("").tolist()  # noqa: PD011
    assert [29.0, 28.0] == mmse.values.dropna().tolist()  # noqa: PD011


def test_an_oasis_table(tmp_path):
    """150 people in 373 rows: the visit joins `OAS2_0001_MR2`, and M and F are words (D16, D22)."""
    options = write_study(
        tmp_path,
        "Subject ID,MRI ID,Group,Visit,M/F,SES\n"
        "OAS2_0001,OAS2_0001_MR1,Nondemented,1,M,\nOAS2_0001,OAS2_0001_MR2,Nondemented,2,M,2\n"
        "OAS2_0002,OAS2_0002_MR1,Mild dementia,1,F,\n",
        [f"OAS2_{name}/mpr-1.nii.gz" for name in ("0001_MR1", "0001_MR2", "0002_MR1")],
        subject="Subject ID",
        session="Visit",
        pattern="{subject}_MR{session}/mpr-1.nii.gz",
    )

    table = load(options)
    group = Categorical(CategoricalOptions(column="Group")).read(
        table.scans["Group"], codes={}, missing=table.missing
    )

    assert [("OAS2_0001", "1"), ("OAS2_0001", "2"), ("OAS2_0002", "1")] == list(
        table.scans[["subject", "session"]].itertuples(index=False, name=None)
    )
    assert ["Nondemented", "Nondemented", "Mild dementia"] == group.values.tolist()  # noqa: PD011


@pytest.mark.parametrize(
    "pattern", ["{subject}/T1w/T1w_acpc_dc_restore_brain.nii.gz", "{subject}/mri/brain.mgz"]
)
def test_an_hcp_table(tmp_path, pattern):
    """Six-digit ids and families; age bands are words, never numbers (D23)."""
    options = write_study(
        tmp_path,
        "Subject,Gender,Age,Family_ID\n100206,M,26-30,F1\n100307,F,36+,F1\n",
        [pattern.replace("{subject}", name) for name in ("100206", "100307")],
        subject="Subject",
        family="Family_ID",
        pattern=pattern,
    )

    table = load(options)

    assert ["F1", "F1"] == table.scans["family"].tolist()
    with pytest.raises(DataError) as caught:
        Numerical(NumericalOptions(column="Age")).read(
            table.scans["Age"], codes={}, missing=table.missing
        )

    assert "numbers" == caught.value.expected
    assert 'use = "categorical"' in caught.value.hint


def test_declared_codes_are_applied_once_and_as_declared(tmp_path):
    """1 and 2 mean what the recipe says; every row keeps its own class (D13, D14)."""
    names = ("a", "b", "c", "d")
    rows = "".join(f"{name},{code}\n" for name, code in zip(names, "1212", strict=True))
    options = write_study(
        tmp_path,
        "id,sex\n" + rows,
        [f"{name}.nii.gz" for name in names],
        subject="id",
        codes={"sex": {"1": "male", "2": "female"}},
    )

    table = load(options)
    found = Categorical(CategoricalOptions(column="sex")).read(
        table.scans["sex"], codes=table.codes["sex"], missing=table.missing
    )

    assert ["male", "female", "male", "female"] == found.values.tolist()  # noqa: PD011


def test_an_integer_column_is_what_the_head_says(tmp_path):
    """Ages 9 to 11 are numbers for one head and refused as codes by the other (D23)."""
    options = write_study(
        tmp_path, "id,age\na,9\nb,10\nc,11\n", [f"{name}.nii.gz" for name in "abc"], subject="id"
    )
    ages = load(options).scans["age"]

    number = Numerical(NumericalOptions(column="age")).read(ages, codes={}, missing=frozenset())

    assert [9.0, 10.0, 11.0] == number.values.tolist()  # noqa: PD011
    with pytest.raises(DataError) as caught:
        Categorical(CategoricalOptions(column="age")).read(ages, codes={}, missing=frozenset())

    assert "write labels" in caught.value.hint


def test_excel_parquet_and_text_give_the_same_cohort(tmp_path):
    """The form of the file leaves no trace."""
    options = write_study(
        tmp_path, "id,age\n7,9.5\n8,10\n", ["07.nii.gz", "08.nii.gz"], subject="id"
    )
    book = openpyxl.Workbook()
    for row in (["id", "age"], [7, 9.5], [8, 10]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    pd.DataFrame({"id": ["7", "8"], "age": ["9.5", "10"]}).to_parquet(tmp_path / "t.parquet")

    scans = load(options).scans

    for name in ("t.xlsx", "t.parquet"):
        other = load(attrs.evolve(options, table=tmp_path / name)).scans
        pd.testing.assert_frame_equal(scans, other)


def test_a_sheet_is_chosen_by_name(tmp_path):
    """`sheet` reaches the workbook."""
    options = write_study(tmp_path, "", ["a.nii.gz"], subject="id", sheet="Two")
    book = openpyxl.Workbook()
    book.active.append(["note"])
    book.active.append(["read me"])
    for row in (["id"], ["a"]):
        (book["Two"] if "Two" in book.sheetnames else book.create_sheet("Two")).append(row)
    book.save(tmp_path / "t.xlsx")

    table = load(attrs.evolve(options, table=tmp_path / "t.xlsx"))

    assert ["a"] == table.scans["subject"].tolist()


def test_shuffled_rows_give_the_same_scans(tmp_path):
    """The order of rows and of files leaves no trace (D19)."""
    rows = [f"s{number},{number % 2}\n" for number in range(30)]
    names = [f"s{number:03d}.nii.gz" for number in range(25)]
    options = write_study(tmp_path, "id,x\n" + "".join(rows), names, subject="id")
    first = load(options)
    options.table.write_text("id,x\n" + "".join(rows[::-1]))

    second = load(options)

    one, other = (each.scans.sort_values("subject", ignore_index=True) for each in (first, second))
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(first.exclusions, second.exclusions)


def test_sources_are_the_table_and_the_images(tmp_path):
    """A change of either redoes the run."""
    options = write_study(tmp_path, "id\na\n", ["a.nii.gz"], subject="id")

    assert (tmp_path / "table.csv", tmp_path / "T1") == Table(options).sources()


def test_decimal_commas_are_read_where_they_are_declared(tmp_path):
    """Ids, sites and words keep their commas and points."""
    text = 'id;age;site;note\na;"34,5";1,5;x,5\nb;"1.234,25";2,5;7\n'
    options = write_study(
        tmp_path, text, ["a.nii.gz", "b.nii.gz"], subject="id", site="site", decimal=","
    )

    scans = load(options).scans

    assert ["34.5", "1234.25"] == scans["age"].tolist()
    assert ["1,5", "2,5"] == scans["site"].tolist()
    assert ["x,5", "7"] == scans["note"].tolist()


def test_decimal_commas_that_are_not_declared_are_named():
    """A target of such numbers is refused with what to write; other text is not called so."""
    head = Numerical(NumericalOptions(column="age"))

    for values, told in ((["34,5", "12"], "decimal = ','"), (["34,5", "old"], "categorical")):
        with pytest.raises(DataError, match=told):
            head.read(pd.Series(values, dtype="str"), codes={}, missing=frozenset())


LEADING_OUT = (
    "../secret",
    "../T1/../secret",
    "/secret",
    "T1/../../secret",
    "sub/../../secret",
    "-rf",
)


@pytest.mark.parametrize("pattern", ["{subject}.nii.gz", "{subject}/T1.nii.gz", "*/{subject}.nii"])
@pytest.mark.parametrize("identity", LEADING_OUT)
def test_an_id_leads_to_no_scan_outside_the_folder(tmp_path, identity, pattern):
    """Images are looked for in their folder, and ids are compared with what is there."""
    out = tmp_path / "secret"
    for path in (out / "T1.nii.gz", tmp_path / "secret.nii.gz", tmp_path / "secret.nii"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    own = pattern.replace("{subject}", "a").replace("*", "x")
    text = f"id,sex\na,M\n{identity},F\n"
    options = write_study(tmp_path, text, [own], subject="id", pattern=pattern)

    table = load(options)

    assert {"a": own} == images_of(table, tmp_path)
    assert {identity: "no image"} == reasons_of(table)


def test_links_in_the_folder_are_followed(tmp_path):
    """As datalad and many clusters keep scans; one that leads nowhere is told when it is read."""
    options = write_study(tmp_path, "id,sex\na,M\nb,F\nc,F\n", ["a.nii.gz"], subject="id")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/b.nii.gz").touch()
    (tmp_path / "T1/linked").symlink_to(tmp_path / "store")
    (tmp_path / "T1/c.nii.gz").symlink_to("nowhere")

    found = images_of(load(attrs.evolve(options, pattern="{subject}.nii.gz")), tmp_path)
    deep = images_of(load(attrs.evolve(options, pattern="*/{subject}.nii.gz")), tmp_path)

    assert {"a": "a.nii.gz", "c": "c.nii.gz"} == found
    assert {"b": "linked/b.nii.gz"} == deep
