"""Scans that lie in one person's folder under another person's name, or likewise for visits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brainplug.errors import show
from brainplug.toolkit.image_matching import EXAMPLES, NO_IMAGE, match_ids, without_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

MISFILED = "image under another person's or visit's name"

_TOLD = re.compile(r"(?:^|[/_])(sub|ses)-([^/_.]+)")


def is_misfiled(path: str) -> bool:
    """Tell whether a file is named for another person or visit than the folders it lies in.

    >>> is_misfiled("sub-01/anat/sub-02_T1w.nii.gz"), is_misfiled("sub-001/anat/sub-1_T1w.nii.gz")
    (True, False)
    >>> is_misfiled("sub-1/ses-a/sub-1_ses-b_T1w.nii"), is_misfiled("sub-1/ses-a/sub-1_T1w.nii")
    (True, False)
    """
    folder, _, name = path.rpartition("/")
    above, named = dict(_TOLD.findall(folder)), dict(_TOLD.findall(name))
    both = above.keys() & named.keys()
    return any(without_zeros(above[key]) != without_zeros(named[key]) for key in both)


class Filing:
    """Reads whose scan a file is, and passes over those that lie in another's folder.

    Args:
        read: gives subject and session of a path, None for a file that is not wanted.

    Attributes:
        odd: paths of the misfiled.
    """

    def __init__(self, read: Callable[[str], tuple[str, str | None] | None]) -> None:
        self._read = read
        self.odd: list[str] = []

    def read(self, path: str) -> tuple[str, str | None] | None:
        """Return subject and session, None of a file that is not wanted or misfiled."""
        told = self._read(path)
        if told is None or not is_misfiled(path):
            return told
        self.odd.append(path)
        return None

    def blame(self, lost: pd.DataFrame) -> pd.DataFrame:
        """Give exclusions without an image the reason, where a misfiled one may be theirs."""
        labels = [(f"sub-{label}", path) for path in self.odd for label in _people(path)]
        owners: dict[str, str] = {}
        ids = lost["subject"].dropna().unique()
        for own, others in match_ids(ids, (label for label, _ in labels)).items():
            owners[own] = next(path for label, path in labels if label in others)
        mine = (lost["reason"] == NO_IMAGE) & lost["subject"].isin(list(owners))
        return lost.assign(
            reason=lost["reason"].mask(mine, MISFILED),
            detail=lost["detail"].mask(mine, lost["subject"].map(owners)),
        )

    def notes(self) -> list[str]:
        """Say how many images were passed over."""
        told = (
            f"{len(self.odd)} images named for another person or visit than their folder were "
            "passed over, since nobody can tell whose they are: "
        )
        return [told + show(sorted(self.odd)[:EXAMPLES])] * bool(self.odd)


def _people(path: str) -> list[str]:
    return [label for key, label in _TOLD.findall(path) if key == "sub"]
