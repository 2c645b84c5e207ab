"""Tables are read as text, whatever file they lie in; what cannot be read says why."""

from __future__ import annotations

import datetime as dt

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.tables import SESSION_NAMES, SUBJECT_NAMES, find_named, make_rows, read_table


def write_book(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"id,age\n007,1.0\n"),
        ("t.tsv", b"id\tage\r\n007\t1.0\r\n"),
        ("t.csv", b"id;age\n007;1.0"),
        ("t.txt", b'\xef\xbb\xbf"id"\t" age "\n" 007 "\t"1.0"\n\t\n'),
    ],
)
def test_text_keeps_what_is_written(tmp_path, name, content):
    """Zeros and decimals stay; marks, spaces, line ends and empty rows leave no trace."""
    (tmp_path / name).write_bytes(content)

    assert read_table(tmp_path / name).to_dict("list") == {"id": ["007"], "age": ["1.0"]}


def test_empty_cells_are_missing(tmp_path):
    """All ways of writing nothing are one; words such as `none` stay."""
    (tmp_path / "t.tsv").write_text("id\tx\n1\tn/a\n2\tN/A\n3\t\n4\tNaN\n5\tnone\n")

    table = read_table(tmp_path / "t.tsv")

    assert ["5"] == table.loc[table["x"].notna(), "id"].tolist()


def test_parquet_integers_beside_gaps_stay_integers(tmp_path):
    """Ids do not become floats, nor lose digits, because another row lacks one."""
    table = pa.table({"id": pa.array([9007199254740993, None, 3]), "x": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "t.parquet")

    read = read_table(tmp_path / "t.parquet")["id"]

    assert ["9007199254740993", "3"] == read.dropna().tolist()


def test_excel_cells_become_text(tmp_path):
    """Whole numbers have no decimals, dates are ISO, and a cell without a value is missing."""
    header = ["id", "age", "born", "well", "note"]
    row = [7, 9.5, dt.datetime(2020, 1, 31), True, " n/a "]  # noqa: DTZ001 (cells have no zone)
    path = write_book(tmp_path / "t.xlsx", {"Data": [header, row, ["012", 3.0, None, False, "x"]]})

    table = read_table(path).astype(object)

    expected = [["7", "9.5", "2020-01-31", "TRUE", None], ["012", "3", None, "FALSE", "x"]]
    assert expected == table.where(table.notna(), None).to_numpy().tolist()


def test_excel_leaves_out_empty_rows_and_columns(tmp_path):
    """Rows above the header and columns without a name or a value are no data."""
    rows = [[], ["id", None, "sex", None], ["a", None, "M", "seen"], [], ["b", None, "F"]]
    path = write_book(tmp_path / "t.xlsx", {"Data": rows})

    table = read_table(path)

    assert ["id", "sex", "column 4"] == list(table.columns)
    assert ["a", "b"] == table["id"].tolist()


def test_excel_takes_the_only_sheet_with_data(tmp_path):
    """Empty sheets before it do not count."""
    path = write_book(tmp_path / "t.xlsx", {"Empty": [], "Data": [["id"], ["a"]]})

    assert ["a"] == read_table(path)["id"].tolist()


def test_several_full_sheets_are_an_error_until_one_is_named(tmp_path):
    """The message lists the sheets; `sheet` chooses."""
    path = write_book(tmp_path / "t.xlsx", {"One": [["id"], ["a"]], "Two": [["id"], ["b"]]})

    with pytest.raises(DataError) as caught:
        read_table(path)

    assert ("One", "Two") == caught.value.found

    assert ["b"] == read_table(path, sheet="Two")["id"].tolist()


def test_an_unknown_sheet_shows_those_there_are(tmp_path):
    """A misspelt sheet is not taken for the first one."""
    path = write_book(tmp_path / "t.xlsx", {"One": [["id"], ["a"]]})

    with pytest.raises(DataError) as caught:
        read_table(path, sheet="one")

    assert ("a sheet 'one'", ("One",)) == (caught.value.expected, caught.value.found)


def test_a_sheet_of_a_text_file_is_refused(tmp_path):
    """A setting that could do nothing is an error."""
    (tmp_path / "t.csv").write_text("id\na\n")

    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv", sheet="One")

    assert ("a .xlsx workbook", "One") == (caught.value.expected, caught.value.found)


@pytest.mark.parametrize(
    ("name", "content", "expected", "found"),
    [
        ("t.xls", b"\xd0\xcf\x11\xe0", "a table", ".xls"),
        ("t.ods", b"PK\x03\x04", "a table", ".ods"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0", "an Excel workbook", "an older or an encrypted workbook"),
        ("t.xlsx", b"id,age\n", "an Excel workbook", "text"),
        ("t.csv", b"PK\x03\x04", "a table as text", "a workbook or zip"),
        ("t.csv", b"", "a table", "an empty file"),
        ("t.csv", b"id,age\n", "rows below the header", "none"),
        ("t.csv", b"id,id\n1,2\n", "each column once", ("id",)),
        ("t.csv", b"id,age\n1,2\n3\n", "2 values as in the header", 1),
        ("t.csv", "id,näme\n1,ü\n".encode("latin-1"), "text in UTF-8", "another encoding"),
        ("t.csv", "id,age\n".encode("utf-16"), "text in UTF-8", "UTF-16"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, expected, found):
    """Each error holds the file, what it should be and what it is, as a value or in words."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_table(path)

    error = caught.value
    assert path == error.where[0]
    assert (expected, found) == (error.expected, error.what if error.found is None else error.found)
    assert str(error).startswith(f"{path}: ")


def test_a_line_at_fault_is_named(tmp_path):
    """The line is counted as an editor counts it."""
    path = tmp_path / "t.csv"
    path.write_text("id,age\n1,2\n3\n")

    with pytest.raises(DataError) as caught:
        read_table(path)

    assert (path, "line 3") == caught.value.where


def test_a_broken_parquet_file_is_refused(tmp_path):
    """What the reader of parquet says goes with it."""
    (tmp_path / "t.parquet").write_bytes(b"no")

    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.parquet")

    assert "a parquet file" == caught.value.expected


def test_names_are_found_whatever_their_case():
    """Studies spell the id and the visit in their own way; the commonest name comes first."""
    columns = ["VISCODE", "RID", "Participant_ID", "age"]

    assert ["Participant_ID", "RID"] == find_named(columns, SUBJECT_NAMES)
    assert ["VISCODE"] == find_named(columns, SESSION_NAMES)


def test_columns_called_as_our_own_are_kept_under_another_name():
    """A study's `site` does not become the site of brainplug unless the recipe says so."""
    table = pd.DataFrame({"id": ["a"], "site": ["x"]}, dtype="str")

    rows = make_rows(table, {"subject": table["id"]})

    assert rows["site"].isna().all()
    assert ["x"] == rows["site_in_table"].tolist()
