"""Numbers learnt together with their neighbours.

Cross-entropy on digits knows no order: 39 is as wrong for 40 as 93 is. So in place of the true
number one near it is drawn each epoch, from a normal distribution around the truth, and each of its
tokens is learnt as that distribution has it: the share of every token that may stand there, given
those before. In the mean over draws this is the cross-entropy of all numbers that may be said
against the distribution, as in label distribution learning (Gao et al. 2017, arXiv:1611.01731).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.records import Turn
from brainplug.imaging.augment import rng_for
from brainplug.tasks.encode import SoftToken
from brainplug.tasks.token_tree import ROOT

if TYPE_CHECKING:
    from jaxtyping import Float

    from brainplug.tasks.task import Task
    from brainplug.tasks.token_tree import NumberTrees, TokenTree


@attrs.frozen(kw_only=True, eq=False)
class SoftNumbers:
    """Draws the numbers that are learnt in place of true ones.

    Attributes:
        trees: the numbers that may be said, as tokens.
        sd: standard deviation around the true number, in the target's unit.
        seed: of the draws.
    """

    trees: NumberTrees
    sd: float
    seed: int

    def soften(self, task: Task, epoch: int) -> tuple[Task, tuple[SoftToken, ...]]:
        """Return a task with a number near the true one in its answer, and its soft tokens.

        A task whose answer states no number of a tree is returned as it is.

        Args:
            task: with the true number.
            epoch: another one draws another number.
        """
        tree = self.trees.of(task)
        if tree is None:
            return task, ()
        weights = near(tree, float(task.truth), self.sd)
        rng = rng_for(self.seed, epoch, task.task_id)
        drawn = int(rng.choice(len(weights), p=weights))
        text = self.trees.word(task, float(tree.numbers[drawn]))
        turns = (*task.turns[:-1], Turn.assistant(text))
        answer = self.trees.encoder.answer(text)
        return attrs.evolve(task, turns=turns), soft_tokens(tree, answer, weights)

    def slack(self, task: Task) -> int:
        """Return how many tokens longer an answer may become."""
        tree = self.trees.of(task)
        if tree is None:
            return 0
        answer = self.trees.encoder.answer(self.trees.encoder.text_of(task.turns[-1]))
        return max(0, int(tree.depths[tree.leaves].max()) - len(tree.walk(answer)))


def near(tree: TokenTree, truth: float, sd: float) -> Float[np.ndarray, " leaf"]:
    """Return the shares of a tree's numbers by a normal distribution around the truth.

    >>> from brainplug.tasks.token_tree import grow_tree
    >>> tree = grow_tree([[1], [2], [3]], [10.0, 11.0, 12.0])
    >>> near(tree, 11.0, 1.0).round(3).tolist()
    [0.274, 0.452, 0.274]
    """
    distance = ((tree.numbers - truth) / sd) ** 2 / 2
    # Less the smallest, lest a truth far from all numbers give none of them a share.
    weights = np.exp(distance.min() - distance)
    return weights / weights.sum()


def soft_tokens(
    tree: TokenTree, answer: list[int], weights: Float[np.ndarray, " leaf"]
) -> tuple[SoftToken, ...]:
    """Return the tokens of an answer at which numbers part, with the shares of all ways on.

    >>> from brainplug.tasks.token_tree import grow_tree
    >>> tree = grow_tree([[9, 1, 5], [9, 1, 6], [9, 2, 5]], [15.0, 16.0, 25.0])
    >>> for token in soft_tokens(tree, [9, 1, 6, 7], np.array([0.25, 0.25, 0.5])):
    ...     print(token)
    SoftToken(place=1, ids=(1, 2), shares=(0.5, 0.5))
    SoftToken(place=2, ids=(5, 6), shares=(0.5, 0.5))
    """
    mass = tree.gather(weights)
    found = []
    for place, node in enumerate([ROOT, *tree.walk(answer)]):
        ways = tree.children[node]
        if len(ways) > 1 and mass[node] > 0:
            shares = tuple(float(mass[child] / mass[node]) for child in ways.values())
            found.append(SoftToken(place, tuple(ways), shares))
    return tuple(found)
