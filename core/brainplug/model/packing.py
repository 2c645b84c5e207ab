"""Dialogues as one row of tokens: turns they begin with alike once, then a branch for each.

    | prefix | branch 1 | branch 2 | … | prefix | branch 1 | …
    '--------- a group ----------------'

A branch sees its group's prefix and itself only, at the positions it would have alone, so what the
model computes for it is what it would compute for the dialogue alone.

Axes: T tokens, S scans of a batch, P patches of a scan, D width of features, I J K voxels.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.nn.functional import pad

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np


@attrs.frozen(eq=False)
class Soft:
    """Tokens that are learnt as one of several; M of them, each with at most K ways.

    Attributes:
        places: `(M,)` of the tokens among all that are learnt.
        ids: `(M, K)` tokens that may stand there.
        shares: `(M, K)` of each; 0 where there are fewer ways than K.
    """

    places: torch.Tensor
    ids: torch.Tensor
    shares: torch.Tensor

    def to(self, device: torch.device) -> Soft:
        """Return the tokens on a device."""
        moved = (
            each.to(device, non_blocking=True) for each in (self.places, self.ids, self.shares)
        )
        return Soft(*moved)


def chain_soft(learnt: Sequence[Learnt]) -> Soft | None:
    """Return the soft tokens of several stretches as one; None where there are none."""
    starts = torch.tensor([0, *map(len, learnt)]).cumsum(0).tolist()
    some = [(start, each.soft) for start, each in zip(starts, learnt, strict=False) if each.soft]
    if not some:
        return None
    widest = max(soft.ids.shape[1] for _, soft in some)
    return Soft(
        torch.cat([soft.places + start for start, soft in some]),
        torch.cat([pad(soft.ids, (0, widest - soft.ids.shape[1])) for _, soft in some]),
        torch.cat([pad(soft.shares, (0, widest - soft.shares.shape[1])) for _, soft in some]),
    )


@attrs.frozen(eq=False)
class Learnt:
    """Tokens that are to be learnt, with what is known of each; N of them.

    Attributes:
        ids: `(N,)` token ids.
        telling: `(N,)` whether a token tells the value, and does not only word it.
        weights: `(N,)` how much each counts; None where all count alike.
        soft: those that are learnt as one of several tokens; None where none is.
    """

    ids: torch.Tensor = attrs.field(factory=lambda: torch.zeros(0, dtype=torch.long))
    telling: torch.Tensor = attrs.field(factory=lambda: torch.zeros(0, dtype=torch.bool))
    weights: torch.Tensor | None = None
    soft: Soft | None = None

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.ids)

    @property
    def weight(self) -> float:
        """How much all tokens count together."""
        return len(self) if self.weights is None else float(self.weights.sum())

    def to(self, device: torch.device) -> Learnt:
        """Return the tokens on a device."""
        return Learnt(
            self.ids.to(device, non_blocking=True),
            self.telling.to(device, non_blocking=True),
            None if self.weights is None else self.weights.to(device, non_blocking=True),
            self.soft and self.soft.to(device),
        )


def chain(learnt: Sequence[Learnt]) -> Learnt:
    """Return the tokens of several stretches as one."""
    some = [each for each in learnt if len(each)]
    weighted = [each.weights for each in some if each.weights is not None]
    return Learnt(
        torch.cat([each.ids for each in some]),
        torch.cat([each.telling for each in some]),
        torch.cat(weighted) if weighted else None,
        chain_soft(some),
    )


@attrs.frozen(eq=False)
class Stretch:
    """Tokens that follow each other in a dialogue.

    Attributes:
        ids: `(T,)` token ids.
        scans: for each scan it shows, in order, its index in the batch.
        learnt: the tokens at its end that are an answer to be learnt.
    """

    ids: torch.Tensor
    scans: tuple[int, ...]
    learnt: Learnt = attrs.field(factory=Learnt)

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.ids)

    @property
    def num_learnt(self) -> int:
        """How many tokens at the end are to be learnt."""
        return len(self.learnt)


@attrs.frozen(eq=False)
class Group:
    """Dialogues that begin alike.

    Attributes:
        prefix: what they have in common; may be empty.
        branches: the rest of each dialogue.
    """

    prefix: Stretch
    branches: tuple[Stretch, ...]

    def alone(self) -> tuple[Stretch, ...]:
        """Return each dialogue as one stretch."""
        return tuple(join(self.prefix, branch) for branch in self.branches)


def join(first: Stretch, second: Stretch) -> Stretch:
    """Return two stretches as one."""
    return Stretch(torch.cat([first.ids, second.ids]), first.scans + second.scans, second.learnt)


@attrs.frozen(kw_only=True)
class Ways:
    """How the loss of a batch is computed; all ways give the same to rounding.

    Attributes:
        rows: one dialogue a row, padded; else all in one row.
        in_turns: take the gradient of one branch at a time.
        answers_only: predict words where an answer is learnt only.
        scans_at_once: encode all scans of a batch in one call.
    """

    rows: bool = False
    in_turns: bool = False
    answers_only: bool = True
    scans_at_once: bool = False


class Tally:
    """Sums of losses that are told beside the one that is learnt from, since they were last told.

    Attributes:
        sums: `(2, 2)` on the model's device: of telling tokens and of the plain head, the summed
            loss and how many it is of; None where nothing was added.
    """

    names = ("loss_telling", "loss_auxiliary")

    def __init__(self) -> None:
        self.sums: torch.Tensor | None = None

    def add(self, place: int, total: torch.Tensor, count: torch.Tensor) -> None:
        """Add the loss of a batch at the place of its name."""
        if self.sums is None:
            self.sums = total.new_zeros((2, 2), dtype=torch.float32)
        self.sums[place] += torch.stack([total.detach(), count.to(total.dtype)]).to(self.sums.dtype)

    def take(self, device: torch.device) -> torch.Tensor:
        """Return the sums and begin anew."""
        sums = torch.zeros(2, 2, device=device) if self.sums is None else self.sums
        self.sums = None
        return sums


@attrs.frozen(kw_only=True, eq=False)
class Beside:
    """What is computed beside the loss of the answers.

    Attributes:
        weight: of a plain head's mean loss over the values of scans; 0 without one.
        num_scans: scans of all batches of an optimiser step, on all ranks, whose value is learnt.
        tally: is told the loss of telling tokens and of the head.
    """

    weight: float = 0.0
    num_scans: torch.Tensor | int = 1
    tally: Tally = attrs.field(factory=Tally)


@attrs.frozen(kw_only=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        groups: the dialogues; none in a warm-up.
        scans: names of the scans, in the order of `Stretch.scans`.
        volumes: the scans, each `(1, I, J, K)`; empty where all features are known.
        features: instead of volumes, their tower features `(P, D)`, where they are known.
        values: `(S,)` what a plain head learns of each scan, NaN for nothing; None without a head.
    """

    groups: tuple[Group, ...]
    scans: tuple[str, ...]
    volumes: tuple[torch.Tensor, ...] = ()
    features: tuple[torch.Tensor, ...] = ()
    values: torch.Tensor | None = None

    @property
    def answers(self) -> torch.Tensor:
        """All tokens to be learnt."""
        return self.learnt.ids

    @property
    def learnt(self) -> Learnt:
        """All tokens to be learnt, with what is known of each."""
        return chain([branch.learnt for group in self.groups for branch in group.branches])

    @property
    def weight(self) -> float:
        """How much all tokens to be learnt count together."""
        return sum(branch.learnt.weight for group in self.groups for branch in group.branches)

    @property
    def num_values(self) -> int:
        """The number of scans whose value is learnt."""
        return 0 if self.values is None else int((~self.values.isnan()).sum())

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return attrs.evolve(
            self,
            groups=tuple(
                Group(
                    move(group.prefix, device),
                    tuple(move(branch, device) for branch in group.branches),
                )
                for group in self.groups
            ),
            volumes=tuple(each.to(device, non_blocking=True) for each in self.volumes),
            features=tuple(each.to(device, non_blocking=True) for each in self.features),
            values=None if self.values is None else self.values.to(device, non_blocking=True),
        )


def move(stretch: Stretch, device: torch.device) -> Stretch:
    """Return a stretch on a device."""
    ids = stretch.ids.to(device, non_blocking=True)
    return attrs.evolve(stretch, ids=ids, learnt=stretch.learnt.to(device))


@attrs.frozen(eq=False)
class Layout:
    """Where groups and branches lie in a row of tokens.

    Attributes:
        groups: for each group the length of its prefix and of each branch.
    """

    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Layout:
        """Lay groups out one after another."""
        return cls(tuple((len(group.prefix), tuple(map(len, group.branches))) for group in groups))

    def slices(self) -> Iterator[tuple[slice, slice]]:
        """Give each piece that attends as one: its place, and the place of the prefix it sees."""
        start = 0
        for prefix, branches in self.groups:
            shared = slice(start, start + prefix)
            if prefix:
                # It sees an empty slice, and so is a piece like any other.
                yield shared, slice(start, start)
            start += prefix
            for length in branches:
                yield slice(start, start + length), shared
                start += length

    def positions(self) -> torch.Tensor:
        """Return `(T,)` the place of each token in its dialogue."""
        return torch.cat(
            [
                torch.arange(own.stop - own.start) + (shared.stop - shared.start)
                for own, shared in self.slices()
            ]
        )

    @functools.cached_property
    def labels(self) -> torch.Tensor:
        """`(2, T)`: number of each token's group, and of its branch, 0 for the prefix."""
        rows = [
            (group, branch, length)
            for group, (prefix, branches) in enumerate(self.groups)
            for branch, length in enumerate((prefix, *branches))
        ]
        lengths = torch.tensor([length for _, _, length in rows])
        numbers = torch.tensor([(group, branch) for group, branch, _ in rows])
        return numbers.repeat_interleave(lengths, dim=0).t().contiguous()

    def block_mask(self, device: torch.device) -> Any:
        """Return the layout as FlexAttention takes it; made once for all layers."""
        return flex_mask(self, device)


# All layers of a step ask for the same mask; layouts hardly ever come again, and masks are large.
@functools.lru_cache(maxsize=2)
def flex_mask(layout: Layout, device: torch.device) -> Any:
    """Make FlexAttention's block mask: a token sees its branch and its group's prefix so far."""
    from torch.nn.attention.flex_attention import create_block_mask

    group, branch = layout.labels.to(device)

    def sees(_batch: Any, _head: Any, query: Any, key: Any) -> Any:
        # Branch 0 is the prefix, which its whole group sees.
        same = (branch[key] == 0) | (branch[key] == branch[query])
        return (group[query] == group[key]) & same & (key <= query)

    length = group.shape[0]
    # Uncompiled it would make the square mask of the whole row first.
    make = create_block_mask if device.type == "cpu" else torch.compile(create_block_mask)
    return make(sees, None, None, length, length, device=str(device))


def to_tensor(volume: np.ndarray) -> torch.Tensor:
    """Return a volume as `(1, I, J, K)` float32."""
    return torch.from_numpy(volume).float().unsqueeze(0)
