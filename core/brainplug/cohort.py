"""The cohort stage: the usable scans of a study, and why each of the others was left out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.errors import DataError, ScanError
from brainplug.types import EXCLUSION_COLUMNS, SCAN_COLUMNS
from brainplug.volume import fill_cache, read_header

if TYPE_CHECKING:
    from brainplug.parts import CohortLoader, TaskHead
    from brainplug.recipe import Audit, Images
    from brainplug.types import CohortTable

OWN_COLUMNS = ("scan", "target")

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
    def flow(self) -> list[tuple[str, int]]:
        """Rows at the start, rows lost by each reason, scans at the end."""
        lost = self.exclusions["reason"].value_counts(sort=False)
        return [
            ("rows read", self.table.rows_read),
            *((str(reason), -int(count)) for reason, count in lost.items()),
            ("usable scans", len(self.frame)),
        ]

    def facts(self) -> dict[str, Any]:
        """Return what later stages and the report must know, JSON-ready."""
        return {
            "study": self.table.study,
            "flow": [list(step) for step in self.flow],
            "join": attrs.asdict(self.table.join),
            "notes": list(self.table.notes),
        }


def collect(
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
        DataError: the loader broke its contract, too many rows found no image, the target column
            is missing, or nothing is left.
    """
    table = loader.load()
    check_table(table)
    check_join(table, audit)
    column = head.read(
        get_column(table, head.column),
        codes=table.codes.get(head.column, {}),
        missing=table.missing,
    )
    scans = rename_clashes(table.scans).assign(target=column.values)
    kept, lost = drop(scans, column.reasons.where(column.reasons != ""))
    kept, twice = drop(kept, find_repeated(kept))
    refused = {} if table.images_pending else refuse(kept, images, cache, progress)
    kept, unread = drop_unreadable(kept, refused)
    exclusions = join_exclusions([table.exclusions, lost, twice, unread])
    if kept.empty:
        raise DataError(
            f"no usable scan is left of {table.rows_read} rows: {count_reasons(exclusions)}"
        )
    frame = arrange(kept)
    assert table.rows_read == len(frame) + len(exclusions)
    return Cohort(frame=frame, exclusions=exclusions, table=table)


def check_table(table: CohortTable) -> None:
    """Hold a loader to its contract, since strangers write loaders.

    Raises:
        DataError: columns are missing, the index repeats, or rows were lost without a reason.
    """
    for name, frame, wanted in (
        ("scans", table.scans, SCAN_COLUMNS),
        ("exclusions", table.exclusions, EXCLUSION_COLUMNS),
    ):
        lacking = [column for column in wanted if column not in frame.columns]
        if lacking:
            raise DataError(f"the cohort loader's {name} lack the columns {', '.join(lacking)}")
        if not frame.index.is_unique:
            raise DataError(f"the index of the cohort loader's {name} repeats; reset it")
    counted = len(table.scans) + len(table.exclusions)
    if counted != table.rows_read:
        raise DataError(
            f"the cohort loader read {table.rows_read} rows but accounts for {counted}: "
            f"{len(table.scans)} scans and {len(table.exclusions)} exclusions"
        )
    if table.scans[["subject", "image"]].isna().any(axis=None):
        raise DataError("the cohort loader gave scans without a subject or an image")


def check_join(table: CohortTable, audit: Audit) -> None:
    """Stop where table and images hardly meet, showing ids of both sides.

    Raises:
        DataError: no row found an image, or more rows than the recipe tolerates did not.
    """
    join = table.join
    lost = join.rows - join.matched
    if join.matched and lost <= audit.join_loss * join.rows:
        return
    share = lost / join.rows if join.rows else 1.0
    raise DataError(
        f"{lost} of {join.rows} rows of the table found no image ({share:.0%}, "
        f"audit.join_loss allows {audit.join_loss:.0%}); {join.images} images were found\n"
        f"  ids of rows without an image: {listed(join.rows_without_image)}\n"
        f"  images without a row: {listed(join.images_without_row)}\n"
        "  compare the two; correct the table, the folder or the pattern in [cohort], "
        "or raise audit.join_loss"
    )


def listed(examples: Sequence[str]) -> str:
    """Show examples, or say that there are none."""
    return ", ".join(map(repr, examples)) if examples else "none"


def get_column(table: CohortTable, name: str) -> pd.Series:
    """Return the raw target column.

    Raises:
        DataError: the study has no such column; the nearest ones are named.
    """
    if name in table.scans.columns:
        return table.scans[name]
    near = difflib.get_close_matches(name, list(table.scans.columns), n=3, cutoff=0.5)
    raise DataError(
        f"target.column: the study has no column {name!r}; "
        + (f"did you mean {' or '.join(map(repr, near))}? " if near else "")
        + f"It has {', '.join(map(str, table.scans.columns))}"
    )


def rename_clashes(scans: pd.DataFrame) -> pd.DataFrame:
    """Give columns of the study that bear our own names another one."""
    return scans.rename(columns={name: f"{name}_in_table" for name in OWN_COLUMNS})


def drop(scans: pd.DataFrame, reasons: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part scans from those with a reason to leave them out, which become exclusions."""
    out = reasons.notna()
    lost = scans.loc[out, ["subject", "session", "image"]].assign(
        reason=reasons[out].astype("str"), detail=""
    )
    return scans[~out], lost


def find_repeated(scans: pd.DataFrame) -> pd.Series:
    """Return a reason for every scan that stands twice: none of them is to be trusted."""
    reasons = pd.Series(pd.NA, index=scans.index, dtype="str")
    same_visit = scans.assign(session=scans["session"].fillna("")).duplicated(
        ["subject", "session"], keep=False
    )
    reasons[same_visit] = "several rows for one visit"
    reasons[scans.duplicated("image", keep=False)] = "one image for several rows"
    return reasons


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


def join_exclusions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put exclusions together in the order in which they were made; all text."""
    columns = list(EXCLUSION_COLUMNS)
    parts = [frame[columns].astype("str") for frame in frames if len(frame)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns, dtype="str")


def count_reasons(exclusions: pd.DataFrame) -> str:
    """Say how many rows each reason cost."""
    counts = exclusions["reason"].value_counts()
    return ", ".join(f"{reason} ({count})" for reason, count in counts.items())


def arrange(scans: pd.DataFrame) -> pd.DataFrame:
    """Name and sort the scans, so that a shuffled table gives the same files."""
    several = scans["subject"].duplicated(keep=False)
    names = scans["subject"].where(
        ~several, scans["subject"] + "_" + scans["session"].fillna("")
    )
    first = ["scan", *SCAN_COLUMNS, "target"]
    rest = sorted(column for column in scans.columns if column not in first)
    frame = scans.assign(scan=names.astype("str"))[[*first, *rest]]
    return frame.sort_values("scan", ignore_index=True)
