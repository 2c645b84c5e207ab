"""Cohort loader: any table and any folder of images, as the recipe declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pandas as pd
from attrs.validators import matches_re, min_len

from brainplug.errors import DataError
from brainplug.hooks import hookimpl
from brainplug.matching import (
    find_images,
    folders_of,
    group_images,
    match_images,
    natural_key,
    report_join,
    without_zeros,
)
from brainplug.parts import CohortLoader, Part, about
from brainplug.tables import get_column, leave_out, make_rows, read_table, stack_exclusions
from brainplug.types import CohortTable

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST = "first"
ROLES = ("subject", "session", "family", "site")

_PIECES = re.compile(r"(\{subject\}|\{session\}|\*)")
_PATTERNS = {
    "{subject}": ("(?P<subject>[^/]+?)", "(?P=subject)"),
    "{session}": ("(?P<session>[^/]+?)", "(?P=session)"),
}


@attrs.frozen(kw_only=True)
class TableOptions:
    """Options of `table`."""

    table: Path = attrs.field(metadata=about("CSV, TSV or parquet file, one row a scan"))
    images: Path = attrs.field(metadata=about("folder of the images"))
    pattern: str = attrs.field(
        default="{subject}.nii.gz",
        metadata=about("where an image lies in the folder; may hold {subject}, {session} and *"),
    )
    subject: str = attrs.field(
        validator=min_len(1), metadata=about("column that holds the id of a person")
    )
    session: str | None = attrs.field(
        default=None, metadata=about("column that holds the visit; without it one row a person")
    )
    keep_session: str | None = attrs.field(
        default=None,
        metadata=about(
            'the visit that is kept, or "first" for each person\'s first; without it every visit'
        ),
    )
    family: str | None = attrs.field(
        default=None, metadata=about("column that holds what relatives have in common")
    )
    site: str | None = attrs.field(
        default=None, metadata=about("column that holds the site or the scanner")
    )
    study: str = attrs.field(
        default="TABLE",
        validator=matches_re("[A-Za-z0-9-]+"),
        metadata=about("short name of the study, for file names"),
    )
    codes: Mapping[str, Mapping[str, str]] = attrs.field(
        factory=dict, metadata=about("column = { code = words } for columns that hold codes")
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, in every column")
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a pattern that names nobody, and a session that nothing tells."""
        left = _PIECES.sub("", self.pattern)
        if "{subject}" not in self.pattern or "{" in left or "}" in left:
            raise ValueError(
                "pattern must hold {subject}, may hold {session} and *, and no other braces: "
                f"{self.pattern!r}"
            )
        if self.keep_session and not self.session and "{session}" not in self.pattern:
            raise ValueError("keep_session needs session, or {session} in pattern")


class Table:
    """Any CSV, TSV or parquet table with a folder of images, as the recipe declares them."""

    def __init__(self, options: TableOptions) -> None:
        """Keep the options; nothing is read before `load`."""
        self.options = options

    def load(self) -> CohortTable:
        """Read the table and give each row the image that the pattern names."""
        options = self.options
        table = read_table(options.table)
        rows = make_rows(table, {name: self._column(table, name) for name in ROLES})
        self._check_codes(table)
        rows, nameless = leave_out(rows, rows["subject"].isna(), "no subject id")
        rows, lost = self._keep_visits(rows)
        rows = self._choose(rows)
        join = report_join(rows["subject"], rows["image"], list(self._images.values()))
        rows, unmatched = leave_out(rows, rows["image"].isna(), "no image")
        return CohortTable(
            study=options.study,
            scans=rows,
            exclusions=stack_exclusions([nameless, *lost, unmatched]),
            rows_read=len(table),
            join=join,
            codes=options.codes,
            missing=frozenset(options.missing),
        )

    def sources(self) -> tuple[Path, ...]:
        """Name the table and the folders that hold images."""
        return (self.options.table, *folders_of(self._images.values()))

    @cached_property
    def _images(self) -> dict[str, Path]:
        """Path within the folder -> image, for the images that fit the pattern.

        Raises:
            DataError: no image fits.
        """
        folder, fits = self.options.images, _compile(self.options.pattern)
        found = {image.relative_to(folder).as_posix(): image for image in find_images(folder)}
        fitting = {name: image for name, image in found.items() if fits.fullmatch(name)}
        if not fitting:
            examples = ", ".join(map(repr, list(found)[:5])) or "none"
            raise DataError(
                f"{folder}: expected images that fit the pattern {self.options.pattern!r}, "
                f"found {len(found)} images and none fits, for example {examples}; "
                "set cohort.pattern"
            )
        return fitting

    def _column(self, table: pd.DataFrame, role: str) -> pd.Series | None:
        name = getattr(self.options, role)
        if name is None:
            return None
        return get_column(table, name, option=f"cohort.{role}", source=self.options.table)

    def _check_codes(self, table: pd.DataFrame) -> None:
        for name in self.options.codes:
            get_column(table, name, option="cohort.codes", source=self.options.table)

    def _keep_visits(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        """Leave out visits that are not wanted."""
        if self.options.session is None:
            return rows, []
        rows, undated = leave_out(rows, rows["session"].isna(), "no session")
        wanted = self.options.keep_session
        if wanted is None:
            self._check_sessions(rows)
            return rows, [undated]
        if wanted == FIRST:
            visits = sorted(rows["session"].unique(), key=natural_key)
            places = rows["session"].map({visit: place for place, visit in enumerate(visits)})
            other = places != places.groupby(rows["subject"]).transform("min")
        else:
            other = rows["session"].map(without_zeros) != without_zeros(wanted)
        rows, others = leave_out(rows, other, "another session")
        return rows, [undated, others]

    def _check_sessions(self, rows: pd.DataFrame) -> None:
        """Refuse visits that the pattern would give the same image."""
        several = rows.loc[rows["subject"].duplicated(), "subject"].unique()
        if len(several) and "{session}" not in self.options.pattern:
            raise DataError(
                f"{self.options.table}: {len(several)} people have several rows, for example "
                f"{several[0]!r}, and the pattern {self.options.pattern!r} names one image for all "
                "of them; set cohort.keep_session, or {session} in cohort.pattern"
            )

    def _choose(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give each row its one image, and its session where only the image tells.

        Raises:
            DataError: several images fit a row.
        """
        told = self._read_names(rows)
        grouped = group_images(told, lambda image: told[image][0])
        candidates = match_images(rows["subject"], grouped)
        images, sessions = [], []
        for subject, session, found in zip(*_ids(rows), candidates, strict=True):
            fitting = self._of_session({image: told[image][1] for image in found}, session)
            if len(fitting) > 1:
                raise self._several(subject, fitting)
            images.append(str(fitting[0]) if fitting else None)
            sessions.append(session or (told[fitting[0]][1] if fitting else None))
        return rows.assign(
            image=pd.Series(images, index=rows.index, dtype="str"),
            session=pd.Series(sessions, index=rows.index, dtype="str"),
        )

    def _read_names(self, rows: pd.DataFrame) -> dict[Path, tuple[str, str | None]]:
        """Return each image's subject and session.

        A path that a row spells out is that row's: the pattern alone could not tell where the
        subject `A_1` ends in `A_1_2.nii.gz`.
        """
        spelt = {self._spell(*each): each for each in zip(*_ids(rows), strict=True)}
        fits = _compile(self.options.pattern)
        told = {}
        for name, image in self._images.items():
            groups = fits.fullmatch(name)
            assert groups is not None  # _images holds what fits
            told[image] = spelt.get(name) or (groups["subject"], groups.groupdict().get("session"))
        return told

    def _spell(self, subject: str, session: str | None) -> str:
        path = self.options.pattern.replace("{subject}", subject)
        return path.replace("{session}", session) if session else path

    def _of_session(self, found: dict[Path, str | None], session: str | None) -> list[Path]:
        """Return the images of the session that is wanted; all where the names tell none."""
        wanted = session or self.options.keep_session
        if "{session}" not in self.options.pattern or wanted is None or not found:
            return list(found)
        forms = {image: without_zeros(visit or "") for image, visit in found.items()}
        if session is None and wanted == FIRST:
            wanted = min(forms.values(), key=natural_key)
        return [image for image, form in forms.items() if form == without_zeros(wanted)]

    def _several(self, subject: str, found: list[Path]) -> DataError:
        shown = ", ".join(str(path.relative_to(self.options.images)) for path in found[:5])
        return DataError(
            f"{self.options.images}: expected one image for {subject!r}, found {len(found)}: "
            f"{shown}; make cohort.pattern narrower, or set cohort.session or cohort.keep_session"
        )


def _ids(rows: pd.DataFrame) -> tuple[list[str], list[str | None]]:
    """Return the subject and the session of each row."""
    sessions = [None if pd.isna(session) else str(session) for session in rows["session"]]
    return rows["subject"].tolist(), sessions


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Turn the pattern into a regular expression for paths within the folder."""
    seen: set[str] = set()
    pieces = []
    for piece in _PIECES.split(pattern):
        first, again = _PATTERNS.get(piece, (None, None))
        if piece == "*":
            pieces.append("[^/]*")
        elif first is None or again is None:
            pieces.append(re.escape(piece))
        else:
            pieces.append(again if piece in seen else first)
            seen.add(piece)
    return re.compile("".join(pieces))


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `table`."""
    yield Part("table", TableOptions, Table)
