"""How the ids of a table find their image files, whatever each side calls a person."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import EXTENSIONS, JoinReport
from brainplug.errors import DataError, show
from brainplug.runtime.files import walk_once
from brainplug.toolkit.dicom import refuse_dicom, refuse_formats
from brainplug.toolkit.image_names import readable
from brainplug.toolkit.tables import leave_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    Normaliser = Callable[[str], str]
    Hint = str | Callable[[Sequence["ImageFile"]], str]

EXAMPLES = 5
NO_IMAGE = "no image"
OTHER_SESSION = "another session"
FIRST = "first"
"""In place of a session's name: each person's first."""

_DECIMALS = re.compile(r"(?<=[0-9])\.0+$")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


def fold_case(text: str) -> str:
    """Return an id without regard to case and to how accents are spelt.

    >>> fold_case("Sub-CON01")
    'sub-con01'
    """
    # Names of files on a Mac spell an accent as a letter of its own; tables hardly ever do.
    return unicodedata.normalize("NFC", text.strip()).casefold()


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
    plain = without_prefix(text)
    return _DECIMALS.sub("", plain) if "." in plain else plain


def without_zeros(text: str) -> str:
    """Return an id whose numbers are not padded.

    >>> without_zeros("sub-CON007"), without_zeros("000")
    ('con7', '0')
    """
    plain = without_decimals(text)
    return _ZEROS.sub("", plain) if "0" in plain else plain


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
    # Numbers are always at odd places, so a number is never compared with text.
    pieces = re.split("([0-9]+)", text)
    return tuple(int(piece) if index % 2 else piece for index, piece in enumerate(pieces))


class ImageFile(NamedTuple):
    """An image, and what its place in the folder says of it.

    A tuple, since a biobank has half a million.

    Attributes:
        path: absolute.
        subject: id as the file spells it.
        session: visit as the file spells it, None where it tells none.
    """

    path: str
    subject: str
    session: str | None


@attrs.frozen(eq=False)
class Joined:
    """Rows of a table with their images.

    Attributes:
        rows: those that found one, with `image` (absolute) and, where only the image told it,
            `session`.
        lost: exclusions of the others.
        report: how table and images met.
    """

    rows: pd.DataFrame
    lost: pd.DataFrame
    report: JoinReport


def find_images(
    folder: Path, suffixes: Sequence[str] = EXTENSIONS, skip: Collection[str] = ()
) -> list[str]:
    """Find the image files in a folder and below it, in one pass; hidden ones are left out.

    Links to folders are followed, each folder once; those directly in `folder` whose names are in
    `skip` are not. Paths are relative to the folder, with `/`, sorted.

    Raises:
        DataError: there is no such folder, or it holds DICOM, or scans of other formats, alone.
    """
    if not folder.is_dir():
        there = "a file" if folder.exists() else "no such folder"
        raise DataError(there, where=folder, expected="a folder of images")
    ends, found = tuple(suffixes), list[str]()
    top = str(folder)
    start = len(os.path.join(folder, ""))  # noqa: PTH118 (Path takes the separator away)

    def pass_over(place: str, name: str) -> bool:
        return name[0] == "." or (place == top and name in skip)

    for place, names in walk_once(folder, pass_over):
        under = place[start:].replace(os.sep, "/")
        under += "/" if under else ""
        # Hidden files end like scans too: a Mac leaves `._sub-1.nii.gz` on disks of other makes.
        found += [under + name for name in names if name.lower().endswith(ends) and name[0] != "."]
    if not found:
        refuse_dicom(folder)
        refuse_formats(folder)
    # A name that is not UTF-8 stands in no file that a run writes; as it is told here, no such file
    # is there, and its row is an exclusion.
    return sorted(name if name.isascii() else readable(name) for name in found)


def find_files(
    folder: Path,
    read: Callable[[str], tuple[str, str | None] | None],
    suffixes: Sequence[str] = EXTENSIONS,
    skip: Collection[str] = (),
) -> list[ImageFile]:
    """Find the images of a folder that `read` can tell the subject of, as `find_images` does.

    Args:
        folder: looked through with everything below it.
        read: gives subject and session of a path relative to the folder, None to pass it over.
        suffixes: ends of file names.
        skip: folders directly in `folder` that are passed over.
    """
    base, files = os.path.abspath(folder), []  # noqa: PTH100 (links stay as they are)
    for name in find_images(folder, suffixes, skip):
        told = read(name)
        if told is not None:
            files.append(ImageFile(f"{base}/{name}", *told))
    return files


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
            # Several ids of the table are refused, as nobody can tell whose images these are;
            # several spellings among the files are one person's, and all are kept.
            _check_one(here[form], there[form])
            matched[here[form][0]] = there[form]
            # Both sides are settled, lest a looser form give these images to somebody else as well.
            del left[here[form][0]]
            for other in there[form]:
                del right[other]
        if not left or not right:
            break
    return matched


# A study has a few names of visits, and up to half a million rows and files that bear them.
@lru_cache(maxsize=4096)
def plain_session(text: str) -> str:
    """Return a visit's name as tables and files share it.

    >>> plain_session("baseline_year_1_arm_1") == plain_session("ses-baselineYear1Arm1")
    True
    >>> plain_session("01") == plain_session("ses-1") == plain_session("1.0")
    True
    """
    # ABCD's tables say `2_year_follow_up_y_arm_1` where its files say `ses-2YearFollowUpYArm1`.
    return _ZEROS.sub("", re.sub("[^a-z0-9]", "", without_decimals(text)))


def choose_session(
    rows: pd.DataFrame, wanted: str | None, files: Sequence[ImageFile]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep one visit of each person; gives the kept rows and the exclusions of the others.

    Args:
        rows: has `subject`, `session` and `image`; one row a visit.
        wanted: the visit's name, None for all, or `first`, which is each person's first that has
            an image, by the natural order of the names.
        files: all images that a row could have.
    """
    if wanted is None:
        return rows, rows[:0]
    if wanted != FIRST:
        form = plain_session(wanted)
        other = rows["session"].map(lambda visit: plain_session(visit) != form, na_action="ignore")
        # A row that names no visit may be any, so it is not taken for the one that is wanted.
        return leave_out(rows, other.fillna(value=True).astype(bool), OTHER_SESSION)
    visits = sorted(rows["session"].dropna().unique(), key=natural_key)
    places = rows["session"].map({visit: place for place, visit in enumerate(visits)}).fillna(-1)
    # Visits without an image go behind all that have one: somebody who was not scanned at the
    # first visit is taken with the next.
    places[~np.isin(range(len(rows)), find_pairs(rows, files)["row"])] += len(visits) + 1
    other = places != places.groupby(rows["subject"]).transform("min")
    return leave_out(rows, other, OTHER_SESSION)


def join_images(
    rows: pd.DataFrame,
    files: Sequence[ImageFile],
    *,
    several: Literal["error", "first", "last"] = "error",
    hint: Hint = "",
) -> Joined:
    """Give each row of a table its one image.

    A row with a session takes an image of that session, or one whose name tells none; a row
    without takes any, and the session its image tells.

    Args:
        rows: has `subject`, `session`, and whatever else the study has; one row a visit.
        files: all images that a row could have.
        several: which of several images a row takes, by the natural order of their paths.
        hint: what the user can write in the recipe where a row has several images; or gives that
            for these images.

    Raises:
        DataError: a row has several images and no rule chooses, or two ids mean the same files.
    """
    pairs = find_pairs(rows, files)
    repeated = pairs["row"].duplicated(keep=False)
    if repeated.any():
        chosen = _choose(rows, files, pairs[repeated], several=several, hint=hint)
        pairs = pd.concat([pairs[~repeated], chosen])
    places = pd.Series(pairs["file"].tolist(), index=rows.index[pairs["row"]])
    told = pd.Series([files[place].session for place in places], places.index, dtype="str")
    paths = pd.Series([files[place].path for place in places], places.index, dtype="str")
    joined = rows.assign(session=rows["session"].fillna(told), image=paths.reindex(rows.index))
    kept, lost = leave_out(joined, joined["image"].isna(), NO_IMAGE)
    return Joined(kept, lost, report_join(joined["subject"], joined["image"], files))


def find_pairs(rows: pd.DataFrame, files: Sequence[ImageFile]) -> pd.DataFrame:
    """Find the images that each row could have: a `row` and a `file`, both by their place."""
    subjects = [file.subject for file in files]
    # Lists, since the strings of a column are slow to walk through one by one.
    matched = match_ids(rows["subject"].dropna().unique().tolist(), subjects)
    numbers = {own: number for number, own in enumerate(matched)}
    owners = {other: numbers[own] for own, others in matched.items() for other in others}
    persons = [owners.get(subject) for subject in subjects]
    found = pd.DataFrame({"file": range(len(files)), "person": pd.Series(persons, dtype="float64")})
    found["told"] = plain_sessions(pd.Series([file.session for file in files], dtype="str"))
    asked = pd.DataFrame({"row": range(len(rows))})
    asked["person"] = np.array([numbers.get(each, np.nan) for each in rows["subject"].tolist()])
    asked["wanted"] = plain_sessions(rows["session"]).to_numpy()
    # pandas joins missing with missing: each row without a partner would meet all such images.
    pairs = asked.dropna(subset="person").merge(found, on="person")
    fits = pairs["wanted"].isna() | (pairs["wanted"] == pairs["told"])
    # An image whose name tells no session fits a row only where no other does.
    spare = pairs["told"].isna() & ~pairs["row"].isin(pairs.loc[fits, "row"])
    return pairs.loc[fits | spare, ["row", "file"]]


def plain_sessions(sessions: pd.Series) -> pd.Series:
    """Write each session as `plain_session` does."""
    return sessions.map({each: plain_session(each) for each in sessions.dropna().unique()})


def _choose(
    rows: pd.DataFrame,
    files: Sequence[ImageFile],
    pairs: pd.DataFrame,
    *,
    several: str,
    hint: Hint,
) -> pd.DataFrame:
    # Ranked once a file: pandas does not sort by tuples of text and numbers.
    ranks = {place: natural_key(files[place].path) for place in pairs["file"].unique()}
    order = {place: rank for rank, place in enumerate(sorted(ranks, key=ranks.__getitem__))}
    ordered = pairs.assign(rank=pairs["file"].map(order)).sort_values(["row", "rank"])
    if several != "error":
        keep: Literal["first", "last"] = "first" if several == "first" else "last"
        return ordered.drop_duplicates("row", keep=keep)[["row", "file"]]
    first = ordered["row"].iloc[0]
    found = [files[place] for place in ordered.loc[ordered["row"] == first, "file"]]
    raise DataError(
        f"several images ({len(found)}): {', '.join(file.path for file in found[:EXAMPLES])}",
        where=f"row of {rows['subject'].iloc[first]!r}",
        expected="one image",
        found=tuple(file.path for file in found),
        hint=hint if isinstance(hint, str) else hint(found),
    )


def report_join(ids: pd.Series, chosen: pd.Series, files: Sequence[ImageFile]) -> JoinReport:
    """Count how rows and images met, with examples of both sides.

    Args:
        ids: the id of each row that asks for an image.
        chosen: the path of each row's image, missing where it has none; same index.
        files: all images that a row could have had.
    """
    without = dict.fromkeys(ids[chosen.isna()].dropna().tolist())
    used = set(chosen.dropna().tolist())
    free = (file.path for file in files if file.path not in used)
    return JoinReport(
        rows=len(ids),
        images=len(files),
        matched=int(chosen.notna().sum()),
        rows_without_image=tuple(islice(without, EXAMPLES)),
        images_without_row=tuple(islice(free, EXAMPLES)),
    )


def _group(ids: Iterable[str], normalise: Normaliser) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for each in ids:
        form = normalise(each)
        grouped[form] = (*grouped[form], each) if form in grouped else (each,)
    return grouped


def _check_one(here: Sequence[str], there: Sequence[str]) -> None:
    if len(here) > 1:
        raise DataError(
            f"the ids {show(here[:EXAMPLES])} of the table may all mean the images of "
            f"{show(there[:EXAMPLES])}",
            found=tuple(here),
            hint="write each person's id in one way",
        )
