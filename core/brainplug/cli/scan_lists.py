"""Scans as they are named on the command line: files, folders of them, or tables.

A table is CSV, TSV or a workbook with a column `image`, and `value` where the scan's value is told;
paths in it begin where the table lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.errors import DataError
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx")
IMAGE, VALUE = "image", "value"


def read_references(given: Iterable[str]) -> list[tuple[str, str]]:
    """Return scans with their values, of `SCAN=VALUE`, `FOLDER=VALUE` and tables.

    Raises:
        DataError: a value is not told, or a table has not the columns.
    """
    return [pair for each in given for pair in read_reference(each)]


def read_reference(given: str) -> Iterator[tuple[str, str]]:
    """Give the scans of one argument, each with its value."""
    if is_table(given):
        yield from ((row[0], row[1]) for row in read_rows(Path(given), IMAGE, VALUE))
        return
    # The last one: a path may hold the sign, a value never does.
    scan, sign, value = given.rpartition("=")
    if not sign or not scan or not value.strip():
        raise DataError(
            where="--reference",
            expected="SCAN=VALUE, or a table with the columns image and value",
            found=given,
        )
    yield from ((each, value) for each in expand(scan))


def read_queries(given: Iterable[str]) -> list[str]:
    """Return the scans of files, folders and tables.

    Raises:
        DataError: a folder holds no scan, or a table has no column `image`.
    """
    return [
        scan
        for each in given
        for scan in (
            [row[0] for row in read_rows(Path(each), IMAGE)] if is_table(each) else expand(each)
        )
    ]


def is_table(given: str) -> bool:
    """Tell whether an argument is a table that exists."""
    return given.lower().endswith(TABLES) and expanded(given).is_file()


def read_rows(path: Path, *columns: str) -> list[tuple[str, ...]]:
    """Return some columns of a table; the first holds paths, which begin where the table lies.

    Raises:
        DataError: a column is missing, or a cell is empty.
    """
    from brainplug.toolkit.tables import read_table

    path = expanded(path)
    table = read_table(path)
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise DataError(
            where=path,
            expected=f"the columns {' and '.join(columns)}",
            found=tuple(map(str, table.columns)),
        )
    empty = table[list(columns)].isna().any(axis=1)
    if empty.any():
        raise DataError(
            f"none in row {int(empty.to_numpy().argmax()) + 1}",
            where=path,
            expected=f"a value of {' and '.join(columns)} in every row",
            found=int(empty.sum()),
        )
    chosen = (table[name].astype(str).tolist() for name in columns)
    return [(str(path.parent / scan), *rest) for scan, *rest in zip(*chosen, strict=True)]


def expand(scan: str) -> list[str]:
    """Return the scans of a folder and below it, or the one file that is named.

    Raises:
        DataError: a folder holds none.
    """
    path = expanded(scan)
    if not path.is_dir():
        return [str(path)]
    from brainplug.toolkit.image_matching import find_images

    found = find_images(path)
    if not found:
        raise DataError("none", where=path, expected="scans (.nii.gz, .nii, .mgz, .mgh) in it")
    return [str(path / name) for name in found]
