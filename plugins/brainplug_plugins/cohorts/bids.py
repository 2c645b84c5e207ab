"""Cohort loader: a BIDS study, raw or derivative."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import matches_re, optional

from brainplug.files import read_json
from brainplug.hooks import hookimpl
from brainplug.joining import (
    arrange_scans,
    check_distinct,
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
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.parts import CohortLoader

ENTITY = re.compile(r"([a-zA-Z0-9]+)-([a-zA-Z0-9]+)")


@attrs.frozen(kw_only=True)
class BidsOptions:
    """Options of `bids`."""

    root: Path = attrs.field(metadata=about("folder of the study, with participants.tsv"))
    participants: Path | None = attrs.field(
        default=None, metadata=about("the table; without it participants.tsv in root")
    )
    derivative: Path | None = attrs.field(
        default=None, metadata=about("folder the scans are taken from in place of root")
    )
    suffix: str = attrs.field(
        default="T1w", validator=matches_re(r"[A-Za-z0-9]+"), metadata=about("suffix of the scans")
    )
    session: str | None = attrs.field(
        default=None, metadata=about("the session kept, with or without ses-; without it all are")
    )
    select: dict[str, str] = attrs.field(
        factory=dict,
        metadata=about("entities a scan must have, such as { acq = 'mprage', run = '1' }"),
    )
    family: str | None = attrs.field(default=None, metadata=about("column of the family"))
    site: str | None = attrs.field(default=None, metadata=about("column of the site or scanner"))
    missing: tuple[str, ...] = attrs.field(
        default=(), metadata=about("codes that mean no value, besides n/a")
    )
    study: str | None = attrs.field(
        default=None,
        validator=optional(matches_re(r"[A-Za-z0-9-]+")),
        metadata=about("short name of the study in file names; without it the folder's name"),
    )


class Bids:
    """A BIDS study: participants.tsv with its levels, and the scans of one suffix."""

    def __init__(self, options: BidsOptions) -> None:
        self.options = options
        self.table = options.participants or options.root / "participants.tsv"
        self.images = options.derivative or options.root

    def sources(self) -> tuple[Path, ...]:
        """Name the table, its levels and the folder of scans."""
        return self.table, self.table.with_suffix(".json"), self.images

    def load(self) -> CohortTable:
        """Read participants.tsv and find each row's scan by its entities."""
        options = self.options
        table = read_table(self.table)
        named = {"family": options.family, "site": options.site}
        columns = {name: column for name, column in named.items() if column is not None}
        get_columns(table, self.table, {"participants": "participant_id", **columns})
        rows = table.assign(**{name: table[column] for name, column in columns.items()})
        rows = rows.assign(subject=rows["participant_id"])
        rows, nameless = rows[rows["subject"].notna()], rows[rows["subject"].isna()]
        check_distinct(rows["subject"].unique(), str(self.table))
        scans = self._index()
        rows, other = self._choose_session(self._give_sessions(rows, scans))
        keys = rows["subject"].map(plain_id) + "/" + rows["session"].fillna("").map(bare_session)
        found, lost, join = match(
            rows, keys, scans, rule="choose one by its entities with select in [cohort]"
        )
        return CohortTable(
            study=options.study or re.sub(r"[^A-Za-z0-9-]+", "-", options.root.name).strip("-"),
            scans=arrange_scans(found.drop(columns="participant_id")),
            exclusions=stack_exclusions(
                [exclude(nameless, "no subject id"), exclude(other, "other session"), lost]
            ),
            rows_read=len(nameless) + len(rows) + len(other),
            join=join,
            codes=self._codes(table),
            missing=frozenset(options.missing),
        )

    def _index(self) -> dict[str, list[Path]]:
        """Return the scans of the suffix by `subject/session`."""
        return group_images(find_images(self.images), self._key)

    def _key(self, path: Path) -> str | None:
        name = path.name.partition(".")[0]
        entities = dict(ENTITY.findall(name))
        wanted = all(
            plain_id(entities.get(key, "")) == plain_id(value)
            for key, value in self.options.select.items()
        )
        if name.rpartition("_")[2] != self.options.suffix or "sub" not in entities or not wanted:
            return None
        return f"{plain_id(entities['sub'])}/{entities.get('ses', '')}"

    def _give_sessions(self, rows: pd.DataFrame, scans: Mapping[str, object]) -> pd.DataFrame:
        """Make a row a visit: by `session_id` where the table has it, else by the scans found."""
        if "session_id" in rows.columns:
            return rows.assign(session=rows["session_id"]).drop(columns="session_id")
        visits: dict[str, list[str]] = {}
        for key in sorted(scans):
            person, _, session = key.partition("/")
            visits.setdefault(person, []).append(session)
        sessions = rows["subject"].map(lambda subject: visits.get(plain_id(subject), [""]))
        longer = rows.assign(session=sessions).explode("session", ignore_index=True)
        return longer.assign(session=longer["session"].astype("str").mask(longer["session"] == ""))

    def _choose_session(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        if self.options.session is None:
            return rows, rows[:0]
        wanted = bare_session(self.options.session)
        kept = rows["session"].fillna("").map(bare_session) == wanted
        return rows[kept], rows[~kept]

    def _codes(self, table: pd.DataFrame) -> dict[str, dict[str, str]]:
        """Return the levels that participants.json declares for columns of the table."""
        path = self.table.with_suffix(".json")
        declared: Any = read_json(path) if path.is_file() else {}
        return {
            column: {str(code): str(words) for code, words in facts["Levels"].items()}
            for column, facts in declared.items()
            if column in table.columns
            and isinstance(facts, dict)
            and isinstance(facts.get("Levels"), dict)
        }


def bare_session(text: str) -> str:
    """Return a session's label without `ses-`.

    >>> bare_session("ses-01")
    '01'
    """
    return str(text).removeprefix("ses-")


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `bids`."""
    yield Part("bids", BidsOptions, Bids)
