"""Cohort loader: any table with a declared mapping of columns and an image pattern."""

from __future__ import annotations

import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd
from attrs.validators import matches_re, min_len

from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.joining import (
    arrange_scans,
    check_distinct,
    exclude,
    find_images,
    get_columns,
    index_images,
    join_exclusions,
    match,
    plain_id,
    read_table,
)
from brainplug.types import CohortTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brainplug.parts import CohortLoader


def is_pattern(_instance: Any, field: Any, pattern: str) -> None:
    """Validate an image pattern: it names {subject}, may name {session}, and nothing else."""
    slots = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
    if "subject" not in slots or slots - {"subject", "session"}:
        raise ValueError(
            f"{field.name} must hold {{subject}}, may hold {{session}}, and no other slot: {pattern!r}"
        )


@attrs.frozen(kw_only=True)
class TableOptions:
    """Options of `table`."""

    table: Path = attrs.field(metadata=about("the phenotype table: CSV, TSV, text or parquet"))
    images: Path = attrs.field(metadata=about("folder of the scans"))
    subject: str = attrs.field(validator=min_len(1), metadata=about("column of the subject's id"))
    pattern: str = attrs.field(
        default="{subject}.nii.gz",
        validator=is_pattern,
        metadata=about("where a scan lies in the folder; holds {subject}, may hold {session}"),
    )
    session: str | None = attrs.field(default=None, metadata=about("column of the session"))
    keep_session: str | None = attrs.field(
        default=None, metadata=about("the session kept; without it all are")
    )
    family: str | None = attrs.field(default=None, metadata=about("column of the family"))
    site: str | None = attrs.field(default=None, metadata=about("column of the site or scanner"))
    codes: dict[str, dict[str, str]] = attrs.field(
        factory=dict, metadata=about("column -> { code = words }")
    )
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, in every column")
    )
    study: str = attrs.field(
        default="TABLE",
        validator=matches_re(r"[A-Za-z0-9-]+"),
        metadata=about("short name of the study in file names"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse options that need another one."""
        if self.session is None and (self.keep_session is not None or "{session}" in self.pattern):
            raise ValueError("keep_session and {session} in pattern need session, the column")


class Table:
    """Any CSV, TSV or parquet table with a declared mapping of columns, and a folder of scans."""

    def __init__(self, options: TableOptions) -> None:
        self.options = options

    def sources(self) -> tuple[Path, ...]:
        """Name the table and the folder of scans."""
        return self.options.table, self.options.images

    def load(self) -> CohortTable:
        """Read the table and find each row's scan by the pattern."""
        options = self.options
        table = read_table(options.table)
        named = {name: getattr(options, name) for name in ("subject", "session", "family", "site")}
        columns = {name: column for name, column in named.items() if column is not None}
        get_columns(table, options.table, columns)
        rows = table.assign(**{name: table[column] for name, column in columns.items()})
        rows, nameless = rows[rows["subject"].notna()], rows[rows["subject"].isna()]
        check_distinct(rows["subject"].unique(), str(options.table))
        rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, "session"])))
        rows, other = self._choose_session(rows)
        places = index_images(
            find_images(options.images), lambda path: spell(str(path.relative_to(options.images)))
        )
        found = [self._place(row, places) for row in rows.to_dict("records")]
        keys = pd.Series(found, index=rows.index, dtype="str")
        kept, lost, join = match(rows, keys, places, rule="rename all but one of the files")
        return CohortTable(
            study=options.study,
            scans=arrange_scans(kept),
            exclusions=join_exclusions(
                [exclude(nameless, "no subject id"), exclude(other, "other session"), lost]
            ),
            rows_read=len(table),
            join=join,
            codes=options.codes,
            missing=frozenset(options.missing),
        )

    def _choose_session(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        if self.options.keep_session is None:
            return rows, rows[:0]
        kept = rows["session"] == self.options.keep_session
        return rows[kept], rows[~kept]

    def _place(self, row: dict[str, Any], places: Mapping[str, object]) -> str:
        """Return where a row's scan lies: by the id as written, else by its plain form."""
        session = "" if pd.isna(row["session"]) else row["session"]
        as_written = spell(self.options.pattern.format(subject=row["subject"], session=session))
        if as_written in places:
            return as_written
        plain = {"subject": plain_id(row["subject"]), "session": session}
        return spell(self.options.pattern.format(**plain))


def spell(place: str) -> str:
    """Return a relative path with each of its parts spelled plainly."""
    return "/".join(plain_id(part) for part in Path(place).parts)


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `table`."""
    yield Part("table", TableOptions, Table)
