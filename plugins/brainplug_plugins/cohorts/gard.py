"""Cohort loader: GARD, whose ids are integers and whose scans are called after them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from brainplug.api.hooks import hookimpl
from brainplug.api.records import CohortTable
from brainplug.api.roles import Part, about
from brainplug.toolkit.image_matching import ImageFile, find_files, join_images
from brainplug.toolkit.tables import get_column, leave_out, make_rows, read_table, stack_exclusions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from brainplug.api.roles import CohortLoader

SUFFIXES = (".nii.gz", ".nii")
NO_INTEGER = "id is no integer"

_INTEGER = re.compile(r"([0-9]+)(?:\.0*)?")
_NAME = re.compile(r"([0-9]+)(_brain)?(?i:\.nii(?:\.gz)?)")


@attrs.frozen(kw_only=True)
class GardOptions:
    """Options of `gard`."""

    table: Path = attrs.field(metadata=about("CSV, TSV or parquet file, one row a person"))
    images: Path = attrs.field(
        metadata=about("folder of the scans: 7.nii.gz whole head, 7_brain.nii.gz brain")
    )
    subject: str = attrs.field(
        default="subject_id", metadata=about("column that holds the integer id of a person")
    )
    family: str | None = attrs.field(
        default=None, metadata=about("column that holds what relatives have in common")
    )
    site: str | None = attrs.field(
        default=None, metadata=about("column that holds the site or the scanner")
    )
    prefer: Literal["error", "brain", "whole"] = attrs.field(
        default="error", metadata=about("which scan to take of a person who has both")
    )
    codes: Mapping[str, Mapping[str, str]] = attrs.field(
        factory=dict,
        metadata=about("column = { code = words }; sex is coded in two ways, so none is assumed"),
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, in every column")
    )


class Gard:
    """GARD: a table with integer ids, and scans called `7.nii.gz` or `7_brain.nii.gz`."""

    def __init__(self, options: GardOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name the table and the folder of scans."""
        return (self.options.table, self.options.images)

    def load(self) -> CohortTable:
        """Read the table and give each person the scan of the same number."""
        options = self.options
        table = read_table(options.table)
        for name in options.codes:
            self._column(table, name, "codes")
        raw = self._column(table, options.subject, "subject")
        ids = {value: plain_integer(value) for value in raw.dropna().unique()}
        columns = {
            "subject": raw.map(ids).astype("str"),
            "family": self._column(table, options.family, "family") if options.family else None,
            "site": self._column(table, options.site, "site") if options.site else None,
        }
        rows, lost = drop_unnumbered(make_rows(table, columns, missing=options.missing), raw)
        files = self._choose(find_files(options.images, read_name, SUFFIXES))
        joined = join_images(rows, files, hint='set prefer = "brain" or "whole" in [cohort]')
        return CohortTable(
            study="GARD",
            scans=joined.rows,
            exclusions=stack_exclusions([*lost, joined.lost]),
            rows_read=len(table),
            join=joined.report,
            codes=options.codes,
            missing=frozenset(options.missing),
            notes=tell_mixture(joined.rows["image"]),
        )

    def _column(self, table: pd.DataFrame, name: str, option: str) -> pd.Series:
        return get_column(table, name, option=f"cohort.{option}", source=self.options.table)

    def _choose(self, files: Sequence[ImageFile]) -> list[ImageFile]:
        """Leave aside the scans of the other kind, of people who have the preferred kind."""
        if self.options.prefer == "error":
            return list(files)
        brain = self.options.prefer == "brain"
        have = {file.subject for file in files if is_brain(file.path) == brain}
        return [file for file in files if is_brain(file.path) == brain or file.subject not in have]


def plain_integer(text: str) -> str | None:
    """Return an integer id without zeros in front and without decimals, None for other text.

    >>> [plain_integer(text) for text in ("007", "7.0", "0", "A7")]
    ['7', '7', '0', None]
    """
    found = _INTEGER.fullmatch(text)
    return str(int(found[1])) if found else None


def read_name(path: str) -> tuple[str, None] | None:
    """Return the id that a file is called after, None for other files.

    >>> read_name("T1/007_brain.nii.gz"), read_name("T1/7_mask.nii.gz")
    (('7', None), None)
    """
    found = _NAME.fullmatch(path.rpartition("/")[2])
    return (str(int(found[1])), None) if found else None


def is_brain(path: str) -> bool:
    """Return whether a scan is skull-stripped, by its name.

    >>> is_brain("7_brain.nii.gz"), is_brain("7.nii.gz")
    (True, False)
    """
    return path.lower().endswith(tuple(f"_brain{suffix}" for suffix in SUFFIXES))


def drop_unnumbered(
    rows: pd.DataFrame, raw: pd.Series
) -> tuple[pd.DataFrame, tuple[pd.DataFrame, pd.DataFrame]]:
    """Leave out rows without an id, and those whose id is no integer."""
    rows, nameless = leave_out(rows, raw.isna(), "no subject id")
    raw = raw[rows.index]
    rows, odd = leave_out(rows, rows["subject"].isna(), NO_INTEGER, raw)
    return rows, (nameless, odd.assign(subject=raw[odd.index]))


def tell_mixture(images: pd.Series) -> tuple[str, ...]:
    """Warn where some scans show the whole head and others the brain alone."""
    counts = Counter(map(is_brain, images))
    if len(counts) < 2:
        return ()
    kinds = f"{counts[True]} scans show the brain alone and {counts[False]} the whole head"
    return (f"{kinds}: a model can tell them apart; see that no class has more of one kind.",)


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `gard`."""
    yield Part("gard", GardOptions, Gard)
