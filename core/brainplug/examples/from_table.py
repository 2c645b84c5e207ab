"""Cohort loader begun from the columns of people.csv.

Nothing was guessed. What is marked STATE is yours to say. Until the id, the scan, the words of
codes and the columns with decimal commas are said, the loader refuses to load and names what is
missing.
"""

import glob
from collections.abc import Iterable
from pathlib import Path

import attrs
import pandas as pd

from brainplug import CohortTable, DataError, JoinReport, Part, about, hookimpl
from brainplug.api.roles import CohortLoader
from brainplug.toolkit.codes import with_points
from brainplug.toolkit.image_matching import find_images
from brainplug.toolkit.tables import leave_out, make_rows, read_table

COLUMNS = [
    "id",
]
"""What people.csv held; a column that is no longer there is told."""

SUBJECT = ""  # STATE which column holds the id of a person

# STATE where the scan of a person lies below the folder of images: "{subject}.nii.gz",
# "sub-{subject}/anat/*_T1w.nii.gz", with {session} where there are visits.
SCAN = ""

# Columns of the visit, of what relatives have in common, and of the site.
# STATE those that there are.
SESSION: str | None = None
FAMILY: str | None = None
SITE: str | None = None

CODES: dict[str, dict[str, str]] = {
    "sex": {},  # STATE the words
}
"""Column -> code -> its words, such as {"1": "male"}; delete columns that hold no codes."""

MISSING: list[str] = []
"""Codes that mean "no value" in every column, such as "-9"; empty cells are known anyway."""

DECIMAL_COMMAS: list[str] = []  # STATE which columns
"""Columns in which 23,5 means 23.5."""


def unstated() -> list[str]:
    """Say what is still to be stated."""
    found = [f"{name} is empty" for name in ("SUBJECT", "SCAN") if not globals()[name]]
    found += ["DECIMAL_COMMAS does not say which"] if "" in DECIMAL_COMMAS else []
    found += [f"CODES has no words for {name!r}" for name in CODES if not CODES[name]]
    named = [SUBJECT, SESSION, FAMILY, SITE, *CODES, *DECIMAL_COMMAS]
    lacking = [name for name in named if name and name not in COLUMNS]
    return found + [f"{name!r} is no column" for name in lacking]


@attrs.frozen(kw_only=True)
class TableOptions:
    """Options of `from-table`."""

    table: Path = attrs.field(metadata=about("people.csv, or a later one like it"))
    images: Path = attrs.field(metadata=about("folder of the scans"))


class FromTable:
    """The study of people.csv."""

    def __init__(self, options: TableOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name what is read; when it changes, the cohort is read anew."""
        return (self.options.table, self.options.images)

    def load(self) -> CohortTable:
        """Read the table, and give each row its scan."""
        if unstated():
            raise DataError(
                "; ".join(unstated()),
                where=Path(__file__).name,
                expected="all that is marked STATE",
                hint="state it there",
            )
        table = read_table(self.options.table)
        lacking = [name for name in COLUMNS if name not in table.columns]
        if lacking:
            raise DataError(
                where=self.options.table,
                expected=f"the columns {', '.join(map(repr, lacking))}",
                found=list(map(str, table.columns)),
            )
        for name in DECIMAL_COMMAS:
            table[name] = table[name].map(with_points, na_action="ignore")
        named = {
            "subject": SUBJECT,
            "session": SESSION,
            "family": FAMILY,
            "site": SITE,
        }
        own = {role: table[name] for role, name in named.items() if name}
        rows = make_rows(table, own, missing=MISSING)
        rows, nameless = leave_out(rows, rows["subject"].isna(), "no subject id")
        people = zip(rows["subject"], rows["session"].fillna(""), strict=True)
        found = [self.find(subject, session) for subject, session in people]
        rows["image"] = pd.Series(found, index=rows.index, dtype="str")
        scans, lost = leave_out(rows, rows["image"].isna(), "no image")
        return CohortTable(
            study="FROM-TABLE",
            scans=scans,
            exclusions=pd.concat([nameless, lost]),
            rows_read=len(table),
            # All images of the folder are counted, so that those of no row are told.
            join=JoinReport(
                rows=len(rows),
                images=len(find_images(self.options.images)),
                matched=len(scans),
            ),
            codes=CODES,
            missing=frozenset(MISSING),
        )

    def find(self, subject: str, session: str) -> str | None:
        """Return the one scan of a person and visit, None where there is none."""
        pattern = SCAN.replace("{subject}", glob.escape(subject))
        pattern = pattern.replace("{session}", glob.escape(session))
        files = sorted(self.options.images.absolute().glob(pattern))
        if len(files) > 1:
            raise DataError(
                where=f"scans of {subject!r}",
                expected="one",
                found=[file.name for file in files],
                hint="make SCAN more exact",
            )
        return str(files[0]) if files else None


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `from-table`."""
    yield Part("from-table", TableOptions, FromTable)
