"""How a study's table and its images met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.errors import DataError, elide, show

if TYPE_CHECKING:
    import pandas as pd

    from brainplug.api.records import CohortTable
    from brainplug.recipe.tables import Audit

LONGEST = 160
"""Letters of what was found at a row."""


PATTERN = "the pattern in [cohort]"
"""What decides which image a row finds, in a loader of ours."""


def check_join(table: CohortTable, audit: Audit, *, finder: str = PATTERN) -> None:
    """Stop where table and images hardly meet, showing ids of both sides.

    Args:
        table: as the loader gave it.
        audit: largest loss allowed.
        finder: what decides which image a row finds, in words.

    Raises:
        DataError: no row asks for an image or found one, or more rows than the recipe tolerates
            did not.
    """
    join = table.join
    if not join.rows:
        raise DataError(
            f"none of the {table.rows_read} rows of the table asks for an image: "
            f"{count_reasons(table.exclusions) or 'it has no row'}",
            found=table.rows_read,
        )
    lost = join.rows - join.matched
    if join.matched and lost <= audit.join_loss * join.rows:
        return
    raise DataError(
        f"{lost} of {join.rows} rows of the table found no image ({lost / join.rows:.0%}, "
        f"audit.join_loss allows {audit.join_loss:.0%}); {join.images} images were found\n"
        f"  ids of rows without an image: {show(join.rows_without_image)}\n"
        f"  images without a row: {show(join.images_without_row)}\n"
        "  compare the two",
        found=(join.rows_without_image, join.images_without_row),
        hint=f"correct the table, the folder or {finder}, or raise audit.join_loss",
    )


def tell_spare(table: CohortTable, *, used: int) -> tuple[str, ...]:
    """Say how many images of a study belong to no row, with some of them, or to one left out.

    Args:
        table: as the loader gave it.
        used: scans of it that are used.
    """
    join = table.join
    if table.images_pending:
        return ()
    # Two rows may have found one image.
    twice = len(table.scans) - table.scans["image"].nunique()
    named = max(join.matched - twice, used)
    spare = max(join.images - named, 0)
    all_ask = join.rows == table.rows_read
    rows = "no row" if all_ask else f"none of the {join.rows:,} rows that ask for one"
    some = show(join.images_without_row[:2]) if spare and join.images_without_row else ""
    shown = f", such as {some}" if some else ""
    lost = named - used
    left = "; one more belongs to a row that is left out" if lost == 1 else ""
    left = f"; {lost:,} more belong to rows that are left out" if lost > 1 else left
    return (f"{spare:,} of {join.images:,} images belong to {rows}{shown}{left}",)


def count_reasons(exclusions: pd.DataFrame) -> str:
    """Say how many rows each reason cost, each with the first of them and what was found there."""
    told = []
    for reason, rows in exclusions.groupby("reason", sort=False):
        known = rows[rows["subject"].notna()].head(1)
        told.append(f"{reason} ({len(rows)}")
        for first, detail in zip(known["subject"], known["detail"].fillna(""), strict=True):
            told[-1] += f", such as {first!r}" + f": {elide(detail, LONGEST)}" * bool(detail)
        told[-1] += ")"
    return ", ".join(told)
