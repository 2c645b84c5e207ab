"""The files within an Excel workbook that hold its sheets: how wide they are, and fewer columns."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path
    from typing import IO

LONGEST_HEAD = 1 << 22
"""Bytes of a sheet in which its header is looked for."""

_ROW = re.compile(rb"<row\b[^>]*?(?:/>|>.*?</row>)", re.DOTALL)
_CELL = re.compile(rb'<c r="([A-Z]+)(\d+)"[^>]*?(?:/>|>.*?</c>)', re.DOTALL)
_COLUMNS = re.compile(rb"<col\b[^>]*>")
_UNSEEN = (b' hidden="1"', b' hidden="true"')
_ENDS = re.compile(rb'\b(min|max)="(\d+)"')
_VALUES = (b"<v", b"<is>")
_MARK = b'<c r="XFD%s"><v>1</v></c></row>'


def sheet_names(packed: zipfile.ZipFile) -> list[str]:
    """Return the names of the files that hold sheets."""
    names = packed.namelist()
    return [each for each in names if each.startswith("xl/worksheets/") and each.endswith(".xml")]


@attrs.frozen(kw_only=True)
class Signs:
    """What the XML of a workbook's sheets tells that a reader of cells does not see.

    Attributes:
        formulas: a sheet has some.
        merged: a sheet has merged cells.
        hidden_rows: by file, how many rows with a value nobody sees, filtered or hidden by hand.
        hidden_columns: by file, the places of columns that nobody sees.
    """

    formulas: bool
    merged: bool
    hidden_rows: dict[str, int]
    hidden_columns: dict[str, list[range]]


def read_signs(path: Path | IO[bytes]) -> Signs:
    """Look through the XML of the sheets of a workbook, one after the other."""
    formulas = merged = False
    rows, columns = dict[str, int](), dict[str, list[range]]()
    with zipfile.ZipFile(path) as packed:
        for name in sheet_names(packed):
            content = packed.read(name)
            formulas = formulas or b"<f" in content
            merged = merged or b"<mergeCell " in content
            # Found at once in a hundred megabytes, as a pattern is not.
            if any(each in content for each in _UNSEEN):
                rows[name] = sum(map(_is_unseen, _ROW.finditer(content)))
                columns[name] = [
                    _places(each) for each in _COLUMNS.findall(content) if _hides(each)
                ]
    return Signs(formulas=formulas, merged=merged, hidden_rows=rows, hidden_columns=columns)


def _is_unseen(row: re.Match[bytes]) -> bool:
    """Tell whether a row is hidden and holds a value."""
    text = row[0]
    head = text[: text.index(b">")]
    return _hides(head) and any(each in text for each in _VALUES)


def _hides(tag: bytes) -> bool:
    """Tell whether an entry of a sheet hides what it stands for."""
    return any(each in tag for each in _UNSEEN)


def _places(column: bytes) -> range:
    """Return the places, from 0, of the columns that an entry of a sheet stands for."""
    ends = {name: int(number) for name, number in _ENDS.findall(column)}
    return range(ends.get(b"min", 1) - 1, ends.get(b"max", 0))


def is_wide_sheet(path: Path, most: int) -> bool:
    """Tell whether a workbook has a sheet of more columns than some, by its first rows."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as packed:
        for name in sheet_names(packed):
            with packed.open(name) as file:
                rows = file.read(LONGEST_HEAD).split(b"</row>")
            if any(row.count(b"<c ") > most for row in rows):
                return True
    return False


def narrow(path: Path, sheet: Any, chosen: Sequence[int]) -> Path | IO[bytes]:
    """Return a workbook with the cells of some columns of a sheet alone.

    Making a cell takes openpyxl microseconds, and a row of a biobank has ten thousand of which few
    are read. Cells that are written otherwise than by Excel are left as they are.
    """
    from openpyxl.utils import get_column_letter

    wanted = {get_column_letter(place + 1).encode() for place in chosen}
    part = str(getattr(sheet, "_worksheet_path", ""))
    slim = io.BytesIO()
    with zipfile.ZipFile(path) as packed, zipfile.ZipFile(slim, "w") as to:
        if part not in packed.namelist():
            return path
        for name in packed.namelist():
            content = packed.read(name)
            if name == part:
                content = _ROW.sub(lambda row: _narrow_row(row[0], wanted), content)
            to.writestr(name, content)
    return slim


def _narrow_row(row: bytes, wanted: Collection[bytes]) -> bytes:
    """Return a row with the cells of some columns alone.

    One that holds something elsewhere keeps a cell in the last column there can be, so that it does
    not pass for an empty one, as programs leave them behind a table.
    """
    slim = _CELL.sub(lambda cell: cell[0] if cell[1] in wanted else b"", row)
    if any(each in slim for each in _VALUES) or not any(each in row for each in _VALUES):
        return slim
    number = _CELL.search(row)
    return slim if number is None else slim.replace(b"</row>", _MARK % number[2])
