"""Tasks as tensors: one dialogue an item, padded to the longest of its batch.

Axes: B dialogues, T tokens, S scans of all dialogues of a batch in order, I J K voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from torch.utils.data import Dataset

from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.dialogue import Task
    from brainplug.model.chat import ChatEncoder, Encoded

IGNORED = -100
"""Label of a token that is not learnt; torch's own default."""


@attrs.frozen(eq=False)
class Item:
    """One dialogue, encoded, with the files of its scans in the order of its images."""

    encoded: Encoded
    images: tuple[Path, ...]


class TaskDataset(Dataset[Item]):
    """Tasks by index; the same index always gives the same item.

    Args:
        tasks: the dialogues.
        encoder: turns them into ids.
        context_length: most tokens the model takes.

    Raises:
        DataError: a dialogue is too long, or shows another number of scans than it names files.
    """

    def __init__(self, tasks: Sequence[Task], encoder: ChatEncoder, context_length: int) -> None:
        self.items = [encode_task(task, encoder, context_length) for task in tasks]

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        """Return one dialogue."""
        return self.items[index]


def encode_task(task: Task, encoder: ChatEncoder, context_length: int) -> Item:
    """Encode one task and check that its ids and its scans agree."""
    encoded = encoder.encode(task.turns)
    expected = len(task.images) * encoder.tokens_per_image
    found = encoded.prompt.count(encoder.image()[0])
    if found != expected:
        raise DataError(
            f"task {task.task_id!r}: expected {expected} image tokens "
            f"({len(task.images)} scans of {encoder.tokens_per_image}), got {found}"
        )
    length = len(encoded.prompt) + len(encoded.answer)
    if length > context_length:
        raise DataError(
            f"task {task.task_id!r}: {length} tokens, the model takes {context_length}; "
            "use larger patches, a smaller grid, shorter wordings or fewer references"
        )
    return Item(encoded, task.images)


@attrs.frozen
class Collator:
    """Makes a batch: right-padded ids, labels on the last answers, and all scans.

    Attributes:
        load: returns the preprocessed volume of a scan file.
        pad: id of the padding token.
    """

    load: Callable[[Path], np.ndarray]
    pad: int

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        """Return ids, mask and labels `(B, T)`, and `pixel_values` `(S, 1, I, J, K)`."""
        ids = [item.encoded.prompt + item.encoded.answer for item in items]
        labels = [[IGNORED] * len(item.encoded.prompt) + item.encoded.answer for item in items]
        return {
            "input_ids": pad_right(ids, self.pad),
            "attention_mask": pad_right([[1] * len(row) for row in ids], 0),
            "labels": pad_right(labels, IGNORED),
            "pixel_values": stack_scans(items, self.load),
        }


def pad_right(rows: Sequence[list[int]], value: int) -> torch.Tensor:
    """Stack rows of unequal length, filled up at the end.

    >>> pad_right([[1, 2], [3]], 0).tolist()
    [[1, 2], [3, 0]]
    """
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def pad_left(rows: Sequence[list[int]], value: int) -> torch.Tensor:
    """Stack rows of unequal length, filled up at the start.

    >>> pad_left([[1, 2], [3]], 0).tolist()
    [[1, 2], [0, 3]]
    """
    longest = max(len(row) for row in rows)
    return torch.tensor([[value] * (longest - len(row)) + row for row in rows])


def stack_scans(items: Sequence[Item], load: Callable[[Path], np.ndarray]) -> torch.Tensor:
    """Return the scans of all items, in order, as `(S, 1, I, J, K)` float32."""
    volumes = [
        torch.from_numpy(load(path).astype("float32")) for item in items for path in item.images
    ]
    return torch.stack(volumes).unsqueeze(1)
