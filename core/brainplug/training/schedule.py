"""How many optimiser steps a training takes; light, so that `check` can say so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from brainplug.errors import RunError

if TYPE_CHECKING:
    from brainplug.learning_options import Training


@attrs.frozen(kw_only=True)
class Schedule:
    """Steps of a training.

    Attributes:
        steps: optimiser steps in all.
        every: optimiser steps between two validations.
    """

    steps: int
    every: int


def make_schedule(options: Training, num_tasks: int) -> Schedule:
    """Count the steps of a training on one device.

    Raises:
        RunError: the warm-up would never end.

    >>> from brainplug.learning_options import Training
    >>> make_schedule(Training(epochs=2, batch_size=4, accumulation=1, warmup_steps=3), 10)
    Schedule(steps=6, every=3)
    """
    steps_per_epoch = math.ceil(math.ceil(num_tasks / options.batch_size) / options.accumulation)
    steps = steps_per_epoch * options.epochs
    if options.warmup_steps >= steps:
        raise RunError(
            f"training.warmup_steps is {options.warmup_steps}, but {num_tasks} tasks in "
            f"training.epochs {options.epochs} make {steps} optimiser steps; lower it"
        )
    return Schedule(steps=steps, every=min(steps, steps_per_epoch * options.epochs_per_validation))
