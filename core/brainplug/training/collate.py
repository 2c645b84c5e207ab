"""Tasks as what a step learns from: encoded, grouped by how they begin, with their scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from brainplug.model.packing import Batch, Group, Learnt, Soft, Stretch, to_tensor
from brainplug.tasks.encode import Item, SoftToken, encode_task
from brainplug.tasks.telling import telling_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.api.records import TargetValue
    from brainplug.tasks.chat import ChatEncoder
    from brainplug.tasks.task import Task
    from brainplug.training.soft_numbers import SoftNumbers


class TaskDataset(Dataset[Item]):
    """Tasks by index, encoded when asked for; the same index always gives the same item.

    Args:
        tasks: the dialogues.
        encoder: turns them into ids.
        context_length: most tokens the model takes.
        say: says a value as an answer does.
        soft: draws numbers near the true ones.
        epoch: tells which epoch is shown.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing an item follows from
        self,
        tasks: Sequence[Task],
        encoder: ChatEncoder,
        context_length: int,
        *,
        say: Callable[[TargetValue], str] = str,
        soft: SoftNumbers | None = None,
        epoch: Callable[[], int] = lambda: 0,
    ) -> None:
        self.tasks = tasks
        self.say = say
        self.encoder = encoder
        self.context_length = context_length
        self.soft = soft
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.tasks)

    def __getitem__(self, index: int) -> Item:
        """Return one dialogue.

        Raises:
            DataError: it is too long, or shows another number of scans than it names files.
        """
        task, soft = self.tasks[index], tuple[SoftToken, ...]()
        if self.soft is not None:
            task, soft = self.soft.soften(task, self.epoch())
        item = encode_task(task, self.encoder, self.context_length)
        text = self.encoder.text_of(task.turns[-1])
        told = telling_tokens(self.encoder, text, self.say(task.truth))
        return attrs.evolve(item, telling=told, soft=soft)


@attrs.frozen(kw_only=True)
class Grouping:
    """What the dialogues of a batch share.

    Attributes:
        references: those that begin alike are branches of one group.
        scans: a scan stands once in a batch, whoever shows it.
        telling_weight: how much a token that tells the value counts in the loss; others count 1.
    """

    references: bool = True
    scans: bool = True
    telling_weight: float = 1.0


def make_batch(items: Sequence[Item], grouping: Grouping) -> tuple[Batch, tuple[Path, ...]]:
    """Group dialogues, in the order in which their beginnings first come.

    Returns:
        The batch, still without volumes, and the file of each of its scans.
    """
    groups: dict[object, list[Item]] = {}
    for index, item in enumerate(items):
        # By its index each dialogue is a group of its own.
        groups.setdefault(item.beginning if grouping.references else index, []).append(item)
    scans = Scans(share=grouping.scans)
    made = tuple(make_group(members, scans, grouping.telling_weight) for members in groups.values())
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


def learn(item: Item, telling_weight: float) -> Learnt:
    """Return the answer of a dialogue as it is to be learnt."""
    ids = torch.tensor(item.encoded.answer)
    telling = torch.tensor(item.telling or (True,) * len(ids))
    weights = None if telling_weight == 1 else torch.where(telling, telling_weight, 1.0)
    return Learnt(ids, telling, weights, soften(item.soft))


def soften(tokens: Sequence[SoftToken]) -> Soft | None:
    """Return soft tokens as tensors, None where there are none."""
    if not tokens:
        return None
    ids = [torch.tensor(each.ids) for each in tokens]
    shares = [torch.tensor(each.shares) for each in tokens]
    return Soft(
        torch.tensor([each.place for each in tokens]),
        pad_sequence(ids, batch_first=True),
        pad_sequence(shares, batch_first=True),
    )


def make_group(members: Sequence[Item], scans: Scans, telling_weight: float) -> Group:
    """Make one group of dialogues that begin alike."""
    first = members[0]
    length = first.encoded.num_shared
    prefix = Stretch(
        # Of an empty list torch would make floats.
        torch.tensor(first.encoded.prompt[:length], dtype=torch.long),
        # The query's scan is the last; those before it are shown in the turns that are shared.
        scans.number(first.images[:-1]),
    )
    branches = tuple(
        Stretch(
            torch.tensor(item.encoded.prompt[length:] + item.encoded.answer),
            scans.number(item.images[-1:]),
            learn(item, telling_weight),
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
        values: what a plain head learns of each scan file, where there is one.
    """

    grouping: Grouping
    load: Callable[[Path], np.ndarray]
    features: Callable[[Path], torch.Tensor] | None = None
    values: Mapping[Path, float] | None = None

    def __call__(self, items: Sequence[Item]) -> dict[str, Batch]:
        """Return the batch of some dialogues, as the Trainer takes it."""
        return self.fill(*make_batch(items, self.grouping))

    def show(self, files: Sequence[Path]) -> dict[str, Batch]:
        """Return the batch of some scans that no dialogue shows, as the Trainer takes it."""
        return self.fill(Batch(groups=(), scans=tuple(map(str, files))), files)

    def fill(self, batch: Batch, files: Sequence[Path]) -> dict[str, Batch]:
        """Return a batch with what its scans show."""
        if self.values is not None:
            batch = attrs.evolve(batch, values=values_once(files, self.values))
        if self.features is not None:
            return {"batch": attrs.evolve(batch, features=tuple(map(self.features, files)))}
        volumes = tuple(to_tensor(self.load(file)) for file in files)
        return {"batch": attrs.evolve(batch, volumes=volumes)}


def values_once(files: Sequence[Path], values: Mapping[Path, float]) -> torch.Tensor:
    """Return the value of each scan of a batch, NaN from the second time that a scan is shown."""
    first = {file: index for index, file in reversed(list(enumerate(files)))}
    return torch.tensor(
        [values[file] if first[file] == index else torch.nan for index, file in enumerate(files)]
    )
