"""`brainplug check`: what a run would do, without torch and without training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainplug.audit import audit_split
from brainplug.cohort import Cohort, collect
from brainplug.dialogue import Task, TaskMaker
from brainplug.errors import DataError
from brainplug.pairing import make_pairs
from brainplug.split import add_pools, split_cohort
from brainplug.training.schedule import make_schedule
from brainplug.types import POOLS, SPLITS, Image
from brainplug.volume import make_volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

    from brainplug.parts import ModelBackbone
    from brainplug.recipe import Recipe, RecipeFile
    from brainplug.types import ModelPlan

SAMPLE = 1
"""Scans whose voxels are read; a run reads all of them."""

FLOPS_A_CORE = 2e10
"""Floating-point operations a second that a CPU core reaches in such models, roughly."""


def check_recipe(file: RecipeFile, *, console: Console) -> None:
    """Print what a run of a recipe would do.

    Raises:
        BrainplugError: what a run would stop at before it trains.
    """
    recipe = file.recipe
    head, backbone = recipe.target.make(), recipe.model.make()
    plan = backbone.plan(recipe.images.shape)
    cohort = collect(
        recipe.cohort.make(),
        head,
        images=recipe.images,
        audit=recipe.audit,
        cache=None,
        progress=lambda _done, _total: None,
    )
    console.print(flow_table(cohort))
    read_sample(cohort, recipe)
    split = split_cohort(recipe.split.make(), cohort.frame, seed=recipe.seed)
    audit_split(cohort.frame, split)
    pooled = add_pools(cohort.frame, split)
    training = pooled["pool"].isin(["train_query", "train_reference"])
    answers = head.fit(pooled.loc[training, "target"])
    console.print(pool_table(pooled, answers.strata(pooled["target"])))
    pairs = make_pairs(recipe.pairing.make(), pooled, answers, seed=recipe.seed)
    maker = TaskMaker(head=head, answers=answers, template=recipe.prompt.make(), seed=recipe.seed)
    first = next(maker.make(pairs[pairs["split"] == "train"], pooled))
    counts = pairs["split"].value_counts()
    console.print(
        task_table(recipe, {name: int(counts.get(name, 0)) for name in SPLITS}, first, plan)
    )
    for note in cohort.table.notes:
        console.print(f"[dim]{note}[/dim]")
    if cohort.table.images_pending:
        console.print("[dim]the scans are not there yet; the run writes them first[/dim]")


def flow_table(cohort: Cohort) -> Table:
    """Show how many rows are left after every step."""
    from rich.table import Table

    table = Table("cohort", "rows", title=cohort.table.study)
    for step, count in cohort.flow:
        table.add_row(step, f"{count:+,}" if count < 0 else f"{count:,}")
    return table


def pool_table(pooled: pd.DataFrame, strata: pd.Series) -> Table:
    """Show how many subjects of each class or value bin are in each pool."""
    from rich.table import Table

    counts = pd.crosstab(pooled["pool"], strata)
    table = Table("pool", *map(str, counts.columns), "scans")
    for pool in POOLS:
        row = counts.loc[pool]
        table.add_row(pool.replace("_", " "), *map(str, row), str((pooled["pool"] == pool).sum()))
    return table


def read_sample(cohort: Cohort, recipe: Recipe) -> None:
    """Read the voxels of a few scans as a run would.

    Raises:
        ScanError: one of them cannot be used.
    """
    if cohort.table.images_pending:
        return
    step = max(1, len(cohort.frame) // SAMPLE)
    for image in cohort.frame["image"].iloc[::step][:SAMPLE]:
        make_volume(Path(image), recipe.images.grid)


def task_table(recipe: Recipe, counts: Mapping[str, int], first: Task, plan: ModelPlan) -> Table:
    """Show tasks, tokens, steps, and rough figures for memory and time."""
    from rich.table import Table

    tokens = count_tokens(first, recipe.model.make(), plan)
    if tokens > plan.context_length:
        raise DataError(
            f"a dialogue has about {tokens} tokens, the model takes {plan.context_length}; use "
            "larger patches, a smaller grid, shorter wordings or fewer references"
        )
    schedule = make_schedule(recipe.training, counts["train"])
    table = Table("tasks", "")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    table.add_row("tokens a dialogue", f"{tokens:,} ({plan.tokens_per_image:,} a scan)")
    table.add_row("optimiser steps", f"{schedule.steps:,}")
    table.add_row(
        "memory, roughly", f"{memory_gib(plan, tokens * recipe.training.batch_size):.1f} GiB"
    )
    hours = training_seconds(plan, tokens * counts["train"] * recipe.training.epochs) / 3600
    table.add_row(
        "time on two CPU cores, roughly", f"{hours:.1f} h" if hours > 1 else f"{60 * hours:.0f} min"
    )
    return table


def count_tokens(task: Task, backbone: ModelBackbone, plan: ModelPlan) -> int:
    """Count the tokens of a dialogue in the chat form."""
    text = "".join(
        f"{turn.role}\n"
        + "".join(part for part in turn.content if not isinstance(part, Image))
        + "\n"
        for turn in task.turns
    )
    markers = 2 * len(task.turns)
    return backbone.count_tokens(text) + markers + plan.tokens_per_image * len(task.images)


def memory_gib(plan: ModelPlan, tokens: int) -> float:
    """Estimate the memory of a training step.

    Weights, gradients and AdamW's two moments in float32, and about 40 values a token and
    square root of the weights for activations, besides a GiB for the libraries.
    """
    values = 4 * plan.num_parameters + 40 * tokens * math.sqrt(plan.num_parameters)
    return 1 + 4 * values / 2**30


def training_seconds(plan: ModelPlan, tokens: int) -> float:
    """Estimate the time of a training: six operations a weight and token, on two cores."""
    return 6 * plan.num_parameters * tokens / (2 * FLOPS_A_CORE)
