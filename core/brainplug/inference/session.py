"""What training and answering share: the tasks, and how a model of this run takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.evaluation.aggregate import aggregate, make_predictions, train_mean
from brainplug.evaluation.describe import finite_or_none
from brainplug.evaluation.proper import proper_scores
from brainplug.inference.answer import all_answers
from brainplug.inference.records import AnswerSettings
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.forms import AnswerForms
from brainplug.tasks.token_tree import NumberTrees

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np

    from brainplug.api.records import ModelPlan, TargetKind
    from brainplug.api.roles import Answers, Metric
    from brainplug.model.bundle import ModelBundle
    from brainplug.recipe.tables import Recipe
    from brainplug.runtime.curves import Curves
    from brainplug.runtime.ranks import Ranks
    from brainplug.tasks.task import Tasks

    Progress = Callable[[str], AbstractContextManager[Callable[..., None]]]


@attrs.frozen(kw_only=True, eq=False)
class ModelSession:
    """The tasks of a run, and how its model takes them.

    Attributes:
        recipe: its tables of model, training and evaluation are looked at.
        kind: of the target.
        tasks: of every split.
        answers: reads an answer back.
        spoken: the numbers that an answer may state, where the head can list them.
        plan: what the model is.
        load: returns the preprocessed volume of a scan file.
        ranks: this process among those of the run.
        show: tells a detail, such as a table.
        tell: says a line, on the terminal and in the log.
        progress: shows how far what it is given is; gives `report(done, total, said="")`.
        curves: where losses and scores of a training are sent besides; None while asking.
    """

    recipe: Recipe
    kind: TargetKind
    tasks: Tasks
    answers: Answers
    plan: ModelPlan
    load: Callable[[Path], np.ndarray]
    ranks: Ranks
    show: Callable[[Any], None]
    tell: Callable[[str], None]
    progress: Progress
    spoken: tuple[tuple[float, float], ...] = ()
    curves: Curves | None = None

    @cached_property
    def forms(self) -> AnswerForms:
        """How training answers are worded."""
        return AnswerForms.of(self.tasks["train"], self.answers.labels)

    def encoder(self, bundle: ModelBundle) -> ChatEncoder:
        """Return what turns dialogues into the model's ids."""
        return ChatEncoder(bundle.tokenizer, self.plan.tokens_per_image)

    def answer_settings(self, bundle: ModelBundle) -> AnswerSettings:
        """Return how tasks are answered."""
        evaluation, encoder = self.recipe.evaluation, self.encoder(bundle)
        return AnswerSettings(
            encoder=encoder,
            context_length=self.plan.context_length,
            load=self.load,
            answers=self.answers,
            batch_size=evaluation.batch_size,
            # Room for a longer way to say it than any that was learnt, and an end to a model that
            # never stops.
            max_new_tokens=evaluation.max_new_tokens or 2 * self.longest_answer(encoder),
            mode=evaluation.answer,
            precision=self.recipe.training.precision,
            speed=self.recipe.speed,
            ranks=self.ranks,
            trees=self.number_trees(encoder),
            forms=self.forms,
        )

    def number_trees(self, encoder: ChatEncoder) -> NumberTrees | None:
        """Return the trees of the numbers that answers may state; None where they are not known."""
        return NumberTrees(self.answers, encoder, self.spoken) if self.spoken else None

    def longest_answer(self, encoder: ChatEncoder) -> int:
        """Return the length of the longest training answer, in tokens."""
        spoken = (encoder.text_of(task.turns[-1]) for task in self.tasks["train"])
        return max(len(encoder.answer(text)) for text in spoken)

    def validate(
        self, bundle: ModelBundle, metrics: Mapping[str, Metric]
    ) -> dict[str, float | None]:
        """Score the model's answers to the validation tasks, one prediction a subject.

        Args:
            bundle: the model.
            metrics: score what it says.

        Returns:
            The metrics' scores and the proper one, None where one is not defined for these answers.
        """
        labels = self.answers.labels
        rows = all_answers(bundle, self.tasks["val"], self.answer_settings(bundle), split="val")
        mean = train_mean(self.tasks["train"]) if self.kind == "numerical" else None
        frame = aggregate(rows, self.kind, labels, mean)
        predictions = make_predictions(frame, labels, mean)
        scores = {
            name: finite_or_none(metric.score(predictions)) for name, metric in metrics.items()
        }
        return scores | proper_scores(rows)
