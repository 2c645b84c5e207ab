"""Tasks as what a step learns from: encoded, grouped by how they begin, with their scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from torch.utils.data import Dataset

from brainplug.errors import DataError
from brainplug.model.pack import Batch, Group, Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.dialogue import Task
    from brainplug.model.chat import ChatEncoder, Encoded


@attrs.frozen(eq=False)
class Item:
    """One dialogue, encoded, with the files of its scans in the order of its images."""

    encoded: Encoded
    images: tuple[Path, ...]

    @property
    def beginning(self) -> tuple[object, ...]:
        """What another dialogue must have alike to share the turns before the question."""
        encoded = self.encoded
        return (*self.images[:-1], *encoded.prompt[: encoded.num_shared])


class TaskDataset(Dataset[Item]):
    """Tasks by index, encoded when asked for; the same index always gives the same item.

    Args:
        tasks: the dialogues.
        encoder: turns them into ids.
        context_length: most tokens the model takes.
    """

    def __init__(self, tasks: Sequence[Task], encoder: ChatEncoder, context_length: int) -> None:
        self.tasks = tasks
        self.encoder = encoder
        self.context_length = context_length

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.tasks)

    def __getitem__(self, index: int) -> Item:
        """Return one dialogue.

        Raises:
            DataError: it is too long, or shows another number of scans than it names files.
        """
        return encode_task(self.tasks[index], self.encoder, self.context_length)


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


@attrs.frozen(kw_only=True)
class Grouping:
    """What the dialogues of a batch share.

    Attributes:
        references: those that begin alike are branches of one group.
        scans: a scan stands once in a batch, whoever shows it.
    """

    references: bool = True
    scans: bool = True


def make_batch(items: Sequence[Item], grouping: Grouping) -> tuple[Batch, tuple[Path, ...]]:
    """Group dialogues, in the order in which their beginnings first come.

    Returns:
        The batch, still without volumes, and the file of each of its scans.
    """
    groups: dict[object, list[Item]] = {}
    for place, item in enumerate(items):
        groups.setdefault(item.beginning if grouping.references else place, []).append(item)
    scans = Scans(share=grouping.scans)
    made = tuple(make_group(members, scans) for members in groups.values())
    return Batch(groups=made, scans=tuple(map(str, scans.files))), tuple(scans.files)


class Scans:
    """Numbers the scans of a batch.

    Args:
        share: one number for one file.
    """

    def __init__(self, *, share: bool) -> None:
        self.share = share
        self.files: list[Path] = []
        self.numbers: dict[Path, int] = {}

    def number(self, files: Iterable[Path]) -> tuple[int, ...]:
        """Return the numbers of scans, new ones for those not seen before."""
        return tuple(map(self.one, files))

    def one(self, file: Path) -> int:
        """Return the number of a scan."""
        if not self.share or file not in self.numbers:
            self.numbers[file] = len(self.files)
            self.files.append(file)
        return self.numbers[file]


def make_group(members: Sequence[Item], scans: Scans) -> Group:
    """Make one group of dialogues that begin alike."""
    first = members[0]
    length = first.encoded.num_shared
    prefix = Stretch(
        torch.tensor(first.encoded.prompt[:length], dtype=torch.long),
        scans.number(first.images[:-1]),
    )
    branches = tuple(
        Stretch(
            torch.tensor(item.encoded.prompt[length:] + item.encoded.answer),
            scans.number(item.images[-1:]),
            len(item.encoded.answer),
        )
        for item in members
    )
    return Group(prefix, branches)


@attrs.frozen
class Collator:
    """Makes batches with the volumes of their scans, or with features in their place.

    Attributes:
        grouping: what dialogues share.
        load: returns the preprocessed volume of a scan file.
        features: returns the tower features of a scan file, where they are kept.
    """

    grouping: Grouping
    load: Callable[[Path], np.ndarray]
    features: Callable[[Path], torch.Tensor] | None = None

    def __call__(self, items: Sequence[Item]) -> dict[str, Batch]:
        """Return the batch of some items, as the Trainer takes it."""
        batch, files = make_batch(items, self.grouping)
        if self.features is not None:
            return {"batch": attrs.evolve(batch, features=tuple(map(self.features, files)))}
        volumes = tuple(to_tensor(self.load(file)) for file in files)
        return {"batch": attrs.evolve(batch, volumes=volumes)}


def to_tensor(volume: np.ndarray) -> torch.Tensor:
    """Return a volume as `(1, I, J, K)` float32."""
    return torch.from_numpy(volume).float().unsqueeze(0)
