"""What used to be told wrongly of tables and names says what is the matter."""

from __future__ import annotations

import openpyxl
import pytest

from brainplug.errors import DataError
from brainplug.toolkit.tables import read_table
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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_named_with_and_without_its_mark(tmp_path, encoding):
    """It is no binary file."""
    (tmp_path / "t.csv").write_bytes("id,age\na,1\n".encode(encoding))

    with pytest.raises(DataError, match="UTF-16"):
        read_table(tmp_path / "t.csv")


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
