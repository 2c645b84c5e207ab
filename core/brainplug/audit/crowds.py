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
    yield from find_sites(cohort)
    people = cohort[["study", "subject", "family"]].dropna().drop_duplicates()
    # Counted first, since walking through the families of a biobank takes long.
    sizes = people.groupby(["study", "family"])["subject"].size().reset_index(name="size")
    for study, family, size in sizes[sizes["size"] > 1].itertuples(index=False):
        code = str(family).removeprefix(f"{study}:")
        if size <= largest and not means_none(code):
            continue
        members = people.loc[
            (people["study"] == study) & (people["family"] == family), "subject"
        ].tolist()
        yield Finding(
            kind="note",
            what=f"{size} people have one family code, {code!r}, and are kept together "
            f"as relatives; if it means that none is known, set missing = [{code!r}] in "
            "[cohort]",
            members=tuple(sorted(members)),
        )


def find_sites(cohort: pd.DataFrame) -> Iterator[Finding]:
    """Find sites whose name means that none is known.

    Args:
        cohort: has `study` and `subject`, and may have `site`.
    """
    if "site" not in cohort:
        return
    people = cohort[["study", "subject", "site"]].dropna().drop_duplicates()
    for study, site in people[["study", "site"]].drop_duplicates().itertuples(index=False):
        code = str(site).removeprefix(f"{study}:")
        if not means_none(code):
            continue
        there = (people["study"] == study) & (people["site"] == site)
        members = people.loc[there, "subject"].tolist()
        if len(members) > 1:
            yield Finding(
                kind="note",
                what=f"{len(members)} people are of one site, {code!r}, and count as such; if it "
                f"means that none is known, set missing = [{code!r}] in [cohort]",
                members=tuple(sorted(members)),
            )


def means_none(code: str) -> bool:
    """Tell whether a code is a word for no family, or a negative number, which no family has.

    >>> [means_none(code) for code in ("Unknown", "-9", "0", "F-12", "9")]
    [True, True, False, False, False]
    """
    return code.strip().casefold() in NO_FAMILY or bool(re.fullmatch(r"-\d+(\.\d+)?", code))
