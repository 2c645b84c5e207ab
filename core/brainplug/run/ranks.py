"""The stages that all ranks of a run do together: how rank 0 calls the others, and what they do.

Rank 0 runs the recipe as if it were alone. The others hold no recipe; when they are called they
read the one that lies resolved in the run folder, so that they do what rank 0 does.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from brainplug.recipe.load import read_recipe
from brainplug.run.context import Workspace
from brainplug.run.learning_stages import make_stages
from brainplug.run.ledger import MadeFrom
from brainplug.runtime.ranks import must, name_accelerator
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.threads import choose_threads, computing_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from brainplug.registry import Registry
    from brainplug.run.ledger import Stage
    from brainplug.runtime.ranks import Ranks
    from brainplug.runtime.threads import Threads


@attrs.frozen(kw_only=True)
class StageCall:
    """What rank 0 tells the others of a stage.

    Attributes:
        stage: its name.
        folder: the run folder.
        made: what the stage is made from.
    """

    stage: str
    folder: Path
    made: MadeFrom


def call_ranks(stage: Stage, made: MadeFrom, workspace: Workspace) -> None:
    """Do a stage on all ranks; called by rank 0, returns when all are done."""
    call = StageCall(stage=stage.name, folder=workspace.files.path, made=made)
    workspace.ranks.call(call)
    do_together(stage, made, workspace)


def follow(ranks: Ranks, load: Callable[[], Registry], console: Console) -> None:
    """Do what rank 0 asks for, until the run has ended; what every other rank does.

    Args:
        ranks: this process among those of the run, which have joined.
        load: loads the same plugins as rank 0 has; called when there is something to do, since
            rank 0 is the one to say what is wrong with them.
        console: shows nothing.

    Raises:
        RankError: this rank failed at what all do together.
        ToldError: rank 0 failed, and says why.
    """
    registry: Registry | None = None
    for call in ranks.requests():
        registry = registry or must(load)
        workspace, stage = must(partial(find_stage, call, registry, console, ranks))
        do_together(stage, call.made, workspace)


def find_stage(
    call: StageCall, registry: Registry, console: Console, ranks: Ranks
) -> tuple[Workspace, Stage]:
    """Open the run that rank 0 is at, and return it with the stage that is asked for."""
    file = read_recipe(RunFolder(call.folder).recipe, registry)
    workspace = Workspace.open(
        file.recipe, registry=file.registry, folder=call.folder, console=console, ranks=ranks
    )
    stages = {stage.name: stage for stage in make_stages(workspace)}
    return workspace, stages[call.stage]


def do_together(stage: Stage, made: MadeFrom, workspace: Workspace) -> None:
    """Do this rank's part of a stage, and wait for all others."""
    name_accelerator()
    threads = find_threads(workspace)
    workspace.detail(f"{stage.name}: {threads.sentence}")
    with computing_on(threads):
        if workspace.recipe.training.deepspeed is not None:
            from brainplug.training.deepspeed import prepare_deepspeed

            prepare_deepspeed(workspace.ranks)
        workspace.ranks.together(stage.work(made))


def find_threads(workspace: Workspace) -> Threads:
    """Return how many threads this rank trains and answers on."""
    import torch

    return choose_threads(
        workspace.recipe.training.threads,
        workspace.plan.num_parameters,
        most=torch.get_num_threads(),
        environ=os.environ,
    )
