"""Cohort loader: a BIDS study, raw or derivative."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import pandas as pd
from attrs.validators import matches_re, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.records import SCAN_COLUMNS, CohortTable
from brainplug.api.roles import Part, about
from brainplug.errors import DataError, show
from brainplug.toolkit.codes import mask_missing
from brainplug.toolkit.image_matching import (
    ImageFile,
    choose_session,
    find_files,
    find_images,
    join_images,
    match_ids,
    natural_key,
    plain_session,
    without_zeros,
)
from brainplug.toolkit.image_names import without_extension
from brainplug.toolkit.misfiled import Filing
from brainplug.toolkit.side_tables import join_values
from brainplug.toolkit.tables import (
    SESSION_NAMES,
    SUBJECT_NAMES,
    find_named,
    leave_out,
    make_rows,
    no_column,
    read_table,
    stack_exclusions,
)
from brainplug_plugins.bids.ignore import Ignored, read_ignored
from brainplug_plugins.bids.levels import read_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from brainplug.api.roles import CohortLoader

SUBJECT, SESSION = "participant_id", "session_id"
KEYS = ["subject", "session"]
NOT_SCANS = ("derivatives", "sourcedata", "code", "phenotype")
"""Folders of a study whose images are not its own scans."""

UNSCANNED = "no image in this session"

_SESSION_FOLDER = re.compile(r"(?:^|/)ses-([^/]+)/")


@attrs.frozen(kw_only=True)
class BidsOptions:
    """Options of `bids`."""

    root: Path = attrs.field(metadata=about("folder of the study, raw or a derivative"))
    participants: Path | None = attrs.field(
        default=None,
        metadata=about("the table, with sessions.tsv and phenotype beside it; without it root's"),
    )
    derivative: Path | None = attrs.field(
        default=None, metadata=about("folder of the scans, in place of root")
    )
    suffix: str = attrs.field(
        default="T1w", validator=matches_re(r"[A-Za-z0-9]+"), metadata=about("suffix of the scans")
    )
    select: dict[str, str] = attrs.field(
        factory=dict,
        metadata=about("entities of a scan, such as { acq = 'mprage', space = '' }; '' is without"),
    )
    several: Literal["error", "first", "last"] = attrs.field(
        default="error", metadata=about("which of several scans of a visit is taken, by name")
    )
    session: str | None = attrs.field(
        default=None,
        metadata=about("the session kept, or 'first' with a scan, by name; without it all are"),
    )
    phenotype: bool | tuple[str, ...] = attrs.field(
        default=False, metadata=about("join all tables of the folder phenotype, or those named")
    )
    family: str | None = attrs.field(default=None, metadata=about("column of the family"))
    site: str | None = attrs.field(default=None, metadata=about("column of the site or scanner"))
    missing: tuple[str, ...] = attrs.field(default=(), metadata=about("codes that mean no value"))
    study: str | None = attrs.field(
        default=None,
        validator=optional(matches_re(r"[A-Za-z0-9-]+")),
        metadata=about("short name of the study in file names; without it the folder's name"),
    )


class Bids:
    """A BIDS study: participants.tsv with its levels, sessions and phenotypes, and its scans."""

    def __init__(self, options: BidsOptions) -> None:
        """Keep the options; nothing is read before `load`."""
        self.options = options
        self.table = options.participants or options.root / "participants.tsv"
        self.images = options.derivative or options.root
        self.phenotypes = self.table.parent / "phenotype"
        self.ignored = Ignored([])

    def sources(self) -> tuple[Path, ...]:
        """Name the tables with their levels, and the folder of scans."""
        sides = [*self._session_files(), *self._phenotype_files()]
        tables = (self.table, *sides)
        levels = (path.with_suffix(".json") for path in tables)
        return (*tables, *(path for path in levels if path.exists()), self.images)

    def load(self) -> CohortTable:
        """Read participants.tsv with what lies beside it, and find the scan of each visit."""
        rows = self._read()
        named, nameless = leave_out(rows, rows["subject"].isna(), "no subject id")
        self.ignored = read_ignored(self.images)
        filing = Filing(self._read_name)
        files = find_files(self.images, filing.read, skip=NOT_SCANS)
        if not files:
            raise self._nothing_found(filing)
        sides = settle_names(self._sides(), rows.columns)
        visits, scanned = make_visits(named, files, sides.get("sessions"))
        notes = self._notes(len(named), len(visits))
        for name, side in sides.items():
            visits, more = join_values(visits, side, name)
            notes += more
        kept, unscanned = leave_out(self._group(visits), ~scanned, UNSCANNED)
        kept, others = choose_session(kept, self.options.session, files)
        found = join_images(kept, files, several=self.options.several, hint=say_difference)
        codes, troubles = self._levels(sides)
        known = {name.removesuffix("_in_table") for name in visits.columns}
        return CohortTable(
            study=self.options.study
            or re.sub("[^A-Za-z0-9]+", "-", self.options.root.resolve().name).strip("-")
            or "BIDS",
            scans=found.rows,
            exclusions=stack_exclusions([nameless, unscanned, others, filing.blame(found.lost)]),
            # A person's one row has become a row a visit, and it is those that must add up.
            rows_read=len(nameless) + len(visits),
            join=found.report,
            codes={name: levels for name, levels in codes.items() if name in known},
            missing=frozenset(self.options.missing),
            notes=(*notes, *filing.notes(), *troubles),
        )

    def _read(self) -> pd.DataFrame:
        """Read participants.tsv with each row's subject, and its session where that is told."""
        if not self.table.is_file():
            # A derivative has its raw study two folders above.
            near = [folder / "participants.tsv" for folder in self.options.root.absolute().parents]
            hint = [f"there is one at {path}; " for path in near[:2] if path.is_file()]
            raise DataError(
                "no such file",
                where=self.table,
                expected="the table of the participants",
                hint=f"{''.join(hint)}name it with participants in [cohort]",
            )
        table = read_table(self.table)
        check_people(self.table, table)
        sessions = table[SESSION].str.removeprefix("ses-") if SESSION in table.columns else None
        return make_rows(table, {"subject": table[SUBJECT], "session": sessions})

    def _read_name(self, path: str) -> tuple[str, str | None] | None:
        """Return subject and session of a scan that is wanted."""
        entities, suffix = read_entities(path)
        if suffix != self.options.suffix or "sub" not in entities or self.ignored(path):
            return None
        for key, value in self.options.select.items():
            # An index may be padded: run-01 is run-1.
            if without_zeros(entities.get(key, "")) != without_zeros(value):
                return None
        return f"sub-{entities['sub']}", entities.get("ses")

    def _nothing_found(self, filing: Filing) -> DataError:
        """Show what there is in place of the scans that are wanted."""
        if filing.odd:
            return DataError(filing.notes()[0], where=self.images, found=tuple(filing.odd))
        options, names = self.options, find_images(self.images, skip=NOT_SCANS)
        read = [read_entities(name) for name in names]
        suffixes = sorted({suffix for _, suffix in read})
        alike = [found for found, suffix in read if suffix == options.suffix]
        entities = sorted({f"{key}-{each[key]}" for each in alike for key in each if key != "sub"})
        return DataError(
            f"none among {len(names)} images; their suffixes are "
            f"{', '.join(suffixes[:20]) or 'none'}; {options.suffix} has the entities "
            f"{', '.join(entities[:20]) or 'none'}",
            where=self.images,
            expected=f"scans of suffix {options.suffix!r} with select = {options.select!r}",
            found=(tuple(suffixes), tuple(entities)),
            hint="set suffix or select in [cohort]",
        )

    def _session_files(self) -> list[Path]:
        folders = dict.fromkeys((self.table.parent, self.options.root))
        whole = [path for folder in folders if (path := folder / "sessions.tsv").is_file()]
        own = (sorted(folder.glob("sub-*/sub-*_sessions.tsv")) for folder in folders)
        # BIDS has such a file for each subject; a table for all is beside the standard, but read
        # first.
        return whole[:1] or next((paths for paths in own if paths), [])

    def _phenotype_files(self) -> list[Path]:
        """Return the phenotype tables that the recipe asks for."""
        wanted = self.options.phenotype
        if wanted is False:
            return []
        there = {path.stem: path for path in sorted(self.phenotypes.glob("*.tsv"))}
        names = list(there) if wanted is True else [name.removesuffix(".tsv") for name in wanted]
        lacking = [name for name in names if name not in there]
        if lacking or not there:
            raise DataError(
                where=self.phenotypes,
                expected=f"{show(lacking) if lacking else 'tables'}, as phenotype in [cohort] says",
                found=tuple(there),
            )
        return [there[name] for name in names]

    def _sides(self) -> dict[str, pd.DataFrame]:
        """Return what lies beside participants.tsv by name."""
        sessions = self._session_files()
        sides = {"sessions": read_side(sessions)} if sessions else {}
        return sides | {path.stem: read_side([path]) for path in self._phenotype_files()}

    def _group(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Fill in family and site from the columns that the recipe names."""
        for role in ("family", "site"):
            name = getattr(self.options, role)
            column = f"{name}_in_table" if name in SCAN_COLUMNS else name
            if name is not None and column not in rows.columns:
                known = rows.columns.drop(list(SCAN_COLUMNS))
                raise no_column(name, known, option=f"cohort.{role}").within(self.table)
            if name is not None:
                rows = rows.assign(**{role: mask_missing(rows[column], self.options.missing)})
        return rows

    def _levels(
        self, sides: Mapping[str, pd.DataFrame]
    ) -> tuple[dict[str, dict[str, str]], list[str]]:
        """Return the levels declared for columns of the cohort, and what hinders others."""
        codes, notes = read_levels(self.table.with_suffix(".json"))
        for table, side in sides.items():
            folder = self.table.parent if table == "sessions" else self.phenotypes
            more, troubles = read_levels(folder / f"{table}.json")
            own = [name for name in more if name in side.columns]
            renamed = [name for name in more if f"{name}_in_{table}" in side.columns]
            codes |= {name: more[name] for name in own}
            codes |= {f"{name}_in_{table}": more[name] for name in renamed}
            notes += troubles
        return codes, notes

    def _notes(self, people: int, visits: int) -> list[str]:
        more = f"{self.table.name}: {people} rows became {visits} visits by their sessions"
        tables = ", ".join(sorted(path.stem for path in self.phenotypes.glob("*.tsv"))[:10])
        idle = f"phenotype holds {tables}; set phenotype = true in [cohort], or name those to join"
        return [more] * (people != visits) + [idle] * bool(tables and not self.options.phenotype)


def check_people(path: Path, table: pd.DataFrame) -> None:
    """Refuse a table that does not tell whose its rows are, or which visits of a person."""
    if SUBJECT not in table.columns:
        likely = " or ".join(map(repr, find_named(table.columns, SUBJECT_NAMES)))
        hint = f"{likely} may be meant; " if likely else ""
        raise DataError(
            where=path,
            expected=f"the column {SUBJECT!r}, as BIDS names it",
            found=tuple(table.columns),
            hint=f'{hint}rename that column, or read the study with use = "table"',
        )
    repeated = table.loc[table[SUBJECT].notna() & table[SUBJECT].duplicated(), SUBJECT]
    likely = "".join(find_named(table.columns, SESSION_NAMES)[:1])
    if len(repeated) and likely and SESSION not in table.columns:
        raise DataError(
            f"several rows for {repeated.nunique()} of the ids, for example "
            f"{repeated.iloc[0]!r}, and no column {SESSION!r} tells the visits",
            where=path,
            found=tuple(repeated.unique()),
            hint=f"if {likely!r} does, rename it so, in a copy of the table if need be",
        )


def read_entities(path: str) -> tuple[dict[str, str], str]:
    """Return the entities and the suffix of a file's name.

    >>> read_entities("sub-01/ses-2/anat/sub-01_run-1_T1w.nii.gz")
    ({'sub': '01', 'run': '1', 'ses': '2'}, 'T1w')
    """
    name = path.rpartition("/")[2]
    *pieces, suffix = without_extension(name).split("_")
    entities = {key: value for key, dash, value in (each.partition("-") for each in pieces) if dash}
    # Some converters write the session into the folder only.
    told = _SESSION_FOLDER.search(path)
    if told and "ses" not in entities:
        entities["ses"] = told[1]
    return entities, suffix


def say_difference(files: Sequence[ImageFile]) -> str:
    """Say by which entities scans of one visit differ, and how to choose among them."""
    found = [read_entities(file.path)[0] for file in files]
    keys = dict.fromkeys(key for each in found for key in each)
    values = {key: list(dict.fromkeys(each.get(key, "") for each in found)) for key in keys}
    differ = {key: each for key, each in values.items() if len(each) > 1}
    shown = ", ".join(f"{key} ({', '.join(map(repr, each))})" for key, each in differ.items())
    chosen = ", ".join(f"{key} = {each[0]!r}" for key, each in differ.items() if key != "ses")
    choice = f"choose with select = {{ {chosen} }}, or " if chosen else "keep one, or "
    return f'they differ in {shown or "nothing"}; {choice}set several = "first" in [cohort]'


def read_side(paths: Sequence[Path]) -> pd.DataFrame:
    """Read a table beside participants.tsv, or one of every subject: `KEYS`, then its columns."""
    tables = []
    for path in paths:
        table = read_table(path)
        if SUBJECT not in table.columns and path.parent.name.startswith("sub-"):
            # A subject's own file has no column of subjects, as its folder tells.
            table[SUBJECT] = path.parent.name
        check_people(path, table)
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    columns = [SUBJECT, SESSION, *whole.columns.drop([SUBJECT, SESSION], errors="ignore")]
    return whole.reindex(columns=columns).astype("str").set_axis([*KEYS, *columns[2:]], axis=1)


def settle_names(
    sides: Mapping[str, pd.DataFrame], taken: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """Name a column that other tables have too `<name>_in_<table>`, whichever is read first."""
    counts = Counter([*taken, *(name for side in sides.values() for name in side.columns[2:])])
    return {
        table: side.rename(
            columns={name: f"{name}_in_{table}" for name in side.columns[2:] if counts[name] > 1}
        )
        for table, side in sides.items()
    }


def make_visits(
    rows: pd.DataFrame, files: Sequence[ImageFile], listed: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Make a row a visit where participants.tsv has a row a person; tell which have a scan.

    Visits are the sessions of the scans, and those `listed` in sessions.tsv; one without a scan is
    known to the latter only, and the person has scans of others.
    """
    if listed is None and not any(file.session for file in files):
        return rows, pd.Series(data=True, index=rows.index, dtype=bool)
    people = rows["subject"].unique().tolist()
    found = group_visits(people, [(file.subject, file.session) for file in files])
    known = [] if listed is None else listed.dropna(subset="subject")[KEYS].to_numpy().tolist()
    more = group_visits(people, [(subject, session) for subject, session in known])
    told = {each: order_visits(found.get(each), more.get(each, [])) for each in people}
    asked = zip(*(rows[key].tolist() for key in KEYS), rows["session"].notna(), strict=True)
    visits = [[(session, True)] if dated else told[subject] for subject, session, dated in asked]
    longer = rows.loc[rows.index.repeat([len(each) for each in visits])].reset_index(drop=True)
    flat = pd.DataFrame([visit for each in visits for visit in each], columns=["session", "has"])
    return longer.assign(session=flat["session"].astype("str")), flat["has"].astype(bool)


def group_visits(
    people: Sequence[str], pairs: Sequence[tuple[str, str | None]]
) -> dict[str, list[str | None]]:
    """Return the sessions of each person among pairs of a subject, as spelt there, and one."""
    matched = match_ids(people, [subject for subject, _ in pairs])
    owners = {other: own for own, others in matched.items() for other in others}
    grouped: defaultdict[str, list[str | None]] = defaultdict(list)
    for subject, session in pairs:
        if subject in owners:
            grouped[owners[subject]].append(session)
    return grouped


def order_visits(
    found: Sequence[str | None] | None, listed: Sequence[str | None]
) -> list[tuple[str | None, bool]]:
    """Return a person's visits in order, and whether each is to have a scan.

    >>> order_visits(["2", "1"], ["ses-1", "3"]), order_visits([None], []), order_visits(None, [])
    ([('1', True), ('2', True), ('3', False)], [(None, True)], [(None, True)])
    """
    dated = {plain_session(each): each for each in found or () if each}
    named = [each.removeprefix("ses-") for each in listed if isinstance(each, str)]
    extra = {plain_session(each): each for each in named}
    # The files' spelling comes last and so stays, as images are then joined by it.
    visits = {**extra, **dated}
    told = [(visit, form in dated or found is None) for form, visit in visits.items()]
    undated = not dated and (found is not None or not extra)
    return [*[(None, True)] * undated, *sorted(told, key=lambda visit: natural_key(visit[0]))]


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `bids`."""
    yield Part("bids", BidsOptions, Bids)
