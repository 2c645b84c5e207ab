"""Excel workbooks read as text."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.errors import DataError, first_line, show
from brainplug.toolkit.other_files import OtherFile, find_other
from brainplug.toolkit.sheet_files import Signs, is_wide_sheet, narrow, read_signs
from brainplug.toolkit.wide import WIDE, leave_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import IO

EXCEL = (".xlsx", ".xlsm")
OTHER_WORKBOOKS = (".xls", ".xlsb", ".ods", ".numbers")

LARGEST = 1 << 32
"""Bytes that the parts of a workbook may have together; a million rows of 40 columns have half."""


def read_sheet(
    path: Path, sheet: str | None, choose: Callable[[Sequence[str]], list[int] | None]
) -> pd.DataFrame:
    """Read the named sheet of a workbook, or the only one with data; every value becomes text.

    Args:
        path: the workbook.
        sheet: its name; None for the only one.
        choose: gives the places of the columns that are read, None for all; of a wide sheet alone.

    Raises:
        DataError: the file is no workbook, or the sheet is not there, empty or one of several.
    """
    _ask_for_reader(path)
    import openpyxl

    with path.open("rb") as file:
        other = find_other(file.read(1 << 16)) or OtherFile("text", "name it .csv")
        if not zipfile.is_zipfile(file):
            old = other.what.startswith("an older Office")
            raise DataError(
                "an older or an encrypted workbook" if old else other.what,
                where=path,
                expected="an Excel workbook",
                hint="save it as .xlsx without a password, or as CSV" if old else other.hint,
            )
    try:
        _refuse_bomb(path)
        with warnings.catch_warnings():
            # What openpyxl cannot keep when it writes, such as drop-down lists, is no loss here.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            heads = {each.title: next(_read_rows(each), []) for each in book.worksheets}
            name = _choose_sheet(path, heads, sheet)
            names = [text or f"column {place}" for place, text in enumerate(heads[name], 1)]
            chosen = choose(names) if is_wide_sheet(path, WIDE) else None
            source = path if chosen is None else narrow(path, book[name], chosen)
            book.close()
            return _read_one(path, source, name, chosen)
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever comes of a damaged or an odd file
        raise DataError(
            f"one that openpyxl cannot read: {first_line(error)}",
            where=path,
            expected="an Excel workbook",
            hint="open it in Excel or LibreOffice and save it anew, or save the sheet as CSV",
        ) from error


def _read_one(
    path: Path, source: Path | IO[bytes], name: str, chosen: Sequence[int] | None
) -> pd.DataFrame:
    """Read one sheet.

    Args:
        path: the workbook.
        source: the same, or one with the cells of the chosen columns alone.
        name: of the sheet.
        chosen: places of the columns that are read, None for all.
    """
    import openpyxl

    # `data_only` gives what a formula came to when the file was saved, not the formula.
    book = openpyxl.load_workbook(source, read_only=True, data_only=True)
    rows = list(_read_rows(book[name], chosen))
    book.close()
    signs = read_signs(source)
    bare = _find_uncalculated(source) if signs.formulas else {}
    merged = _find_merged(source) if signs.merged else {}
    _refuse_odd_cells((path, f"sheet {name!r}"), bare.get(name), merged.get(name))
    frame = _make_sheet(rows, chosen)
    places = range(len(rows[0])) if chosen is None else chosen
    heads = {place: head for place, head in zip(places, rows[0], strict=False) if head}
    for note in _tell_unseen(book[name], heads, signs):
        leave_note(f"{path.name}, sheet {name!r}: {note}")
    return frame


def _tell_unseen(sheet: Any, heads: Mapping[int, str], signs: Signs) -> Iterator[str]:
    """Say what was read that nobody sees who opens the workbook.

    Args:
        sheet: that was read.
        heads: names of its columns by their places.
        signs: of the workbook.
    """
    part = str(getattr(sheet, "_worksheet_path", ""))
    if sheet.sheet_state != "visible":
        yield "the sheet is hidden, and was read as it was named or is the only one with data"
    if count := signs.hidden_rows.get(part):
        told = f"{count:,} rows" if count > 1 else "1 row"
        yield f"{told} hidden, by a filter or by hand, and read as all others; is that meant?"
    unseen = [
        heads[place]
        for places in signs.hidden_columns.get(part, ())
        for place in sorted(heads)
        if place in places
    ]
    if unseen:
        yield f"columns hidden, and read as all others: {show(unseen[:5])}"


def _refuse_odd_cells(
    where: tuple[object, ...], bare: list[str] | None, merged: list[str] | None
) -> None:
    """Refuse a sheet with cells that only seem empty.

    Args:
        where: file and sheet.
        bare: cells with a formula that was never calculated.
        merged: cells merged over rows.

    Raises:
        DataError: there are some.
    """
    if bare:
        raise DataError(
            f"formulas that were never calculated, such as in {show(bare[:3])}",
            where=where,
            expected="values",
            found=tuple(bare),
            hint="open it in Excel or LibreOffice and save it there, or save the values as CSV",
        )
    if merged:
        raise DataError(
            f"cells merged over rows, such as {show(merged[:3])}",
            where=where,
            expected="a value in each row",
            found=tuple(merged),
            hint="unmerge them and write the value in each row; all rows but the first have none",
        )


def _ask_for_reader(path: Path) -> None:
    """Ask for the package that reads workbooks.

    Raises:
        DataError: it is not installed.
    """
    if find_spec("openpyxl") is None:
        raise DataError(
            "it is not installed",
            where=path,
            expected="the package openpyxl, which reads Excel workbooks",
            hint="pip install 'brainplug[excel]', or save the table as CSV",
        )


def _find_uncalculated(path: Path | IO[bytes]) -> dict[str, list[str]]:
    """Return the cells, by sheet, that hold a formula and not what it comes to.

    Programs that write workbooks without calculating leave such cells, which read as empty.
    """
    import openpyxl

    books = [
        openpyxl.load_workbook(path, read_only=True, data_only=values) for values in (False, True)
    ]
    found: dict[str, list[str]] = {}
    for formulas, values in zip(*(book.worksheets for book in books), strict=True):
        formulas.reset_dimensions()
        values.reset_dimensions()
        for told, known in zip(formulas.iter_rows(), values.iter_rows(), strict=True):
            found.setdefault(formulas.title, []).extend(
                cell.coordinate
                for cell, value in zip(told, known, strict=True)
                if cell.value is not None and cell.data_type == "f" and value.value is None
            )
    for book in books:
        book.close()
    return found


def _find_merged(path: Path | IO[bytes]) -> dict[str, list[str]]:
    """Return the ranges, by sheet, of cells merged over several rows, where the first has a value.

    A reader sees one value beside all these rows, and the file holds it in the first.
    """
    import openpyxl

    book = openpyxl.load_workbook(path, data_only=True)  # what is read only knows of no merging
    return {
        sheet.title: [
            str(each)
            for each in sheet.merged_cells.ranges
            if each.max_row > each.min_row and sheet.cell(each.min_row, each.min_col).value
        ]
        for sheet in book.worksheets
    }


def _refuse_bomb(path: Path) -> None:
    """Refuse a workbook that unpacks to more than any table has.

    Raises:
        DataError: it does.
    """
    with zipfile.ZipFile(path) as packed:
        size = sum(each.file_size for each in packed.infolist())
    if size > LARGEST:
        raise DataError(
            f"{size:,}",
            where=path,
            expected=f"a workbook of at most {LARGEST:,} bytes when unpacked",
            found=size,
            hint="save the sheet as CSV",
        )


def _read_rows(sheet: Any, chosen: Sequence[int] | None = None) -> Iterator[list[str | None]]:
    """Give the rows of a sheet that hold anything, in the chosen columns."""
    # Some programs write a wrong size of the sheet, beyond which openpyxl would not look.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        cells = row if chosen is None else [row[place] for place in chosen if place < len(row)]
        texts = [_cell_text(value) for value in cells]
        if any(texts) or (chosen is not None and any(value is not None for value in row)):
            yield texts


def _cell_text(value: Any) -> str | None:
    """Write a cell as a table would.

    >>> [_cell_text(value) for value in (7.0, 7.5, True, dt.datetime(2020, 1, 31), "#N/A")]
    ['7', '7.5', 'TRUE', '2020-01-31', None]
    """
    if value is None or value == "#N/A":
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        # Below 2^53, up to which a float holds every whole number.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime | dt.time | dt.date):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value).strip()


def _choose_sheet(path: Path, heads: Mapping[str, Sequence[object]], wanted: str | None) -> str:
    """Return the sheet that is named, or the only one that holds data.

    Args:
        path: the workbook.
        heads: first row that holds anything, by sheet.
        wanted: the sheet that is named.
    """
    names = ", ".join(map(repr, heads))
    if wanted is not None and wanted not in heads:
        raise DataError(
            where=path, expected=f"a sheet {wanted!r}", found=tuple(heads), hint="set cohort.sheet"
        )
    full = [name for name, row in heads.items() if row] if wanted is None else [wanted]
    if len(full) > 1:
        raise DataError(
            f"{len(full)}: {show(full)}",
            where=path,
            expected="one sheet that holds data",
            found=tuple(full),
            hint="name one with sheet in [cohort]",
        )
    if not full or not heads[full[0]]:
        raise DataError(
            f"an empty workbook with {names}", where=path, expected="a table", found=tuple(heads)
        )
    return full[0]


def _make_sheet(rows: list[list[str | None]], chosen: Sequence[int] | None) -> pd.DataFrame:
    """Take the first row as names; columns without name and values go.

    Args:
        rows: of the chosen columns.
        chosen: their places, None for all.
    """
    width = max(map(len, rows))
    filled = [row + [None] * (width - len(row)) for row in rows]
    frame = pd.DataFrame(filled[1:], columns=range(width), dtype="str")
    used = [index for index in range(width) if filled[0][index] or frame[index].notna().any()]
    places = range(width) if chosen is None else chosen
    names = [filled[0][index] or f"column {places[index] + 1}" for index in used]
    return frame[used].set_axis(names, axis="columns")
