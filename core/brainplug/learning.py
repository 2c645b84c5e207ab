"""The stages that need a model: training, answers, and what is measured of them.

Imported by the run when it comes to them, since torch takes seconds to load.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import attrs
import torch

from brainplug.augmentation import Augmenter
from brainplug.dialogue import Task
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.answer import AnswerSettings, all_answers
from brainplug.evaluation.kept import cut_tasks
from brainplug.files import write_json
from brainplug.model.adapter import train_only
from brainplug.model.bundle import ModelBundle, load_bundle
from brainplug.model.chat import ChatEncoder
from brainplug.model.lora import Count, add_adapters, count_weights, merge_adapters
from brainplug.training.phases import copy_whole, join_stories, open_folders, plan_phases
from brainplug.training.trainer import Mixture, TrainingJob, train
from brainplug.types import Split
from brainplug.volume import load_volume
from brainplug.workspace import ANSWERS, CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from rich.table import Table

    from brainplug.evaluation.kept import KeptAnswers
    from brainplug.parts import Answers
    from brainplug.recipe import Study
    from brainplug.training.phases import PhaseFolder, PhasePlan
    from brainplug.training.trainer import TrainingResult
    from brainplug.workspace import Workspace

Tasks = dict[Split, list[Task]]

EVALUATED: tuple[Split, ...] = ("val", "test")


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


def train_mean(tasks: Sequence[Task]) -> float:
    """Return the mean target of the training queries, each subject once."""
    truths = {task.subject: float(task.truth) for task in tasks}
    return sum(truths.values()) / len(truths)


def train_model(
    workspace: Workspace, tasks: Tasks, answers: Answers, *, folders: Folders, made_from: str
) -> None:
    """Let the model learn, phase by phase, and write it with the story of its training.

    A phase that is done is not repeated, and one that was stopped goes on from its last whole
    checkpoint, unless what it is made from has changed.

    Args:
        workspace: the run.
        tasks: of every split.
        answers: reads an answer back.
        folders: where is written.
        made_from: key of all that every phase depends on.
    """
    quieten()
    ranks = workspace.ranks
    phases = plan_phases(workspace.recipe.training, workspace.backbone)
    places, deleted = ranks.once(lambda: open_folders(folders.checkpoints, made_from, phases))
    if deleted:
        told = ", ".join(deleted)
        workspace.console.print(f"deleted in {CHECKPOINTS}/, made from other settings: {told}")
    enter = partial(Classroom, workspace=workspace, tasks=tasks, answers=answers)
    before = None
    for phase, place in zip(phases, places, strict=True):
        if ranks.once(place.is_done):
            workspace.console.print(f"[dim]{phase.title} as before[/dim]")
        else:  # nothing here holds the model, so that the next one finds its memory free
            learn_phase(enter(bundle=begin_with(workspace, before)), phase, place)
        before = place.model
    ranks.once(lambda: copy_whole(places[-1].model, folders.model))
    story = join_stories([place.read_story() for place in places])
    ranks.once(lambda: write_json(folders.story, story))


def begin_with(workspace: Workspace, before: Path | None) -> ModelBundle:
    """Load the model that the phase before left, or build it for the first."""
    recipe = workspace.recipe
    if before is None:
        return workspace.backbone.build(recipe.images.shape, seed=recipe.seed)
    return load_bundle(before)


def learn_phase(room: Classroom, phase: PhasePlan, place: PhaseFolder) -> None:
    """Train the parts and adapters of a phase; leave the model, adapters merged, and the story.

    Raises:
        DataError: adapters are asked for on layers that the model has not.
    """
    model, seed = room.bundle.model, (room.workspace.recipe.seed + phase.number - 1) % 2**32
    train_only(model, phase.parts)
    if phase.options.lora:
        add_adapters(model, phase.options.lora, seed=seed)
    counts = count_weights(model)
    room.workspace.console.print(parts_table(counts, title=f"{phase.title}: weights"))
    result = teach(room, phase, folder=place.path, seed=seed)
    merge_adapters(result.bundle.model)
    story = {
        "phase": phase.number,
        "seed": seed,
        "settings": phase.settings(),
        "parameters": {part: attrs.asdict(count) for part, count in counts.items()},
        "selected": result.selected,
        "history": result.history,
    }
    room.workspace.ranks.once(lambda: place.finish(result.bundle.save, story))


def teach(room: Classroom, phase: PhasePlan, *, folder: Path, seed: int) -> TrainingResult:
    """Train what learns by now, from the last whole checkpoint in the folder if there is one."""
    workspace = room.workspace
    selecting = phase.options.select_by or next(iter(workspace.metrics))
    with workspace.progress(phase.title) as report:
        return train(
            room.bundle,
            TrainingJob(
                tasks=room.tasks["train"],
                encoder=room.encoder,
                context_length=room.context_length,
                load=room.load,
                options=phase.options,
                validate=room.validate,
                select_by=selecting,
                mixture=make_mixture(workspace.recipe.cohort, room.tasks["train"]),
                higher_is_better=workspace.metrics[selecting].higher_is_better,
                augmenter=make_augmenter(workspace, phase.number - 1),
                speed=workspace.recipe.speed,
                seed=seed,
                folder=folder,
                ranks=workspace.ranks,
                progress=lambda step, steps, _loss: report(step, steps),
            ),
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


def make_augmenter(workspace: Workspace, phase: int) -> Augmenter | None:
    """Return what changes the scans of a phase at random, if the recipe asks for it."""
    recipe = workspace.recipe
    if not recipe.augmentation.active:
        return None
    return Augmenter(
        options=recipe.augmentation, grid=recipe.images.grid, seed=recipe.seed, phase=phase
    )


@attrs.frozen(kw_only=True)
class Folders:
    """Where a training writes."""

    checkpoints: Path
    model: Path
    story: Path


def write_answers(
    workspace: Workspace, tasks: Tasks, answers: Answers, *, model: Path, kept: KeptAnswers
) -> None:
    """Let the trained model answer the validation and test tasks; one JSON row a task.

    Args:
        workspace: the run.
        tasks: of every split.
        answers: reads an answer back.
        model: folder of the trained model.
        kept: answers given before the run was stopped, if it was.
    """
    quieten()
    bundle = load_bundle(model)
    if torch.cuda.is_available():
        bundle.model.to(torch.device("cuda", workspace.ranks.local))
    room = Classroom(workspace=workspace, bundle=bundle, tasks=tasks, answers=answers)
    settings, ranks = room.settings(), workspace.ranks
    asked = [(split, task) for split in EVALUATED for task in tasks[split]]
    given = {(row["split"], row["task_id"]): row for row in ranks.once(kept.read)}
    with workspace.progress("answering") as report:

        def tell(count: int) -> None:
            report(min(len(given) + count, len(asked)), len(asked))

        for split in EVALUATED:
            left = [task for task in tasks[split] if (split, task.task_id) not in given]
            for piece in cut_tasks(left):
                found = all_answers(bundle, piece, settings, done=tell)
                rows = [{"split": split, **row} for row in found]
                ranks.once(partial(kept.add, rows))
                given |= {(split, row["task_id"]): row for row in rows}
    ordered = [given[split, task.task_id] for split, task in asked]
    ranks.once(lambda: kept.finish(workspace.path(ANSWERS), ordered))


def parts_table(counts: Mapping[str, Count], *, title: str) -> Table:
    """Show how many weights of each part learn, and how."""
    from rich.table import Table

    rows = {**counts, "all": sum(counts.values(), start=Count())}
    table = Table("part of the model", "learn", "in adapters", "frozen", title=title)
    for part, count in rows.items():
        numbers = (count.learns, count.adapters, count.frozen)
        if part == "all":
            table.add_section()
        table.add_row(part, *(f"{number:,}" for number in numbers))
    return table


def quieten() -> None:
    """Keep transformers' own bars and notices off the terminal, which shows ours."""
    from transformers.utils import logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
