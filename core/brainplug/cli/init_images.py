"""Which column of a table holds ids that stand in the names of images, and where they stand."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import DataError
from brainplug.toolkit.image_matching import match_ids, without_separators, without_zeros
from brainplug.toolkit.image_names import without_extension

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    Place = tuple[int, int, int, int, str]
    """Parts of the path, which of them, pieces before and behind the id, and what follows it."""

SAMPLE = 2000
"""Images that are looked at to learn where ids stand; all are counted then."""

LONGEST = 12
"""Pieces of a name up to which every run of pieces may be an id."""


@attrs.frozen(kw_only=True)
class Found:
    """A column whose values stand in names of images.

    Attributes:
        column: its name.
        rows: whose value is found.
        of: rows of the table.
        people: distinct values that are found.
        images: that have one of the values.
        pattern: as `table` reads it.
    """

    column: str
    rows: int
    of: int
    people: int
    images: int
    pattern: str


def find_columns(table: pd.DataFrame, images: Sequence[str]) -> list[Found]:
    """Find the columns that may hold the id, the one with most ids in names of images first.

    Args:
        table: as `read_table` gives it.
        images: paths within their folder.
    """
    step = max(1, len(images) // SAMPLE)
    places = read_places(images[::step])
    ranked = {
        str(name): best_place(table[name].dropna().unique().tolist(), places)
        for name in table.columns
    }
    top = max((fits for fits, _ in ranked.values()), default=0)
    counted = (
        count_found(table, name, images, place)
        for name, (fits, place) in ranked.items()
        if place and 2 * fits > top
    )
    found = [each for each in counted if each]
    most = max((each.people for each in found), default=0)
    # A site or a visit also stands in names, and tells few people apart.
    likely = [each for each in found if 2 * each.people > most]
    return sorted(likely, key=lambda each: (-each.people, -each.rows))


def read_places(images: Iterable[str]) -> dict[Place, dict[str, int]]:
    """Return each place where an id may stand, with what stands there and in how many images."""
    told: defaultdict[Place, dict[str, int]] = defaultdict(dict)
    for path in images:
        for place, text in spans(path):
            told[place][text] = told[place].get(text, 0) + 1
    return dict(told)


@lru_cache(maxsize=1 << 16)
def forms_of(text: str) -> frozenset[str]:
    """Return the loosest forms in which an id is matched."""
    return frozenset({without_zeros(text), without_separators(text)})


def spans(path: str) -> Iterator[tuple[Place, str]]:
    """Give all that may be an id in a path: runs of pieces between `_`, `-` and `.`.

    >>> sorted({text for _, text in spans("sub-01/T1.nii")})
    ['01', 'T1', 'sub', 'sub-01']
    """
    parts = path.split("/")
    parts[-1] = without_extension(parts[-1])
    end = path.rpartition("/")[2][len(parts[-1]) :]
    for index, part in enumerate(parts):
        pieces = [(match.start(), match.end()) for match in re.finditer(r"[^_.\-]+", part)]
        for first in range(min(len(pieces), LONGEST)):
            for last in range(first, min(len(pieces), LONGEST)):
                text = part[pieces[first][0] : pieces[last][1]]
                tail = part[pieces[last][1] :] + (end if index == len(parts) - 1 else "")
                behind = len(pieces) - last - 1
                yield (len(parts), index, first, behind, ""), text
                # With what follows, `_T1w` and `_bold` are two places.
                yield (len(parts), index, first, behind, tail), text


def best_place(
    values: Sequence[str], places: Mapping[Place, Mapping[str, int]]
) -> tuple[int, Place | None]:
    """Return how many of a column's values stand where most do, and where; None for one or none.

    Of equal places that counts where values stand as they are written, then that with one image a
    person, then one that says `t1`.
    """
    plain = set(values)
    forms = frozenset().union(*map(forms_of, values))
    best: tuple[tuple[int, int, int, bool, int], Place] | None = None
    for place, texts in places.items():
        fits = [text for text in texts if not forms.isdisjoint(forms_of(text))]
        exact = sum(text in plain for text in fits)
        images = sum(texts[text] for text in fits)
        rank = (len(fits), exact, -images, "t1" in place[-1].casefold(), len(place[-1]))
        best = max(best or (rank, place), (rank, place))
    return (best[0][0], best[1]) if best and best[0][0] > 1 else (0, None)


def count_found(
    table: pd.DataFrame, column: str, images: Sequence[str], place: Place
) -> Found | None:
    """Count whose ids stand at a place, by the matching of `table`; None where nobody's does."""
    at = [(path, text) for path in images for where, text in spans(path) if where == place]
    values = table[column].dropna()
    try:
        matched = match_ids(values.unique().tolist(), [text for _, text in at])
    except DataError:  # two spellings of one id: `check` will say so of the column that is chosen
        return None
    if len(matched) < 2:
        return None
    known = {text for texts in matched.values() for text in texts}
    own = [(path, text) for path, text in at if text in known]
    return Found(
        column=column,
        rows=int(values.isin(list(matched)).sum()),
        of=len(table),
        people=len(matched),
        images=len(own),
        pattern=make_pattern(own, place),
    )


def make_pattern(own: Sequence[tuple[str, str]], place: Place) -> str:
    """Make the pattern that all of some paths fit.

    Args:
        own: each path, and the id in it.
        place: where the ids stand.

    >>> own = [("sub-1/sub-1_T1w.nii.gz", "1"), ("sub-2/sub-2_T1w.nii.gz", "2")]
    >>> make_pattern(own, (2, 1, 1, 1, ""))
    'sub-{subject}/sub-{subject}_T1w.nii.gz'
    """
    pieces = []
    for index in range(place[0]):
        column = [(path.split("/")[index], text) for path, text in own]
        if index == place[1]:
            pieces.append(around_id(column, place[2]))
            continue
        same = {part.replace(text, "{subject}", 1) for part, text in column}
        plain = {part for part, _ in column}
        pieces.append(
            plain.pop() if len(plain) == 1 else same.pop() if len(same) == 1 else shared(plain)
        )
    return "/".join(pieces)


def around_id(column: Sequence[tuple[str, str]], before: int) -> str:
    """Return what stands before and behind the id in all of some names.

    Args:
        column: each name, and the id in it.
        before: pieces that stand before the id.
    """
    heads, tails = set(), set()
    for part, text in column:
        starts = [match.start() for match in re.finditer(r"[^_.\-]+", part)]
        start = starts[before]
        heads.add(part[:start])
        tails.add(part[start + len(text) :])
    return f"{shared(heads)}{{subject}}{shared(tails)}"


def shared(texts: Iterable[str]) -> str:
    """Return what texts have in common, with `*` for the rest.

    >>> shared(["_ses-1_T1w.nii", "_ses-02_T1w.nii"]), shared(["a", "a"])
    ('_ses-*_T1w.nii', 'a')
    """
    told = sorted(set(texts))
    if len(told) == 1:
        return told[0]
    head = os.path.commonprefix(told)  # noqa: RUF071 - letter by letter is meant
    rest = [text[len(head) :] for text in told]
    tail = os.path.commonprefix([text[::-1] for text in rest])[::-1]  # noqa: RUF071 - as above
    return f"{head}*{tail}"
