"""How the ids of a table find their image files, whatever each side calls a person."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.errors import DataError
from brainplug.scan import EXTENSIONS
from brainplug.types import JoinReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Normaliser = Callable[[str], str]

EXAMPLES = 5

_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


def fold_case(text: str) -> str:
    """Return an id without regard to case.

    >>> fold_case("Sub-CON01")
    'sub-con01'
    """
    return text.strip().casefold()


def without_prefix(text: str) -> str:
    """Return an id without BIDS's `sub-` or `ses-`.

    >>> without_prefix("sub-CON01"), without_prefix("ses-2")
    ('con01', '2')
    """
    return fold_case(text).removeprefix("sub-").removeprefix("ses-")


def without_decimals(text: str) -> str:
    """Return an id without the `.0` that a spreadsheet gave it.

    >>> without_decimals("1004.0")
    '1004'
    """
    return re.sub(r"(?<=[0-9])\.0+$", "", without_prefix(text))


def without_zeros(text: str) -> str:
    """Return an id whose numbers are not padded.

    >>> without_zeros("sub-CON007"), without_zeros("000")
    ('con7', '0')
    """
    return _ZEROS.sub("", without_decimals(text))


def without_separators(text: str) -> str:
    """Return an id without underscores and hyphens, which BIDS does not allow.

    >>> without_separators("NDAR_INV0A1B2C3D"), without_separators("sub-002_S_0413")
    ('ndarinv0a1b2c3d', '002s0413')
    """
    return without_decimals(text).replace("_", "").replace("-", "")


NORMALISERS: tuple[Normaliser, ...] = (
    str,
    fold_case,
    without_prefix,
    without_decimals,
    without_zeros,
    without_separators,
)
"""Tried in this order: an id meets what is most like it."""


def natural_key(text: str) -> tuple[str | int, ...]:
    """Return a sort key by which `visit 10` comes after `visit 2`.

    >>> sorted(["ses-10", "ses-2", "ses-1"], key=natural_key)
    ['ses-1', 'ses-2', 'ses-10']
    """
    pieces = re.split("([0-9]+)", text)
    return tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces))


def find_images(folder: Path, suffixes: Sequence[str] = EXTENSIONS) -> list[Path]:
    """Find the image files in a folder and below it, sorted; hidden ones are left out.

    Links to folders are followed, each folder once.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of images, found no such folder")
    ends, found, seen = tuple(suffixes), [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        state = Path(place).stat()
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(place, name)  # noqa: PTH118 (a Path for each of a million is slow)
            for name in names
            if name.endswith(ends) and not name.startswith(".")
        ]
    return [Path(path) for path in sorted(found)]


def folders_of(images: Iterable[Path]) -> tuple[Path, ...]:
    """Return the folders that images lie in: what a loader's `sources` names beside its tables."""
    return tuple(sorted({image.parent for image in images}))


def match_ids(
    ids: Iterable[str],
    others: Iterable[str],
    normalisers: Sequence[Normaliser] = NORMALISERS,
) -> dict[str, tuple[str, ...]]:
    """Return, for each id that has any, the other side's ids that mean the same.

    The normalisers are tried in turn, each on what is still without a partner.

    >>> match_ids(["1", "sub-02"], ["sub-001", "02", "7"])
    {'sub-02': ('02',), '1': ('sub-001',)}

    Raises:
        DataError: two ids normalise to the same other id.
    """
    left, right = dict.fromkeys(ids), dict.fromkeys(others)
    matched: dict[str, tuple[str, ...]] = {}
    for normalise in normalisers:
        here, there = _group(left, normalise), _group(right, normalise)
        for form in [form for form in here if form in there]:
            _check_one(here[form], there[form])
            matched[here[form][0]] = tuple(there[form])
            del left[here[form][0]]
            for other in there[form]:
                del right[other]
        if not left or not right:
            break
    return matched


def match_images(ids: pd.Series, images: Mapping[str, Sequence[Path]]) -> pd.Series:
    """Return a tuple of image files for each row, empty where there is none.

    Several files for one row are all returned: a loader chooses by a rule it declares.

    Args:
        ids: one text a row, missing allowed.
        images: id as in the file names -> files.

    Raises:
        DataError: two different ids of the table mean the same images.
    """
    matched = match_ids(ids.dropna().unique(), images)
    files = {
        name: tuple(file for other in found for file in images[other])
        for name, found in matched.items()
    }
    return pd.Series([files.get(name, ()) for name in ids], index=ids.index, dtype=object)


def group_images(
    images: Iterable[Path], key: Callable[[Path], str | None]
) -> dict[str, list[Path]]:
    """Group files by the id that `key` reads off their path; None leaves a file out."""
    grouped: defaultdict[str, list[Path]] = defaultdict(list)
    for image in images:
        name = key(image)
        if name is not None:
            grouped[name].append(image)
    return dict(grouped)


def report_join(ids: pd.Series, chosen: pd.Series, images: Sequence[Path]) -> JoinReport:
    """Count how rows and images met, with examples of both sides.

    Args:
        ids: the id of each row that asks for an image.
        chosen: the path (text) of each row's image, missing where it has none; same index.
        images: all image files that a row could have had.
    """
    without = list(dict.fromkeys(ids[chosen.isna()].dropna()))
    used = set(chosen.dropna())
    free = [str(image) for image in images if str(image) not in used]
    return JoinReport(
        rows=len(ids),
        images=len(images),
        matched=int(chosen.notna().sum()),
        rows_without_image=tuple(without[:EXAMPLES]),
        images_without_row=tuple(free[:EXAMPLES]),
    )


def _group(ids: Iterable[str], normalise: Normaliser) -> dict[str, list[str]]:
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for each in ids:
        grouped[normalise(each)].append(each)
    return grouped


def _check_one(here: Sequence[str], there: Sequence[str]) -> None:
    if len(here) > 1:
        raise DataError(
            f"the ids {', '.join(map(repr, here[:EXAMPLES]))} of the table may all mean the images "
            f"of {', '.join(map(repr, there[:EXAMPLES]))}; write each person's id in one way"
        )
