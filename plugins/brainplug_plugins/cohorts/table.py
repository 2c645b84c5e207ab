"""Cohort loader: any table and any folder of images, as the recipe declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
from attrs.validators import matches_re

from brainplug.api.hooks import hookimpl
from brainplug.api.records import EXTENSIONS, CohortTable
from brainplug.api.roles import CohortLoader, Part, about
from brainplug.errors import DataError
from brainplug.toolkit.codes import with_points
from brainplug.toolkit.image_matching import (
    FIRST,
    ImageFile,
    choose_session,
    find_files,
    find_images,
    join_images,
    natural_key,
    plain_session,
    without_separators,
    without_zeros,
)
from brainplug.toolkit.image_names import without_extension
from brainplug.toolkit.misfiled import Filing
from brainplug.toolkit.tables import (
    SESSION_NAMES,
    SUBJECT_NAMES,
    find_named,
    get_column,
    leave_out,
    make_rows,
    read_table,
    stack_exclusions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

ROLES = ("subject", "session", "family", "site")
HINT = (
    'make cohort.pattern narrower, set cohort.session or cohort.keep_session, or several = "first"'
    ' or "last" in [cohort]'
)

_PIECES = re.compile(r"(\{subject\}|\{session\}|\*)")


@attrs.frozen(kw_only=True)
class TableOptions:
    """Options of `table`."""

    table: Path = attrs.field(
        metadata=about("CSV, TSV, parquet or Excel file, one row a person or a visit")
    )
    images: Path = attrs.field(metadata=about("folder of the images"))
    pattern: str = attrs.field(
        default="{subject}.nii.gz",
        metadata=about("where an image lies in the folder; may hold {subject}, {session} and *"),
    )
    subject: str | None = attrs.field(
        default=None,
        metadata=about("column that holds the id of a person; without it the likely ones are told"),
    )
    session: str | None = attrs.field(
        default=None, metadata=about("column that holds the visit; without it one row a person")
    )
    keep_session: str | None = attrs.field(
        default=None,
        metadata=about(
            'the visit that is kept, or "first" for each person\'s first that has an image, by '
            "the natural order of the names; without it every visit"
        ),
    )
    several: Literal["error", "first", "last"] = attrs.field(
        default="error",
        metadata=about("which of several images of a row is taken, by the order of their names"),
    )
    sheet: str | None = attrs.field(
        default=None, metadata=about("sheet of an Excel file of which several hold data")
    )
    decimal: Literal[".", ","] = attrs.field(
        default=".", metadata=about("what stands before the decimals of the table's numbers")
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
    """Any CSV, TSV, parquet or Excel table with a folder of images, as the recipe declares them."""

    def __init__(self, options: TableOptions) -> None:
        """Keep the options; nothing is read before `load`."""
        self.options = options

    def _point(self, table: pd.DataFrame) -> pd.DataFrame:
        """Write numbers with decimal commas with points, but in columns that hold no numbers."""
        options = self.options
        named = {options.subject, options.session, options.family, options.site}
        if options.decimal == ".":
            return table
        columns = [name for name in table.columns if name not in named]
        changed = {name: table[name].map(with_points, na_action="ignore") for name in columns}
        return table.assign(**changed)

    def load(self) -> CohortTable:
        """Read the table and give each row the image that the pattern names."""
        options = self.options
        table = self._point(read_table(options.table, sheet=options.sheet))
        rows = make_rows(table, self._columns(table), missing=options.missing)
        rows, nameless = leave_out(rows, rows["subject"].isna(), "no subject id")
        rows, undated = leave_out(
            rows, rows["session"].isna() & (options.session is not None), "no session"
        )
        self._check_visits(rows)
        filing = Filing(_Reader(options.pattern, rows).read)
        files = self._find(filing)
        # Without a column of visits it is the images that were chosen by visit (`_find`).
        rows, others = choose_session(
            rows, options.keep_session if options.session else None, files
        )
        joined = join_images(rows, files, several=options.several, hint=HINT)
        return CohortTable(
            study=options.study,
            scans=joined.rows,
            exclusions=stack_exclusions([nameless, undated, others, filing.blame(joined.lost)]),
            rows_read=len(table),
            join=joined.report,
            codes=options.codes,
            missing=frozenset(options.missing),
            notes=tuple(filing.notes()),
        )

    def sources(self) -> tuple[Path, ...]:
        """Name the table and the folder of images."""
        return self.options.table, self.options.images

    def _columns(self, table: pd.DataFrame) -> dict[str, pd.Series | None]:
        """Return the columns of the table that the options name.

        Raises:
            DataError: one is not there, or none is named for the subject.
        """
        if self.options.subject is None:
            raise self._no_subject(table)
        for name in self.options.codes:
            get_column(table, name, option="cohort.codes", source=self.options.table)
        named = {role: getattr(self.options, role) for role in ROLES}
        return {
            role: get_column(table, name, option=f"cohort.{role}", source=self.options.table)
            for role, name in named.items()
            if name is not None
        }

    def _no_subject(self, table: pd.DataFrame) -> DataError:
        """Show the columns, those that may hold ids first; which it is stays the user's word."""
        likely = find_named(table.columns, SUBJECT_NAMES)
        likely = likely or [name for name in table.columns if name.casefold().endswith("id")]
        hint = f"likely are {' or '.join(map(repr, likely[:4]))}; " if likely else ""
        return DataError(
            where=self.options.table,
            expected="to be told which column holds the id of a person",
            found=tuple(table.columns),
            hint=f"{hint}write subject = {likely[0] if likely else '…'!r} in [cohort] if that is "
            "it",
        )

    def _check_visits(self, rows: pd.DataFrame) -> None:
        """Refuse several rows of a person that could be visits and would share an image.

        Plain copies of a row go on, and are left out with all that stands twice.

        Raises:
            DataError: no column is named for the visit and one looks like it, or the pattern has
                no place for it.
        """
        options = self.options
        several = rows.loc[rows["subject"].duplicated(), "subject"]
        if several.empty or (options.session and (options.keep_session or self._tells_session)):
            return
        people = several.nunique()
        found = f"{people} {'person has' if people == 1 else 'people have'} several rows"
        found += f", for example {several.iloc[0]!r}"
        if options.session:
            raise DataError(
                f"{found}, and the pattern {options.pattern!r} names one image for all of them",
                where=options.table,
                found=tuple(several.unique()),
                hint="set cohort.keep_session, or {session} in cohort.pattern",
            )
        likely = find_named(rows.columns.drop("session"), (*SESSION_NAMES, "session_in_table"))
        if likely:
            name = likely[0].removesuffix("_in_table")
            raise DataError(
                f"{found}, and no column is named for the visit",
                where=options.table,
                found=tuple(several.unique()),
                hint=f'likely is {name!r}; write session = "{name}" in [cohort], '
                'with keep_session = "first" for one row a person',
            )

    @property
    def _tells_session(self) -> bool:
        return "{session}" in self.options.pattern

    def _find(self, filing: Filing) -> Sequence[ImageFile]:
        """Return the images that fit the pattern, with what it tells of each.

        Raises:
            DataError: no image fits.
        """
        options = self.options
        files = find_files(options.images, filing.read)
        if not files and filing.odd:
            raise DataError(filing.notes()[0], where=options.images, found=tuple(filing.odd))
        if not files:
            raise self._nothing_fits()
        wanted = None if options.session else options.keep_session
        return images_of_session(files, wanted)

    def _nothing_fits(self) -> DataError:
        found = find_images(self.options.images)
        if not found:
            return DataError(
                "none, not even in its folders",
                where=self.options.images,
                expected=f"images, whose names end in {', '.join(EXTENSIONS)}",
                hint="set cohort.images",
            )
        examples = ", ".join(map(repr, found[:5]))
        return DataError(
            f"{len(found)} images and none fits, for example {examples}",
            where=self.options.images,
            expected=f"images that fit the pattern {self.options.pattern!r}",
            found=tuple(found),
            hint="set cohort.pattern",
        )


class _Reader:
    """Reads subject and session off the path of an image.

    A path that a row spells out is that row's. Where the pattern alone does not tell where an id
    ends, as in `A_1_2.nii.gz`, the ids of the table decide, and only if one of them fits.
    """

    def __init__(self, pattern: str, rows: pd.DataFrame) -> None:
        self.pattern = pattern
        self.ids = rows["subject"].unique().tolist()
        self.spelt = self._spell(rows)
        self.known: set[str] = set()

    def read(self, path: str) -> tuple[str, str | None] | None:
        """Return subject and session, None where the path does not fit."""
        if path in self.spelt:
            return self.spelt[path]
        # Where the shortest and the longest id that fit are one, the pattern leaves no choice.
        shortest = _compile(self.pattern, "+?").fullmatch(path)
        longest = _compile(self.pattern, "+").fullmatch(path)
        if shortest is None or longest is None:
            return None
        if shortest["subject"] != longest["subject"]:
            shortest = self._decide(path, len(shortest["subject"]), len(longest["subject"]))
        return shortest["subject"], shortest.groupdict().get("session")

    def _spell(self, rows: pd.DataFrame) -> dict[str, tuple[str, str | None]]:
        """Return what each row's path would be, letter by letter."""
        if "{session}" not in self.pattern:
            return {self.pattern.replace("{subject}", each): (each, None) for each in self.ids}
        pairs = rows[["subject", "session"]].dropna().to_numpy().tolist()
        return {self._fill(*pair): (pair[0], pair[1]) for pair in pairs}

    def _fill(self, subject: str, session: str) -> str:
        return self.pattern.replace("{subject}", subject).replace("{session}", session)

    def _decide(self, path: str, low: int, high: int) -> re.Match[str]:
        tried = (_compile(self.pattern, f"{{{n}}}").fullmatch(path) for n in range(low, high + 1))
        fitting = [match for match in tried if match]
        named = [match for match in fitting if self._is_known(match["subject"])]
        if len({match["subject"] for match in named}) > 1:
            shown = " or ".join(repr(match["subject"]) for match in named)
            raise DataError(
                f"the image {path!r} may be of {shown}, since both fit the pattern "
                f"{self.pattern!r}",
                found=tuple(match["subject"] for match in named),
                hint="make cohort.pattern narrower",
            )
        return (named or fitting)[0]

    def _is_known(self, subject: str) -> bool:
        # Made at the first path in doubt, as most studies have none.
        if not self.known:
            self.known.update(map(without_zeros, self.ids), map(without_separators, self.ids))
        return without_zeros(subject) in self.known or without_separators(subject) in self.known


def images_of_session(files: Sequence[ImageFile], wanted: str | None) -> Sequence[ImageFile]:
    """Keep the images of one visit, for a table that tells no visits.

    Args:
        files: images whose names tell their visits.
        wanted: as in `choose_session`.
    """
    if wanted is None:
        return files
    if wanted != FIRST:
        return [
            file
            for file in files
            if file.session and plain_session(file.session) == plain_session(wanted)
        ]
    first: dict[str, tuple[str | int, ...]] = {}
    for file in files:
        key = natural_key(file.session or "")
        first[file.subject] = min(key, first.get(file.subject, key))
    return [file for file in files if natural_key(file.session or "") == first[file.subject]]


@cache
def _compile(pattern: str, length: str) -> re.Pattern[str]:
    """Turn the pattern into a regular expression for paths within the folder.

    Args:
        pattern: as in the recipe.
        length: of the subject's id, as a regular expression repeats.
    """
    names = {"{subject}": f"(?P<subject>[^/]{length})", "{session}": "(?P<session>[^/]+?)"}
    seen: set[str] = set()
    pieces = []
    for piece in _PIECES.split(pattern):
        if piece in names:
            # A second {subject} in the pattern must be the same id, as in
            # `{subject}/{subject}_T1w.nii`.
            pieces.append(f"(?P={piece[1:-1]})" if piece in seen else names[piece])
            seen.add(piece)
        else:
            pieces.append("[^/]*" if piece == "*" else re.escape(piece))
    end = pattern.removeprefix(without_extension(pattern))
    if end:  # `.NII.GZ`, as some servers and disks make of it
        pieces[-1] = pieces[-1].removesuffix(re.escape(end)) + f"(?i:{re.escape(end)})"
    return re.compile("".join(pieces))


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `table`."""
    yield Part("table", TableOptions, Table)
