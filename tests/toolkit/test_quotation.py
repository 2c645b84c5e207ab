"""A quotation mark too many swallows nobody; long texts within quotation marks stay as they are."""

from __future__ import annotations

import pytest

from brainplug.errors import DataError
from brainplug.toolkit.tables import read_table

HEADER = ["participant_id", "age", "sex", "note", "site"]
LONG = '"moved a lot\nthen slept, for long; or so\n\nand ""left"""'


def write_people(folder, delimiter, cells, *, end="\n", people=96):
    """Write a table; `cells` gives those that are not as usual, by line of the file and column."""
    rows = [list(HEADER)]
    rows += [[f"sub-{n:02}", f"{20 + n}", "MF"[n % 2], "fine", f"s{n % 3}"] for n in range(people)]
    for (line, column), text in cells.items():
        rows[line - 1][column] = text
    path = folder / ("t.tsv" if delimiter == "\t" else "t.csv")
    text = end.join(delimiter.join(row) for row in rows) + end
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize(
    "closed",
    [
        {(31, None): 'fell asleep"'},
        {(5, None): 'fell asleep"'},
        {(31, None): '"fell asleep"'},
        {(31, 4): 'x"'},
        {},
    ],
)
def test_an_opened_mark_is_refused_in_the_line_where_its_cell_begins(
    tmp_path, delimiter, column, closed
):
    """Whichever column it is, and whether another mark closes the cell later, sooner or never."""
    cells = {(4, column): '"moved a lot'}
    cells |= {(line, column if at is None else at): text for (line, at), text in closed.items()}
    path = write_people(tmp_path, delimiter, cells)

    with pytest.raises(DataError, match="a quotation mark opens a cell") as caught:
        read_table(path)

    assert (path, f"column {HEADER[column]!r}, line 4") == caught.value.where


@pytest.mark.parametrize(("line", "text"), [(2, '"x'), (4, 'x"')])
def test_where_hardly_a_row_is_left_the_count_of_values_tells(tmp_path, line, text):
    """A mark in the first row that the last one closes leaves nothing to compare with."""
    path = write_people(tmp_path, ",", {(2, 3): '"x', (4, 3): 'x"'}, people=3)

    with pytest.raises(DataError, match="line 2: a quotation mark opens"):
        read_table(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_long_texts_within_marks_are_read(tmp_path, delimiter, end):
    """Line breaks and other marks in a questionnaire's cells are legal, and lose nobody."""
    cells = {(4, 3): LONG, (5, 3): '"a\nb"', (50, 0): '"sub-48"', (97, 3): '"the\nlast"'}
    cells |= {(6, 0): '"sub-04\nagain"', (7, 4): '"s1\nand s2"'}
    table = read_table(write_people(tmp_path, delimiter, cells, end=end))

    assert 96 == len(table)
    assert 'moved a lot\nthen slept, for long; or so\n\nand "left"' == table["note"][2]


def test_words_with_as_many_commas_as_a_row_are_words(tmp_path):
    """A line of a text is a row of the table only where it looks like one."""
    table = read_table(write_people(tmp_path, ",", {(4, 4): '"Dear\nno, not, you, sir, bye"'}))

    assert 96 == len(table)


def test_a_header_of_several_lines_is_read_and_a_swallowing_one_is_not(tmp_path):
    """Exports break long names; a mark that is never closed would make the table one name."""
    read = read_table(write_people(tmp_path, "\t", {(1, 1): '"age\n(years)"'}))
    assert "age\n(years)" in read.columns

    with pytest.raises(DataError, match="line 1: a quotation mark opens a cell that is never"):
        read_table(write_people(tmp_path, "\t", {(1, 1): '"age'}, people=20_000))


def test_a_row_over_two_lines_with_a_value_lacking_names_the_first(tmp_path):
    """An editor shows the cell where it begins, not where the reader gave up."""
    path = write_people(tmp_path, ",", {(4, 3): '"a\nb"', (4, 4): "x,y"})

    with pytest.raises(DataError) as caught:
        read_table(path)

    assert ((path, "line 4"), 6) == (caught.value.where, caught.value.found)
