"""Phenotype tables read as text, and what loaders do to their rows."""

from __future__ import annotations

import difflib
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainplug.api.records import EXCLUSION_COLUMNS, SCAN_COLUMNS
from brainplug.errors import DataError, first_line, visible
from brainplug.toolkit.codes import mask_missing
from brainplug.toolkit.common_columns import COMMON_COLUMNS
from brainplug.toolkit.delimited import check_names, read_delimited
from brainplug.toolkit.other_files import OtherFile, find_other
from brainplug.toolkit.wide import choose_columns, unread_columns
from brainplug.toolkit.workbooks import EXCEL, OTHER_WORKBOOKS, read_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from brainplug.toolkit.delimited import Choice

CONTROL = r"[\x00-\x1f\x7f-\x9f]"
"""What no id can hold: files of ids would break at it."""

NO_CELL = ("", "n/a", "N/A", "NaN", "nan")
"""What an empty cell reads; a study's own codes for "no value" are left to its loader."""

PARQUET = (".parquet", ".pq")

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

KNOWN = frozenset(
    name.casefold()
    for name in (*SUBJECT_NAMES, *SESSION_NAMES, *chain(*COMMON_COLUMNS.values()), "site")
)
"""Columns that are read of any table, without case."""


def read_table(
    path: Path, *, sheet: str | None = None, also: Callable[[str], bool] = lambda _: False
) -> pd.DataFrame:
    """Read a CSV, TSV, other delimited text, parquet or Excel file; every value stays text.

    Ids keep their zeros and `1.0` stays `1.0`; a workbook has numbers, of which whole ones are
    read as `1`, and dates as `2020-01-31`. Spaces around names and values go, and empty cells,
    `n/a` and `NaN` are missing. Wholly empty rows, as spreadsheets leave them, go too.

    Args:
        path: the file; its name tells what it is.
        sheet: of a workbook, needed where several of its sheets hold data.
        also: of a table of more than a thousand columns, of which a run reads those that its recipe
            names, whether a column is read as well.

    Raises:
        DataError: there is no such file, it is empty or binary, names of columns repeat, or a
            row has more or fewer values than there are columns.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "a pipe or a device"
        found = found if path.exists() else "no such file"
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
    if sheet is not None and suffix not in EXCEL:
        raise DataError(
            f"a sheet is named: {sheet!r}", where=path, expected="a .xlsx workbook", found=sheet
        )
    narrowed = False

    def choose(names: Sequence[str]) -> list[int] | None:
        nonlocal narrowed
        chosen = choose_columns(path, names, lambda name: name.casefold() in KNOWN or also(name))
        narrowed = chosen is not None
        return chosen

    if suffix in EXCEL:
        frame = _read_excel(path, sheet, choose)
    elif suffix in PARQUET:
        frame = _read_parquet(path, choose)
    else:
        frame = read_delimited(path, choose)
    # Of a row that is empty in the columns that were read, others may tell that it is a person's.
    return _clean(frame, path, keep_empty=narrowed)


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
    told = f"there is no column {name!r}"
    found = [str(column) for column in (*columns, *unread_columns())]
    if len(found) == 1 and (sign := next((each for each in "|^ " if each in found[0]), "")):
        return DataError(
            f"{told}; it has one alone, {found[0]!r}",
            found=tuple(found),
            hint=f"are values parted by {sign!r}? Write commas, semicolons or tabs",
        )
    near = [column for column in found if column.casefold() == name.casefold()]
    near += difflib.get_close_matches(name, found, n=3, cutoff=0.6)
    if option.endswith("subject"):
        near += find_named(found, SUBJECT_NAMES)
    likely = " or ".join(map(repr, list(dict.fromkeys(near))[:3]))
    shown = ", ".join(map(repr, found[:40])) + (f" and {len(found) - 40} more" * (len(found) > 40))
    hint = f"did you mean {likely}? " if likely else ""
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


def make_rows(
    table: pd.DataFrame,
    columns: Mapping[str, pd.Series | None],
    *,
    missing: Iterable[str] = (),
) -> pd.DataFrame:
    """Put `SCAN_COLUMNS` before the study's own columns.

    A column of the study that has one of these names goes on as `<name>_in_table`.

    Args:
        table: the study's columns.
        columns: of `SCAN_COLUMNS`, those known by now; the others are missing throughout.
        missing: codes that mean no family and no site.
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
    # One family called `None` would be many people.
    known = {name: mask_missing(own[name], missing) for name in ("family", "site")}
    own = own.assign(subject=whole_ids(own["subject"]), **known)
    return pd.concat([own, renamed], axis=1)


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
    whole = pd.concat(parts, ignore_index=True)
    return whole.assign(**{name: without_controls(whole[name]) for name in columns})


def without_controls(values: pd.Series) -> pd.Series:
    r"""Return texts with pictures in place of control characters, line ends as well.

    >>> without_controls(pd.Series(["a\rb", "c"], dtype="str")).tolist()
    ['a␍b', 'c']
    """
    odd = values.str.contains(CONTROL, regex=True, na=False)
    if not odd.any():
        return values
    shown = values[odd].str.replace("\n", "␊").str.replace("\t", "␉").map(visible)
    return values.mask(odd, shown.reindex(values.index))


def _read_parquet(path: Path, choose: Choice) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # The schema is read from the file alone: a folder called `a=1` is not a column.
        file = pq.ParquetFile(path)
        names = [str(name).strip() for name in file.schema_arrow.names]
        check_names(path, names)
        chosen = choose(names)
        given = file.schema_arrow.names
        if chosen is None:
            table = file.read()
        else:
            # Selected twice, since `a` also reads the columns `a.1`, `a.2`.
            wanted = [given[place] for place in chosen]
            table = file.read(columns=wanted).select(wanted)
            names = [names[place] for place in chosen]
        # What pandas noted of an index is left aside, as the notes may be damaged. Integers beside
        # empty cells would otherwise become floats, and ids with them.
        bare = table.replace_schema_metadata(None)
        bare.validate(full=True)  # texts are UTF-8, which later steps rely on
        frame: pd.DataFrame = bare.to_pandas(integer_object_nulls=True).astype("str")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _no_parquet(path, error) from error
    frame = frame.set_axis(names, axis="columns")
    return frame[[name for name in names if not name.startswith("__index_level_")]]


def _no_parquet(path: Path, error: Exception) -> DataError:
    """Make the error of a file that is no parquet file, or a damaged one."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    told, hint = f"another: {first_line(error)}", "copy it again"
    if not head.startswith(b"PAR1"):
        other = find_other(head) or OtherFile("text", "name it .csv")
        told, hint = other.what, other.hint
    return DataError(told, where=path, expected="a parquet file", hint=hint)


def _read_excel(path: Path, sheet: str | None, choose: Choice) -> pd.DataFrame:
    def check_and_choose(names: Sequence[str]) -> list[int] | None:
        check_names(path, names)
        return choose(names)

    frame = read_sheet(path, sheet, check_and_choose)
    check_names(path, frame.columns.tolist())
    return frame


def _clean(frame: pd.DataFrame, path: Path, *, keep_empty: bool) -> pd.DataFrame:
    """Strip values, make empty cells missing, and drop wholly empty rows unless they are kept."""
    if not len(frame):
        raise DataError("none", where=path, expected="rows below the header")
    stripped = {name: frame[name].str.strip() for name in frame.columns}
    cells = {name: each.mask(each.isin(NO_CELL)) for name, each in stripped.items()}
    frame = pd.DataFrame(cells, index=frame.index)
    if keep_empty:
        return frame.reset_index(drop=True)
    return frame[frame.notna().any(axis="columns")].reset_index(drop=True)
