"""The stages that need a model: training, answers, and what is measured of them.

Imported by the run when it comes to them, since torch takes seconds to load.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import attrs

from brainplug.dialogue import Task
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.answer import AnswerSettings, answer_tasks
from brainplug.files import replacing, write_json
from brainplug.model.adapter import count_parameters
from brainplug.model.bundle import ModelBundle, load_bundle
from brainplug.model.chat import ChatEncoder
from brainplug.training.batches import TaskDataset
from brainplug.training.trainer import Mixture, TrainingJob, train
from brainplug.types import Split
from brainplug.volume import load_volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.parts import Answers
    from brainplug.recipe import Study
    from brainplug.workspace import Workspace

Tasks = dict[Split, list[Task]]


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
        )

    def longest_answer(self) -> int:
        """Return the length of the longest training answer, in tokens."""
        dataset = TaskDataset(self.tasks["train"], self.encoder, self.context_length)
        return max(len(item.encoded.answer) for item in dataset.items)

    def validate(self, bundle: ModelBundle) -> dict[str, float | None]:
        """Score the model's free answers to the validation tasks, one prediction a subject."""
        head, metrics = self.workspace.head, self.workspace.metrics
        labels = self.answers.labels
        rows = [
            row
            for batch in answer_tasks(
                bundle, self.tasks["val"], self.settings(), score=bool(labels)
            )
            for row in batch
        ]
        mean = train_mean(self.tasks["train"]) if head.kind == "numerical" else None
        frame = aggregate(rows, head.kind, labels, mean)
        predictions = make_predictions(frame, labels, mean)
        scores = {name: metric.score(predictions) for name, metric in metrics.items()}
        return {name: None if score != score else score for name, score in scores.items()}  # noqa: PLR0124 - NaN


def train_mean(tasks: Sequence[Task]) -> float:
    """Return the mean target of the training queries, each subject once."""
    truths = {task.subject: float(task.truth) for task in tasks}
    return sum(truths.values()) / len(truths)


def train_model(workspace: Workspace, tasks: Tasks, answers: Answers, *, folders: Folders) -> None:
    """Build the model, train it, and write it with the story of its training."""
    recipe = workspace.recipe
    quieten()
    bundle = workspace.backbone.build(recipe.images.shape, seed=recipe.seed)
    room = Classroom(workspace=workspace, bundle=bundle, tasks=tasks, answers=answers)
    show_parts(workspace, count_parameters(bundle.model))
    selecting = recipe.training.select_by or next(iter(workspace.metrics))
    with workspace.progress("training") as report:
        result = train(
            bundle,
            TrainingJob(
                tasks=tasks["train"],
                encoder=room.encoder,
                context_length=room.context_length,
                load=room.load,
                options=recipe.training,
                validate=room.validate,
                select_by=selecting,
                mixture=make_mixture(workspace.recipe.cohort, tasks["train"]),
                higher_is_better=workspace.metrics[selecting].higher_is_better,
                seed=recipe.seed,
                folder=folders.checkpoints,
                progress=lambda step, steps, _loss: report(step, steps),
            ),
        )
    bundle.save(folders.model)
    write_json(
        folders.story,
        {
            "history": result.history,
            "selected": result.selected,
            "parameters": count_parameters(bundle.model),
        },
    )


def make_mixture(studies: Sequence[Study], tasks: Sequence[Task]) -> Mixture | None:
    """Return how studies are mixed by their weights; None mixes them in proportion to size."""
    weights = {study.name: study.weight for study in studies}
    if len(weights) < 2 or None in weights.values():
        return None
    groups: dict[str, list[int]] = {}
    for index, task in enumerate(tasks):
        groups.setdefault(task.subject.partition(":")[0], []).append(index)
    return Mixture(
        groups=groups,
        weights={str(name): float(weight) for name, weight in weights.items() if weight},
    )


@attrs.frozen(kw_only=True)
class Folders:
    """Where a training writes."""

    checkpoints: Path
    model: Path
    story: Path


def write_answers(
    workspace: Workspace, tasks: Tasks, answers: Answers, *, model: Path, path: Path
) -> None:
    """Let the trained model answer the validation and test tasks; one JSON row a task."""
    quieten()
    room = Classroom(workspace=workspace, bundle=load_bundle(model), tasks=tasks, answers=answers)
    total = len(tasks["val"]) + len(tasks["test"])
    with workspace.progress("answering") as report, replacing(path) as temporary:
        done = 0
        with temporary.open("w", encoding="utf-8") as file:
            for split in ("val", "test"):
                for batch in answer_tasks(
                    room.bundle, tasks[split], room.settings(), score=bool(answers.labels)
                ):
                    for row in batch:
                        file.write(json.dumps({"split": split, **row}, ensure_ascii=False) + "\n")
                    done += len(batch)
                    report(done, total)


def show_parts(workspace: Workspace, counts: Mapping[str, tuple[int, int]]) -> None:
    """Print which parts of the model learn."""
    from rich.table import Table

    table = Table("part of the model", "learns", "frozen", title="parameters")
    for part, (learn, frozen) in counts.items():
        table.add_row(part, f"{learn:,}", f"{frozen:,}")
    workspace.console.print(table)


def quieten() -> None:
    """Keep transformers' own bars and notices off the terminal, which shows ours."""
    from transformers.utils import logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
