"""The cohort stage: the usable scans of a study, and why each of the others was left out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.codes import find_missing
from brainplug.errors import DataError, ScanError
from brainplug.tables import leave_out, no_column, stack_exclusions
from brainplug.types import EXCLUSION_COLUMNS, SCAN_COLUMNS, CohortTable
from brainplug.volume import fill_cache, read_header

if TYPE_CHECKING:
    from brainplug.parts import CohortLoader, TaskHead
    from brainplug.recipe import Audit, Images

OWN_COLUMNS = ("scan", "target")

SAME_IMAGE = "one image for several rows"
SAME_VISIT = "several rows for one visit"

Progress = Callable[[int, int], None]


@attrs.frozen(kw_only=True, eq=False)
class Cohort:
    """The scans of a study that can be used.

    Attributes:
        frame: `scan`, `SCAN_COLUMNS`, `target`, then the study's other columns; one row a scan.
        exclusions: `EXCLUSION_COLUMNS`, one row for each row of the source that is not used.
        table: the study as its loader found it.
    """

    frame: pd.DataFrame
    exclusions: pd.DataFrame
    table: CohortTable

    @property
    def flow(self) -> tuple[tuple[str, int], ...]:
        """Rows at the start, rows lost by each reason in turn (negative), scans at the end."""
        lost = self.exclusions["reason"].value_counts(sort=False)
        return (
            ("rows read", self.table.rows_read),
            *((str(reason), -int(count)) for reason, count in lost.items()),
            ("usable scans", len(self.frame)),
        )

    def facts(self) -> dict[str, Any]:
        """Return what later stages and the report must know, JSON-ready."""
        return {
            "study": self.table.study,
            "flow": [list(step) for step in self.flow],
            "join": attrs.asdict(self.table.join),
            "notes": list(self.table.notes),
        }


def collect(  # noqa: PLR0913 (the whole input of a stage)
    loader: CohortLoader,
    head: TaskHead,
    *,
    images: Images,
    audit: Audit,
    cache: Path | None,
    progress: Progress,
) -> Cohort:
    """Read a study and keep what has a target and a readable scan.

    Args:
        loader: reads the study.
        head: reads the target column.
        images: the grid, and how much of each scan is read.
        audit: largest join loss allowed.
        cache: where volumes are kept; None reads headers only, whatever `images.scans` says.
        progress: told of scans read and scans in all.

    Raises:
        DataError: the loader or the head broke its contract, too many rows found no image, the
            target column is missing, or nothing is left.
    """
    table = loader.load()
    check_table(table, name_of(loader))
    check_join(table, audit)
    scans, twice = drop_repeated(as_text(table.scans))
    scans, without = drop_without_target(scans, head, table)
    refused = {} if table.images_pending else refuse(scans, images, cache, progress)
    scans, unread = drop_unreadable(scans, refused)
    exclusions = stack_exclusions([table.exclusions, *twice, *without, unread])
    if scans.empty:
        raise DataError(
            f"no usable scan is left of {table.rows_read} rows: {count_reasons(exclusions)}"
        )
    frame = arrange(scans)
    assert table.rows_read == len(frame) + len(exclusions)
    return Cohort(frame=frame, exclusions=exclusions, table=table)


def name_of(part: object) -> str:
    """Name the class of a part as its author would look for it."""
    return f"{type(part).__module__}.{type(part).__qualname__}"


def check_table(table: CohortTable, loader: str) -> None:
    """Hold a loader to its contract, since strangers write loaders.

    Raises:
        DataError: columns are missing or no text, the index repeats, a path is relative, or rows
            were lost without a reason.
    """
    problem = (
        find_bad_frame(table.scans, "scans", SCAN_COLUMNS)
        or find_bad_frame(table.exclusions, "exclusions", EXCLUSION_COLUMNS)
        or find_bad_scans(table.scans)
        or find_bad_counts(table)
    )
    if problem:
        raise DataError(f"the cohort loader {loader} breaks its contract: {problem}")


def find_bad_frame(frame: pd.DataFrame, name: str, wanted: Sequence[str]) -> str | None:
    """Say what is wrong with the columns or the index of a frame, None if nothing is."""
    lacking = [column for column in wanted if column not in frame.columns]
    if lacking:
        return f"its {name} lack the columns {', '.join(map(repr, lacking))}"
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        return f"its {name} hold the column {repeated[0]!r} more than once"
    if not frame.index.is_unique:
        return f"the index of its {name} repeats; reset it"
    for column in wanted:
        odd = [value for value in frame[column].dropna().unique() if not isinstance(value, str)]
        if odd:
            return f"its {name} must hold text, column {column!r} holds {odd[0]!r}"
    return None


def find_bad_scans(scans: pd.DataFrame) -> str | None:
    """Say what is wrong with subjects and images, None if nothing is."""
    if scans[["subject", "image"]].isna().any(axis=None):
        return "every scan must have a subject and an image; rows without belong to its exclusions"
    relative = [image for image in scans["image"] if not os.path.isabs(image)]  # noqa: PTH117
    return f"the image {relative[0]!r} is no absolute path" if relative else None


def find_bad_counts(table: CohortTable) -> str | None:
    """Say which count does not add up, None if all do."""
    counted = len(table.scans) + len(table.exclusions)
    if counted != table.rows_read:
        return (
            f"it read {table.rows_read} rows but accounts for {counted}: "
            f"{len(table.scans)} scans and {len(table.exclusions)} exclusions"
        )
    if table.exclusions["reason"].isna().any():
        return "an exclusion has no reason"
    if not len(table.scans) <= table.join.matched <= table.join.rows <= table.rows_read:
        return (
            f"its join report says {table.join.matched} of {table.join.rows} rows found an image, "
            f"but it read {table.rows_read} rows and gave {len(table.scans)} scans"
        )
    if not re.fullmatch("[A-Za-z0-9-]+", table.study):
        return f"the study's name must be letters, digits and hyphens, got {table.study!r}"
    return None


def check_join(table: CohortTable, audit: Audit) -> None:
    """Stop where table and images hardly meet, showing ids of both sides.

    Raises:
        DataError: no row asks for an image or found one, or more rows than the recipe tolerates
            did not.
    """
    join = table.join
    if not join.rows:
        raise DataError(
            f"none of the {table.rows_read} rows of the table asks for an image: "
            f"{count_reasons(table.exclusions) or 'it has no row'}"
        )
    lost = join.rows - join.matched
    if join.matched and lost <= audit.join_loss * join.rows:
        return
    raise DataError(
        f"{lost} of {join.rows} rows of the table found no image ({lost / join.rows:.0%}, "
        f"audit.join_loss allows {audit.join_loss:.0%}); {join.images} images were found\n"
        f"  ids of rows without an image: {listed(join.rows_without_image)}\n"
        f"  images without a row: {listed(join.images_without_row)}\n"
        "  compare the two; correct the table, the folder or the pattern in [cohort], "
        "or raise audit.join_loss"
    )


def listed(examples: Sequence[str]) -> str:
    """Show examples, or say that there are none."""
    return ", ".join(map(repr, examples)) if examples else "none"


def as_text(scans: pd.DataFrame) -> pd.DataFrame:
    """Make every column text, and words for "no value" missing where people are grouped.

    One family called `NA` would be many people; siblings' other sessions may know their family.
    """
    text = scans.astype("str")
    for column in ("session", "family", "site"):
        empty = find_missing(text[column].dropna().unique(), ())
        text[column] = text[column].mask(text[column].isin(empty))
    known = text.sort_values("family").groupby("subject")["family"].first()
    text["family"] = text["family"].fillna(text["subject"].map(known)).astype("str")
    return text


def drop_repeated(scans: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Leave out every scan that stands twice: none of the copies is to be trusted."""
    visit = scans.assign(session=scans["session"].fillna("")).duplicated(
        ["subject", "session"], keep=False
    )
    scans, same_visit = leave_out(scans, visit, SAME_VISIT)
    scans, same_image = leave_out(scans, scans.duplicated("image", keep=False), SAME_IMAGE)
    return scans, [same_visit, same_image]


def drop_without_target(
    scans: pd.DataFrame, head: TaskHead, table: CohortTable
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Read the target and leave out the rows that have none.

    Raises:
        DataError: there is no such column, or the head breaks its contract.
    """
    raw = get_target(scans, head.column)
    found = head.read(raw, codes=table.codes.get(head.column, {}), missing=table.missing)
    values, reasons = found.values, found.reasons  # noqa: PD011 (a field of TargetColumn)
    if not (values.index.equals(scans.index) and reasons.index.equals(scans.index)):
        raise DataError(
            f"the task head {name_of(head)} breaks its contract: values and reasons must have the "
            f"index of the {len(scans)} rows it was given"
        )
    mute = values.isna() & ~(reasons.fillna("") != "")
    if mute.any():
        raise DataError(
            f"the task head {name_of(head)} breaks its contract: {int(mute.sum())} rows have "
            f"neither a value nor a reason, for example {raw[mute].iloc[0]!r}"
        )
    scans = rename_clashes(scans).assign(target=values)
    lost = []
    for reason in sorted(set(reasons.dropna()) - {""}):
        scans, out = leave_out(scans, reasons[scans.index] == reason, reason)
        lost.append(out)
    return scans, lost


def get_target(scans: pd.DataFrame, name: str) -> pd.Series:
    """Return the raw target column; of two called so, the study's own.

    Raises:
        DataError: the study has no such column; the nearest ones are named.
    """
    for column in (f"{name}_in_table", name):
        if column in scans.columns:
            return scans[column]
    raise DataError(f"the study: {no_column(name, scans.columns, option='target.column')}")


def rename_clashes(scans: pd.DataFrame) -> pd.DataFrame:
    """Give columns of the study that bear our own names another one."""
    return scans.rename(columns={name: f"{name}_in_table" for name in OWN_COLUMNS})


def refuse(
    scans: pd.DataFrame, images: Images, cache: Path | None, progress: Progress
) -> dict[Path, ScanError]:
    """Return the scans that cannot be read, with what is wrong with them."""
    paths = [Path(image) for image in scans["image"]]
    if cache is not None and images.scans == "all":
        return fill_cache(paths, grid=images.grid, cache=cache, progress=progress)
    return read_headers(paths, progress)


def read_headers(paths: Sequence[Path], progress: Progress) -> dict[Path, ScanError]:
    """Return the scans whose headers cannot be used."""
    refused = {}
    for done, path in enumerate(paths, 1):
        try:
            read_header(path)
        except ScanError as error:
            refused[path] = error
        progress(done, len(paths))
    return refused


def drop_unreadable(
    scans: pd.DataFrame, refused: Mapping[Path, ScanError]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part readable scans from the others, which become exclusions with reason and detail."""
    errors = [refused.get(Path(image)) for image in scans["image"]]
    out = pd.Series([error is not None for error in errors], index=scans.index, dtype=bool)
    lost = scans.loc[out, ["subject", "session", "image"]].assign(
        reason=[error.reason for error in errors if error is not None],
        detail=[error.detail for error in errors if error is not None],
    )
    return scans[~out], lost


def count_reasons(exclusions: pd.DataFrame) -> str:
    """Say how many rows each reason cost."""
    counts = exclusions["reason"].value_counts()
    return ", ".join(f"{reason} ({count})" for reason, count in counts.items())


def arrange(scans: pd.DataFrame) -> pd.DataFrame:
    """Name and sort the scans, so that a shuffled table gives the same files."""
    first = ["scan", *SCAN_COLUMNS, "target"]
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
        joint += "_"
