"""Rows of task files filled in from one that was worded, since a biobank has a million of them."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import attrs
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.tasks.task import Task

    Pieces = tuple[bytes, ...]
    Said = tuple[TargetValue, str, int | float]

# Characters of the private use area, which no id, path or wording has.
OPEN, CLOSE = "\ue000", "\ue001"
SLOT = re.compile(f'("?){OPEN}([a-z]+)([0-9]*){CLOSE}("?)'.encode())
BARE = ("value", "code")
"""Slots that may hold a number, and then have no quotes around them."""

OWN = ("task", "likeness")
"""Slots of the task itself: its id, and whether the references have the query's label."""


class Shown(NamedTuple):
    """A scan as tasks show it: whom, where, with which value, said how; a tuple for speed."""

    subject: str
    image: str
    value: TargetValue
    words: str
    code: int | float

    @classmethod
    def slot(cls, index: int) -> Shown:
        """Return a scan all of whose parts are slots."""
        parts = (slot(f"{name}{index}") for name in cls._fields)
        return cls(*parts)  # type: ignore[arg-type]  # the slot of a code is text, too


def slot(name: str) -> str:
    """Return the text that marks a slot."""
    return f"{OPEN}{name}{CLOSE}"


@attrs.frozen
class Skeleton:
    """The JSON of a task with slots for all that differs from task to task.

    Attributes:
        form: the JSON, with `%b` for each slot.
        choose: takes what goes into the slots out of `OWN`, then the pieces of each scan.
    """

    form: bytes
    choose: Callable[[Pieces], Pieces]

    @classmethod
    def of(cls, task: Task) -> Skeleton:
        """Make the skeleton of a task whose parts are slots."""
        row = task.to_json()
        if "comparison_type" in row["metadata"]:
            # Slots are all different, so their likeness says nothing of the values that will fill
            # them.
            row["metadata"]["comparison_type"] = slot("likeness") + f"_{task.target}"
        # A percent sign of the wording would be read as a slot by `%` below.
        text = orjson.dumps(row).replace(b"%", b"%%")
        order = []

        def replace(found: re.Match[bytes]) -> bytes:
            before, name, index, after = found.groups()
            field = name.decode()
            order.append(
                len(OWN) + int(index) * len(Shown._fields) + Shown._fields.index(field)
                if index
                else OWN.index(field)
            )
            # A whole text that is a slot may become a number, which brings its own quotes or none.
            if field in BARE and before and after:
                return b"%b"
            return before + b"%b" + after

        form = SLOT.sub(replace, text)
        return cls(form, itemgetter(*order))

    def fill(self, task_id: str, pieces: Sequence[Pieces], alike: str) -> bytes:
        """Return the row of a task.

        Args:
            task_id: its id.
            pieces: of its scans, the query last.
            alike: whether the references have the query's label; see `dialogue.likeness`.
        """
        parts = sum(pieces, (inner(task_id), alike.encode()))
        return self.form % self.choose(parts)


def make_pieces(scan: Shown, said: dict[Said, Pieces]) -> Pieces:
    """Write what fills the slots of a scan; value and code as JSON, texts without their quotes.

    Args:
        scan: as tasks show it.
        said: what was written of value, words and code, which many scans have in common.
    """
    key = (scan.value, scan.words, scan.code)
    if key not in said:
        # Copied, since orjson's own bytes keep the kilobyte they were written in.
        said[key] = tuple(
            bytes(bytearray(part))
            for part in (orjson.dumps(scan.value), inner(scan.words), orjson.dumps(scan.code))
        )
    return (inner(scan.subject), inner(scan.image), *said[key])


def inner(text: str) -> bytes:
    """Write a text as JSON, without the quotes.

    >>> inner("sub-01")
    b'sub-01'
    """
    return orjson.dumps(text)[1:-1]
