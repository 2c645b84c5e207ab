"""How many optimiser steps a training takes; light, so that `check` can say so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import RunError
from brainplug.recipe.metrics import LAST

if TYPE_CHECKING:
    from brainplug.recipe.training_tables import Training


@attrs.frozen(kw_only=True)
class Schedule:
    """Steps of a training.

    Attributes:
        steps: optimiser steps in all.
        every: optimiser steps between two validations; None makes none.
    """

    steps: int
    every: int | None


def count_steps(options: Training, num_tasks: int) -> int:
    """Return the optimiser steps of an epoch on one device, whose batches are full of dialogues.

    >>> from brainplug.recipe.training_tables import Training
    >>> count_steps(Training(batch_size=4, accumulation=2), 10)
    2
    """
    return math.ceil(math.ceil(num_tasks / options.batch_size) / options.accumulation)


def make_schedule(options: Training, *, steps_per_epoch: int, place: str = "training") -> Schedule:
    """Count the steps of a training.

    Args:
        options: settings of the training, or of a phase filled in from them.
        steps_per_epoch: optimiser steps of one pass over the training tasks.
        place: recipe table of the settings, for the error.

    Raises:
        RunError: the warm-up would never end.

    >>> from brainplug.recipe.training_tables import Training
    >>> make_schedule(Training(epochs=2, warmup_steps=3), steps_per_epoch=3)
    Schedule(steps=6, every=3)
    >>> make_schedule(Training(steps=5, warmup_steps=3), steps_per_epoch=3)
    Schedule(steps=5, every=3)
    """
    steps = options.steps or steps_per_epoch * options.epochs
    if options.warmup_steps >= steps:
        told = f"{place}.epochs {options.epochs} of {steps_per_epoch} optimiser steps make {steps}"
        if options.steps:
            told = f"{place}.steps is {steps}"
        raise RunError(
            f"{options.warmup_steps}, but {told}",
            where=f"{place}.warmup_steps",
            expected="fewer steps than the training has",
            found=options.warmup_steps,
            hint="lower it",
        )
    epochs = options.epochs_per_validation
    if options.steps_per_validation is not None:
        return Schedule(steps=steps, every=min(steps, options.steps_per_validation))
    if options.select_by == LAST and epochs is None:
        return Schedule(steps=steps, every=None)
    # At least one validation, or no checkpoint would be chosen.
    return Schedule(steps=steps, every=min(steps, steps_per_epoch * (epochs or 1)))
