"""ABCD's tables, joined on subject and session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.api.records import EXCLUSION_COLUMNS
from brainplug.errors import DataError
from brainplug.toolkit.codes import normal_code
from brainplug.toolkit.tables import leave_out, stack_exclusions
from brainplug_plugins.abcd.names import is_unchanging
from brainplug_plugins.abcd.release import Source, list_tables, read_source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

NDA_PREFIX = "NDARINV"


@attrs.frozen(kw_only=True, eq=False)
class Joined:
    """Tables as one.

    Attributes:
        rows: `subject`, `session`, then the columns of all tables; one row a visit, or a person
            where no table has visits.
        lost: exclusions of rows that name no person or no visit.
        dated: whether any table has visits.
        nda: whether ids are spelt as releases up to 5 do.
        notes: columns on which tables disagree.
    """

    rows: pd.DataFrame
    lost: pd.DataFrame
    dated: bool
    nda: bool
    notes: tuple[str, ...]


def join_tables(paths: Sequence[Path], families: Collection[str]) -> Joined:
    """Read tables, files or folders of them, and join them on subject and session.

    A table without sessions reaches all visits of a person. So do columns that do not change, such
    as sex and family, which releases up to 5 fill in at the baseline only. A column that several
    tables have is taken from the first that has a value.

    Args:
        paths: as the recipe names them.
        families: columns of family ids, whose meaning differs between releases.

    Raises:
        DataError: the tables are of different releases, or one cannot be read.
    """
    sources = [read_source(path) for path in list_tables(paths)]
    _check_releases(sources)
    _check_families(sources, families)
    keys, strangers = _find_visits(sources)
    columns, notes = _merge_columns(sources, keys)
    dated = any(source.spellings for source in sources)
    nda = any(source.release == "up to 5" for source in sources)
    rows = _spread(pd.DataFrame({**_split(keys, sources), **columns}), families)
    lost = stack_exclusions([*(source.lost for source in sources), strangers])
    prefix = NDA_PREFIX if nda else ""
    return Joined(
        rows=rows.assign(subject=prefix + rows["subject"]),
        lost=lost.assign(subject=prefix + lost["subject"]),
        dated=dated,
        nda=nda,
        notes=tuple(notes),
    )


def _check_releases(sources: Iterable[Source]) -> None:
    found = {source.release: source for source in sources if source.release is not None}
    if len(found) > 1:
        old, new = found["up to 5"], found["6"]
        raise DataError(
            f"{old.path.name} of a release up to 5 (ids with NDAR_INV) and {new.path.name} of "
            "release 6 (sub-…)",
            expected="tables of one release",
            found=(old.path, new.path),
            hint="name those of one in cohort.tables",
        )


def _check_families(sources: Sequence[Source], families: Collection[str]) -> None:
    """Refuse tables that put one person in two families: their ids are of different releases."""
    for name in families:
        having = [source for source in sources if name in source.frame.columns]
        if len(having) < 2:
            continue
        known: dict[str, str] = {}
        for source in having:
            told = _first_known(source.frame[name])
            other = [person for person, one in told.items() if known.get(person, one) != one]
            if other:
                raise DataError(
                    f"{len(other)} people are in different families by {name!r}, for example "
                    f"{other[0]}",
                    where=f"{having[0].path.name} and {source.path.name}",
                    found=tuple(other),
                    hint="family ids change between releases, so name tables of one release in "
                    "cohort.tables",
                )
            known = told | known


def _first_known(column: pd.Series) -> dict[str, str]:
    """Return each person's value at the first visit that has one."""
    # From the last visit to the first, as a dictionary keeps what comes last.
    known = column.dropna().sort_index(ascending=False)
    values = known.map({each: normal_code(each) for each in known.unique()})
    return dict(zip(_people(known.index).tolist(), values.tolist(), strict=True))


def _find_visits(sources: Sequence[Source]) -> tuple[pd.Index, pd.DataFrame]:
    """Return the keys of all rows, sorted, and exclusions of people who have no visit."""
    dated = _union([source for source in sources if source.spellings])
    undated = _union([source for source in sources if not source.spellings])
    if dated.empty or undated.empty:
        none = pd.DataFrame(columns=list(EXCLUSION_COLUMNS), dtype="str")
        return (undated if dated.empty else dated), none
    strangers = undated[~undated.isin(_people(dated))]
    rows = pd.DataFrame({"subject": strangers, "session": pd.NA, "image": pd.NA}, dtype="str")
    return dated, leave_out(rows, rows["subject"].notna(), "no session", "no table has a visit")[1]


def _union(sources: Sequence[Source]) -> pd.Index:
    """Return the keys of tables, each once, sorted."""
    indices = [pd.Series(source.frame.index, dtype="str") for source in sources]
    together = pd.concat(indices) if indices else pd.Series(dtype="str")
    keys: pd.Index = pd.Index(together.drop_duplicates().sort_values())
    return keys


def _people(keys: pd.Index) -> pd.Index:
    people: pd.Index = pd.Index(pd.Series(keys).str.replace("/.*", "", regex=True))
    return people


def _split(keys: pd.Index, sources: Sequence[Source]) -> dict[str, pd.Series]:
    """Return subject and session of each key, the session as the first table spells it."""
    spellings: dict[str, str] = {}
    # From the last table on, so that the first one's spelling is what stays.
    for source in reversed(sources):
        spellings |= source.spellings
    visits = pd.Series(keys.str.replace("^.*/", "", regex=True))
    sessions = visits.map(spellings).astype("str")  # all missing where no table has visits
    return {"subject": pd.Series(_people(keys), dtype="str"), "session": sessions}


def _merge_columns(
    sources: Sequence[Source], keys: pd.Index
) -> tuple[dict[str, pd.Series], list[str]]:
    """Return the columns of all tables at the keys, and where tables disagree."""
    columns: dict[str, pd.Series] = {}
    first: dict[str, Source] = {}
    notes = []
    people = _people(keys)
    for source in sources:
        frame = source.frame.reindex(keys if source.spellings else people).reset_index(drop=True)
        differing: dict[str, list[str]] = {}
        for name in frame.columns:
            if name not in columns:
                columns[name], first[name] = frame[name], source
                continue
            count = _count_differing(columns[name], frame[name])
            if count:
                told = differing.setdefault(first[name].path.name, [])
                told.append(f"{name} ({count} {'row' if count == 1 else 'rows'})")
            columns[name] = columns[name].fillna(frame[name])
        notes += [
            f"{other} and {source.path.name} disagree on {', '.join(told)}; {other} is believed"
            for other, told in differing.items()
        ]
    return columns, notes


def _count_differing(one: pd.Series, other: pd.Series) -> int:
    """Count the rows in which both have a value and it is not the same."""
    differs = (one != other) & one.notna() & other.notna()
    pairs = zip(one[differs], other[differs], strict=True)
    return sum(normal_code(left) != normal_code(right) for left, right in pairs)


def _spread(rows: pd.DataFrame, families: Collection[str]) -> pd.DataFrame:
    """Give what does not change to those visits of a person that lack it."""
    lacking = [name for name in rows.columns if rows[name].isna().any()]
    names = [name for name in lacking if is_unchanging(name) or name in families]
    if not names or rows["subject"].is_unique:
        return rows
    # pandas' "first" is the first value that is not missing.
    known = rows.groupby("subject", sort=False)[names].transform("first")
    return rows.assign(**{name: rows[name].fillna(known[name]) for name in names})
