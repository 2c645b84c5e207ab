"""Cells of delimited text that an opened quotation mark lets run on over several lines.

Questionnaires hold line breaks within quotation marks (RFC 4180), and such cells are read as they
are. One mark too many does the same to whole rows, and their people would be lost without a word.
The two are told apart by what the cell runs through: nobody's words look like a row of the table.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SAMPLE_ROWS = 200
COMPARED_COLUMNS = 30
FEW_ROWS = 3
"""Rows below which nothing can be said of what values a column holds."""


@attrs.frozen(kw_only=True)
class LongCell:
    """A cell that begins in one line and ends in another.

    Attributes:
        line: where it begins, from 1.
        column: which it is in its row, from 0.
        lines: all that it runs through, whole, as an editor shows them.
        end: place of its closing mark in the last of these; None where none closes it.
    """

    line: int
    column: int
    lines: tuple[str, ...]
    end: int | None

    @property
    def tail(self) -> str:
        """Return what follows the closing mark in its line."""
        return "" if self.end is None else self.lines[-1][self.end + 1 :].rstrip("\r\n")


@attrs.frozen(eq=False)
class _Column:
    """What the values of a column have in common."""

    values: frozenset[str]

    def holds(self, value: str) -> bool:
        """Tell whether a value is one of the column's, or of the same make and length."""
        if value in self.values:
            return True
        made = [_characters(each) for each in self.values if each]
        lengths = [len(each) for each in self.values if each]
        if not made or not min(lengths) <= 2 * len(value) <= 4 * max(lengths):
            return False
        found = _characters(value)
        return frozenset.intersection(*made) <= found <= frozenset.union(*made)


def count_lines(path: Path) -> tuple[int, bool]:
    """Count the lines of a file, the last with or without its end; tell whether marks are in it."""
    ends, marked, last = 0, False, b""
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            ends += block.count(b"\n")
            # `\r\n` is one end, and a block may begin between the two.
            if b"\r" in block or last == b"\r":
                ends += block.count(b"\r") - (last + block).count(b"\r\n")
            marked = marked or b'"' in block
            last = block[-1:]
    return ends + (last not in (b"", b"\n", b"\r")), marked


def find_swallowed(path: Path, delimiter: str, names: Sequence[str]) -> DataError | None:
    """Make the error of the first cell that holds what reads as rows; None where there is none."""
    sample = _Sample.of(path, delimiter, len(names))
    for cell in long_cells(_lines(path), delimiter):
        why = _judge(cell, sample)
        if why:
            # A header cell that is itself the one at fault is the whole table.
            known = [name.partition("\n")[0][:40] for name in names[cell.column :][:1]]
            told = "".join(f"column {name!r}, " for name in known)
            return DataError(
                f"a quotation mark opens a cell that {why}",
                where=(path, f"{told}line {cell.line}"),
                found=len(cell.lines),
                hint="remove the mark, or close it where the cell ends",
            )
    return None


def begin_of_long(path: Path, delimiter: str, first: int) -> int | None:
    """Return the line where the first cell of several lines begins, from a line on."""
    cells = long_cells(_lines(path), delimiter)
    return next((cell.line for cell in cells if cell.line >= first), None)


def long_cells(lines: Iterable[str], delimiter: str) -> Iterator[LongCell]:
    r"""Give the cells that run over several lines.

    >>> cell = next(long_cells(["a,b\n", '1,"x\n', 'y"\n'], ","))
    >>> cell.line, cell.column, cell.lines, cell.tail
    (2, 1, ('1,"x\n', 'y"\n'), '')
    """
    opened: tuple[int, int] | None = None
    held: list[str] = []
    for number, line in enumerate(lines, 1):
        if opened is None and '"' not in line:
            continue
        column, at = 0, 0
        if opened is not None:
            held.append(line)
            end = _closing(line, 0)
            if end is None:
                continue
            yield LongCell(line=opened[0], column=opened[1], lines=tuple(held), end=end)
            column, at, opened, held = opened[1], end + 1, None, []
        found = _opened(line, delimiter, at, within=at > 0)
        if found is not None:
            opened, held = (number, column + found), [line]
    if opened is not None and len(held) > 1:
        yield LongCell(line=opened[0], column=opened[1], lines=tuple(held), end=None)


def _opened(line: str, delimiter: str, at: int, *, within: bool) -> int | None:
    """Return which cell of a line, from a place on, is opened and not closed in it."""
    column = 0
    while True:
        # A mark opens a cell only where it is the first of it; any other is text.
        if not within and line[at : at + 1] == '"':
            end = _closing(line, at + 1)
            if end is None:
                return column
            at = end + 1
        within = False
        at = line.find(delimiter, at)
        if at < 0:
            return None
        column, at = column + 1, at + 1


def _closing(line: str, start: int) -> int | None:
    """Return the place of the mark that closes a cell; two of them are one of its text."""
    while True:
        at = line.find('"', start)
        if at < 0:
            return None
        if line[at + 1 : at + 2] != '"':
            return at
        start = at + 2


@attrs.frozen(kw_only=True, eq=False)
class _Sample:
    """Rows of a table that stand in one line each."""

    delimiter: str
    width: int
    num_rows: int
    columns: tuple[_Column, ...]

    @classmethod
    def of(cls, path: Path, delimiter: str, width: int) -> _Sample:
        rows = list(islice(_short_rows(path, delimiter, width), SAMPLE_ROWS))
        columns = zip(*(row[:COMPARED_COLUMNS] for row in rows), strict=True)
        return cls(
            delimiter=delimiter,
            width=width,
            num_rows=len(rows),
            columns=tuple(_Column(frozenset(values)) for values in columns),
        )

    def rows_in(self, cell: LongCell) -> int:
        """Count the lines that a cell runs through, after its first, which could be rows."""
        first, *inner, last = (line.split(self.delimiter) for line in cell.lines)
        # Where the rest of its own row does not follow in its line, the cell is meant to be long.
        if len(first) < self.width:
            return 0
        closing = cell.lines[-1][: cell.end].count(self.delimiter)
        # What the closing mark ends is the odd cell of its own row.
        full = [line for line in inner if any(cell.strip() for cell in line)]
        fitting = [*map(self._reads_as_row, full), self._reads_as_row(last, odd=closing)]
        # A mark too many runs through rows alone; of words a line may look like one by chance.
        return sum(fitting) if 3 * sum(fitting) >= len(fitting) else 0

    def _reads_as_row(self, line: list[str], *, odd: int = -1) -> bool:
        """Tell whether a line has as many values as a row, half of which fit their columns."""
        cells = [cell.strip(' "\r\n') for cell in line]
        if len(cells) != self.width:
            return False
        if self.num_rows < FEW_ROWS:
            return True
        fits = [
            place == odd or column.holds(cell)
            for place, (column, cell) in enumerate(zip(self.columns, cells, strict=False))
        ]
        # The first column has the id in most tables; words in its place look otherwise.
        return fits[0] and 2 * sum(fits) >= len(fits)


def _judge(cell: LongCell, sample: _Sample) -> str:
    """Say what is wrong with a cell of several lines; nothing where it is one long text."""
    if cell.end is None:
        return "is never closed"
    last = cell.line + len(cell.lines) - 1
    if cell.tail and not cell.tail.startswith(sample.delimiter):
        return f"goes on to line {last}, where more text follows the mark that closes it"
    rows = sample.rows_in(cell)
    if rows:
        told = "reads as a row" if rows == 1 else f"read as {rows} rows"
        return f"goes on to line {last}, through what {told} of the table"
    return ""


def _short_rows(path: Path, delimiter: str, width: int) -> Iterator[list[str]]:
    """Give the rows below the header that stand in one line."""
    inside = False
    for number, line in enumerate(_lines(path)):
        if '"' in line:
            # Of a cell that was opened, only the end leads out of it.
            end = _closing(line, 0) if inside else -1
            if end is None:
                continue
            opened = _opened(line, delimiter, end + 1, within=end >= 0)
            inside, whole = opened is not None, opened is None and end < 0
        else:
            whole = not inside
        if whole and number and line.strip():
            with suppress(csv.Error):  # a cell longer than the reader takes
                cells = next(csv.reader([line], delimiter=delimiter))
                if len(cells) == width:
                    yield [cell.strip() for cell in cells]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        yield from text


def _characters(text: str) -> frozenset[str]:
    """Return which kinds of characters a text has: letters, digits, and each other by itself."""
    return frozenset("a" if each.isalpha() else "0" if each.isdigit() else each for each in text)
