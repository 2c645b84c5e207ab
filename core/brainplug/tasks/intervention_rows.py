"""Answers to tasks in which one thing was changed: the rows of `interventions.jsonl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import TargetValue
from brainplug.runtime.records import from_lines
from brainplug.tasks.answers import AnswerRow

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class InterventionRow:
    """The answer to a changed task: a row of `interventions.jsonl`.

    Attributes:
        intervention: what was changed.
        people: whom its scans show, the query last; None of one that shows nobody.
        values: of whom they show; None of one that shows nobody.
        answer: as in `answers.jsonl`; its `reference_values` are what the dialogue tells, its
            `subject` and `truth` those of whom the task was about before.
    """

    intervention: str
    people: tuple[str | None, ...]
    values: tuple[TargetValue | None, ...]
    answer: AnswerRow


def read_interventions(path: Path) -> list[InterventionRow]:
    """Read `interventions.jsonl`.

    Raises:
        RunError: a row is damaged.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    return from_lines(filter(None, lines), InterventionRow, source=str(path))
