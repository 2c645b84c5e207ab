"""Scans that are the same once they are on the common grid, whatever their files hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.imaging.alike import find_alike
from brainplug.imaging.sketch import sketch_scans

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from jaxtyping import Int

    from brainplug.api.records import Grid

SAME, NEAR, REPEATED = "same_image", "near_image", "repeated_image"
"""Columns of a cohort, each with the first scan of those that are alike: copies under other ids,
scans under other ids that look like one, and sessions of one person that are one scan."""


def find_copies(
    frame: pd.DataFrame, *, grid: Grid, cache: Path, progress: Callable[[int, int], None]
) -> pd.DataFrame:
    """Return the columns `SAME`, `NEAR` and `REPEATED` of scans, NA where a scan is like no other.

    Args:
        frame: has `scan`, `subject` and `image`; every scan can be read.
        grid: the common grid.
        cache: where volumes are kept.
        progress: called with scans done and scans in all.

    Raises:
        ScanError: a scan cannot be used.
    """
    images = [Path(image) for image in frame["image"]]
    sketches = sketch_scans(images, grid=grid, cache=cache, progress=progress)
    alike = find_alike([sketches[image] for image in images], progress)
    same = name_first(frame, alike.same)
    copies = several_people(frame, alike.same)
    near = several_people(frame, alike.near) & ~copies
    return pd.DataFrame(
        {
            SAME: same.where(copies),
            NEAR: name_first(frame, alike.near).where(near),
            REPEATED: same.where(same.duplicated(keep=False) & ~copies),
        }
    ).astype("str")


def name_first(frame: pd.DataFrame, groups: Int[np.ndarray, " n"]) -> pd.Series:
    """Return for each scan the first scan of its group."""
    return frame["scan"].groupby(groups).transform("min")


def several_people(frame: pd.DataFrame, groups: Int[np.ndarray, " n"]) -> pd.Series:
    """Tell for each scan whether its group has scans of several people."""
    return frame["subject"].groupby(groups).transform("nunique") > 1
