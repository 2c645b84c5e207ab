"""Which tasks a step learns from: those that share scans and references stand together.

A block is every pair of some references and some queries, as pairings make them. It is cut into
tiles of few references and queries; what is left is grouped by reference. Tiles and groups are put
together into batches up to the recipe's limits. How many batches there are, and of what sizes,
follows from who is paired with whom alone, so every epoch has as many; who is in which is drawn
anew each epoch.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs
import torch
from torch.utils.data import Sampler

from brainplug.errors import RunError
from brainplug.training.mixture import MixtureSampler, make_generator

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from brainplug.training.mixture import Mixture

    Unit = list[int]
    """Indices of tasks that share."""


@attrs.frozen(kw_only=True)
class Limits:
    """What a batch may hold.

    Attributes:
        tasks: most tasks.
        tokens: most tokens, None for no limit.
        prefix: most tokens of a beginning that tasks may share.
        branch: most tokens of the rest of a task.
    """

    tasks: int
    tokens: int | None = None
    prefix: int = 0
    branch: int = 0

    def cost(self, beginnings: int, tasks: int) -> int:
        """Return the most tokens that so many tasks with so many beginnings have."""
        return beginnings * self.prefix + tasks * self.branch

    def allow(self, beginnings: int, tasks: int) -> bool:
        """Tell whether a batch may hold so much."""
        if tasks > self.tasks:
            return False
        return self.tokens is None or self.cost(beginnings, tasks) <= self.tokens

    def most(self, beginnings: int, *, each: bool = False) -> int:
        """Return how many tasks with so many beginnings a batch holds, at least one.

        Args:
            beginnings: shared by all tasks, or of each task where `each`.
            each: count the beginnings for every task.
        """
        if self.tokens is None:
            return self.tasks
        if each:
            return max(1, min(self.tasks, self.tokens // self.cost(beginnings, 1)))
        room = (self.tokens - self.cost(beginnings, 0)) // max(1, self.branch)
        return max(1, min(self.tasks, room))


@attrs.frozen
class Block:
    """Queries that are paired with the same beginnings.

    Attributes:
        beginnings: what the queries are paired with.
        queries: for each query the tasks of each beginning.
        rows: how many beginnings a tile has.
        columns: how many queries a tile has.
    """

    beginnings: tuple[Hashable, ...]
    queries: tuple[dict[Hashable, list[int]], ...]
    rows: int
    columns: int

    def tiles(self, generator: torch.Generator) -> Iterator[Unit]:
        """Cut the block into tiles at random places."""
        queries = shuffled(self.queries, generator)
        beginnings = shuffled(self.beginnings, generator)
        for first in range(0, len(queries), self.columns):
            for start in range(0, len(beginnings), self.rows):
                yield [
                    task
                    for beginning in beginnings[start : start + self.rows]
                    for query in queries[first : first + self.columns]
                    for task in query[beginning]
                ]


class BatchPlan(Sampler["list[int]"]):
    """Batches of an epoch for one rank; every task is in one batch of one rank.

    Args:
        keys: for each task what it begins with, and its query.
        limits: of a batch.
        seed: of the order.
        rank: number of this process.
        world: number of processes.
        evenly: a multiple of `world`; there are as many batches as it divides.
        mixture: shares of studies in an epoch, where they are weighted.

    Raises:
        RunError: a task exceeds the limits, or there are fewer tasks than processes.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing a plan follows from
        self,
        keys: Sequence[tuple[Hashable, Hashable]],
        limits: Limits,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
        evenly: int = 1,
        mixture: Mixture | None = None,
    ) -> None:
        # Fewer ranks that go on with a training share its batches out as those did that began it.
        self.evenly = max(evenly, world)
        refuse_limits(limits, len(keys), self.evenly)
        self.keys, self.limits, self.seed = keys, limits, seed
        self.rank, self.world, self.epoch, self.step = rank, world, 0, 0
        self.sampler = (
            None if mixture is None else MixtureSampler(mixture.groups, mixture.weights, seed)
        )
        self.blocks, self.groups = ([], []) if mixture else sort_out(keys, limits)
        # Each epoch has as many batches as any other, so the first may be counted for all.
        self.count = len(self.batches(0)) // world

    def __len__(self) -> int:
        """Return the number of batches of this rank in an epoch."""
        return self.count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        """Give the batches of this rank; `step` is the number of the latest among all ranks'."""
        batches = self.batches(self.epoch)
        # Ranks take turns, so that an optimiser step has the same batches on any number of ranks
        # that divides the first.
        for step in range(self.rank, len(batches), self.world):
            self.step = step
            yield batches[step]

    def batches(self, epoch: int) -> list[list[int]]:
        """Return the batches of all ranks in an epoch, as many for each rank."""
        generator = make_generator(self.seed, epoch)
        if self.sampler is None:
            units = [tile for block in self.blocks for tile in block.tiles(generator)]
            units += [
                part
                for group in self.groups
                for part in cut(shuffled(group, generator), self.limits.most(1))
            ]
            made = fill(units, self.keys, self.limits, generator)
        else:
            made = self.mixed(epoch)
        # They come back sorted by size, and an epoch must not go from small to large.
        return shuffled(share_evenly(made, self.evenly), generator)

    def mixed(self, epoch: int) -> list[list[int]]:
        """Return batches of a mixture of studies, in which tasks may come again."""
        assert self.sampler is not None
        self.sampler.set_epoch(epoch)
        together = defaultdict(list)
        for index in self.sampler:
            together[self.keys[index][0]].append(index)
        # How often a beginning comes is drawn, and differs from epoch to epoch. Counted once a
        # task, it leaves the number of batches the same in each.
        row = [index for members in together.values() for index in members]
        return cut(row, self.limits.most(1, each=True))


def refuse_limits(limits: Limits, num_tasks: int, world: int) -> None:
    """Refuse limits that a single task exceeds, and more processes than tasks."""
    if not limits.allow(1, 1):
        raise RunError(
            f"a dialogue has {limits.cost(1, 1)} tokens",
            where=f"training.batch_tokens {limits.tokens}",
            found=limits.cost(1, 1),
            hint="raise it, or use larger patches",
        )
    if num_tasks < world:
        raise RunError(
            f"{num_tasks} training tasks cannot be shared out over {world} processes",
            found=(num_tasks, world),
        )


def sort_out(
    keys: Sequence[tuple[Hashable, Hashable]], limits: Limits
) -> tuple[list[Block], list[Unit]]:
    """Find blocks, and group the tasks that are in none by what they begin with."""
    by_query: dict[Hashable, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, (beginning, query) in enumerate(keys):
        by_query[query][beginning].append(index)
    alike: dict[frozenset[Hashable], list[dict[Hashable, list[int]]]] = defaultdict(list)
    for paired in by_query.values():
        alike[frozenset(paired)].append(dict(paired))
    blocks: list[Block] = []
    groups: dict[Hashable, Unit] = defaultdict(list)
    for queries in alike.values():
        beginnings = tuple(queries[0])
        # A tile's size is rows times columns only where each pair is one task.
        if len(queries) > 1 and all(len(tasks) == 1 for each in queries for tasks in each.values()):
            blocks.append(Block(beginnings, tuple(queries), *tile_of(beginnings, queries, limits)))
            continue
        for paired in queries:
            for beginning, tasks in paired.items():
                groups[beginning] += tasks
    return blocks, list(groups.values())


def tile_of(
    beginnings: Sequence[object], queries: Sequence[object], limits: Limits
) -> tuple[int, int]:
    """Return how many beginnings and queries of a block share most in one batch.

    A scan costs the tower as much as its tokens cost the language model, so that a tile of r
    beginnings and k queries costs about 2 r + k scans and r k branches.
    """
    total = len(beginnings)
    # Rows that divide the beginnings leave no narrow tile over. One row always fits, or
    # `refuse_limits` had stopped the run.
    choices = [
        (rows, min(len(queries), max(1, limits.most(rows) // rows)))
        for rows in range(1, total + 1)
        if total % rows == 0 and limits.allow(rows, rows)
    ]
    # Scans a task, (2 r + k) / (r k); as a fraction, so that ties are ties on any machine.
    return min(
        choices, key=lambda choice: (Fraction(2, choice[1]) + Fraction(1, choice[0]), -choice[0])
    )


def fill(
    units: Sequence[Unit],
    keys: Sequence[tuple[Hashable, Hashable]],
    limits: Limits,
    generator: torch.Generator,
) -> list[list[int]]:
    """Put units together into batches, largest first; which sizes go together is not drawn."""
    by_size: dict[tuple[int, int], list[Unit]] = defaultdict(list)
    for unit in units:
        by_size[len(unit), len({keys[index][0] for index in unit})].append(unit)
    # First-fit decreasing: small units fill what large ones leave. Every unit fits into a batch by
    # itself, as it was cut to the limits, so each round takes one at least.
    waiting = {size: shuffled(by_size[size], generator) for size in sorted(by_size, reverse=True)}
    made: list[list[int]] = []
    while any(waiting.values()):
        batch: list[int] = []
        begun = 0
        for (tasks, beginnings), members in waiting.items():
            while members and limits.allow(begun + beginnings, len(batch) + tasks):
                batch += members.pop()
                begun += beginnings
        made.append(batch)
    return made


def share_evenly(batches: list[list[int]], world: int) -> list[list[int]]:
    """Halve the largest batches until each of `world` processes gets as many.

    Where there are too few tasks for that, the smallest are put together, against the limits,
    rather than leave a process without.

    >>> share_evenly([[1, 2, 3], [4]], 3)
    [[4], [1], [2, 3]]
    >>> share_evenly([[1], [2], [3]], 2)
    [[3], [1, 2]]
    """
    wanted = -(-len(batches) // world) * world
    if wanted > sum(map(len, batches)):
        wanted -= world
    batches = sorted(batches, key=len)
    while len(batches) != wanted:
        if len(batches) < wanted:
            *rest, largest = batches
            half = len(largest) // 2
            batches = [*rest, largest[:half], largest[half:]]
        else:
            first, second, *rest = batches
            batches = [*rest, first + second]
        batches.sort(key=len)
    return batches


def cut(row: Sequence[int], length: int) -> list[list[int]]:
    """Cut a row into pieces of a length.

    >>> cut([1, 2, 3], 2)
    [[1, 2], [3]]
    """
    return [list(row[start : start + length]) for start in range(0, len(row), length)]


def shuffled(items: Sequence, generator: torch.Generator) -> list:  # type: ignore[type-arg]
    """Return items in a drawn order."""
    return [items[index] for index in torch.randperm(len(items), generator=generator).tolist()]
