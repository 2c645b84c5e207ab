"""How many optimiser steps a recipe takes, and how many dialogues it reads, before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.recipe.phases import plan_phases
from brainplug.recipe.strict import path_of
from brainplug.run.task_stages import task_paths
from brainplug.tasks.read import iterate_tasks
from brainplug.training.schedule import count_steps, make_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug.api.records import Split
    from brainplug.api.roles import ModelBackbone
    from brainplug.recipe.tables import Recipe
    from brainplug.run.context import Workspace
    from brainplug.tasks.task import Task


@attrs.frozen(kw_only=True)
class Asked:
    """What there is to be learnt and to be answered.

    Attributes:
        tasks: how many in each split.
        scans: how many the training tasks show.
        first: one of them.
    """

    tasks: Mapping[Split, int]
    scans: int
    first: Task


def count_read(recipe: Recipe, asked: Asked) -> int:
    """Return how many dialogues the training reads, each as often as it comes.

    A warm-up reads none, and its scans are few beside them.
    """
    return sum(
        phase.steps * (phase.batch_size or 1) * (phase.accumulation or 1)
        if phase.steps
        else (phase.epochs or 0) * asked.tasks["train"]
        for phase in recipe.training.phases()
        if phase.use == "dialogues"
    )


def hold_steps(workspace: Workspace) -> None:
    """Count the steps of a training that is to come, before scans are read for it, maybe for days.

    Raises:
        RunError: the warm-up of a phase would never end.
    """
    if workspace.files.training.is_file():
        return
    number, scans = 0, set[Path]()
    for path in task_paths(workspace)["train"]:
        for task in iterate_tasks(path):
            number += 1
            scans.update(task.images)
    count_phases(workspace.recipe, workspace.backbone, tasks=number, scans=len(scans))


def count_phases(
    recipe: Recipe, backbone: ModelBackbone, *, tasks: int, scans: int
) -> dict[str, int]:
    """Return the optimiser steps of each phase, by its row in the table.

    Args:
        recipe: names the phases.
        backbone: of the recipe.
        tasks: dialogues to learn from.
        scans: how many they show.

    Raises:
        RunError: the warm-up of one would never end.
    """
    phases = plan_phases(recipe.training, backbone)
    names = [f", {phase.title}" if len(phases) > 1 else "" for phase in phases]
    return {
        f"optimiser steps{name}": make_schedule(
            phase.options,
            steps_per_epoch=count_steps(phase.options, scans if phase.use == "warm-up" else tasks),
            place=path_of(phase.keys),
        ).steps
        for name, phase in zip(names, phases, strict=True)
    }
