"""How the training scans of a run measure, for those who show its model other scans later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.imaging.cache import read_header
from brainplug.run.task_stages import task_paths
from brainplug.tasks.read import iterate_tasks

if TYPE_CHECKING:
    from brainplug.imaging.familiar import FamiliarScans
    from brainplug.run.context import Workspace

MOST = 1000
"""Training scans that are looked at; more would tell no more, and a biobank has 40,000."""


def measure_training(workspace: Workspace) -> FamiliarScans:
    """Measure the scans that training tasks show, queries and references, and sum them up."""
    from brainplug.imaging.familiar import look_at, sum_up

    grid = workspace.recipe.images.grid
    shown = sorted(
        {
            image
            for path in task_paths(workspace)["train"]
            for task in iterate_tasks(path)
            for image in task.images
        }
    )
    # Evenly over all, and not the first, which may be of one site.
    chosen = shown[:: -(-len(shown) // MOST)]
    return sum_up(
        look_at(workspace.load_volume(scan), read_header(scan, grid.max_gib), grid)
        for scan in chosen
    )
