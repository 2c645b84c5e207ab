"""Phenotype tables read as text, and what loaders do to their rows."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.api.records import EXCLUSION_COLUMNS, SCAN_COLUMNS
from brainplug.errors import DataError, first_line, show
from brainplug.toolkit.workbooks import EXCEL, OTHER_WORKBOOKS, read_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NO_CELL = ("", "n/a", "N/A", "NaN", "nan")
"""What an empty cell reads; a study's own codes for "no value" are left to its loader."""

PARQUET = (".parquet", ".pq")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
CANDIDATES = ("\t", ";", ",")
"""Delimiters looked for in the header of a file whose name does not tell, in this order."""

SUBJECT_NAMES = (
    "participant_id",
    "subject_id",
    "subject",
    "sub",
    "src_subject_id",
    "subjectkey",
    "eid",
    "RID",
    "PTID",
    "Subject",
    "ID",
    "id",
)
"""Names under which studies keep the id of a person; shown where a column is not found."""

SESSION_NAMES = (
    "session_id",
    "session",
    "ses",
    "visit",
    "visit_id",
    "viscode",
    "viscode2",
    "eventname",
    "event",
    "timepoint",
    "wave",
    "instance",
)
"""Names under which studies keep the visit, without case; shown where people have several rows."""

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 25


def read_table(path: Path, *, sheet: str | None = None) -> pd.DataFrame:
    """Read a CSV, TSV, other delimited text, parquet or Excel file; every value stays text.

    Ids keep their zeros and `1.0` stays `1.0`; a workbook has numbers, of which whole ones are
    read as `1`, and dates as `2020-01-31`. Spaces around names and values go, and empty cells,
    `n/a` and `NaN` are missing. Wholly empty rows, as spreadsheets leave them, go too.

    Args:
        path: the file; its name tells what it is.
        sheet: of a workbook, needed where several of its sheets hold data.

    Raises:
        DataError: there is no such file, it is empty or binary, names of columns repeat, or a
            row has more or fewer values than there are columns.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DataError(found, where=path, expected="a table")
    suffix = path.suffix.lower()
    if suffix in OTHER_WORKBOOKS:
        raise DataError(
            f"a {suffix} workbook, which cannot be read",
            where=path,
            expected="a table",
            found=suffix,
            hint="save it as .xlsx or as CSV",
        )
    if suffix in EXCEL:
        return _clean(_read_excel(path, sheet), path)
    if sheet is not None:
        raise DataError(
            f"a sheet is named: {sheet!r}", where=path, expected="a .xlsx workbook", found=sheet
        )
    if suffix in PARQUET:
        return _clean(_read_parquet(path), path)
    delimiter, names = _read_header(path)
    return _clean(_read_text(path, delimiter, names), path)


def get_column(table: pd.DataFrame, name: str, *, option: str, source: Path | str) -> pd.Series:
    """Return a column, or say which columns there are.

    Args:
        table: as `read_table` gives it.
        name: the column wanted.
        option: the recipe key that names it, such as `cohort.subject`.
        source: the file, for the message.

    Raises:
        DataError: there is no such column; the likeliest ones are named.
    """
    if name in table.columns:
        return table[name]
    raise no_column(name, table.columns, option=option).within(source)


def no_column(name: str, columns: Iterable[Any], *, option: str) -> DataError:
    """Make the error that says which column is missing, which is likely meant and which there are.

    >>> print(no_column("Sex", ["id", "sex"], option="target.column"))
    there is no column 'Sex'; did you mean 'sex'? it has 'id', 'sex'; set target.column
    """
    found = [str(column) for column in columns]
    near = [column for column in found if column.casefold() == name.casefold()]
    near += difflib.get_close_matches(name, found, n=3, cutoff=0.6)
    if option.endswith("subject"):
        near += find_named(found, SUBJECT_NAMES)
    likely = " or ".join(map(repr, list(dict.fromkeys(near))[:3]))
    shown = ", ".join(map(repr, found[:40])) + (f" and {len(found) - 40} more" * (len(found) > 40))
    hint = f"did you mean {likely}? " if likely else ""
    told = f"there is no column {name!r}"
    return DataError(told, found=tuple(found), hint=f"{hint}it has {shown}; set {option}")


def find_named(columns: Iterable[Any], names: Sequence[str]) -> list[str]:
    """Return the columns that bear one of the names, whatever their case, in the names' order.

    >>> find_named(["RID", "ptid", "sex"], SUBJECT_NAMES)
    ['RID', 'ptid']
    """
    # From the end, so that of names alike but for case (`subject`, `Subject`) the first counts.
    ranks = {name.casefold(): rank for rank, name in reversed(list(enumerate(names)))}
    named = [str(column) for column in columns if str(column).casefold() in ranks]
    return sorted(named, key=lambda column: ranks[column.casefold()])


def make_rows(table: pd.DataFrame, columns: Mapping[str, pd.Series | None]) -> pd.DataFrame:
    """Put `SCAN_COLUMNS` before the study's own columns.

    A column of the study that has one of these names goes on as `<name>_in_table`.

    Args:
        table: the study's columns.
        columns: of `SCAN_COLUMNS`, those known by now; the others are missing throughout.
    """
    named = {name: f"{name}_in_table" for name in SCAN_COLUMNS if name in table.columns}
    both = [other for other in named.values() if other in table.columns]
    if both:
        raise DataError(
            f"the table has a column {both[0]!r}, a name kept for ours",
            found=both[0],
            hint="rename it",
        )
    renamed = table.rename(columns=named)
    own = pd.DataFrame(
        {name: pd.NA if columns.get(name) is None else columns[name] for name in SCAN_COLUMNS},
        index=table.index,
    ).astype("str")
    return pd.concat([own.assign(subject=whole_ids(own["subject"])), renamed], axis=1)


def whole_ids(ids: pd.Series) -> pd.Series:
    """Return ids without the `.0` that a program gave all of them; `7.0` is 7 in any file.

    >>> whole_ids(pd.Series(["7.0", None, "12.0"], dtype="str")).dropna().tolist()
    ['7', '12']
    >>> whole_ids(pd.Series(["7.0", "12"], dtype="str")).tolist()
    ['7.0', '12']
    """
    known = ids.dropna()
    # Only if all have it: beside a plain `7`, `7.0` may be somebody's real id.
    if known.empty or not known.str.fullmatch(r"[0-9]+\.0+").all():
        return ids
    return ids.str.replace(r"\.0+$", "", regex=True)


def leave_out(
    rows: pd.DataFrame, out: pd.Series, reason: str, detail: str | pd.Series = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows from those that are left out; gives the kept ones and their exclusions.

    Args:
        rows: with `subject`, `session` and `image`.
        out: True for a row that is left out; same index.
        reason: short, the same for every row left out in this way.
        detail: what was found; one text, or one a row.
    """
    lost = rows.loc[out, ["subject", "session", "image"]].assign(
        reason=reason, detail=detail if isinstance(detail, str) else detail[out]
    )
    return rows[~out], lost.astype("str")


def stack_exclusions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put exclusions together; each frame is sorted, so that the order of rows leaves no trace."""
    columns = list(EXCLUSION_COLUMNS)
    order = ["reason", "subject", "session", "image", "detail"]
    parts = [frame[columns].astype("str").sort_values(order) for frame in frames if len(frame)]
    if not parts:
        return pd.DataFrame(columns=columns, dtype="str")
    return pd.concat(parts, ignore_index=True)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The schema is read from the file alone: a folder called `a=1` is not a column.
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"another: {first_line(error)}", where=path, expected="a parquet file"
        ) from error
    names = [str(name).strip() for name in table.column_names]
    _check_names(path, names)
    # Integers beside empty cells would otherwise become floats, and ids with them.
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    frame = frame.astype("str").set_axis(names, axis="columns")
    return frame[[name for name in names if not name.startswith("__index_level_")]]


def _read_excel(path: Path, sheet: str | None) -> pd.DataFrame:
    frame = read_sheet(path, sheet)
    _check_names(path, frame.columns.tolist())
    return frame


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
    delimiter = _find_delimiter(path.suffix.lower(), line)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        first = next(row for row in csv.reader(text, delimiter=delimiter) if row)
    names = [name.strip() or f"column {number}" for number, name in enumerate(first, 1)]
    _check_names(path, names)
    return delimiter, names


def _check_text(path: Path, head: bytes) -> None:
    """Refuse what cannot be delimited text."""
    if head.startswith(b"PK\x03\x04"):
        raise DataError(
            "a workbook or zip", where=path, expected="a table as text", hint="save it as CSV"
        )
    # Before the search for zero bytes, of which UTF-16 is full.
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("UTF-16", where=path, expected="text in UTF-8", hint="save it as UTF-8")
    if b"\0" in head:
        raise DataError("a binary file", where=path, expected="a table as text")


def _find_delimiter(suffix: str, line: str) -> str:
    """Return the delimiter that the name tells, unless the header has only others."""
    told = DELIMITERS.get(suffix)
    if told is not None and told in line:
        return told
    # Where the comma is the decimal mark, Excel writes semicolons into a `.csv`.
    counts = {candidate: line.count(candidate) for candidate in CANDIDATES}
    best = max(CANDIDATES, key=lambda candidate: counts[candidate])
    return best if counts[best] else told or ","


def _check_names(path: Path, names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{show(repeated)} more than once",
            where=path,
            expected="each column once",
            found=tuple(repeated),
            hint="rename or remove the copies",
        )


def _read_text(path: Path, delimiter: str, names: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    # pyarrow would guess types, so the header is read as a row of text like all others.
    kinds = {f"f{index}": pa.string() for index in range(len(names))}
    try:
        # Free text of questionnaires holds line breaks. Nothing is missing yet, since `NULL` and
        # `NA` may be a study's codes; `_clean` decides.
        table = pacsv.read_csv(
            path,
            read_options=pacsv.ReadOptions(autogenerate_column_names=True, block_size=_BLOCK_BYTES),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise _unreadable(path, delimiter, len(names), error) from error
    frame: pd.DataFrame = table.slice(1).to_pandas()
    return frame.set_axis(list(names), axis="columns").astype("str")


def _unreadable(path: Path, delimiter: str, width: int, error: Exception) -> DataError:
    """Find the line at fault, which pyarrow counts otherwise than an editor."""
    if "UTF8" in str(error):
        return DataError(
            "another encoding", where=path, expected="text in UTF-8", hint="save it as UTF-8"
        )
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for row in reader:
                if row and len(row) != width:
                    return DataError(
                        f"{len(row)}: {delimiter.join(row)[:80]!r}",
                        where=(path, f"line {reader.line_num}"),
                        expected=f"{width} values as in the header",
                        found=len(row),
                    )
        except csv.Error as fault:
            error = fault
    return DataError(
        f"another: {first_line(error)}", where=path, expected=f"a table with {width} columns"
    )


def _clean(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Strip the values, make empty cells missing, and drop wholly empty rows."""
    if frame.empty:
        raise DataError("none", where=path, expected="rows below the header")
    for name in frame.columns:
        stripped = frame[name].str.strip()
        frame[name] = stripped.mask(stripped.isin(NO_CELL))
    filled = frame[frame.notna().any(axis="columns")]
    return filled.reset_index(drop=True)
