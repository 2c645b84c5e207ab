"""Families of more people than a family has: most often a code that means none is known."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from brainplug.errors import BrainplugError
from brainplug.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

LARGEST_FAMILY = 12
"""People of one family code who are not remarkable; pedigree studies may well have more."""

HOUSEHOLD = 5
"""The same where something has gone wrong, and the size of a family may be why."""

NO_FAMILY = frozenset(
    {"none", "null", "no", "unknown", "unk", "missing", "unrelated", "singleton", "single"}
    | {"not known", "not available", "n.a.", "-", "--", ".", "?", "x"}
)
"""What nobody calls a family, without case: two people of it are remarkable."""


@contextmanager
def naming_crowds(cohort: pd.DataFrame) -> Iterator[None]:
    """Let an error of the block tell of such families, which may be why pools stay empty."""
    try:
        yield
    except BrainplugError as error:
        for finding in find_crowds(cohort, largest=HOUSEHOLD):
            error.add_note(finding.what)
        raise


def find_crowds(cohort: pd.DataFrame, *, largest: int = LARGEST_FAMILY) -> Iterator[Finding]:
    """Find family codes that more people share than live in one household.

    Of a code that is a word for none, or a negative number, two people are enough, and such a site
    is found too: people of many would be held out as if they were of one.

    Args:
        cohort: has `study`, `subject` and `family`, and may have `site`.
        largest: most people of one family who are not remarkable.
    """
    for code, members in people_of_codes(cohort, "site", most=None):
        yield Finding(
            kind="note",
            what=f"{len(members)} people are of one site, {code!r}, and count as such; if it "
            f"means that none is known, set missing = [{code!r}] in [cohort]",
            members=members,
        )
    for code, members in people_of_codes(cohort, "family", most=largest):
        yield Finding(
            kind="note",
            what=f"{len(members)} people have one family code, {code!r}, and are kept together "
            f"as relatives; if it means that none is known, set missing = [{code!r}] in "
            "[cohort]",
            members=members,
        )


def people_of_codes(
    cohort: pd.DataFrame, column: str, *, most: int | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the remarkable codes of a column, with who shares each.

    Args:
        cohort: has `study` and `subject`, and may have the column.
        column: `family` or `site`.
        most: people of any code who are not remarkable; None where any number may be.
    """
    if column not in cohort:
        return
    studies = cohort["study"].unique().tolist()
    # Counted first, since looking for the people of each family of a biobank takes long.
    counts = cohort[column].value_counts()
    for name, rows in counts[counts > 1].items():
        code = str(name)
        for study in studies:
            code = code.removeprefix(f"{study}:")
        none = means_none(code)
        if not none and (most is None or rows <= most):
            continue
        there = cohort.loc[cohort[column] == name, ["study", "subject"]].drop_duplicates()
        for _, people in there.groupby("study")["subject"]:
            if len(people) > (1 if none else most or 0):
                yield code, tuple(sorted(people))


def means_none(code: str) -> bool:
    """Tell whether a code is a word for no family, or a negative number, which no family has.

    >>> [means_none(code) for code in ("Unknown", "-9", "0", "F-12", "9")]
    [True, True, False, False, False]
    """
    return code.strip().casefold() in NO_FAMILY or bool(re.fullmatch(r"-\d+(\.\d+)?", code))
