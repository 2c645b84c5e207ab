"""ABCD's tables, read one by one in the form of any release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.tables import leave_out, read_table
from brainplug_plugins.abcd.names import (
    SESSIONS,
    SUBJECTS,
    find_known,
    is_id,
    is_known,
    is_nda,
    person_of,
    visit_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIXES = (".txt", ".csv", ".tsv", ".parquet")

OWN_COLUMNS = ("subject", "session", "image")

Release = Literal["up to 5", "6"]


@attrs.frozen(kw_only=True, eq=False)
class Source:
    """One table of a release.

    Attributes:
        path: where it was read.
        release: as its ids tell, None where they are spelt as in no release.
        frame: its columns but those of subject and session. The index holds the person, or
            `person/visit` where the table has visits.
        spellings: visit -> its name in the table; empty where the table has no visits.
        lost: exclusions of rows that name no person or no visit.
    """

    path: Path
    release: Release | None
    frame: pd.DataFrame
    spellings: dict[str, str]
    lost: pd.DataFrame


def list_tables(paths: Sequence[Path]) -> list[Path]:
    """List the tables, those of a folder sorted by name.

    Raises:
        DataError: a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        inside = _tables_in(path) if path.is_dir() else [path]
        if not inside:
            raise DataError(
                "none",
                where=path,
                expected=f"tables ({', '.join(SUFFIXES)}) in this folder",
                hint="set cohort.tables",
            )
        found += inside
    # A table may be named by itself and lie in a named folder as well.
    return list(dict.fromkeys(found))


def read_source(path: Path) -> Source:
    """Read a table of any release; the row of descriptions below the header is left out.

    Raises:
        DataError: the table has no column of subjects or no rows, or several rows for one visit.
    """
    frame = read_table(path, also=is_known)
    subject = find_known(frame.columns, SUBJECTS)
    if subject is None:
        raise DataError(
            where=path,
            expected=f"a column {' or '.join(SUBJECTS)}",
            found=tuple(frame.columns),
            hint="take the file out of cohort.tables if it is no table of the study",
        )
    frame = _drop_descriptions(frame, subject, path)
    session = find_known(frame.columns, SESSIONS)
    keys = pd.DataFrame(
        {
            "subject": frame[subject],
            "session": pd.NA if session is None else frame[session],
            "image": pd.NA,
        },
        dtype="str",
    )
    dated = bool(keys["session"].notna().any())
    keys, nameless = leave_out(keys, keys["subject"].isna(), "no subject id", path.name)
    keys, unplaced = leave_out(keys, keys["session"].isna() & dated, "no session", path.name)
    index = _make_index(keys)
    _check_visits(keys, index, path)
    lost = pd.concat([nameless, unplaced])
    return Source(
        path=path,
        release=_find_release(subject, keys["subject"]),
        frame=_without_keys(frame.loc[keys.index]).set_axis(index, axis="index"),
        spellings={visit_of(each): each for each in sorted(keys["session"].dropna().unique())},
        lost=lost.assign(subject=lost["subject"].map(person_of, na_action="ignore")),
    )


def _find_release(subject: str, ids: pd.Series) -> Release | None:
    """Tell the release by the spelling of its ids."""
    if any(map(is_nda, ids.tolist())):
        return "up to 5"
    bids = subject == "participant_id" and ids.str.startswith("sub-").any()
    return "6" if bids else None


def _make_index(keys: pd.DataFrame) -> pd.Index:
    """Return the person, or `person/visit` where there are visits."""
    people = keys["subject"].map(
        {each: person_of(each) for each in keys["subject"].unique().tolist()}
    )
    visits = {each: visit_of(each) for each in keys["session"].dropna().unique()}
    whole = people + "/" + keys["session"].map(visits) if visits else people
    return pd.Index(whole.astype("str"))


def _without_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the columns of subject and session; others that bear our names get another one."""
    others = frame.drop(columns=[*SUBJECTS, *SESSIONS], errors="ignore")
    return others.rename(columns={name: f"{name}_in_table" for name in OWN_COLUMNS})


def _tables_in(folder: Path) -> list[Path]:
    """List the tables in a folder and below, but for hidden files."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
    )


def _drop_descriptions(frame: pd.DataFrame, subject: str, path: Path) -> pd.DataFrame:
    """Leave out the second header row of releases up to 4, also where it was saved as CSV.

    Raises:
        DataError: nothing is left.
    """
    first, *following = frame[subject].iloc[:2].fillna("")
    text = path.suffix.lower() == ".txt"
    # Descriptions are sentences; one of a single word is told by the `.txt` that it comes in, in
    # which an id follows it.
    described = " " in first or (text and any(map(is_id, following)))
    if is_id(first) or not described:
        return frame
    if not following:
        raise DataError(
            "none",
            where=path,
            expected="rows of people below the two header rows",
            hint="take the file out of cohort.tables, or download it again",
        )
    return frame.iloc[1:].reset_index(drop=True)


def _check_visits(keys: pd.DataFrame, index: pd.Index, path: Path) -> None:
    """Refuse several rows for one visit, which would multiply those of other tables."""
    twice = index.duplicated(keep=False)
    if not twice.any():
        return
    visit = " ".join(keys.loc[twice, ["subject", "session"]].iloc[0].dropna())
    raise DataError(
        f"{int(twice.sum())} rows that share theirs with another, for example those of {visit!r}",
        where=path,
        expected="one row for each subject and session",
        found=visit,
        hint="keep one of them",
    )
