"""What arms cost, said before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.recipe.evidence_table import QUERY_ALONE
from brainplug.run.arms import choose_arms
from brainplug.tasks.arm_tasks import without_references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brainplug.api.records import ModelPlan
    from brainplug.recipe.tables import Recipe
    from brainplug.tasks.task import Task


def tell_arms(
    recipe: Recipe, plan: ModelPlan, first: Task, *, steps: int, count: Callable[[Task], int]
) -> Iterator[str]:
    """Say which arms there are, how long each learns, and what share of the main training it costs.

    Args:
        recipe: names them, or does not.
        plan: of the model.
        first: a training task.
        steps: optimiser steps of the main training.
        count: returns the tokens of a task.
    """
    arms = [arm for arm in choose_arms(recipe, plan) if arm != QUERY_ALONE or first.references]
    if not arms:
        yield "no arms: what references add will not be measured"
        return
    shares = {arm: share_of(arm, first, count) for arm in arms}
    for arm, share in shares.items():
        cost = "as long as the main training" if share == 1 else f"about {share:.0%} of its time"
        yield f"arm {arm}: {steps:,} optimiser steps, {cost}"
    said = "" if recipe.evidence.arms is not None else ", those of a model of this size by default,"
    yield (
        f"so the arms{said} make a run about {1 + sum(shares.values()):.1f} times as long; "
        "arms in [evidence] names others, or none"
    )


def share_of(arm: str, first: Task, count: Callable[[Task], int]) -> float:
    """Return how long a step of an arm is, as a share of one of the main training."""
    if arm != QUERY_ALONE:
        return 1.0
    if first.relative or first.likeness_words:
        return 1 / len(first.images)
    return count(without_references(first)) / count(first)


def tell_hours(hours: float) -> str:
    """Say how long something takes, roughly.

    >>> tell_hours(12.34), tell_hours(0.5), tell_hours(0.001)
    ('12.3 h', '30 min', 'under 1 min')
    """
    if hours > 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.0f} min" if hours >= 1 / 60 else "under 1 min"
