"""What a training is asked for, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from brainplug.api.records import TargetValue
from brainplug.evaluation.records import SelectedCheckpoint
from brainplug.imaging.augment import Augmenter
from brainplug.model.bundle import ModelBundle
from brainplug.recipe.training_tables import Speed, Training
from brainplug.runtime.curves import Curves
from brainplug.runtime.ranks import Ranks
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.task import Task
from brainplug.training.mixture import Mixture
from brainplug.training.scan_values import ScanValues
from brainplug.training.soft_numbers import SoftNumbers


@attrs.frozen(kw_only=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: steps done.
        steps: steps in all.
        loss: the latest.
        telling: the latest of the tokens that tell the value.
        metric: what validation scores by.
        score: of the last validation; None before the first, and where it was not defined.
    """

    step: int
    steps: int
    loss: float | None = None
    telling: float | None = None
    metric: str
    score: float | None = None

    @property
    def known(self) -> str:
        """What is known by now, in words.

        >>> TrainingProgress(step=3, steps=9, loss=0.4321, metric="auroc", score=0.9).known
        'loss 0.432, validation auroc 0.9'
        >>> TrainingProgress(step=3, steps=9, metric="auroc").known
        ''
        """
        told = {
            "loss": self.loss,
            "of telling tokens": self.telling,
            f"validation {self.metric}": self.score,
        }
        return ", ".join(f"{name} {each:.3g}" for name, each in told.items() if each is not None)


@attrs.frozen(kw_only=True)
class TrainingJob:
    """All a training needs besides the model.

    Attributes:
        tasks: the training dialogues.
        encoder: turns them into ids.
        context_length: most tokens the model takes.
        load: returns the preprocessed volume of a scan file.
        options: the recipe's `[training]`, with the settings of the phase.
        speed: the recipe's `[speed]`.
        validate: scores the model on the validation queries by what it says freely; called by
            every rank, and gives every rank the same.
        select_by: the score that chooses the checkpoint, or `last`.
        higher_is_better: its direction.
        proper: the score that settles ties, of which less is better.
        mixture: shares of studies in an epoch, where they are weighted.
        augmenter: changes scans at random; None leaves them as they are.
        say: says a value as an answer does.
        soft: draws numbers near the true ones to be learnt in their place; None for none.
        values: what a plain head learns of each scan; None trains without one.
        warm_up: learn from single scans by the head, and from no dialogue; nothing is validated,
            and the last weights are kept.
        seed: of order and dropout.
        folder: where checkpoints are kept; its name is that of the phase.
        curves: where losses and scores are sent besides.
        ranks: this process among those that train together.
        progress: told how far it is, after each step.
        tell: takes what is to be said once, in words.
    """

    tasks: Sequence[Task]
    encoder: ChatEncoder
    context_length: int
    load: Callable[[Path], np.ndarray]
    options: Training
    speed: Speed
    validate: Callable[[ModelBundle], dict[str, float | None]]
    select_by: str
    higher_is_better: bool
    proper: str | None = None
    mixture: Mixture | None = None
    augmenter: Augmenter | None = None
    say: Callable[[TargetValue], str] = str
    soft: SoftNumbers | None = None
    values: ScanValues | None = None
    warm_up: bool = False
    seed: int
    folder: Path
    curves: Curves = attrs.field(factory=Curves)
    ranks: Ranks = attrs.field(factory=Ranks)
    progress: Callable[[TrainingProgress], None]
    tell: Callable[[str], None] = lambda _line: None


@attrs.frozen(kw_only=True)
class TrainingResult:
    """What a training leaves.

    Attributes:
        bundle: the model with the weights of the best validation, or the last ones.
        history: log rows: `step`, `epoch` and either `loss` or the validation scores.
        selected: what chose the checkpoint, with value and step; None where no validation gave a
            score, and the last weights are kept.
        steps: optimiser steps that were taken.
        every: optimiser steps between two validations; None where there were none.
    """

    bundle: ModelBundle
    history: list[dict[str, Any]]
    selected: SelectedCheckpoint | None
    steps: int
    every: int | None = None
