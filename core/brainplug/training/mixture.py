"""Which tasks an epoch shows where studies are mixed by weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from torch.utils.data import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class MixtureSampler(Sampler[int]):
    """Indices of an epoch: as many as there are tasks, shared out over groups by weight.

    A group that is to give more than it has comes round again; one that gives less continues in
    the next epoch where it stopped, so that in the end all its tasks are seen equally often.

    Args:
        groups: indices of the tasks of each group.
        weights: share of each group beside the others'.
        seed: of the order.
    """

    def __init__(
        self, groups: Mapping[str, Sequence[int]], weights: Mapping[str, float], seed: int
    ) -> None:
        self.groups = {name: list(groups[name]) for name in sorted(groups) if groups[name]}
        self.counts = share_out(
            sum(map(len, self.groups.values())), {name: weights[name] for name in self.groups}
        )
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Return the number of tasks an epoch shows."""
        return sum(self.counts.values())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Give the indices of the epoch."""
        # Phases have seeds one after another: with a step of 1009 no group shares a stream with a
        # group of another phase.
        chosen = [
            index
            for number, (name, members) in enumerate(self.groups.items())
            for index in take_turns(
                members, self.counts[name], epoch=self.epoch, seed=self.seed + 1009 * number
            )
        ]
        order = torch.randperm(len(chosen), generator=make_generator(self.seed, self.epoch))
        yield from (chosen[index] for index in order.tolist())


def share_out(total: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Share a number out by weights; what rounding leaves goes to the largest remainders.

    >>> share_out(10, {"a": 1, "b": 2})
    {'a': 3, 'b': 7}
    """
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    counts = {name: int(share) for name, share in exact.items()}
    rest = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in rest[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def take_turns(members: Sequence[int], count: int, *, epoch: int, seed: int) -> Iterator[int]:
    """Give the next `count` of an endless row of shuffles of the members."""
    start = epoch * count
    for index in range(start, start + count):
        lap, step = divmod(index, len(members))
        # A lap's order follows from its number, so an epoch needs nothing of the one before, and a
        # stopped run goes on as if it had not been.
        if step == 0 or index == start:
            order = torch.randperm(len(members), generator=make_generator(seed, lap)).tolist()
        yield members[order[step]]


def make_generator(seed: int, number: int) -> torch.Generator:
    """Make a generator of its own for each number."""
    # No two pairs meet while numbers stay below the factor.
    return torch.Generator().manual_seed(seed * 1_000_003 + number)


@attrs.frozen(kw_only=True)
class Mixture:
    """How groups of tasks are mixed.

    Attributes:
        groups: indices of the tasks of each group.
        weights: share of each group in an epoch, beside the others'.
    """

    groups: Mapping[str, Sequence[int]]
    weights: Mapping[str, float]
