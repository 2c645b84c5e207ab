"""The records of `training.json`: what a training tells of itself, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from brainplug.evaluation.records import SelectedCheckpoint


@attrs.frozen(kw_only=True)
class WeightCounts:
    """How many weights of a part of the model learn, as themselves or in adapters, or do not."""

    learns: int
    adapters: int
    frozen: int


@attrs.frozen(kw_only=True)
class PhaseFacts:
    """What a phase was.

    Attributes:
        phase: its number, from 1.
        seed: of its order and dropout.
        settings: all that changes what is learnt.
        parameters: weights of each part of the model.
        selected: the checkpoint that was kept; None where no validation gave a score.
        steps: optimiser steps that were taken; None of an older training.
        every: optimiser steps between two validations; None where there were none.
    """

    phase: int
    seed: int
    settings: Mapping[str, Any]
    parameters: Mapping[str, WeightCounts]
    selected: SelectedCheckpoint | None
    steps: int | None = None
    every: int | None = None


@attrs.frozen(kw_only=True)
class PhaseHistory:
    """A phase that is done.

    Attributes:
        facts: what it was.
        history: rows of transformers' log: `step`, `epoch`, and `loss` or a validation score.
    """

    facts: PhaseFacts
    history: tuple[Mapping[str, Any], ...]


@attrs.frozen(kw_only=True)
class TrainingHistory:
    """All of `training.json`.

    Attributes:
        history: rows of all phases, each with its `phase`.
        selected: the checkpoint chosen in the last phase, which is that of the run.
        phases: what each was.
    """

    history: tuple[Mapping[str, Any], ...]
    selected: SelectedCheckpoint | None
    phases: tuple[PhaseFacts, ...]

    @classmethod
    def of(cls, phases: Sequence[PhaseHistory]) -> TrainingHistory:
        """Join the histories of all phases."""
        return cls(
            history=tuple(
                {"phase": phase.facts.phase, **row} for phase in phases for row in phase.history
            ),
            selected=phases[-1].facts.selected,
            phases=tuple(phase.facts for phase in phases),
        )
