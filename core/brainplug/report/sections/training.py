"""The training: its curves, and which weights were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.recipe.metrics import LAST
from brainplug.report.figures import draw_history
from brainplug.report.wording import metric_name, show_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.evaluation.history import PhaseFacts, TrainingHistory
    from brainplug.evaluation.records import SelectedCheckpoint
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Training:
    """What is told of the training.

    Attributes:
        curves: loss and validation score, as SVG.
        phases: how many there were.
        selection: how the weights were chosen, in words.
        marked: whether the step that was chosen is drawn.
        parts: weights of each part of the model that learn, and that do not.
    """

    curves: str
    phases: int
    selection: str
    marked: bool
    parts: Sequence[tuple[str, str, str]]


def make(facts: Facts) -> Training | None:
    """Tell of the training, where it is written down."""
    training = facts.training
    if training is None or not training.history:
        return None
    selected = facts.metrics.selected
    by_score = selected is not None and selected.metric != LAST
    metric = selected.metric if selected is not None and by_score else facts.first_metric
    chosen = selected.step + steps_before(training, selected) if selected and by_score else None
    return Training(
        curves=draw_history(training.history, metric, chosen),
        phases=len(training.phases),
        selection=describe_selection(selected),
        marked=chosen is not None,
        parts=count_parts(training.phases[-1]) if training.phases else [],
    )


def steps_before(training: TrainingHistory, selected: SelectedCheckpoint) -> int:
    """Count the steps of the phases before the one whose weights were kept."""
    last = {row["phase"]: row["step"] for row in training.history}
    return sum(step for phase, step in last.items() if phase < selected.phase)


def count_parts(phase: PhaseFacts) -> list[tuple[str, str, str]]:
    """Count the weights of each part of the model."""
    return [
        (name.replace("-", " "), f"{part.learns + part.adapters:,}", f"{part.frozen:,}")
        for name, part in phase.parameters.items()
    ]


def count_weights(training: TrainingHistory) -> str:
    """Say how many weights learn in each phase."""
    totals = [
        sum(part.learns + part.adapters for part in phase.parameters.values())
        for phase in training.phases
    ]
    return ", then ".join(f"{total:,}" for total in totals)


def describe_selection(selected: SelectedCheckpoint | None) -> str:
    """Say how the checkpoint was chosen."""
    if selected is None:
        return "last weights; no validation gave a score"
    if selected.metric == LAST:
        return f"none: the last weights, step {selected.step:,}"
    name = metric_name(selected.metric)
    phase = f" of phase {selected.phase}" if selected.phase > 1 else ""
    score = f", {show_number(selected.value)}" if selected.value is not None else ""
    return f"best {name} on the validation subjects{score}, step {selected.step:,}{phase}"
