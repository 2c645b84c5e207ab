"""Cohort loader: the ABCD study, releases up to 4, 5.x and 6.x.

Ids: `NDAR_INV` and eight characters in tables up to 5.x, without the underscore in file names,
`sub-…` in 6.x. Column names of releases up to 4 are those of the NDA data dictionaries; names of
6.x are options, since they are to be read from that release's own dictionary.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd

from brainplug.errors import DataError
from brainplug.hooks import hookimpl
from brainplug.joining import (
    arrange_scans,
    exclude,
    get_columns,
    match,
    plain_id,
)
from brainplug.matching import find_images, group_images
from brainplug.parts import Part, about
from brainplug.tables import read_table, stack_exclusions
from brainplug.types import CohortTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.parts import CohortLoader

SUBJECTS = ("src_subject_id", "subjectkey", "participant_id")
SESSIONS = ("eventname", "session_id")
FAMILIES = ("rel_family_id", "ab_g_stc__design_id__fam")
SITES = ("site_id_l", "ab_g_dyn__design_site")
BASELINES = frozenset({"baselineyear1arm1", "ses00a", "00a"})
QC = "imgincl_t1w_include"
CODES = {
    "sex": {"M": "male", "F": "female", "O": "other", "NR": "not reported"},
    "demo_sex_v2": {"1": "male", "2": "female", "3": "intersex-male", "4": "intersex-female"},
}
MISSING = frozenset({"777", "999"})
TABLES = (".txt", ".csv", ".tsv", ".parquet")
GUID = re.compile(r"NDAR_?INV([A-Za-z0-9]{8})|sub-([A-Za-z0-9]+)")
EVENT = re.compile(r"ses-([A-Za-z0-9]+)|(baselineYear1Arm1|[0-9]+YearFollowUpYArm1)", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class AbcdOptions:
    """Options of `abcd`."""

    tables: Path | tuple[Path, ...] = attrs.field(
        metadata=about("a table, several, or a folder of them; joined on subject and session")
    )
    images: Path = attrs.field(metadata=about("folder of the scans; ids stand in names or folders"))
    session: str | None = attrs.field(
        default=None, metadata=about("eventname or session_id kept; without it the baseline")
    )
    family: str | None = attrs.field(
        default=None, metadata=about("column of the family; without it the release's own")
    )
    site: str | None = attrs.field(
        default=None, metadata=about("column of the site; without it the release's own")
    )
    suffix: str = attrs.field(
        default="", metadata=about("text that names of wanted scans hold, such as T1w")
    )
    require_qc: bool = attrs.field(
        default=False, metadata=about(f"keep only scans whose {QC} is 1")
    )
    several: Literal["error", "first", "last"] = attrs.field(
        default="error", metadata=about("which scan of a visit to take, by file name")
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, besides 777 and 999")
    )
    codes: dict[str, dict[str, str]] = attrs.field(
        factory=dict,
        metadata=about("column -> { code = words }, besides sex and demo_sex_v2"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse an empty list of tables."""
        if self.tables == ():
            raise ValueError("tables must name at least one table: []")


class Abcd:
    """The ABCD study: its tables joined on subject and session, and a folder of T1 scans."""

    def __init__(self, options: AbcdOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name the tables and the folder of scans."""
        return (*self._paths(), self.options.images)

    def load(self) -> CohortTable:
        """Join the tables, keep one session, and find each row's scan by its id."""
        options = self.options
        rows = self._label(join_tables(self._paths()))
        count = len(rows)
        rows, other = part(rows, self._is_kept(rows["session"]))
        rows, bad = part(rows, self._passes_qc(rows))
        scans = group_images(find_images(options.images), self._key)
        if options.several != "error":
            place = 0 if options.several == "first" else -1
            scans = {key: [paths[place]] for key, paths in scans.items()}
        people = rows["subject"].map(plain_id)
        dated = people + "/" + rows["session"].fillna("").map(plain_session)
        keys = dated.where(dated.isin(list(scans)), people + "/")
        found, lost, join = match(
            rows, keys, scans, rule='set several = "first" or "last", or suffix, in [cohort]'
        )
        return CohortTable(
            study="ABCD",
            scans=arrange_scans(found),
            exclusions=stack_exclusions(
                [
                    exclude(other, "other session"),
                    exclude(bad, "failed image quality control"),
                    lost,
                ]
            ),
            rows_read=count,
            join=join,
            codes={**CODES, **options.codes},
            missing=MISSING.union(options.missing),
        )

    def _paths(self) -> tuple[Path, ...]:
        given = self.options.tables
        paths = given if isinstance(given, tuple) else (given,)
        return tuple(path for each in paths for path in expand(each))

    def _label(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add family and site from the columns the release has, or the recipe names."""
        chosen = {"family": self.options.family, "site": self.options.site}
        named = {name: column for name, column in chosen.items() if column is not None}
        get_columns(rows, self._paths()[0], named)
        rows = rows.copy()
        for name, known in (("family", FAMILIES), ("site", SITES)):
            column = named.get(name) or next((each for each in known if each in rows.columns), None)
            rows[name] = rows[column] if column else pd.NA
        return rows

    def _is_kept(self, sessions: pd.Series) -> pd.Series:
        plain = sessions.fillna("").map(plain_session)
        if sessions.isna().all():
            return plain == ""
        if self.options.session is None:
            return plain.isin(BASELINES)
        kept = plain == plain_session(self.options.session)
        if not kept.any():
            raise DataError(
                f"cohort.session is {self.options.session!r}; the tables have "
                f"{', '.join(map(repr, sorted(sessions.dropna().unique())))}"
            )
        return kept

    def _passes_qc(self, rows: pd.DataFrame) -> pd.Series:
        if not self.options.require_qc:
            return pd.Series(data=True, index=rows.index)
        get_columns(rows, self._paths()[0], {"require_qc": QC})
        return rows[QC].fillna("").isin(["1", "1.0"])

    def _key(self, path: Path) -> str | None:
        """Return `subject/session` of a scan, the session empty where its name tells none."""
        place = path.relative_to(self.options.images).as_posix()
        people = [plain_id(whole) for whole in (m.group(0) for m in GUID.finditer(place))]
        if not people or self.options.suffix not in path.name:
            return None
        event = EVENT.search(place)
        return f"{people[-1]}/{plain_session(event.group(0)) if event else ''}"


def expand(path: Path) -> list[Path]:
    """Return the tables in a folder, or the table itself."""
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.rglob("*") if each.suffix in TABLES)
    if not found:
        raise DataError(f"{path}: no table in this folder; expected {', '.join(TABLES)}")
    return found


def read_release_table(path: Path) -> pd.DataFrame:
    """Read a table with `subject` and, where it has one, `session`; descriptions are left out."""
    frame = read_table(path)
    column = next((name for name in SUBJECTS if name in frame.columns), None)
    if column is None:
        raise DataError(
            f"{path}: expected a column {' or '.join(SUBJECTS)}, the table has "
            f"{', '.join(frame.columns[:20])}"
        )
    if path.suffix == ".txt" and not is_id(frame[column].iloc[0]):
        frame = frame.iloc[1:].reset_index(drop=True)
    session = next((name for name in SESSIONS if name in frame.columns), None)
    frame = frame.assign(subject=frame[column].map(canonical_id, na_action="ignore"))
    return frame if session is None else frame.assign(session=frame[session])


def is_id(value: object) -> bool:
    """Tell whether a cell holds a subject's id, not the description of one."""
    return bool(GUID.fullmatch(str(value)))


def canonical_id(text: str) -> str:
    """Return an id as brainplug writes it: `NDARINV…` in capitals, or a 6.x id without `sub-`.

    >>> canonical_id("NDAR_INV0A1B2C3D"), canonical_id("sub-NDARINV0A1B2C3D")
    ('NDARINV0A1B2C3D', 'NDARINV0A1B2C3D')
    """
    return text.strip().removeprefix("sub-").replace("_", "").upper()


def plain_session(text: str) -> str:
    """Return a session as tables and file names share it.

    >>> plain_session("baseline_year_1_arm_1") == plain_session("ses-baselineYear1Arm1")
    True
    """
    return re.sub(r"[^a-z0-9]", "", text.casefold().removeprefix("ses-"))


def join_tables(paths: Sequence[Path]) -> pd.DataFrame:
    """Join tables on subject and session; those without a session on the subject.

    Raises:
        DataError: a table has several rows for one visit.
    """
    frames = sorted((read_release_table(path) for path in paths), key=lambda f: "session" not in f)
    joined = frames[0]
    check_visits(joined, paths)
    for frame in frames[1:]:
        keys = [key for key in ("subject", "session") if key in frame and key in joined]
        check_visits(frame, paths)
        fresh = [name for name in frame.columns if name not in joined.columns or name in keys]
        joined = joined.merge(frame[fresh], on=keys, how="outer" if len(keys) > 1 else "left")
    return joined.reindex(columns=list(dict.fromkeys([*joined.columns, "session"])))


def check_visits(frame: pd.DataFrame, paths: Sequence[Path]) -> None:
    """Refuse a table with several rows for one visit, which would multiply the others."""
    keys = [key for key in ("subject", "session") if key in frame]
    twice = frame[frame.duplicated(keys, keep=False)]
    if len(twice):
        visit = " ".join(map(str, twice.iloc[0][keys]))
        raise DataError(
            f"{', '.join(path.name for path in paths)}: {len(twice)} rows share a visit, for "
            f"example {visit}; keep one row a subject and session"
        )


def part(rows: pd.DataFrame, kept: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows in those kept and the others."""
    return rows[kept], rows[~kept]


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `abcd`."""
    yield Part("abcd", AbcdOptions, Abcd)
