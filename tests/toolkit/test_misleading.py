"""What used to be told wrongly of tables and names says what is the matter."""

from __future__ import annotations

import os

import openpyxl
import pandas as pd
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.image_matching import find_images
from brainplug.toolkit.tables import get_column, read_table
from brainplug.toolkit.wide import asking
from brainplug_plugins.cohorts.abcd import Abcd, AbcdOptions
from brainplug_plugins.cohorts.bids import Bids, BidsOptions
from brainplug_plugins.cohorts.gard import Gard, GardOptions
from brainplug_plugins.cohorts.table import Table, TableOptions
from brainplug_plugins.cohorts.ukb import Ukb, UkbOptions


def book_of(path, **more):
    book = openpyxl.Workbook()
    for row in (["id", "bmi"], ["a", "=B5/2"], ["b", 21.5]):
        book.active.append(row)
    book.create_sheet("Notes")
    book.save(path)
    return path


def test_formulas_that_were_never_calculated_are_named(tmp_path):
    """Their cells hold no value, which is no missing target."""
    with pytest.raises(DataError, match="never calculated, such as in 'B2'"):
        read_table(book_of(tmp_path / "t.xlsx"))


@pytest.mark.parametrize("end", ["", "-le", "-be"])
@pytest.mark.parametrize("kind", ["utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["id,age\na,1\n", "id,성별\n가,여성\n나,남성\n"])
def test_letters_of_two_or_four_bytes_are_named_with_and_without_their_mark(
    tmp_path, kind, end, text
):
    """It is no binary file, whatever the script."""
    (tmp_path / "t.csv").write_bytes(text.encode(kind + end))

    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv")

    assert kind.upper() + " without a mark" * bool(end) == caught.value.what


OTHERS = {
    "a gzip file": b"\x1f\x8b\x08\0",
    "a parquet file": b"PAR1\x15\x04",
    "a PDF": b"%PDF-1.4\n",
    "a web page": b"\n<!DOCTYPE html>\n<p>Sign in</p>\n",
    "XML": b'\xef\xbb\xbf<?xml version="1.0"?>\n<a/>\n',
    "JSON": b'[{"id": 1, "sex": 2},\n{"id": 2, "sex": 1}]',
    "an older Office file": b"\xd0\xcf\x11\xe0" + bytes(600),
    "an SPSS file": b"$FL2@(#)" + b"x\0\0\0" * 60,
    "a Stata file": b"<stata_dta>" + bytes(99),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 1\n",
    "a pointer of git-annex": b"/annex/objects/MD5E-s1--a.csv\n",
    "a binary file": b"\0\x01\0\0\x02\0\x03" * 9,
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.xlsx", "t.parquet"])
def test_a_file_that_is_something_else_is_called_so(tmp_path, what, name):
    """By its content: a download that ended at a sign-in page is no table without a column."""
    if (what, name) == ("a parquet file", "t.parquet"):
        return
    (tmp_path / name).write_bytes(OTHERS[what])

    with pytest.raises(DataError) as caught:
        read_table(tmp_path / name)

    old = what == "an older Office file" and name == "t.xlsx"
    assert ("an older or an encrypted workbook" if old else what) == caught.value.what


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sep=,\nid,sex\na,1\n", "expected a header, found 'sep=,'; delete"),
        ("# of 2020\nid,sex\na,1\n", "header is taken to be '# of 2020'; delete"),
    ],
)
def test_what_stands_above_the_header_is_named(tmp_path, text, told):
    """It is the first line that is at fault, not the second."""
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(DataError, match=told):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("sign", ["|", " ", "^"])
def test_another_delimiter_is_named(tmp_path, sign):
    """A header of one name is hardly what was meant."""
    (tmp_path / "t.csv").write_text("id,sex\na,1\n".replace(",", sign))
    table = read_table(tmp_path / "t.csv")

    with pytest.raises(DataError) as caught:
        get_column(table, "id", option="cohort.subject", source="t.csv")

    assert f"are values parted by {sign!r}?" in str(caught.value)


def test_several_byte_order_marks_are_none(tmp_path):
    """Tools that join files leave one each."""
    (tmp_path / "t.csv").write_text("\ufeff\ufeffid,sex\na,1\n")

    assert ["id", "sex"] == read_table(tmp_path / "t.csv").columns.tolist()


def edited_book(path, edit):
    book = openpyxl.Workbook()
    for row in (["id", "sex"], ["a", "M"], ["b", None], ["c", "F"]):
        book.active.append(row)
    edit(book)
    book.save(path)
    return path


def test_a_value_merged_over_rows_is_no_missing_target(tmp_path):
    """The rows below show it, and hold nothing; a title merged over columns harms nobody."""
    merged = edited_book(tmp_path / "m.xlsx", lambda book: book.active.merge_cells("B2:B3"))
    beside = edited_book(tmp_path / "n.xlsx", lambda book: book.active.merge_cells("B4:C4"))

    with pytest.raises(DataError, match="merged over rows, such as 'B2:B3'"):
        read_table(merged)
    assert 3 == len(read_table(beside))


def test_a_workbook_that_its_reader_fails_on_is_refused(tmp_path):
    """Such as one with a sheet of charts without any, at which openpyxl raises whatever it does."""
    book = edited_book(tmp_path / "t.xlsx", lambda book: book.create_chartsheet("Charts"))

    with pytest.raises(DataError, match="save it anew, or save the sheet as CSV"):
        read_table(book)


def test_a_workbook_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path, monkeypatch):
    """Zeros shrink to a thousandth."""
    monkeypatch.setattr("brainplug.toolkit.workbooks.LARGEST", 1000)

    with pytest.raises(DataError, match="at most 1,000 bytes when unpacked"):
        read_table(edited_book(tmp_path / "t.xlsx", lambda _: None))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_header_alone_is_a_table_without_rows(tmp_path, end):
    """It is no empty file, whether or not its line ends."""
    (tmp_path / "t.csv").write_text(f"id,age{end}")

    with pytest.raises(DataError, match="expected rows below the header"):
        read_table(tmp_path / "t.csv")


def study(folder, kind):
    (folder / "t.csv").write_text("id,eid,src_subject_id,eventname\n")
    people = {
        "abcd": ["NDAR_INV0000000" + str(n) for n in range(4)],
        "ukb": [f"100000{n}" for n in range(4)],
    }.get(kind, [f"{n}" for n in range(1, 5)])
    rows = "".join(f"{each},{each},{each},baseline_year_1_arm_1\n" for each in people)
    (folder / "t.csv").write_text(f"id,eid,src_subject_id,eventname\n{rows}")
    (folder / "participants.tsv").write_text("participant_id\n" + "\n".join(people) + "\n")
    names = {
        "bids": "sub-{}/anat/sub-{}_T1w.NII.GZ",
        "ukb": "{}_20252_2_0/T1/T1_brain.NII.GZ",
        "abcd": "{}_baselineYear1Arm1_T1w.NII.GZ",
    }
    for each in people:
        path = folder / names.get(kind, "{}.NII.GZ").format(each, each)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    table, subject = folder / "t.csv", "id"
    return {
        "table": lambda: Table(TableOptions(table=table, images=folder, subject=subject)),
        "gard": lambda: Gard(GardOptions(table=table, images=folder, subject=subject)),
        "bids": lambda: Bids(BidsOptions(root=folder)),
        "ukb": lambda: Ukb(UkbOptions(table=table, images=folder)),
        "abcd": lambda: Abcd(AbcdOptions(tables=table, images=folder)),
    }[kind]()


@pytest.mark.parametrize("kind", ["table", "gard", "bids", "ukb", "abcd"])
def test_scans_in_capital_letters_are_scans(tmp_path, kind):
    """`.NII.GZ`, as some servers and disks make of it, is found by every loader."""
    assert 4 == len(study(tmp_path, kind).load().scans)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"pandas_type", b"pan\xe4as_type"), (b'{"index', b"{[index"), (b"id-", b"id\xff")],
)
def test_a_damaged_parquet_file_is_refused(tmp_path, old, new):
    """In what pandas noted of itself it does no harm; in a text it would end a later step."""
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"id": [f"id-{n}" for n in range(9)], "age": range(9)})
    frame.to_parquet(path, compression=None, use_dictionary=False, column_encoding="PLAIN")
    path.write_bytes(path.read_bytes().replace(old, new))

    if old == b"id-":
        with pytest.raises(DataError, match="copy it again"):
            read_table(path)
    else:
        assert [str(n) for n in range(9)] == read_table(path)["age"].tolist()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.IMG", "Analyze or NIfTI in two files"),
        ("deep/a.nrrd", "NRRD"),
        ("a.nii.zip", "packed otherwise"),
        ("a.nii.gz.gz", "packed otherwise"),
        ("a.nii.gz.part", "half a download"),
        ("a.nii.gz.txt", "named .txt by a download"),
    ],
)
def test_scans_of_other_formats_are_called_what_they_are(tmp_path, name, told):
    """There are images, so that "none" would be wrong."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()

    with pytest.raises(DataError) as caught:
        find_images(tmp_path)

    assert f"{name!r} and the like, which are {told}" == caught.value.what


def test_a_folder_without_any_image_says_so(tmp_path):
    """No pattern is at fault."""
    (tmp_path / "t.csv").write_text("id\na\n")
    (tmp_path / "images").mkdir()
    options = TableOptions(table=tmp_path / "t.csv", images=tmp_path / "images", subject="id")

    with pytest.raises(DataError, match="none, not even in its folders"):
        Table(options).load()


def test_a_pipe_is_no_missing_table(tmp_path):
    """It is not opened, and it is there."""
    os.mkfifo(tmp_path / "t.csv")

    with pytest.raises(DataError, match="found a pipe or a device"):
        read_table(tmp_path / "t.csv")


def filter_rows(book):
    book.active.auto_filter.ref = "A1:B4"
    for row in (3, 4, 9):  # the last one is empty
        book.active.row_dimensions[row].hidden = True


def hide_a_column(book):
    book.active.column_dimensions["B"].hidden = True
    book.active.column_dimensions.group("D", "F", hidden=True)


def hide_the_sheet(book):
    book.create_sheet("Shown")
    book.active.sheet_state = "hidden"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda _: None, ()),
        (filter_rows, ("2 rows hidden, by a filter or by hand, and read as all others; is",)),
        (hide_a_column, ("columns hidden, and read as all others: 'sex'",)),
        (hide_the_sheet, ("the sheet is hidden, and was read",)),
    ],
)
def test_what_a_workbook_hides_is_read_and_told(tmp_path, edit, told):
    """Whoever filtered a table may have meant the rest to be left out."""
    with asking(()) as asked:
        assert 3 == len(read_table(edited_book(tmp_path / "t.xlsx", edit)))

    assert len(told) == len(asked.notes)
    for start, note in zip(told, asked.notes, strict=True):
        assert note.startswith(f"t.xlsx, sheet 'Sheet': {start}")
