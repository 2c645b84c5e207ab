"""What a cohort loader must give; strangers write loaders, so it is checked."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like

from brainplug.api.records import EXCLUSION_COLUMNS, SCAN_COLUMNS, CohortTable
from brainplug.errors import SHOWN, DataError, elide
from brainplug.toolkit.tables import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 40
"""Letters of a value that is shown."""

NEAR = 0.8
"""How alike two names are of which one is likely meant for the other, as `difflib` counts."""


def check_table(table: CohortTable) -> None:
    """Hold a loader to its contract, since strangers write loaders.

    Raises:
        DataError: columns are missing or no text, the index repeats, a path is relative, an id is
            empty, codes are for a misspelt column, or rows were lost without a reason.
    """
    problem = (
        find_bad_frame(table.scans, "scans", SCAN_COLUMNS)
        or find_bad_frame(table.exclusions, "exclusions", EXCLUSION_COLUMNS)
        or find_bad_types(table.scans, "scans")
        or find_bad_types(table.exclusions, "exclusions")
        or find_bad_scans(table.scans)
        or find_bad_ids(table.scans)
        or find_bad_codes(table)
        or find_bad_missing(table)
        or find_misspelt_codes(table)
        or find_bad_counts(table)
    )
    if problem:
        raise DataError(problem)


def find_bad_frame(frame: pd.DataFrame, name: str, wanted: Sequence[str]) -> str | None:
    """Say what is wrong with the columns or the index of a frame, None if nothing is."""
    lacking = [column for column in wanted if column not in frame.columns]
    if lacking:
        return (
            f"its {name} lack the columns {', '.join(map(repr, lacking))}; "
            f"they are {', '.join(wanted)}, NA where nothing is known"
        )
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        return f"its {name} hold the column {repeated[0]!r} more than once; leave one out"
    unnamed = [each for each in frame.columns if not isinstance(each, str) or not each.strip()]
    if unnamed:
        return f"its {name} hold a column {unnamed[0]!r}; name every column by a text"
    index = frame.index
    faults = {
        "repeats": not index.is_unique,
        "has several levels": index.nlevels > 1,
        "is a column, too": bool(set(index.names) & set(frame.columns)),
    }
    for fault in (told for told, found in faults.items() if found):
        return f"the index of its {name} {fault}; reset it, {name}.reset_index(drop=True)"
    return None


def find_bad_types(frame: pd.DataFrame, name: str) -> str | None:
    """Say which columns of a frame hold something else than text, None where none does."""
    # Text by its type; to look through the values of all columns would take long.
    others = [name for name, kind in frame.dtypes.items() if not isinstance(kind, pd.StringDtype)]
    odd = {str(column): each for column in others if (each := odd_of(frame[column]))}
    if not odd:
        return None
    told = [f"{column!r} {each}" for column, each in odd.items()]
    more = f" and {len(told) - SHOWN} more columns" if len(told) > SHOWN else ""
    some = list(odd)[:SHOWN]
    return (
        f"its {name} must hold text in every column, so that codes and ids stay what is written; "
        f"found in {', '.join(told[:SHOWN])}{more}; read the study as text, as "
        f"brainplug.toolkit.tables.read_table does, or make it so: {name}[{some!r}] = "
        f'{name}[{some!r}].astype("str")'
    )


def odd_of(values: pd.Series) -> str:
    """Return the first value that is no text, with its type; nothing where all are.

    >>> odd_of(pd.Series(["1", None], dtype="str")), odd_of(pd.Series([["a"], "b"]))
    ('', "['a'] (list)")
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind != "O":
        seen = values.dropna().head(1).tolist()
        # Nothing but NA says the same in any type.
        return "".join(f"{each!r} ({values.dtype})" for each in seen)
    for value in values.tolist():
        if not isinstance(value, str) and (is_list_like(value) or not pd.isna(value)):
            return f"{elide(repr(value), LONGEST)} ({type(value).__name__})"
    return ""


def find_bad_scans(scans: pd.DataFrame) -> str | None:
    """Say what is wrong with subjects and images, None if nothing is."""
    if scans[["subject", "image"]].isna().any(axis=None):
        return "every scan must have a subject and an image; rows without belong to its exclusions"
    relative = [path for path in scans["image"].tolist() if not os.path.isabs(path)]  # noqa: PTH117
    if relative:
        return f"the image {relative[0]!r} is no absolute path; write str(path.resolve())"
    return None


def find_bad_ids(scans: pd.DataFrame) -> str | None:
    """Say which id is empty, or is another one's but for spaces at its ends; None if none is."""
    for name in ("subject", "session", "family", "site"):
        ids = pd.Series(scans[name].dropna().unique(), dtype="str")
        bare = ids.str.strip()
        if name == "subject" and (bare == "").any():
            return (
                "a scan has an empty text for its subject; rows of nobody belong to its exclusions"
            )
        # Line ends and the like are left out with a reason; words for "no value" become NA.
        odd = ids[(bare != ids) & (bare != "")]
        odd = odd[~odd.str.contains(CONTROL, regex=True)]
        if len(odd):
            return (
                f"the {name} {elide(repr(odd.iloc[0]), LONGEST)} begins or ends with a space, and "
                f'would be another {name} than without; write scans["{name}"].str.strip()'
            )
    return None


def find_bad_missing(table: CohortTable) -> str | None:
    """Say which code for "no value" is no text, None if none is."""
    odd = [each for each in table.missing if not isinstance(each, str)]
    if odd:
        return (
            f"its missing holds {odd[0]!r} ({type(odd[0]).__name__}); expected text, since cells "
            f"are: {str(odd[0])!r}"
        )
    return None


def find_misspelt_codes(table: CohortTable) -> str | None:
    """Say which codes are for a column that is not there but for a letter, None if none are.

    A loader may know codes of more columns than one release or a wide table's part holds.
    """
    known = [str(name).removesuffix("_in_table") for name in table.scans.columns]
    bare = {simple(name): name for name in known if name not in table.codes}
    for name in table.codes:
        if name in known:
            continue
        for near in difflib.get_close_matches(simple(name), list(bare), n=1, cutoff=NEAR):
            if without_digits(name) != without_digits(bare[near]) or near == simple(name):
                return (
                    f"its codes are for a column {name!r}, which its scans have not; did you mean "
                    f"{bare[near]!r}?"
                )
    return None


def simple(name: str) -> str:
    """Return a name without case, and without what stands between its words.

    >>> simple("Sex at-birth")
    'sexatbirth'
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def without_digits(name: str) -> str:
    """Return a name without its digits; names of visits differ in them."""
    return re.sub(r"\d+", "", simple(name))


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
            f"it read {table.rows_read} rows but accounts for {counted} (scans "
            f"{len(table.scans)}, exclusions {len(table.exclusions)}); put every row of the source "
            "into one of the two"
        )
    if table.exclusions["reason"].isna().any():
        return "an exclusion has no reason; give each one, short and the same for all of a kind"
    # Rows are only ever lost: before they ask for an image, for want of one, or later.
    if not len(table.scans) <= table.join.matched <= table.join.rows <= table.rows_read:
        return (
            f"its join report says {table.join.matched} of {table.join.rows} rows found an image, "
            f"but it read {table.rows_read} rows and gave {len(table.scans)} scans"
        )
    if not re.fullmatch("[A-Za-z0-9-]+", table.study):
        return f"the study's name must be letters, digits and hyphens, got {table.study!r}"
    return None
