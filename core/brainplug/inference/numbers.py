"""How probable each number is that an answer may state, and the value that the model expects.

All nodes of the tree of answers are read in one call, as branches that do not see each other.

Axes: B tasks answered at once, N nodes of the tree that are read, V words.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from brainplug.model import llava
from brainplug.tasks.token_tree import ROOT, TokenTree

if TYPE_CHECKING:
    from jaxtyping import Float
    from transformers import Cache, LlavaForConditionalGeneration

NODES_AT_ONCE = 64
"""Nodes whose words are predicted at once; a large vocabulary for all would fill the memory."""


@attrs.frozen(kw_only=True)
class Reading:
    """A number as the model expects it.

    Attributes:
        expected: mean of the numbers it may say, by their probabilities; None where none has any.
        mass: probability that lies on these numbers, once the words before them are said.
    """

    expected: float | None
    mass: float


@lru_cache(maxsize=64)
def sight(tree: TokenTree) -> torch.Tensor:
    """Return `(N, N)`, True where a node that is read sees another: those on its path, itself."""
    place = {int(node): index for index, node in enumerate(tree.inner)}
    seen = torch.eye(len(tree.inner), dtype=torch.bool)
    for node, index in place.items():
        # A parent comes first, so what it sees is known.
        if (parent := int(tree.parents[node])) != ROOT:
            seen[index] |= seen[place[parent]]
    return seen


def read_nodes(
    model: LlavaForConditionalGeneration, tree: TokenTree, cache: Cache, *, rows: int, end: int
) -> torch.Tensor:
    """Return `(B, N, D)` hidden states behind each inner node of a tree; the cache is as before.

    Args:
        model: the model.
        tree: what the rows may answer.
        cache: keys and values of all before the answer.
        rows: how many there are.
        end: how many tokens come before the answer.
    """
    device = model.device
    ids = torch.as_tensor(tree.tokens[tree.inner], device=device)
    seen = sight(tree).to(device)
    mask = torch.cat([seen.new_ones(len(ids), end), seen], dim=1)
    places = end - 1 + torch.as_tensor(tree.depths[tree.inner], device=device)
    hidden = llava.language_model_states(
        model,
        model.get_input_embeddings()(ids).expand(rows, -1, -1),
        places.expand(rows, -1),
        mask=mask.expand(rows, 1, -1, -1),
        cache=cache,
    )
    cache.crop(-len(ids))
    return hidden


def node_log_chances(
    model: LlavaForConditionalGeneration, tree: TokenTree, hidden: torch.Tensor
) -> Float[np.ndarray, "row node"]:
    """Return the log probability of each node of a tree for each row.

    Args:
        model: predicts words.
        tree: what the rows may answer.
        hidden: `(B, 1 + N, D)` states at the end of the prompt, and behind each inner node.
    """
    # Of every edge: the place of its beginning in `hidden`, and its token.
    place = {ROOT: 0} | {int(node): index for index, node in enumerate(tree.inner, 1)}
    begins, tokens = np.array([place[int(parent)] for parent in tree.parents[1:]]), tree.tokens[1:]
    chances = np.zeros((len(hidden), len(tree.tokens)))
    for start in range(0, hidden.shape[1], NODES_AT_ONCE):
        part = hidden[:, start : start + NODES_AT_ONCE]
        log = llava.next_token_logits(model, part).float().log_softmax(dim=-1)
        own = np.flatnonzero((begins >= start) & (begins < start + NODES_AT_ONCE))
        chosen = log[:, torch.as_tensor(begins[own] - start), torch.as_tensor(tokens[own])]
        chances[:, 1 + own] = chosen.double().cpu().numpy()
    # In doubles, from the root on: the sum of all on the path.
    for node in range(1, len(tree.tokens)):
        chances[:, node] += chances[:, tree.parents[node]]
    return chances


def expect(tree: TokenTree, chances: Float[np.ndarray, "row node"]) -> list[Reading]:
    """Return the mean value of each row by the log probabilities of its nodes.

    >>> from brainplug.tasks.token_tree import grow_tree
    >>> tree = grow_tree([[5], [6]], [10.0, 20.0])
    >>> expect(tree, np.log([[1.0, 0.2, 0.6]]))[0]
    Reading(expected=17.5, mass=0.8)
    """
    # Given the words before the number, which are the same for all and may be one of several
    # wordings.
    own = np.exp(chances[:, tree.leaves] - chances[:, [tree.fork]])
    mass = own.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = own @ tree.numbers / mass
    return [
        Reading(expected=float(mean) if np.isfinite(mean) else None, mass=float(total))
        for mean, total in zip(means, mass, strict=True)
    ]
