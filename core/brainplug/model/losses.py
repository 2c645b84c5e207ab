"""The loss of a batch of dialogues, by ways that give equal results in unequal time and memory.

- rows: one dialogue a row, padded to the longest.
- whole: all dialogues in one row, those that begin alike as branches of one prefix.
- in turns: the same, one branch after the other, each followed by its way back at once. Only the
  activations of a prefix and of one branch are kept. Possible where the language model does not
  learn: its gradient then is that of the scans' features and nothing else.

Axes: B rows, T tokens, S scans, P tokens of a scan, D hidden size, V words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from brainplug.model import llava
from brainplug.model.packing import Beside, Layout, chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import LlavaForConditionalGeneration

    from brainplug.model.packing import Batch, Group, Learnt, Stretch, Ways

TOKENS_AT_ONCE = 4096
"""Tokens of scans that the tower is given at once on a CPU; more take memory and save no time."""


def loss_of(
    model: LlavaForConditionalGeneration,
    batch: Batch,
    *,
    num_items: torch.Tensor | float,
    ways: Ways,
    beside: Beside | None = None,
) -> torch.Tensor:
    """Return the loss summed over the answer tokens of a batch, divided by `num_items`.

    Args:
        model: the model.
        batch: on the model's device.
        num_items: answer tokens of all batches of an optimiser step, on all ranks; of weighted
            ones their weights.
        ways: how it is computed.
        beside: adds the loss of the model's plain head, and is told other losses.
    """
    beside = beside or Beside()
    seen = see(model, batch, at_once=ways.scans_at_once)
    parts = []
    if batch.groups:
        features = torch.cat([llava.project_features(model, part) for part in seen])
        loss, told = dialogue_loss(model, batch, features, num_items=num_items, ways=ways)
        parts.append(loss)
        beside.tally.add(0, told, batch.learnt.telling.sum())
    if beside.weight:
        assert batch.values is not None
        summed = model.plain_head(torch.cat(seen), batch.values)
        parts.append(summed * beside.weight / beside.num_scans)
        beside.tally.add(1, summed, (~batch.values.isnan()).sum())
    return sum(parts[1:], start=parts[0])


def dialogue_loss(
    model: LlavaForConditionalGeneration,
    batch: Batch,
    features: torch.Tensor,
    *,
    num_items: torch.Tensor | float,
    ways: Ways,
) -> torch.Tensor:
    """Return the loss of the answers, see `loss_of`, and the summed loss of telling tokens.

    All ways compute the two as one tensor, of which the second is told only.
    """
    if ways.rows:
        summed = row_loss(model, batch, features, answers_only=ways.answers_only)
        return shared(summed, num_items)
    if ways.in_turns:
        given = (features, model, batch.groups, ways.answers_only, num_items)
        return InTurns.apply(*given)  # type: ignore[no-untyped-call]
    summed = packed_loss(model, batch.groups, features, answers_only=ways.answers_only)
    return shared(summed, num_items)


def shared(summed: torch.Tensor, num_items: torch.Tensor | float) -> torch.Tensor:
    """Return a batch's share of the loss of a step, and the loss of telling tokens as it is."""
    return torch.stack([summed[0] / num_items, summed[1]])


def see(
    model: LlavaForConditionalGeneration, batch: Batch, *, at_once: bool = False
) -> list[torch.Tensor]:
    """Return the tower's features of a batch's scans, in parts of `(S, P, D)`.

    Args:
        model: the model.
        batch: scans with volumes, or with tower features that are known already.
        at_once: encode all scans in one call, as ranks that share the weights out must.
    """
    if batch.features:
        return [torch.stack(batch.features)]
    volumes = torch.stack(batch.volumes)
    if at_once or model.device.type != "cpu":
        return [llava.encode_images(model, volumes)]
    step = max(1, TOKENS_AT_ONCE // model.tokens_per_image)
    return [llava.encode_images(model, part) for part in volumes.split(step)]


def row_loss(
    model: LlavaForConditionalGeneration,
    batch: Batch,
    features: torch.Tensor,
    *,
    answers_only: bool,
) -> torch.Tensor:
    """Return the summed losses of dialogues in rows that are padded at the end."""
    dialogues = [one for group in batch.groups for one in group.alone()]
    rows = embed_stretches(model, dialogues, features)[0].split(list(map(len, dialogues)))
    embeddings = pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(one) for one in dialogues], device=embeddings.device)
    positions = torch.arange(embeddings.shape[1], device=embeddings.device)
    real = positions < lengths[:, None]
    mask = torch.ones(
        len(positions), len(positions), dtype=torch.bool, device=embeddings.device
    ).tril()
    # A place of the filling sees itself, since a row of attention must see something.
    seen = mask & (
        real[:, None, :] | torch.eye(len(positions), dtype=torch.bool, device=mask.device)
    )
    hidden = llava.language_model_states(
        model, embeddings, positions.expand(len(rows), -1), mask=seen.unsqueeze(1)
    )
    # The state before a token predicts it: n tokens are predicted by the n states that end one
    # earlier.
    before = [
        row * len(positions) + index
        for row, one in enumerate(dialogues)
        for index in range(len(one) - one.num_learnt - 1, len(one) - 1)
    ]
    return answer_loss(model, hidden.flatten(0, 1), before, batch.learnt, answers_only=answers_only)


def packed_loss(
    model: LlavaForConditionalGeneration,
    groups: Sequence[Group],
    features: torch.Tensor,
    *,
    answers_only: bool,
) -> torch.Tensor:
    """Return the summed losses of groups of dialogues in one row."""
    layout = Layout.of(groups)
    stretches = [one for group in groups for one in (group.prefix, *group.branches)]
    embeddings = embed_stretches(model, stretches, features)
    positions = layout.positions().to(embeddings.device).unsqueeze(0)
    hidden = llava.language_model_states(model, embeddings, positions, layout=layout)[0]
    before: list[int] = []
    start = 0
    for one in stretches:
        start += len(one)
        # As in `row_loss`. A branch begins with its question, so no index falls into the branch
        # before.
        before += range(start - one.num_learnt - 1, start - 1)
    learnt = chain([one.learnt for one in stretches])
    return answer_loss(model, hidden, before, learnt, answers_only=answers_only)


def answer_loss(
    model: LlavaForConditionalGeneration,
    hidden: torch.Tensor,
    before: Sequence[int],
    learnt: Learnt,
    *,
    answers_only: bool,
) -> torch.Tensor:
    """Return the summed cross-entropy of answer tokens, and of telling ones, in float32 at least.

    Tokens count by their weights in the first, which alone has a gradient, and alike in the second.

    Args:
        model: predicts words.
        hidden: `(T, D)` states of all places.
        before: the place before each answer token.
        learnt: the answer tokens.
        answers_only: predict after those places only; without it after all, which gives the same.
    """
    indices = torch.tensor(before, device=hidden.device)
    if answers_only:
        logits = llava.next_token_logits(model, hidden[indices])
    else:
        logits = llava.next_token_logits(model, hidden)[indices]
    # A sum over some hundred thousand words in bfloat16 is too coarse; float64 stays what it is.
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    each = cross_entropy(logits, learnt.ids, reduction="none")
    if learnt.soft:
        soft = learnt.soft
        log = logits[soft.places].log_softmax(dim=-1).gather(1, soft.ids)
        each = each.index_copy(0, soft.places, -(log * soft.shares.to(log.dtype)).sum(dim=1))
    if learnt.weights is not None:
        loss = (each * learnt.weights).sum()
    else:
        # torch's own sum, lest plain losses move by their last bit.
        plain = learnt.soft is None
        loss = cross_entropy(logits, learnt.ids, reduction="sum") if plain else each.sum()
    return torch.stack([loss, each.detach()[learnt.telling].sum()])


def embed_stretches(
    model: LlavaForConditionalGeneration, stretches: Sequence[Stretch], features: torch.Tensor
) -> torch.Tensor:
    """Return `(1, T, D)` embeddings of stretches in a row, with the features of their scans.

    Words are looked up in one call, as ranks that share the weights out must.
    """
    shown = [scan for one in stretches for scan in one.scans]
    ids = torch.cat([one.ids for one in stretches])
    return llava.embed(model, ids, take_scans(features, shown))


def take_scans(features: torch.Tensor, shown: Sequence[int]) -> torch.Tensor:
    """Return the features of scans one after the other, those shown several times as often.

    Taken apart rather than indexed: the gradient of an index that names a scan twice is added up by
    all threads at once, in whatever order they come, and no two trainings would be the same.

    Args:
        features: `(scans, tokens, D)`.
        shown: which scans.
    """
    each = features.unbind(0)
    return torch.cat([each[scan] for scan in shown]) if shown else features[:0].flatten(0, 1)


class InTurns(torch.autograd.Function):
    """The losses of groups and, made on the way there, the gradient of the first for the features.

    The language model must not learn: nothing but the features gets a gradient.
    """

    @staticmethod
    def forward(  # noqa: PLR0913 - autograd passes by position
        ctx: Any,
        features: torch.Tensor,
        model: LlavaForConditionalGeneration,
        groups: Sequence[Group],
        answers_only: bool,
        num_items: torch.Tensor | float,
    ) -> torch.Tensor:
        """Return the summed loss over `num_items`, and that of telling tokens as it is."""
        wanted = ctx.needs_input_grad[0]
        # A leaf of its own gathers the gradients of all branches, so that projector and tower are
        # gone back through once, however many branches there are.
        leaf = features.detach().requires_grad_(wanted)
        total = features.new_zeros(2, dtype=torch.promote_types(features.dtype, torch.float32))
        # autograd switches gradients off within `forward`, where each branch takes its way back.
        with torch.set_grad_enabled(wanted):
            for group in groups:
                total += group_in_turns(model, group, leaf, answers_only, num_items)
        ctx.save_for_backward(leaf.grad)
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        """Return the gradient of the features."""
        (known,) = ctx.saved_tensors
        # What scales the loss later (ranks, accumulation) scales its gradient alike.
        return known * grad[0].to(known.dtype), None, None, None, None


def group_in_turns(
    model: LlavaForConditionalGeneration,
    group: Group,
    features: torch.Tensor,
    answers_only: bool,
    num_items: torch.Tensor | float,
) -> torch.Tensor:
    """Return the losses of one group; the gradient is added to that of the features."""
    if len(group.branches) == 1:  # nothing to share
        alone = packed_loss(model, [group], features, answers_only=answers_only)
        return go_back(shared(alone, num_items))
    entries = read_prefix(model, group.prefix, features)
    # Cut off from the prefix: each branch goes back as far as these leaves, which add up, and the
    # prefix then takes one way back for all branches.
    leaves = [each.detach().requires_grad_(each.requires_grad) for each in entries]
    total = features.new_zeros(2)
    for branch in group.branches:
        pairs = zip(leaves[::2], leaves[1::2], strict=True)
        hidden = read_branch(model, branch, features, len(group.prefix), llava.new_cache(pairs))
        before = range(len(branch) - branch.num_learnt - 1, len(branch) - 1)
        loss = answer_loss(model, hidden[0], before, branch.learnt, answers_only=answers_only)
        total = total + go_back(shared(loss, num_items))
    known = [(entry, leaf.grad) for entry, leaf in zip(entries, leaves, strict=True)]
    # The keys of a prefix that shows no scan depend on nothing that learns.
    learnt = [pair for pair in known if pair[1] is not None]
    if learnt:
        torch.autograd.backward([each for each, _ in learnt], [grad for _, grad in learnt])
    return total


def go_back(losses: torch.Tensor) -> torch.Tensor:
    """Take the gradient of the first of two losses, if it has one, and return their values."""
    if losses.requires_grad:
        losses[0].backward()
    return losses.detach()


def read_prefix(
    model: LlavaForConditionalGeneration, prefix: Stretch, features: torch.Tensor
) -> list[torch.Tensor]:
    """Return keys and values of each layer for a prefix, `(1, H, T, D)` each, one after another."""
    if len(prefix) == 0:
        return []
    cache = llava.new_cache()
    read_branch(model, prefix, features, 0, cache)
    return [each for pair in llava.entries_of(cache) for each in pair]


def read_branch(
    model: LlavaForConditionalGeneration,
    stretch: Stretch,
    features: torch.Tensor,
    start: int,
    cache: Any,
) -> torch.Tensor:
    """Return `(1, T, D)` states of a stretch after what a cache holds, which then holds both."""
    embeddings = embed_stretches(model, [stretch], features)
    positions = torch.arange(start, start + len(stretch), device=embeddings.device)
    return llava.language_model_states(model, embeddings, positions.unsqueeze(0), cache=cache)
