"""Rows that stand for one visit, or name one image: none of the copies is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.errors import DataError, show
from brainplug.toolkit.tables import leave_out

if TYPE_CHECKING:
    import pandas as pd

    from brainplug.recipe.tables import Audit

SAME_IMAGE = "one image for several rows"
SAME_VISIT = "several rows for one visit"

UNTOLD = "other images of this person have no session either"


def drop_repeated(scans: pd.DataFrame, audit: Audit) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Leave out every scan that stands twice, each with what was found.

    Raises:
        DataError: many would be, since nothing tells the visits of a person apart.
    """
    visit = of_one_visit(scans)
    kept, same_visit = leave_out(scans, visit, SAME_VISIT)
    if visit.any():
        untold = untold_visits(scans, visit)
        check_sessions(scans, untold, audit)
        same_visit["detail"] = untold[visit].map({True: UNTOLD, False: ""}).astype("str")
    kept, same_image = leave_out(kept, kept.duplicated("image", keep=False), SAME_IMAGE)
    return kept, [same_visit, same_image]


def of_one_visit(scans: pd.DataFrame) -> pd.Series:
    """Say which rows share person and session with another one."""
    told = scans.assign(session=scans["session"].fillna(""))
    return told.duplicated(["subject", "session"], keep=False)


def untold_visits(scans: pd.DataFrame, visit: pd.Series) -> pd.Series:
    """Say which rows are one of several of a person, with images of their own and no session.

    Args:
        scans: as the loader gives them.
        visit: which of them share person and session with another one.
    """
    own = ~scans.duplicated(["subject", "image"], keep=False)
    return visit & scans["session"].isna() & own


def check_sessions(scans: pd.DataFrame, untold: pd.Series, audit: Audit) -> None:
    """Stop where many rows would be lost because nothing tells the visits of a person apart.

    Args:
        scans: as the loader gives them.
        untold: which of them are one of several of a person, without a session.
        audit: largest loss allowed.

    Raises:
        DataError: more are than a study may lose without a word.
    """
    count = int(untold.sum())
    if count <= audit.join_loss * len(scans):
        return
    people = scans.loc[untold, "subject"].drop_duplicates().tolist()
    raise DataError(
        f"{count} of {len(scans)} rows are several of one person, each with an image of its own "
        f"and without a session, for example of {show(people[:3])}",
        found=tuple(people),
        hint="tell the visits apart: a loader sets the column `session`, a recipe names it by "
        "session in [cohort] where the loader has that option; or keep one row a person",
    )
