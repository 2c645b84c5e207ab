"""Whether scans are of people who were never born, whichever loader found them.

A simulated study says so in its `dataset_description.json`, so that it is not taken for a real one
where it is read again as a table or as BIDS.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION, KEY = "dataset_description.json", "Simulated"

HIGHEST = 5
"""Folders above a scan that may be its study's: subject, session, data type, and room for two."""

LONGEST = 1_000_000
"""Bytes of a description that are read; real ones have a few hundred."""


def are_made_up(images: Sequence[str]) -> bool:
    """Tell whether scans lie in a study that says it is simulated.

    The first, the middle and the last scan speak for all, so that a large study costs nothing.

    Args:
        images: files.
    """
    if not len(images):
        return False
    spoken_for = (images[0], images[len(images) // 2], images[-1])
    folders = {folder for image in spoken_for for folder in [*Path(image).parents][:HIGHEST]}
    return any(says_so(folder / DESCRIPTION) for folder in folders)


def says_so(path: Path) -> bool:
    """Tell whether a description says that its study is simulated; a damaged one says nothing."""
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            return False
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get(KEY) is True
