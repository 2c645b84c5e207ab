"""Delimited text, read as the text it is."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

from brainplug.errors import DataError, first_line, show
from brainplug.toolkit.other_files import find_other
from brainplug.toolkit.quotation import begin_of_long, count_lines, find_swallowed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    Choice = Callable[[Sequence[str]], list[int] | None]

DELIMITERS = {".csv": ",", ".tsv": "\t"}
CANDIDATES = ("\t", ";", ",")
"""Delimiters looked for in the header of a file whose name does not tell, in this order."""

ABOVE = "delete what stands above the names of columns"

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 25


def read_delimited(path: Path, choose: Choice) -> pd.DataFrame:
    """Read a table of delimited text; what its cells hold stays as it is written.

    Args:
        path: the file.
        choose: gives the places of the columns that are read, None for all.

    Raises:
        DataError: the file is empty, binary or in another encoding, names of columns repeat, a row
            has more or fewer values than there are columns, or a quotation mark opens a cell that
            runs through rows.
    """
    delimiter, names = _read_header(path)
    return _read_text(path, delimiter, names, choose(names))


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse columns of one name."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{show(repeated)} more than once",
            where=path,
            expected="each column once",
            found=tuple(repeated),
            hint="rename or remove the copies",
        )


def _read_header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the columns."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    _check_text(path, head)
    # Cut off anywhere, perhaps within a character; a wrong encoding is told from the whole file.
    # Excel begins with a byte-order mark, which would become part of the first name.
    line = next(
        (each for each in head.decode("utf-8-sig", "replace").splitlines() if each.strip()), ""
    )
    if not line:
        raise DataError("an empty file", where=path, expected="a table")
    if line.lower().startswith("sep="):  # which Excel reads and hides
        raise DataError(f"{line[:10]!r}", where=path, expected="a header", hint=ABOVE)
    delimiter = _find_delimiter(path.suffix.lower(), line)
    names = [
        name.replace("\ufeff", "").strip() or f"column {number}"
        for number, name in enumerate(_first_row(path, delimiter), 1)
    ]
    check_names(path, names)
    return delimiter, names


def _first_row(path: Path, delimiter: str) -> list[str]:
    """Return the cells of the header, which may hold line breaks."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        before, first = 0, list[str]()
        while not first:
            before = reader.line_num
            try:
                first = next(reader, [""])
            except csv.Error:  # a cell of a hundred thousand letters is no name
                first = [""]
        long = reader.line_num > before + 1
    if long or first == [""]:
        swallowed = find_swallowed(path, delimiter, first)
        if swallowed is not None:
            raise swallowed
    return first


def _check_text(path: Path, head: bytes) -> None:
    """Refuse what cannot be delimited text."""
    other = find_other(head)
    if other is not None:
        wanted = "text in UTF-8" if other.what.startswith("UTF") else "a table as text"
        raise DataError(other.what, where=path, expected=wanted, hint=other.hint)


def _find_delimiter(suffix: str, line: str) -> str:
    """Return the delimiter that the name tells, unless the header has only others."""
    told = DELIMITERS.get(suffix)
    if told is not None and told in line:
        return told
    # Where the comma is the decimal mark, Excel writes semicolons into a `.csv`.
    counts = {candidate: line.count(candidate) for candidate in CANDIDATES}
    best = max(CANDIDATES, key=lambda candidate: counts[candidate])
    return best if counts[best] else told or ","


def _read_text(
    path: Path, delimiter: str, names: Sequence[str], chosen: Sequence[int] | None
) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    # pyarrow would guess types, so the header is read as a row of text like all others.
    places = range(len(names)) if chosen is None else chosen
    kinds = {f"f{place}": pa.string() for place in places}
    try:
        # Free text of questionnaires holds line breaks. Nothing is missing yet, since `NULL` and
        # `NA` may be a study's codes; `_clean` decides.
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(autogenerate_column_names=True, block_size=_BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=kinds, include_columns=list(kinds), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        swallowed = find_swallowed(path, delimiter, names)
        raise swallowed or _unreadable(path, delimiter, len(names), error) from error
    lines, marked = count_lines(path)
    # Where each row takes one line no cell can have swallowed another.
    if marked and table.num_rows != lines:
        swallowed = find_swallowed(path, delimiter, names)
        if swallowed is not None:
            raise swallowed
    frame: pd.DataFrame = table.slice(1).to_pandas()
    return frame.set_axis([names[place] for place in places], axis="columns").astype("str")


def _ragged(
    path: Path, row: Sequence[str], width: int, *, delimiter: str, lines: tuple[int, int]
) -> DataError:
    """Make the error of a row, from a line to another, that has too many or too few values."""
    begun = begin_of_long(path, delimiter, lines[0]) if lines[1] > lines[0] else None
    hint = f"a quotation mark opens a cell in line {begun} that ends in another line"
    if not begun:
        first = _first_row(path, delimiter)[0]
        hint = f"the header is taken to be {first!r}; {ABOVE}" if first.startswith("#") else ""
    return DataError(
        f"{len(row)}: {delimiter.join(row)[:80]!r}",
        where=(path, f"line {begun or lines[1]}"),
        expected=f"{width} values as in the header",
        found=len(row),
        hint=hint,
    )


def _unreadable(path: Path, delimiter: str, width: int, error: Exception) -> DataError:
    """Find the line at fault, which pyarrow counts otherwise than an editor."""
    if "Empty CSV" in str(error):  # a header without an end of line
        return DataError("none", where=path, expected="rows below the header")
    if "UTF8" in str(error):
        return DataError(
            "another encoding", where=path, expected="text in UTF-8", hint="save it as UTF-8"
        )
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader, before = csv.reader(text, delimiter=delimiter), 0
        try:
            for row in reader:
                if row and len(row) != width:
                    span = (before + 1, reader.line_num)
                    return _ragged(path, row, width, delimiter=delimiter, lines=span)
                before = reader.line_num
        except csv.Error as fault:
            error = fault
    return DataError(
        f"another: {first_line(error)}", where=path, expected=f"a table with {width} columns"
    )
