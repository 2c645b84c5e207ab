"""Phenotype tables read as text, and what loaders do to their rows."""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import warnings
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.api.records import EXCLUSION_COLUMNS, SCAN_COLUMNS
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

NO_CELL = ("", "n/a", "N/A", "NaN", "nan")
"""What an empty cell reads; a study's own codes for "no value" are left to its loader."""

PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm")
OTHER_WORKBOOKS = (".xls", ".xlsb", ".ods", ".numbers")
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
        raise DataError(f"{path}: expected a table, found {found}")
    suffix = path.suffix.lower()
    if suffix in OTHER_WORKBOOKS:
        raise DataError(f"{path}: cannot read a {suffix} workbook; save it as .xlsx or as CSV")
    if suffix in EXCEL:
        return _clean(_read_excel(path, sheet), path)
    if sheet is not None:
        raise DataError(f"{path}: expected a .xlsx workbook, since a sheet is named: {sheet!r}")
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
    raise DataError(f"{source}: {no_column(name, table.columns, option=option)}")


def no_column(name: str, columns: Iterable[Any], *, option: str) -> str:
    """Say that a column is missing, which ones are likely meant, and which there are.

    >>> no_column("Sex", ["id", "sex"], option="target.column")
    "there is no column 'Sex'; did you mean 'sex'? it has 'id', 'sex'; set target.column"
    """
    found = [str(column) for column in columns]
    near = [column for column in found if column.casefold() == name.casefold()]
    near += difflib.get_close_matches(name, found, n=3, cutoff=0.6)
    if option.endswith("subject"):
        near += find_named(found, SUBJECT_NAMES)
    likely = " or ".join(map(repr, list(dict.fromkeys(near))[:3]))
    shown = ", ".join(map(repr, found[:40])) + (f" and {len(found) - 40} more" * (len(found) > 40))
    hint = f"did you mean {likely}? " if likely else ""
    return f"there is no column {name!r}; {hint}it has {shown}; set {option}"


def find_named(columns: Iterable[Any], names: Sequence[str]) -> list[str]:
    """Return the columns that bear one of the names, whatever their case, in the names' order.

    >>> find_named(["RID", "ptid", "sex"], SUBJECT_NAMES)
    ['RID', 'ptid']
    """
    places = {name.casefold(): place for place, name in reversed(list(enumerate(names)))}
    named = [str(column) for column in columns if str(column).casefold() in places]
    return sorted(named, key=lambda column: places[column.casefold()])


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
        raise DataError(f"the table has a column {both[0]!r}, a name kept for ours; rename it")
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
        raise DataError(f"{path}: expected a parquet file: {_one_line(error)}") from error
    names = [str(name).strip() for name in table.column_names]
    _check_names(path, names)
    # Integers beside empty cells would otherwise become floats, and ids with them.
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    frame = frame.astype("str").set_axis(names, axis="columns")
    return frame[[name for name in names if not name.startswith("__index_level_")]]


def _read_excel(path: Path, sheet: str | None) -> pd.DataFrame:
    import openpyxl

    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise DataError(
                f"{path}: expected an Excel workbook, found another or an encrypted file; save it "
                "as .xlsx without a password, or as CSV"
            )
    try:
        with warnings.catch_warnings():
            # What openpyxl cannot keep when it writes, such as drop-down lists, is no loss here.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            sheets = {each.title: _read_sheet(each) for each in book.worksheets}
            book.close()
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected an Excel workbook: {_one_line(error)}") from error
    return _make_sheet(_choose_sheet(path, sheets, sheet), path)


def _read_sheet(sheet: Any) -> list[list[str | None]]:
    """Return the rows of a sheet that hold anything."""
    # Some programs write a wrong size of the sheet, beyond which openpyxl would not look.
    sheet.reset_dimensions()
    rows = ([_cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True))
    return [row for row in rows if any(row)]


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
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime | dt.time | dt.date):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value).strip()


def _choose_sheet(
    path: Path, sheets: Mapping[str, list[list[str | None]]], wanted: str | None
) -> list[list[str | None]]:
    """Return the rows of the sheet that is named, or of the only one that holds data."""
    names = ", ".join(map(repr, sheets))
    if wanted is not None and wanted not in sheets:
        raise DataError(f"{path}: there is no sheet {wanted!r}; it has {names}; set cohort.sheet")
    full = [name for name, rows in sheets.items() if rows] if wanted is None else [wanted]
    if len(full) > 1:
        raise DataError(
            f"{path}: expected one sheet that holds data, found {len(full)}: "
            f"{', '.join(map(repr, full))}; name one with sheet in [cohort]"
        )
    if not full or not sheets[full[0]]:
        raise DataError(f"{path}: expected a table, found an empty workbook with {names}")
    return sheets[full[0]]


def _make_sheet(rows: list[list[str | None]], path: Path) -> pd.DataFrame:
    """Take the first row as names; columns without name and values go."""
    width = max(map(len, rows))
    filled = [row + [None] * (width - len(row)) for row in rows]
    frame = pd.DataFrame(filled[1:], columns=range(width), dtype="str")
    used = [place for place in range(width) if filled[0][place] or frame[place].notna().any()]
    names = [filled[0][place] or f"column {place + 1}" for place in used]
    _check_names(path, names)
    return frame[used].set_axis(names, axis="columns")


def _read_header(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the columns."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    _check_text(path, head)
    line = next(
        (each for each in head.decode("utf-8-sig", "replace").splitlines() if each.strip()), ""
    )
    if not line:
        raise DataError(f"{path}: expected a table, found an empty file")
    delimiter = _find_delimiter(path.suffix.lower(), line)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        first = next(row for row in csv.reader(text, delimiter=delimiter) if row)
    names = [name.strip() or f"column {place}" for place, name in enumerate(first, 1)]
    _check_names(path, names)
    return delimiter, names


def _check_text(path: Path, head: bytes) -> None:
    """Refuse what cannot be delimited text."""
    if head.startswith(b"PK\x03\x04"):
        raise DataError(
            f"{path}: expected a table as text, found a workbook or zip; save it as CSV"
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: expected text in UTF-8, found UTF-16; save it as UTF-8")
    if b"\0" in head:
        raise DataError(f"{path}: expected a table as text, found a binary file")


def _find_delimiter(suffix: str, line: str) -> str:
    """Return the delimiter that the name tells, unless the header has only others."""
    told = DELIMITERS.get(suffix)
    if told is not None and told in line:
        return told
    counts = {candidate: line.count(candidate) for candidate in CANDIDATES}
    best = max(CANDIDATES, key=lambda candidate: counts[candidate])
    return best if counts[best] else told or ","


def _check_names(path: Path, names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{path}: expected each column once, found {', '.join(map(repr, repeated))} "
            "more than once; rename or remove the copies"
        )


def _read_text(path: Path, delimiter: str, names: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    # pyarrow would guess types, so the header is read as a row of text like all others.
    kinds = {f"f{place}": pa.string() for place in range(len(names))}
    try:
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
            f"{path}: expected text in UTF-8, found another encoding; save it as UTF-8"
        )
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for row in reader:
                if row and len(row) != width:
                    return DataError(
                        f"{path}: line {reader.line_num}: expected {width} values as in the "
                        f"header, found {len(row)}: {delimiter.join(row)[:80]!r}"
                    )
        except csv.Error as fault:
            error = fault
    return DataError(f"{path}: expected a table with {width} columns: {_one_line(error)}")


def _clean(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Strip the values, make empty cells missing, and drop wholly empty rows."""
    if frame.empty:
        raise DataError(f"{path}: expected rows below the header, found none")
    for name in frame.columns:
        stripped = frame[name].str.strip()
        frame[name] = stripped.mask(stripped.isin(NO_CELL))
    filled = frame[frame.notna().any(axis="columns")]
    return filled.reset_index(drop=True)


def _one_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
