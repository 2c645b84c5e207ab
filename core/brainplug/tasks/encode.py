"""Tasks as ids, with the files of their scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import attrs

from brainplug.errors import DataError
from brainplug.tasks.chat import ChatEncoder, Encoded

if TYPE_CHECKING:
    from brainplug.tasks.task import Task


class SoftToken(NamedTuple):
    """A token of an answer that is learnt as one of several.

    Attributes:
        place: of the token in the answer.
        ids: tokens that may stand there.
        shares: of each; they sum to 1.
    """

    place: int
    ids: tuple[int, ...]
    shares: tuple[float, ...]


@attrs.frozen(eq=False)
class Item:
    """One dialogue, encoded.

    Attributes:
        encoded: its ids.
        images: the files of its scans, in the order of its images.
        telling: whether each token of the answer tells the value; empty where that is not asked.
        soft: tokens of the answer that are learnt as one of several.
    """

    encoded: Encoded
    images: tuple[Path, ...]
    telling: tuple[bool, ...] = ()
    soft: tuple[SoftToken, ...] = ()

    @property
    def beginning(self) -> tuple[object, ...]:
        """What another dialogue must have alike to share the turns before the question."""
        encoded = self.encoded
        return (*self.images[:-1], *encoded.prompt[: encoded.num_shared])


def encode_task(task: Task, encoder: ChatEncoder, context_length: int) -> Item:
    """Encode one task and check that its ids and its scans agree.

    Raises:
        DataError: a dialogue is too long, or shows another number of scans than it names files.
    """
    encoded = encoder.encode(task.turns)
    expected = len(task.images) * encoder.tokens_per_image
    found = encoded.prompt.count(encoder.image()[0])
    if found != expected:
        raise DataError(
            where=f"task {task.task_id!r}",
            expected=f"{expected} image tokens ({len(task.images)} scans of "
            f"{encoder.tokens_per_image})",
            found=found,
        )
    length = len(encoded.prompt) + len(encoded.answer)
    if length > context_length:
        raise DataError(
            f"{length} tokens, the model takes {context_length}",
            where=f"task {task.task_id!r}",
            found=length,
            hint="use larger patches, a smaller grid, shorter wordings or fewer references",
        )
    return Item(encoded, task.images)
