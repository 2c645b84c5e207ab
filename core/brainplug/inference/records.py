"""What is asked of a model, how, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np

from brainplug.api.roles import Answers
from brainplug.inference.numbers import Reading
from brainplug.recipe.training_tables import Speed
from brainplug.runtime.ranks import Ranks
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.encode import Item
from brainplug.tasks.forms import AnswerForms
from brainplug.tasks.task import Task
from brainplug.tasks.token_tree import NumberTrees, TokenTree


@attrs.frozen(kw_only=True)
class AnswerSettings:
    """How tasks are answered.

    Attributes:
        encoder: turns dialogues into ids.
        context_length: most tokens the model takes.
        load: returns the preprocessed volume of a scan file.
        answers: reads an answer back.
        batch_size: most tasks answered at once.
        max_new_tokens: longest answer.
        mode: let the model speak freely, score the candidate answers, or both; of numbers every
            one that may be said is a candidate.
        precision: number format of matrix products.
        speed: what is shared.
        ranks: this process among those that answer together.
        trees: the numbers that may be said; None where they are not known.
        forms: how training answers are worded; None has any words read.
    """

    encoder: ChatEncoder
    context_length: int
    load: Callable[[Path], np.ndarray]
    answers: Answers
    batch_size: int
    max_new_tokens: int
    mode: str
    precision: str
    speed: Speed
    ranks: Ranks = attrs.field(factory=Ranks)
    trees: NumberTrees | None = None
    forms: AnswerForms | None = None

    def generates(self, question: Question) -> bool:
        """Whether the model speaks freely; it must where there are no candidates."""
        return self.mode != "score" or not (self.answers.labels or question.tree)

    @property
    def scores(self) -> bool:
        """Whether candidate answers are scored."""
        return self.mode != "generate" and bool(self.answers.labels)


@attrs.frozen(eq=False)
class Question:
    """A task on its way to an answer.

    Attributes:
        number: its place among the tasks.
        task: what is asked.
        item: its dialogue, encoded.
        candidates: the answer for each label, as tokens; empty where none are looked at.
        tree: the answers for all numbers that may be said; None where none are looked at.
    """

    number: int
    task: Task
    item: Item
    candidates: tuple[tuple[int, ...], ...]
    tree: TokenTree | None = None

    @property
    def rest(self) -> list[int]:
        """The prompt after the shared turns."""
        return self.item.encoded.prompt[self.item.encoded.num_shared :]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths that must be equal for questions to be rows of one call without filling."""
        nodes = 0 if self.tree is None else len(self.tree.inner)
        return (len(self.rest), len(self.item.images), nodes, *map(len, self.candidates))

    @property
    def form(self) -> tuple[object, ...]:
        """All that must be equal for that: a tree is read for all rows at once."""
        return (id(self.tree), *self.lengths)


@attrs.frozen(kw_only=True, eq=False)
class Answer:
    """What came of a question.

    Attributes:
        number: place of its task.
        text: what the model says, or its most probable candidate.
        chances: probability of each candidate; None where they were not scored.
        best: text of the most probable candidate; None where they were not scored.
        mass: probability of all candidates together, once the words that they all begin with are
            said; None where they were not scored.
        reading: the number as the model expects it; None where that was not asked for.
    """

    number: int
    text: str
    chances: list[float] | None = None
    best: str | None = None
    mass: float | None = None
    reading: Reading | None = None
