"""A dialogue laid open: every piece of text, marker and scan with its tokens, and what is learnt.

The pieces are those that `ChatEncoder` turns into ids, in its order; a test holds both together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from brainplug.api.records import Image
from brainplug.errors import DataError
from brainplug.tasks.chat import END, START, ChatEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from brainplug.tasks.task import Task

TEXT: Literal["text"] = "text"
MARKER: Literal["marker"] = "marker"
SCAN: Literal["scan"] = "scan"


@attrs.frozen(kw_only=True)
class Piece:
    """A part of a dialogue as the model is given it.

    Attributes:
        kind: plain text, a special token, or a scan.
        text: the words or the special token; of a scan its file.
        tokens: how many it becomes; None where the model's sizes are not known.
        loss: whether they are learnt.
    """

    kind: Literal["text", "marker", "scan"]
    text: str
    tokens: int | None
    loss: bool = False


@attrs.frozen(kw_only=True)
class TokenCounts:
    """How long a dialogue is, in tokens.

    Attributes:
        words: of plain text, the names of the roles too.
        markers: special tokens.
        scans: patches.
        all: of all.
        loss: those that are learnt.
    """

    words: int
    markers: int
    scans: int
    all: int
    loss: int


@attrs.frozen(kw_only=True)
class ShownDialogue:
    """A task as it is trained on.

    Attributes:
        task_id: as in the task file.
        subject: whom the query shows.
        truth: value of the query.
        references: whom the reference scans show.
        reference_values: their values.
        pieces: what the model is given, in order.
        tokens: how many that is; None where the model's sizes are not known.
    """

    task_id: str
    subject: str
    truth: str | float
    references: tuple[str, ...]
    reference_values: tuple[str | float, ...]
    pieces: tuple[Piece, ...]
    tokens: TokenCounts | None


@attrs.frozen(eq=False)
class CountedTokens:
    """A stand-in for a tokenizer whose ids do not matter, only how many there are.

    Attributes:
        count: tokens of a text.
    """

    count: Callable[[str], int]

    def encode(self, text: str, **_options: Any) -> list[int]:
        """Return as many ids as a text has tokens."""
        return [0] * self.count(text)

    def convert_tokens_to_ids(self, _marker: str) -> int:
        """Return the id of a marker: one token."""
        return -1


def counting_encoder(count: Callable[[str], int], tokens_per_image: int) -> ChatEncoder:
    """Return an encoder for counting, which needs no tokenizer."""
    return ChatEncoder(cast("PreTrainedTokenizerBase", CountedTokens(count)), tokens_per_image)


def show_dialogue(task: Task, encoder: ChatEncoder | None) -> ShownDialogue:
    """Lay a task open.

    Args:
        task: to be shown.
        encoder: counts tokens; None where nobody can.

    Raises:
        DataError: a text holds a chat marker.
    """
    try:
        pieces = tuple(pieces_of(task, encoder))
    except DataError as error:
        raise error.within(f"task {task.task_id!r}") from error
    return ShownDialogue(
        task_id=task.task_id,
        subject=task.subject,
        truth=task.truth,
        references=task.references,
        reference_values=task.reference_values,
        pieces=pieces,
        tokens=None if encoder is None else count_pieces(pieces),
    )


def pieces_of(task: Task, encoder: ChatEncoder | None) -> Iterator[Piece]:
    """Give the pieces of a dialogue; the last answer with its end marker is learnt."""

    def text(words: str, *, loss: bool = False) -> Piece:
        tokens = None if encoder is None else len(encoder.text(words))
        return Piece(kind=TEXT, text=words, tokens=tokens, loss=loss)

    def marker(name: str, *, loss: bool = False) -> Piece:
        return Piece(kind=MARKER, text=name, tokens=1, loss=loss)

    patches = None if encoder is None else encoder.tokens_per_image
    *before, answer = task.turns
    for turn in before:
        yield from (marker(START), text(f"{turn.role}\n"))
        for part in turn.content:
            if isinstance(part, Image):
                yield Piece(kind=SCAN, text=str(task.images[part.index]), tokens=patches)
            else:
                yield text(part)
        yield from (marker(END), text("\n"))
    yield from (marker(START), text("assistant\n"))
    yield from (text(ChatEncoder.text_of(answer), loss=True), marker(END, loss=True))


def count_pieces(pieces: Sequence[Piece]) -> TokenCounts:
    """Sum up the tokens of pieces."""
    kinds = {
        kind: sum(each.tokens or 0 for each in pieces if each.kind == kind)
        for kind in (TEXT, MARKER, SCAN)
    }
    return TokenCounts(
        words=kinds[TEXT],
        markers=kinds[MARKER],
        scans=kinds[SCAN],
        all=sum(kinds.values()),
        loss=sum(each.tokens or 0 for each in pieces if each.loss),
    )


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Return for each file its name, with as many folders as tell it from the others.

    >>> short_names(["/a/s1/T1.nii", "/a/s2/T1.nii"])
    {'/a/s1/T1.nii': 's1/T1.nii', '/a/s2/T1.nii': 's2/T1.nii'}
    >>> short_names(["/a/s1.nii"])
    {'/a/s1.nii': 's1.nii'}
    """
    distinct = list(dict.fromkeys(paths))
    for depth in range(1, max((len(Path(path).parts) for path in distinct), default=0) + 1):
        names = ["/".join(Path(path).parts[-depth:]) for path in distinct]
        if len(set(names)) == len(distinct):
            return dict(zip(distinct, names, strict=True))
    return dict(zip(distinct, distinct, strict=True))
