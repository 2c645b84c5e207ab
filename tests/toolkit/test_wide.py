"""Of a table of thousands of columns a run reads those that its recipe names."""

from __future__ import annotations

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.tables import get_column, read_table
from brainplug.toolkit.wide import WIDE, asking, is_wide, take_notes
from brainplug_plugins.abcd.names import is_known
from brainplug_plugins.cohorts.ukb import Ukb, UkbOptions

FILLERS = [f"x{number}" for number in range(WIDE + 500)]


def write_wide(path, own, fillers=FILLERS):
    """Write a table of the columns `own` among many others."""
    rows = len(next(iter(own.values())))
    frame = pd.DataFrame({name: ["7"] * rows for name in fillers})
    frame = pd.concat([frame.iloc[:, :700], pd.DataFrame(own), frame.iloc[:, 700:]], axis=1)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


OWN = {"participant_id": ["a", "b", "c"], "bmi.z": ["1", "n/a", "3"], "bmi": ["4", "5", " 6 "]}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.xlsx"])
def test_named_and_known_columns_are_read_and_the_rest_is_told(tmp_path, name):
    """What is read is as it is in a narrow table; a note counts both."""
    path = write_wide(tmp_path / name, OWN)

    with asking(["bmi", "sex"]):
        table = read_table(path)
        (note,) = take_notes()

    assert ["participant_id", "bmi"] == table.columns.tolist()
    assert ["4", "5", "6"] == table["bmi"].tolist()
    assert f"of {len(FILLERS) + 3:,} columns the 2 were read" in note
    assert is_wide(path)
    assert is_wide(tmp_path)


def test_outside_a_run_and_of_a_narrow_table_everything_is_read(tmp_path):
    """A script that reads a table gets all of it, and so does a run of a usual study."""
    wide, narrow = write_wide(tmp_path / "w.csv", OWN), tmp_path / "n.csv"
    write_wide(narrow, OWN, FILLERS[:20])

    with asking(["bmi"]):
        assert 23 == len(read_table(narrow).columns)
        assert () == take_notes()

    assert len(FILLERS) + 3 == len(read_table(wide).columns)
    assert not is_wide(narrow)


def test_a_row_that_is_empty_where_it_was_read_stays(tmp_path):
    """It may well be somebody's, and is an exclusion rather than nothing."""
    path = write_wide(tmp_path / "t.csv", {"participant_id": ["a", ""], "bmi": ["1", ""]})

    with asking(["bmi"]):
        assert 2 == len(read_table(path))


def test_a_wide_sheet_is_that_of_a_narrow_one(tmp_path):
    """Rows that hold something elsewhere stay, and those that hold nothing at all do not.

    Formulas that were never calculated matter where they are read; columns of one name anywhere.
    """
    own = {"participant_id": ["a", None, "c", None], "age": [41, None, 42.5, None]}
    path = write_wide(tmp_path / "t.xlsx", own)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    for column in range(1, sheet.max_column + 1):
        sheet.cell(5, column).value = None
    sheet.cell(6, 9).number_format = "0.00"
    sheet.cell(2, 9).value = "=1+1"
    book.create_sheet("empty")
    book.save(path)

    with asking(["age"]):
        table = read_table(path)
        assert len(take_notes()) == 1

    assert ["participant_id", "age"] == table.columns.tolist()
    assert ["a", "c"] == table["participant_id"].dropna().tolist()
    assert ["41", "42.5"] == table["age"].dropna().tolist()
    assert 3 == len(table)
    with asking([sheet.cell(1, 9).value]), pytest.raises(DataError, match="never calculated"):
        read_table(path)
    sheet.cell(1, 40).value = sheet.cell(1, 41).value
    book.save(path)
    with asking(["age"]), pytest.raises(DataError, match="each column once"):
        read_table(path)


def test_a_misspelt_column_is_suggested_among_those_not_read(tmp_path):
    """The message knows all columns of the file."""
    path = write_wide(tmp_path / "t.csv", OWN)

    with asking(["bmi_z"]), pytest.raises(DataError, match=r"did you mean 'bmi\.z'"):
        get_column(read_table(path), "bmi_z", option="target.column", source=path)


@pytest.mark.parametrize("naming", ["p{}_i2", "f.{}.2.0", "{}-2.0"])
def test_fields_of_uk_biobank_are_asked_for_in_any_naming(tmp_path, naming):
    """The recipe says p23104 whatever the table calls it; sex, centre and age are known."""
    fillers = [naming.format(30000 + number) for number in range(WIDE + 500)]
    own = {naming.format(number): ["1", "2"] for number in (31, 54, 21003, 23104)}
    eid = {"eid": ["1000001", "1000002"]}
    table = write_wide(tmp_path / "ukb.csv", {**eid, **own}, fillers)
    (tmp_path / "T1").mkdir()
    for person in eid["eid"]:
        (tmp_path / "T1" / f"{person}_20252_2_0.nii.gz").touch()

    with asking(["p23104"]):
        scans = Ukb(UkbOptions(table=table, images=tmp_path / "T1")).load().scans

    assert ["1", "2"] == scans["p23104"].tolist()
    assert {"p31", "p54", "p21003"} <= set(scans.columns)
    assert not any("3000" in name for name in scans.columns)


def test_what_abcd_is_known_by_is_read():
    """Subjects, visits, families, sites, scanners and quality control, in both namings."""
    names = ("src_subject_id", "rel_family_id", "site_id_l", "imgincl_t1w_include", "sex")

    assert all(map(is_known, names))
    assert not is_known("smri_vol_1")
