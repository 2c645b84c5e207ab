"""The numbers that an answer may state, as one tree of tokens.

    It is 3 ┬ 4      a leaf: no other number begins so, and the number ends here
            └ 5 …

What answers begin with alike is one path. A leaf is where an answer has stated its number; the
words behind it are no part of the tree, since they tell nothing more. The probability of a leaf is
the product of those of its tokens, and the mean of all numbers under these probabilities is the
value that a model expects.

Light: no torch.
"""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.tasks.chat import ChatEncoder
from brainplug.toolkit.letters import find_said, split_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.api.roles import Answers
    from brainplug.tasks.task import Task

ROOT = 0

WORDINGS_KEPT = 256
"""Trees that are remembered; answers of most studies are worded in a few ways."""


@attrs.frozen(kw_only=True, eq=False)
class TokenTree:
    """Sequences of tokens that state a number each, none of which begins another.

    Nodes are numbered from the root, which is 0; every node comes behind its parent.

    Attributes:
        tokens: that leads to each node; -1 for the root.
        parents: of each node; -1 for the root.
        leaves: node at which each sequence ends.
        numbers: what each sequence states.
    """

    tokens: Int[np.ndarray, " node"]
    parents: Int[np.ndarray, " node"]
    leaves: Int[np.ndarray, " leaf"]
    numbers: Float[np.ndarray, " leaf"]

    @cached_property
    def children(self) -> tuple[dict[int, int], ...]:
        """For each node the next nodes by their tokens."""
        found: tuple[dict[int, int], ...] = tuple({} for _ in self.tokens)
        for node, (token, parent) in enumerate(zip(self.tokens, self.parents, strict=True)):
            if node != ROOT:
                found[parent][int(token)] = node
        return found

    @cached_property
    def depths(self) -> Int[np.ndarray, " node"]:
        """How many tokens lead to each node."""
        found = np.zeros(len(self.tokens), dtype=np.intp)
        for node in range(1, len(found)):
            found[node] = found[self.parents[node]] + 1
        return found

    @cached_property
    def inner(self) -> Int[np.ndarray, " inner"]:
        """The nodes that a model must read to tell all leaves: those that go on, but the root."""
        return np.array([node for node, after in enumerate(self.children) if node and after], int)

    @cached_property
    def fork(self) -> int:
        """The first node that has several children: there the number begins to be told."""
        node = ROOT
        while len(self.children[node]) == 1:
            (node,) = self.children[node].values()
        return node

    def walk(self, tokens: Sequence[int]) -> list[int]:
        """Return the nodes that an answer passes, without the root, as far as the tree goes.

        >>> grow_tree([[5, 7], [5, 8]], [1.0, 2.0]).walk([5, 8, 9])
        [1, 3]
        """
        path, node = [], ROOT
        for token in tokens:
            if token not in self.children[node]:
                break
            node = self.children[node][token]
            path.append(node)
        return path

    def gather(self, weights: Float[np.ndarray, " leaf"]) -> Float[np.ndarray, " node"]:
        """Return for each node the sum of the weights of the leaves under it.

        >>> grow_tree([[5, 7], [5, 8], [6]], [1, 2, 3]).gather(np.array([0.25, 0.25, 0.5])).tolist()
        [1.0, 0.5, 0.25, 0.25, 0.5]
        """
        found = np.zeros(len(self.tokens))
        found[self.leaves] = weights
        for node in range(len(found) - 1, ROOT, -1):
            found[self.parents[node]] += found[node]
        return found

    def leaves_under(self, node: int) -> Int[np.ndarray, " some"]:
        """Return the places in `leaves` and `numbers` of all leaves below a node, or at it."""
        under = np.zeros(len(self.tokens), dtype=bool)
        under[node] = True
        for each in range(node + 1, len(under)):
            under[each] = under[self.parents[each]]
        return np.flatnonzero(under[self.leaves])


def grow_tree(sequences: Sequence[Sequence[int]], numbers: Sequence[float]) -> TokenTree:
    """Merge what sequences begin with alike.

    Args:
        sequences: of tokens; none may begin another.
        numbers: what each states.

    Raises:
        ValueError: a sequence begins another, so that nobody could tell which is meant.
    """
    tokens, parents, leaves = [-1], [-1], []
    children: list[dict[int, int]] = [{}]
    for sequence in sequences:
        node = ROOT
        for token in sequence:
            if token not in children[node]:
                children[node][token] = len(tokens)
                tokens.append(token)
                parents.append(node)
                children.append({})
            node = children[node][token]
        leaves.append(node)
    if len(set(leaves)) < len(leaves) or any(children[leaf] for leaf in leaves):
        raise ValueError("expected sequences of which none begins another")
    return TokenTree(
        tokens=np.array(tokens),
        parents=np.array(parents),
        leaves=np.array(leaves, dtype=int),
        numbers=np.array(numbers, dtype=float),
    )


def cut_answers(
    answers: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> list[tuple[int, ...]]:
    """Cut answers where their number is told: what is said behind it is alike in all.

    Args:
        answers: for each number, or stretch of numbers that begin alike, the whole answers that
            state its ends.

    >>> cut_answers([([1, 7, 9], [1, 7, 9]), ([1, 8, 9], [1, 8, 9]), ([1, 8, 8, 9], [1, 8, 8, 9])])
    [(1, 7), (1, 8, 9), (1, 8, 8)]
    >>> cut_answers([([1, 2, 0, 9], [1, 2, 5, 9])])
    [(1, 2)]
    """
    alone = [tuple(low) for low, high in answers if list(low) == list(high)]
    behind = len(common_beginning([each[::-1] for each in alone]))
    # A number may begin another one, as 1 does 12: then one token more is needed to tell them
    # apart.
    passed = Counter(each[:length] for each in alone for length in range(1, len(each) + 1))
    found = []
    for low, high in answers:
        if list(low) != list(high):
            found.append(common_beginning([low, high]))
            continue
        length = max(1, len(low) - behind)
        while passed[tuple(low[:length])] > 1 and length < len(low):
            length += 1
        found.append(tuple(low[:length]))
    return found


def common_beginning(sequences: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return what all sequences begin with.

    >>> common_beginning([[1, 2, 3], [1, 2, 4]])
    (1, 2)
    """
    columns = zip(*sequences, strict=False)  # to the end of the shortest
    return tuple(
        column[0] for column in itertools.takewhile(lambda each: len(set(each)) == 1, columns)
    )


def words_around(answers: Answers, task: Task) -> tuple[str, str] | None:
    """Return the words of a task's answer before and behind its number.

    None where it does not state that once, or states by how much it differs from another.
    """
    if task.relative:
        return None
    said = answers.say(task.truth)
    text = ChatEncoder.text_of(task.turns[-1])
    parts = split_at(text, find_said(text, [said]))
    return (parts[0], parts[1]) if len(parts) == 2 else None


@attrs.frozen(eq=False)
class NumberTrees:
    """The trees of a study's answers, made once for all answers that are worded alike.

    Attributes:
        answers: says numbers.
        encoder: turns answers into tokens.
        spoken: the numbers that may be said, as `SaysNumbers` lists them.
    """

    answers: Answers
    encoder: ChatEncoder
    spoken: tuple[tuple[float, float], ...]
    _kept: dict[tuple[str, str], TokenTree | None] = attrs.field(factory=dict, init=False)

    def of(self, task: Task) -> TokenTree | None:
        """Return the tree of a task's answer with every number that may be said in its place.

        None where the answer does not state its number once, or where the tokenizer joins digits so
        that numbers which begin alike cannot be told from others.
        """
        worded = words_around(self.answers, task)
        if worded is None or not self.spoken:
            return None
        if worded not in self._kept:
            if len(self._kept) >= WORDINGS_KEPT:
                self._kept.clear()
            self._kept[worded] = self.grow(*worded)
        return self._kept[worded]

    def word(self, task: Task, number: float | None) -> str:
        """Return a task's answer with another number; nothing where there is none."""
        worded = words_around(self.answers, task)
        if worded is None or number is None:
            return ""
        return self.answers.say(number).join(worded)

    def grow(self, before: str, behind: str) -> TokenTree | None:
        """Make the tree of a wording."""

        def encode(number: float) -> list[int]:
            return self.encoder.answer(f"{before}{self.answers.say(number)}{behind}")

        ends = [(encode(low), encode(low if low == high else high)) for low, high in self.spoken]
        try:
            return grow_tree(cut_answers(ends), [(low + high) / 2 for low, high in self.spoken])
        except ValueError:
            return None
