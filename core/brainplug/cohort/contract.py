"""What a cohort loader must give; strangers write loaders, so it is checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.api.records import EXCLUSION_COLUMNS, SCAN_COLUMNS, CohortTable
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        or find_bad_codes(table)
        or find_bad_counts(table)
    )
    if problem:
        raise DataError(f"it breaks its contract: {problem}", where=f"the cohort loader {loader}")


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
        # Text by its type; to look through the values of all columns would take long.
        if isinstance(frame[column].dtype, pd.StringDtype):
            continue
        odd = [value for value in frame[column].dropna().unique() if not isinstance(value, str)]
        if odd:
            return (
                f"its {name} must hold text, column {column!r} holds {odd[0]!r}; make it text, "
                f'{name}[{column!r}].astype("str"), and so all others of {", ".join(wanted)}'
            )
    return None


def find_bad_scans(scans: pd.DataFrame) -> str | None:
    """Say what is wrong with subjects and images, None if nothing is."""
    if scans[["subject", "image"]].isna().any(axis=None):
        return "every scan must have a subject and an image; rows without belong to its exclusions"
    relative = [path for path in scans["image"].tolist() if not os.path.isabs(path)]  # noqa: PTH117
    return f"the image {relative[0]!r} is no absolute path" if relative else None


def find_bad_codes(table: CohortTable) -> str | None:
    """Say what is wrong with the codes of a study, None if nothing is."""
    for column, codes in table.codes.items():
        if not isinstance(codes, Mapping):
            return f'its codes hold {codes!r} for {column!r}, expected {{"1": "male"}} or the like'
        odd = [each for pair in codes.items() for each in pair if not isinstance(each, str)]
        if odd:
            return f"its codes of {column!r} hold {odd[0]!r}; expected text for codes and words"
    return None


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
    # Rows are only ever lost: before they ask for an image, for want of one, or later.
    if not len(table.scans) <= table.join.matched <= table.join.rows <= table.rows_read:
        return (
            f"its join report says {table.join.matched} of {table.join.rows} rows found an image, "
            f"but it read {table.rows_read} rows and gave {len(table.scans)} scans"
        )
    if not re.fullmatch("[A-Za-z0-9-]+", table.study):
        return f"the study's name must be letters, digits and hyphens, got {table.study!r}"
    return None
