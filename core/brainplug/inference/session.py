"""A model with the tasks it learns from and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.api.roles import Answers
from brainplug.evaluation.aggregate import aggregate, make_predictions, train_mean
from brainplug.imaging.cache import load_volume
from brainplug.inference.answer import all_answers
from brainplug.inference.records import AnswerSettings
from brainplug.model.bundle import ModelBundle
from brainplug.run.context import Workspace
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.task import Tasks

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@attrs.frozen(kw_only=True, eq=False)
class Classroom:
    """A model with the tasks it learns from and answers.

    Attributes:
        workspace: the run.
        bundle: model and tokenizer.
        tasks: of every split.
        answers: reads an answer back.
    """

    workspace: Workspace
    bundle: ModelBundle
    tasks: Tasks
    answers: Answers

    @property
    def encoder(self) -> ChatEncoder:
        """Turns dialogues into ids."""
        plan = self.workspace.backbone.plan(self.workspace.recipe.images.shape)
        return ChatEncoder(self.bundle.tokenizer, plan.tokens_per_image)

    @property
    def context_length(self) -> int:
        """Most tokens a dialogue may have."""
        return self.workspace.backbone.plan(self.workspace.recipe.images.shape).context_length

    def load(self, path: Path) -> np.ndarray:
        """Return a scan's volume."""
        return load_volume(path, self.workspace.recipe.images.grid, self.workspace.cache)

    def settings(self) -> AnswerSettings:
        """Return how tasks are answered."""
        evaluation = self.workspace.recipe.evaluation
        return AnswerSettings(
            encoder=self.encoder,
            context_length=self.context_length,
            load=self.load,
            answers=self.answers,
            batch_size=evaluation.batch_size,
            max_new_tokens=evaluation.max_new_tokens or 2 * self.longest_answer(),
            way=evaluation.answer,
            precision=self.workspace.recipe.training.precision,
            speed=self.workspace.recipe.speed,
            ranks=self.workspace.ranks,
        )

    def longest_answer(self) -> int:
        """Return the length of the longest training answer, in tokens."""
        encoder = self.encoder
        spoken = (encoder.text_of(task.turns[-1]) for task in self.tasks["train"])
        return max(len(encoder.answer(text)) for text in spoken)

    def validate(self, bundle: ModelBundle) -> dict[str, float | None]:
        """Score the model's free answers to the validation tasks, one prediction a subject."""
        head, metrics = self.workspace.head, self.workspace.metrics
        labels = self.answers.labels
        rows = all_answers(bundle, self.tasks["val"], self.settings())
        mean = train_mean(self.tasks["train"]) if head.kind == "numerical" else None
        frame = aggregate(rows, head.kind, labels, mean)
        predictions = make_predictions(frame, labels, mean)
        scores = {name: metric.score(predictions) for name, metric in metrics.items()}
        return {name: None if score != score else score for name, score in scores.items()}  # noqa: PLR0124 - NaN
