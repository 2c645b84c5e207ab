"""The cohort stage: the usable scans of a study, and why each of the others was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.api.guard import is_of_others, judging, judging_others
from brainplug.api.laws import column_faults, head_faults, hold, source_faults
from brainplug.api.lending import lending
from brainplug.api.records import SCAN_COLUMNS, CohortTable
from brainplug.cohort.contract import check_table
from brainplug.cohort.copies import NEAR, REPEATED, SAME, find_copies
from brainplug.cohort.duplicates import find_same_images, name_others
from brainplug.cohort.join import PATTERN, check_join, count_reasons, tell_spare
from brainplug.cohort.made_up import are_made_up
from brainplug.cohort.visits import drop_repeated
from brainplug.errors import DataError, ScanError
from brainplug.imaging.cache import fill_cache, read_headers
from brainplug.runtime.workers import uncollected
from brainplug.tasks.study_facts import CohortFacts, StudyFacts
from brainplug.toolkit.codes import NO_VALUE
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.study_ids import mark
from brainplug.toolkit.tables import (
    CONTROL,
    leave_out,
    no_column,
    stack_exclusions,
    without_controls,
)
from brainplug.toolkit.wide import take_notes

if TYPE_CHECKING:
    from brainplug.api.roles import CohortLoader, TaskHead
    from brainplug.recipe.tables import Audit, Images

OWN_COLUMNS = ("scan", "study", "target", SAME, NEAR, REPEATED, "value", "stratum")

ODD_ID = "control character in the id"
SAME_CONTENT = "one image under several subjects"

Progress = Callable[[int, int], None]


@attrs.frozen(kw_only=True, eq=False)
class StudyParts:
    """One study of a recipe: its name there, its loader, and the head that reads its target."""

    name: str | None = None
    loader: CohortLoader
    head: TaskHead


@attrs.frozen(kw_only=True, eq=False)
class Cohort:
    """The scans of one study, or of several, that can be used.

    Attributes:
        frame: `scan`, `study`, `SCAN_COLUMNS`, `target`, then the studies' other columns; one row
            a scan.
        exclusions: `EXCLUSION_COLUMNS`, one row for each row of a source that is not used.
        flows: for each study its name, rows at the start, rows lost by each reason in turn
            (negative), and scans at the end.
        tables: the studies as their loaders found them, by name.
    """

    frame: pd.DataFrame
    exclusions: pd.DataFrame
    flows: Mapping[str, tuple[tuple[str, int], ...]]
    tables: Mapping[str, CohortTable]

    @property
    def images_pending(self) -> bool:
        """Whether scans are still to be written by the run itself."""
        return any(table.images_pending for table in self.tables.values())

    def spare(self, study: str) -> tuple[str, ...]:
        """Say which images of a study are not used."""
        return tell_spare(self.tables[study], used=self.flows[study][-1][1])

    def facts(self) -> CohortFacts:
        """Return what later stages and the report must know."""
        return CohortFacts(
            studies=tuple(
                StudyFacts(
                    study=name,
                    flow=self.flows[name],
                    join=table.join,
                    notes=(*table.notes, *self.spare(name)),
                    simulated=table.simulated,
                )
                for name, table in self.tables.items()
            )
        )


def gather(
    studies: Sequence[StudyParts],
    *,
    images: Images,
    audit: Audit,
    cache: Path | None,
    progress: Progress,
) -> Cohort:
    """Read one study or several, and keep what has a target and a readable scan.

    Where there are several, ids of subjects, families, sites and scans begin with the study's
    name, since `001` is somebody else in each.

    Args:
        studies: where scans come from.
        images: the grid, and how much of each scan is read.
        audit: largest join loss allowed; what becomes of one image of several people.
        cache: where volumes are kept; None reads headers only, whatever `images.scans` says.
        progress: told of scans read and scans in all.

    Raises:
        DataError: a loader or a head broke its contract, too many rows found no image, the target
            column is missing, or nothing is left.
    """
    found = [
        collect(study, images=images, audit=audit, cache=cache, progress=progress)
        for study in studies
    ]
    whole = found[0] if len(found) == 1 else merge(found)
    whole = mark_copies(whole, images=images, cache=cache, progress=progress)
    return settle_duplicates(whole, audit=audit)


def collect(
    study: StudyParts,
    *,
    images: Images,
    audit: Audit,
    cache: Path | None,
    progress: Progress,
) -> Cohort:
    """Read one study; see `gather`."""
    with uncollected():
        table = study.loader.load()
    name = study.name or table.study
    with judging(study.loader, "load"):
        check_table(table)
    table = attrs.evolve(table, notes=(*table.notes, *take_notes()))
    if not table.images_pending:
        hold(study.loader, source_faults(study.loader))
    finder = "how `load` finds images" if is_of_others(study.loader) else PATTERN
    with judging_others(study.loader, "load"):
        check_join(table, audit, finder=finder)
    # Before the target is read: which rows count as copies must not depend on the target.
    scans, odd = drop_unwritable(as_text(table.scans))
    with judging(study.loader, "load"):
        scans, twice = drop_repeated(scans, audit)
    # Before scans are read, which can take hours: a row without a target needs none.
    scans, without = drop_without_target(scans, study.head, table)
    refused = {} if table.images_pending else refuse(scans, images, cache, progress)
    scans, unread = drop_unreadable(scans, refused)
    exclusions = stack_exclusions([table.exclusions, odd, *twice, *without, unread])
    if scans.empty:
        raise DataError(
            f"no usable scan is left of {table.rows_read} rows: {count_reasons(exclusions)}",
            where=name,
            found=exclusions["reason"].value_counts().to_dict(),
        )
    frame = arrange(scans.assign(study=pd.Series(name, index=scans.index, dtype="str")))
    assert table.rows_read == len(frame) + len(exclusions)
    made_up = table.simulated or are_made_up(frame["image"].tolist())
    return Cohort(
        frame=frame,
        exclusions=exclusions,
        flows={name: make_flow(table.rows_read, exclusions)},
        tables={name: attrs.evolve(table, simulated=made_up)},
    )


def make_flow(rows_read: int, exclusions: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Count from the rows of a source to its usable scans."""
    lost = exclusions["reason"].value_counts(sort=False)
    return (
        ("rows read", rows_read),
        *((str(reason), -int(count)) for reason, count in lost.items()),
        ("usable scans", rows_read - len(exclusions)),
    )


def merge(cohorts: Sequence[Cohort]) -> Cohort:
    """Put studies together under ids that cannot meet."""
    marked = [
        (mark(cohort.frame, name), mark(cohort.exclusions, name))
        for cohort in cohorts
        for name in cohort.tables
    ]
    frames, exclusions = zip(*marked, strict=True)
    first = ["scan", "study", *SCAN_COLUMNS, "target"]
    frame = pd.concat(frames, ignore_index=True)
    rest = sorted(column for column in frame.columns if column not in first)
    return Cohort(
        frame=frame[[*first, *rest]],
        exclusions=pd.concat(exclusions, ignore_index=True),
        flows={name: flow for cohort in cohorts for name, flow in cohort.flows.items()},
        tables={name: table for cohort in cohorts for name, table in cohort.tables.items()},
    )


def mark_copies(
    cohort: Cohort, *, images: Images, cache: Path | None, progress: Progress
) -> Cohort:
    """Mark scans that are alike, in columns that hold the first of those that are.

    Where scans are read whole by their volumes, which no other header, type or origin hides, else
    by the content of their files. Not looked for where files are only listed, or not there yet.
    """
    if images.scans == "listed" or cohort.images_pending:
        return cohort
    frame = cohort.frame
    if images.scans == "all" and cache is not None:
        found = find_copies(frame, grid=images.grid, cache=cache, progress=progress)
    else:
        memo = None if cache is None else cache / "hashes"
        found = pd.DataFrame({SAME: find_same_images(frame, memo)})
    return attrs.evolve(cohort, frame=frame.join(found.dropna(axis="columns", how="all")))


def settle_duplicates(cohort: Cohort, *, audit: Audit) -> Cohort:
    """Leave out scans that other people have too, where the recipe says so."""
    frame = cohort.frame
    if SAME not in frame.columns or audit.duplicates == "error":
        return cohort
    same = frame[SAME]
    # All copies go, since nobody knows whose scan it is.
    kept, lost = leave_out(frame, same.notna(), SAME_CONTENT, "also " + name_others(frame, same))
    studies = frame.loc[lost.index, "study"]
    flows = {
        name: add_loss(flow, SAME_CONTENT, int((studies == name).sum()))
        for name, flow in cohort.flows.items()
    }
    exclusions = stack_exclusions([cohort.exclusions, lost])
    if kept.empty:
        raise DataError(
            f"no usable scan is left: {count_reasons(exclusions)}",
            found=exclusions["reason"].value_counts().to_dict(),
        )
    return attrs.evolve(
        cohort,
        frame=kept.drop(columns=SAME).reset_index(drop=True),
        exclusions=exclusions,
        flows=flows,
    )


def add_loss(
    flow: tuple[tuple[str, int], ...], reason: str, count: int
) -> tuple[tuple[str, int], ...]:
    """Add a reason to a flow.

    >>> add_loss((("rows read", 5), ("usable scans", 5)), "broken", 2)
    (('rows read', 5), ('broken', -2), ('usable scans', 3))
    """
    if not count:
        return flow
    name, left = flow[-1]
    return (*flow[:-1], (reason, -count), (name, left - count))


def as_text(scans: pd.DataFrame) -> pd.DataFrame:
    """Make every column text, and words for "no value" missing where people are grouped.

    One family called `NA` would be many people; siblings' other sessions may know their family.
    """
    text = scans.astype("str")
    for column in ("session", "family", "site"):
        empty = text[column].str.strip().str.casefold().isin(list(NO_VALUE))
        text[column] = text[column].mask(empty)
    # Sorted, so that the order of rows does not settle which of two families a person gets.
    known = text.sort_values("family").groupby("subject")["family"].first()
    text["family"] = text["family"].fillna(text["subject"].map(known)).astype("str")
    if text[["subject", "family"]].drop_duplicates()["subject"].is_unique:
        return text
    # Joined while all rows are there: who is related must not hang on who has the target.
    joined = family_groups(text).str.removeprefix("family ")
    return text.assign(family=joined.where(text["family"].notna()))


def drop_unwritable(scans: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out people and visits whose ids hold line ends or other control characters.

    In families and sites, which nothing is looked up by, pictures stand in their place.
    """
    odd = [
        scans[name].str.contains(CONTROL, regex=True, na=False) for name in ("subject", "session")
    ]
    kept, lost = leave_out(scans, odd[0] | odd[1], ODD_ID)
    plain = {name: without_controls(kept[name]) for name in ("family", "site")}
    return kept.assign(**plain), lost


def drop_without_target(
    scans: pd.DataFrame, head: TaskHead, table: CohortTable
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Read the target and leave out the rows that have none.

    Raises:
        DataError: there is no such column, or the head breaks its contract.
    """
    with judging_others(head, "read"):
        raw = get_target(scans, head.column, table.notes)
    hold(head, head_faults(head))
    with lending(head, "read", raw) as (lent,):
        found = head.read(lent, codes=table.codes.get(head.column, {}), missing=table.missing)
    values, reasons = found.values, found.reasons  # noqa: PD011 (a field of TargetColumn)
    with judging(head, "read"):
        for fault in column_faults(raw, found, head.kind):
            raise DataError(fault, where="read")
    scans = rename_clashes(scans).assign(target=values)
    lost = []
    # Sorted, so that the flow in the report lists reasons alike whatever the order of rows.
    for reason in sorted(set(reasons.dropna().unique().tolist()) - {""}):
        scans, out = leave_out(scans, reasons[scans.index] == reason, reason)
        lost.append(out)
    return scans, lost


def get_target(scans: pd.DataFrame, name: str, notes: Sequence[str]) -> pd.Series:
    """Return the raw target column; of two called so, the study's own.

    Args:
        scans: of the study.
        name: of the column.
        notes: of the loader, which may say why the column is not there.

    Raises:
        DataError: the study has no such column; the nearest ones are named.
    """
    for column in (f"{name}_in_table", name):
        if column in scans.columns:
            return scans[column]
    problem = no_column(name, scans.columns, option="target.column").within("the study")
    problem.hint = "\n  ".join([problem.hint, *notes])
    raise problem


def rename_clashes(scans: pd.DataFrame) -> pd.DataFrame:
    """Give columns of the study that bear our own names another one."""
    return scans.rename(columns={name: f"{name}_in_table" for name in OWN_COLUMNS})


def refuse(
    scans: pd.DataFrame, images: Images, cache: Path | None, progress: Progress
) -> dict[Path, ScanError]:
    """Return the scans that cannot be read, with what is wrong with them."""
    if images.scans == "listed":
        return {}
    paths = [Path(image) for image in scans["image"]]
    if cache is not None and images.scans == "all":
        return fill_cache(paths, grid=images.grid, cache=cache, progress=progress)
    return read_headers(paths, progress, images.max_gib)


def drop_unreadable(
    scans: pd.DataFrame, refused: Mapping[Path, ScanError]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part readable scans from the others, which become exclusions with reason and detail."""
    by_name = {str(path): error for path, error in refused.items()}
    out = scans["image"].isin(list(by_name))
    errors = [by_name[image] for image in scans.loc[out, "image"]]
    lost = scans.loc[out, ["subject", "session", "image"]].assign(
        reason=[error.reason for error in errors], detail=[error.detail for error in errors]
    )
    return scans[~out], lost


def arrange(scans: pd.DataFrame) -> pd.DataFrame:
    """Name and sort the scans, so that a shuffled table gives the same files."""
    first = ["scan", "study", *SCAN_COLUMNS, "target"]
    rest = sorted(column for column in scans.columns if column not in first)
    frame = scans.assign(scan=name_scans(scans))[[*first, *rest]]
    return frame.sort_values(["subject", "session"], ignore_index=True)


def name_scans(scans: pd.DataFrame) -> pd.Series:
    """Name each scan after its subject, and its session where the subject has several.

    The underscore between them is doubled until no name stands twice.
    """
    plain = ~scans["subject"].duplicated(keep=False) | scans["session"].isna()
    joint = "_"
    while True:
        names = scans["subject"].where(plain, scans["subject"] + joint + scans["session"])
        if names.is_unique:
            return names.astype("str")
        # `a_b` of session `c` and `a` of session `b_c` would have one name.
        joint += "_"
