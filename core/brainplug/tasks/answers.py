"""What was answered to tasks: the rows of `answers.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import Split, TargetValue
from brainplug.runtime.records import from_lines
from brainplug.tasks.forms import Form

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class AnswerRow:
    """The answer to one task, with what it is scored by.

    Attributes:
        split: of the task.
        task_id: as in the task file.
        subject: whose scan the query is.
        references: scans it is compared with.
        reference_values: what the dialogue says of them.
        truth: value of the query.
        answer_text: what the model says, or its most probable candidate.
        prediction: the value that was read in it; None where none or several could be.
        probabilities: of each candidate answer; None where they were not scored.
        most_probable: value of the most probable candidate; None where they were not scored.
        expected: mean of the numbers the model may say, by their probabilities; None where that was
            not asked for, cannot be, or no number has any.
        mass: probability that lies on these numbers, or on the candidate answers, once the words
            that all of them begin with are said; None where that was not asked for.
        form: whether the answer is worded as training answers are; see `AnswerForms`. One with
            words that no training answer has is not read, whatever else it says.
    """

    split: Split
    task_id: str
    subject: str
    references: tuple[str, ...]
    reference_values: tuple[TargetValue, ...]
    truth: TargetValue
    answer_text: str
    prediction: TargetValue | None
    probabilities: Mapping[str, float] | None = None
    most_probable: TargetValue | None = None
    expected: float | None = None
    mass: float | None = None
    form: Form | None = None


def read_answers(path: Path) -> list[AnswerRow]:
    """Read `answers.jsonl`.

    Raises:
        RunError: a row is damaged.
    """
    # Not `splitlines`: an id or an answer may hold a separator that ends no row.
    lines = path.read_text(encoding="utf-8").split("\n")
    return from_lines(filter(None, lines), AnswerRow, source=str(path))
