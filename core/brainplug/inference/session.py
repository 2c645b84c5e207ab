"""What training and answering share: the tasks, and how a model of this run takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.evaluation.aggregate import aggregate, make_predictions, train_mean
from brainplug.inference.answer import all_answers
from brainplug.inference.records import AnswerSettings
from brainplug.tasks.chat import ChatEncoder

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np

    from brainplug.api.records import ModelPlan, TargetKind
    from brainplug.api.roles import Answers, Metric
    from brainplug.model.bundle import ModelBundle
    from brainplug.recipe.tables import Recipe
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
        plan: what the model is.
        load: returns the preprocessed volume of a scan file.
        ranks: this process among those of the run.
        show: tells the user something, such as a table.
        tell: says a line, on the terminal and in the log.
        progress: shows how far what it is given is; gives `report(done, total, said="")`.
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
        )

    def longest_answer(self, encoder: ChatEncoder) -> int:
        """Return the length of the longest training answer, in tokens."""
        spoken = (encoder.text_of(task.turns[-1]) for task in self.tasks["train"])
        return max(len(encoder.answer(text)) for text in spoken)

    def validate(self, bundle: ModelBundle, metric: Metric) -> float | None:
        """Score the model's free answers to the validation tasks, one prediction a subject.

        None where the metric is not defined for these answers.
        """
        labels = self.answers.labels
        rows = all_answers(bundle, self.tasks["val"], self.answer_settings(bundle), split="val")
        mean = train_mean(self.tasks["train"]) if self.kind == "numerical" else None
        frame = aggregate(rows, self.kind, labels, mean)
        score = metric.score(make_predictions(frame, labels, mean))
        return None if score != score else score  # noqa: PLR0124 - NaN
