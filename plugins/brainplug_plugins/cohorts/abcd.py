"""Cohort loader: the ABCD study, releases up to 4, 5.x and 6.x.

Family ids are computed anew for each release and differ between releases, as the NDA says: a split
kept for later must be kept by subject, never by family.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
from attrs.validators import min_len, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.records import CohortTable
from brainplug.api.roles import CohortLoader, Part, about
from brainplug.errors import DataError
from brainplug.toolkit.codes import find_missing, normal_code, read_number
from brainplug.toolkit.image_matching import (
    OTHER_SESSION,
    ImageFile,
    find_files,
    join_images,
    report_join,
)
from brainplug.toolkit.tables import get_column, leave_out, make_rows, stack_exclusions
from brainplug_plugins.abcd.join import NDA_PREFIX, Joined, join_tables
from brainplug_plugins.abcd.names import (
    AGE_IN_MONTHS,
    AGE_IN_YEARS,
    BASELINE,
    CODES,
    FAMILIES,
    INCLUSIONS,
    MISSING,
    SCANNERS,
    SITES,
    find_known,
    people_in,
    visit_of,
    visits_in,
)
from brainplug_plugins.abcd.release import list_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

SEVERAL = 'make cohort.suffix narrower, or set cohort.several to "first" or "last"'


@attrs.frozen(kw_only=True)
class AbcdOptions:
    """Options of `abcd`."""

    tables: Path | tuple[Path, ...] = attrs.field(
        metadata=about("a table, several, or a folder of them; joined on subject and session")
    )
    images: Path = attrs.field(metadata=about("folder of the scans; ids stand in names or folders"))
    session: str | tuple[str, ...] | None = attrs.field(
        default=None,
        validator=optional(min_len(1)),
        metadata=about("eventname or session_id kept, or several; without it the baseline"),
    )
    family: str | None = attrs.field(
        default=None, metadata=about("column of the family; without it the release's own")
    )
    site: str | None = attrs.field(
        default=None, metadata=about("column of the site; without it the release's own")
    )
    scanner: str | None = attrs.field(
        default=None, metadata=about("column of the scanner; without it the release's own")
    )
    suffix: str = attrs.field(
        default="", metadata=about("text that names of wanted scans hold, such as T1w")
    )
    several: Literal["error", "first", "last"] = attrs.field(
        default="error", metadata=about("which of several scans of a visit is taken, by file name")
    )
    require_qc: bool = attrs.field(
        default=False, metadata=about("keep only scans that the study recommends for inclusion")
    )
    qc: str | None = attrs.field(
        default=None,
        metadata=about("column that is 1 for scans to include; without it the release's own"),
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, besides 777, 999 and NR")
    )
    codes: Mapping[str, Mapping[str, str]] = attrs.field(
        factory=dict,
        metadata=about("column = { code = words }, besides M and F, and 1 and 2, of the sex"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse an empty list of tables, and a column that nothing would look at."""
        if self.tables == ():
            raise ValueError("tables must name at least one table: []")
        if self.qc is not None and not self.require_qc:
            raise ValueError(f"qc = {self.qc!r} needs require_qc = true")


class Abcd:
    """The ABCD study: its tables joined on subject and session, and a folder of T1 scans."""

    def __init__(self, options: AbcdOptions) -> None:
        """Keep the options; nothing is read before `load`."""
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name the tables and the folder of scans."""
        return (*list_tables(self._given), self.options.images)

    def load(self) -> CohortTable:
        """Join the tables, keep the sessions wanted, and find each row's scan by its id."""
        options = self.options
        families = (options.family,) if options.family else FAMILIES
        joined = join_tables(self._given, families)
        rows, notes = self._label(joined.rows)
        rows, others = self._keep_sessions(rows, dated=joined.dated)
        rows, failed = self._keep_included(rows)
        files, passed = self._find_images(joined)
        known = set(rows["subject"])
        # Ids have one form by now: that of another person, zeros aside, must not do.
        own = [file for file in files if file.subject in known]
        found = join_images(rows, own, several=options.several, hint=SEVERAL)
        chosen = found.rows["image"].reindex(rows.index)
        return CohortTable(
            study="ABCD",
            scans=found.rows.reset_index(drop=True),
            exclusions=stack_exclusions([joined.lost, others, *failed, found.lost]),
            rows_read=len(joined.rows) + len(joined.lost),
            # Counted over all files: those of other people are images without a row.
            join=report_join(rows["subject"], chosen, files),
            codes={**CODES, **options.codes},
            missing=MISSING.union(options.missing),
            notes=(*joined.notes, *notes, *passed),
        )

    @property
    def _given(self) -> tuple[Path, ...]:
        tables = self.options.tables
        return tables if isinstance(tables, tuple) else (tables,)

    @cached_property
    def _wanted(self) -> dict[str, str]:
        """Visits to keep, each with its name in the recipe."""
        given = self.options.session
        if given is None:
            return {BASELINE: "the baseline"}
        return {visit_of(each): each for each in ([given] if isinstance(given, str) else given)}

    def _label(self, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """Name family, site, scanner and age by columns of the release or of the recipe."""
        for name in self.options.codes:
            self._column(table, name, "codes")
        family = self._find(table, "family", FAMILIES)
        columns = {
            "subject": table["subject"],
            "session": table["session"],
            "family": None if family is None else normal_families(family),
            "site": self._find(table, "site", SITES),
        }
        extra = {"scanner": self._find(table, "scanner", SCANNERS)}
        if "age" not in table.columns:
            extra["age"] = age_in_years(table, MISSING.union(self.options.missing))
        own = table.drop(columns=["subject", "session"])
        for name, column in extra.items():
            if column is not None and column.name != name:
                own = own.rename(columns={name: f"{name}_in_table"}).assign(**{name: column})
        return make_rows(own, columns, missing=self.options.missing), [
            NO_FAMILY
        ] if family is None else []

    def _find(self, table: pd.DataFrame, option: str, known: Iterable[str]) -> pd.Series | None:
        """Return the column that the recipe names, else the release's own, None without either."""
        name = getattr(self.options, option)
        if name is not None:
            return self._column(table, name, option)
        name = find_known(table.columns, known)
        return None if name is None else table[name]

    def _column(self, table: pd.DataFrame, name: str, option: str) -> pd.Series:
        source = ", ".join(map(str, self._given))
        return get_column(table, name, option=f"cohort.{option}", source=source)

    def _keep_sessions(
        self, rows: pd.DataFrame, *, dated: bool
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Leave out the visits that are not wanted; without visits all rows stay.

        Raises:
            DataError: a visit that is wanted is not there.
        """
        if not dated:
            return rows, rows[:0]
        there = rows["session"].unique()
        visits = rows["session"].map({each: visit_of(each) for each in there})
        for visit, name in self._wanted.items():
            if not (visits == visit).any():
                raise DataError(
                    where="the sessions of the tables",
                    expected=repr(name),
                    found=tuple(sorted(there)),
                    hint="set cohort.session",
                )
        return leave_out(rows, ~visits.isin(list(self._wanted)), OTHER_SESSION)

    def _keep_included(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
        """Leave out scans that the study does not recommend, and those it does not judge."""
        if not self.options.require_qc:
            return rows, []
        flag = self._find(rows, "qc", INCLUSIONS)
        if flag is None:
            flag = self._column(rows, INCLUSIONS[0], "qc")
        codes = flag.map(normal_code, na_action="ignore")
        detail = f"{flag.name} is " + codes.fillna("empty")
        kept, unjudged = leave_out(
            rows, ~codes.isin(["0", "1"]), "no image quality control", detail
        )
        kept, failed = leave_out(
            kept, codes[kept.index] == "0", "failed image quality control", detail[kept.index]
        )
        return kept, [unjudged, failed]

    def _find_images(self, joined: Joined) -> tuple[list[ImageFile], list[str]]:
        """Return the images of the visits wanted, their ids and visits spelt as in the tables.

        Raises:
            DataError: no image bears an id.
        """
        spelling = {visit_of(each): each for each in joined.rows["session"].dropna().unique()}
        prefix = NDA_PREFIX if joined.nda else ""
        nameless, others = list[str](), list[str]()

        def read(path: str) -> tuple[str, str | None] | None:
            if self.options.suffix not in path.rpartition("/")[2]:
                return None
            people, visits = people_in(path), visits_in(path)
            # A path with two ids or two visits tells of nobody for certain.
            if len(people) != 1 or len(visits) > 1:
                nameless.append(path)
                return None
            visit, told = next(iter(visits.items()), (None, None))
            if visit is not None and visit not in self._wanted:
                others.append(path)
                return None
            return prefix + people.pop(), spelling.get(visit or "", told)

        files = find_files(self.options.images, read)
        if not files:
            raise self._no_images(nameless, others)
        return files, [
            f"{len(paths)} image{'s' * (len(paths) > 1)} {what} passed over"
            for what, paths in (("without one id and visit", nameless), ("of other visits", others))
            if paths
        ]

    def _no_images(self, nameless: list[str], others: list[str]) -> DataError:
        """Say what images there are, when none is wanted."""
        examples = ", ".join(map(repr, [*nameless, *others][:5])) or "none"
        named = f" with {self.options.suffix!r} in their names" if self.options.suffix else ""
        return DataError(
            f"{len(nameless)} without one id and {len(others)} of other visits, for example "
            f"{examples}",
            where=self.options.images,
            expected=f"images{named} of {' or '.join(self._wanted.values())} with an id such as "
            "NDARINV… or sub-… in the name of the file or a folder",
            found=(tuple(nameless), tuple(others)),
            hint="set cohort.images, cohort.suffix or cohort.session",
        )


NO_FAMILY = (
    "no column of families was found: siblings and twins may be split between training and test; "
    f"add the table with {' or '.join(FAMILIES)}, or set cohort.family"
)


def age_in_years(table: pd.DataFrame, missing: Iterable[str]) -> pd.Series | None:
    """Return the age in years where the release gives one, in months up to 5 and in years in 6.

    >>> import pandas as pd
    >>> age_in_years(pd.DataFrame({"interview_age": ["119", "120", "999"]}), ["999"]).tolist()
    ['9.917', '10', nan]
    """
    if AGE_IN_YEARS in table.columns:
        return table[AGE_IN_YEARS]
    if AGE_IN_MONTHS not in table.columns:
        return None
    found = table[AGE_IN_MONTHS].dropna().unique()
    months = {text: read_number(text) for text in set(found) - find_missing(found, missing)}
    years = {
        text: normal_code(f"{number / 12:.3f}")
        for text, number in months.items()
        if number is not None
    }
    return table[AGE_IN_MONTHS].map(years).astype("str")


def normal_families(column: pd.Series) -> pd.Series:
    """Return family ids in one form; 777 and 999 are families like any other.

    >>> import pandas as pd
    >>> normal_families(pd.Series(["12.0", "12", "777"])).tolist()
    ['12', '12', '777']
    """
    found = column.dropna().unique().tolist()
    return column.map({each: normal_code(each) for each in found}).astype("str")


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `abcd`."""
    yield Part("abcd", AbcdOptions, Abcd)
