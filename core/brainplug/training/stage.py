"""The stages that need a model: training, answers, and what is measured of them.

Imported by the run when it comes to them, since torch takes seconds to load.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.imaging.augment import Augmenter
from brainplug.inference.session import Classroom
from brainplug.model.bundle import ModelBundle, load_bundle
from brainplug.model.llava import train_only
from brainplug.model.lora import Count, add_adapters, count_weights, merge_adapters
from brainplug.recipe.phases import plan_phases
from brainplug.runtime.files import write_json
from brainplug.runtime.quiet import quieten
from brainplug.runtime.run_folder import CHECKPOINTS
from brainplug.training.job import TrainingJob
from brainplug.training.mixture import Mixture
from brainplug.training.phases import copy_whole, join_stories, open_folders
from brainplug.training.trainer import train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table

    from brainplug.api.roles import Answers
    from brainplug.recipe.phases import PhasePlan
    from brainplug.recipe.tables import Study
    from brainplug.run.context import Workspace
    from brainplug.tasks.task import Task, Tasks
    from brainplug.training.job import TrainingResult
    from brainplug.training.phases import PhaseFolder


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
