"""Families of more people than a family has: most often a code that means none is known."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from brainplug.errors import BrainplugError
from brainplug.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

LARGEST_FAMILY = 12
"""People of one family code who are not remarkable; pedigree studies may well have more."""


@contextmanager
def naming_crowds(cohort: pd.DataFrame) -> Iterator[None]:
    """Let an error of the block tell of such families, which may be why pools stay empty."""
    try:
        yield
    except BrainplugError as error:
        for finding in find_crowds(cohort):
            error.add_note(finding.what)
        raise


def find_crowds(cohort: pd.DataFrame) -> Iterator[Finding]:
    """Find family codes that more people share than live in one household.

    Args:
        cohort: has `study`, `subject` and `family`.
    """
    people = cohort[["study", "subject", "family"]].dropna().drop_duplicates()
    sizes = people.groupby(["study", "family"])["subject"].transform("size")
    # Counted first, since walking through the families of a biobank takes long.
    crowded = people[sizes > LARGEST_FAMILY]
    for (study, family), members in crowded.groupby(["study", "family"])["subject"]:
        code = str(family).removeprefix(f"{study}:")
        yield Finding(
            kind="note",
            what=f"{len(members)} people have one family code, {code!r}, and are kept together "
            f"as relatives; if it means that none is known, set missing = [{code!r}] in "
            "[cohort]",
            members=tuple(sorted(members)),
        )
