"""Lists of people beside a study's table: relatives, who become families, and withdrawals."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.codes import find_missing, read_number
from brainplug.toolkit.components import number_components
from brainplug.toolkit.delimited import CANDIDATES
from brainplug.toolkit.tables import PARQUET, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

THIRD_DEGREE = 0.0442
"""Smallest kinship coefficient of third-degree relatives, such as first cousins.

It is 1 / 2^4.5, from Manichaikul et al., Robust relationship inference in genome-wide association
studies, Bioinformatics 26 (2010), 2867-2873, table 1: https://doi.org/10.1093/bioinformatics/btq559
"""

_FIRST = ("id1", "iid1", "#iid1")
_SECOND = ("id2", "iid2")
_COEFFICIENT = ("kinship",)
_WHOLE = re.compile(r"-?[0-9]+(?:\.0+)?")


def plain_ids(ids: pd.Series) -> pd.Series:
    """Return ids as text, without the `.0` that a spreadsheet gave them.

    >>> plain_ids(pd.Series(["1234567.0", " 12", None])).tolist()
    ['1234567', '12', nan]
    """
    return ids.astype("str").str.strip().str.replace(r"^(-?[0-9]+)\.0+$", r"\1", regex=True)


def read_pairs(path: Path, *, threshold: float = THIRD_DEGREE) -> pd.DataFrame:
    """Read the pairs of relatives from what KING or PLINK wrote, or from any such table.

    The file has the columns `ID1`, `ID2` and `Kinship`, with spaces as in UK Biobank's
    `ukb_rel.dat`, tabs or commas between them. Negative ids stand for people who withdrew; their
    pairs are left out.

    Args:
        path: of the file.
        threshold: smallest coefficient of a pair that is kept.

    Returns:
        `first` and `second`, ids as text.

    Raises:
        DataError: there is no such file or column, or a coefficient is no number.
    """
    table = _read(path)
    first, second, kinship = (
        _find_column(path, table, names) for names in (_FIRST, _SECOND, _COEFFICIENT)
    )
    pairs = pd.DataFrame({"first": plain_ids(table[first]), "second": plain_ids(table[second])})
    if pairs.isna().any(axis=None):
        line = int(pairs.isna().any(axis="columns").to_numpy().argmax()) + 1
        raise DataError(
            "one alone", where=(path, f"row {line}"), expected="two ids in each row", found=1
        )
    near = _read_numbers(path, table[kinship]) >= threshold
    gone = pairs["first"].str.startswith("-") | pairs["second"].str.startswith("-")
    kept = near & ~gone & (pairs["first"] != pairs["second"])
    return pairs[kept].reset_index(drop=True)


def read_ids(path: Path) -> set[str]:
    """Read the first column, or the one called `eid`, of a list with or without a header.

    Raises:
        DataError: there is no such file, or a line below the first does not begin with a number.
    """
    if not path.is_file():
        raise DataError("no such file", where=path, expected="a list of ids")
    text = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    lines = [re.split(r"[,;\t ]", line.strip()) for line in text if line.strip()]
    ids = [[cell.strip().strip('"') for cell in line] for line in lines]
    index = ids[0].index("eid") if ids and "eid" in ids[0] else 0
    column = pd.Series([line[index] if index < len(line) else "" for line in ids], dtype="str")
    # UK Biobank sends lists of withdrawals without a header; those people make often have one.
    if len(column) and not _WHOLE.fullmatch(column.iloc[0]):
        column = column.iloc[1:]
    wrong = [each for each in column if not _WHOLE.fullmatch(each)]
    if wrong:
        raise DataError(where=path, expected="one id a line", found=wrong[0][:40])
    return set(plain_ids(column))


def join_relatives(subjects: pd.Series, family: pd.Series | None, pairs: pd.DataFrame) -> pd.Series:
    """Name the family of each person: people linked by pairs, or by a family they share.

    Relatives of relatives are one family, also by way of somebody who has no row, so that the name
    does not depend on who else has one. Without a family column a family bears the smallest of its
    members' ids; with one, the smallest family named there, or `kin of` the smallest id.

    Args:
        subjects: id of each row's person.
        family: family of each row as the study has it, None where it has none; same index.
        pairs: `first` and `second`, as `read_pairs` gives them.

    Returns:
        The family of each row, missing for a person without relatives. Same index.

    >>> pairs = pd.DataFrame({"first": ["3", "2"], "second": ["2", "1"]})
    >>> join_relatives(pd.Series(["2", "3", "9"]), None, pairs).tolist()
    ['1', '1', nan]
    """
    people = plain_ids(subjects)
    # A letter before each id: person 7 and family 7 are different nodes of one graph.
    links = ["p" + pairs[["first", "second"]].astype("str").set_axis(["one", "other"], axis=1)]
    if family is not None:
        known = pd.DataFrame({"one": "p" + people, "other": "f" + _known_families(family)})
        links.append(known.dropna())
    named = _name_components(pd.concat(links, ignore_index=True))
    named = named[named.index.str.startswith("p")]
    named.index = named.index.str[1:]
    names = named.str[1:]
    if family is not None:
        names = names.where(named.str.startswith("f"), "kin of " + names)
    return people.map(names).astype("str").rename("family")


def _known_families(family: pd.Series) -> pd.Series:
    """Return families without words for "no value", which would make one family of many people."""
    plain = plain_ids(family)
    return plain.mask(plain.isin(find_missing(plain.dropna().unique(), ())))


def _name_components(links: pd.DataFrame) -> pd.Series:
    """Return the smallest node of the component of each node, families before people."""
    ends, nodes = pd.factorize(pd.concat([links["one"], links["other"]], ignore_index=True))
    names = pd.Series(nodes, dtype="str")
    half = len(links)
    component = number_components(ends[:half], ends[half:], len(nodes))
    frame = pd.DataFrame({"component": component, "name": names})
    # Numbers are compared by their length first: 9 is smaller than 10.
    # Kinds before that: `f` sorts before `p`, so a family of the study's own names the component.
    ordered = frame.assign(kind=names.str[:1], length=names.str.len())
    first = ordered.sort_values(["kind", "length", "name"]).drop_duplicates("component")
    smallest = frame["component"].map(first.set_index("component")["name"])
    return smallest.astype("str").set_axis(pd.Index(names))


def _read(path: Path) -> pd.DataFrame:
    """Read a table that may have spaces between its columns."""
    if not path.is_file() or path.suffix.lower() in PARQUET:
        return read_table(path)
    with path.open(encoding="utf-8-sig", errors="replace") as text:
        header = text.readline()
    if any(mark in header for mark in CANDIDATES) or len(header.split()) < 2:
        return read_table(path)
    try:
        table = pd.read_csv(
            path,
            sep=r"\s+",
            dtype="str",
            keep_default_na=False,
            encoding="utf-8-sig",
            # A mark is no more than a mark here: one too many would swallow pairs.
            quoting=csv.QUOTE_NONE,
        )
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"another form: {error}", where=path, expected="a table with spaces between columns"
        ) from error
    # pandas takes values beyond the header for an index, without a word, and shifts the columns.
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(
            where=path,
            expected=f"{len(table.columns)} values a row as in the header",
            found=len(table.columns) + table.index.nlevels,
        )
    plain = {name: table[name].str.strip('"') for name in table.columns}
    return pd.DataFrame(plain).rename(columns=lambda name: str(name).strip('"'))


def _find_column(path: Path, table: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the column that has one of the names, whatever its case."""
    for column in table.columns:
        if str(column).casefold() in names:
            return str(column)
    raise DataError(
        where=path,
        expected="the columns 'ID1', 'ID2' and 'Kinship' of a list of relatives",
        found=tuple(table.columns),
        hint=f"rename the column that is {names[0]!r}",
    )


def _read_numbers(path: Path, values: pd.Series) -> pd.Series:
    numbers = {value: read_number(value) for value in values.dropna().unique()}
    wrong = [value for value, number in numbers.items() if number is None]
    if wrong or values.isna().any():
        raise DataError(
            where=path,
            expected="a number as the kinship of each pair",
            found=wrong[0] if wrong else "",
            hint="remove such pairs or give their coefficient",
        )
    return values.map(numbers).astype("float64")
