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


def drop_repeated(scans: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Leave out every scan that stands twice, each with what was found."""
    untold = untold_visits(scans)
    detail = untold.map({True: UNTOLD, False: ""})
    scans, same_visit = leave_out(scans, of_one_visit(scans), SAME_VISIT, detail)
    scans, same_image = leave_out(scans, scans.duplicated("image", keep=False), SAME_IMAGE)
    return scans, [same_visit, same_image]


def of_one_visit(scans: pd.DataFrame) -> pd.Series:
    """Say which rows share person and session with another one."""
    told = scans.assign(session=scans["session"].fillna(""))
    return told.duplicated(["subject", "session"], keep=False)


def untold_visits(scans: pd.DataFrame) -> pd.Series:
    """Say which rows are one of several of a person, with images of their own and no session."""
    own = ~scans.duplicated(["subject", "image"], keep=False)
    return of_one_visit(scans) & scans["session"].isna() & own


def check_sessions(scans: pd.DataFrame, audit: Audit) -> None:
    """Stop where many rows would be lost because nothing tells the visits of a person apart.

    Args:
        scans: as the loader gives them.
        audit: largest loss allowed.

    Raises:
        DataError: more are than a study may lose without a word.
    """
    untold = scans[untold_visits(scans)]
    if len(untold) <= audit.join_loss * len(scans):
        return
    people = untold["subject"].drop_duplicates().tolist()
    raise DataError(
        f"{len(untold)} of {len(scans)} rows are several of one person, each with an image of its "
        f"own and without a session, for example of {show(people[:3])}",
        found=tuple(people),
        hint="tell the visits apart: a loader sets the column `session`, a recipe names it by "
        "session in [cohort] where the loader has that option; or keep one row a person",
    )
