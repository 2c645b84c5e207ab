"""The wording of finished task files, so that other scans can be asked about in the same words."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.row_template import slot
from brainplug.toolkit import letters
from brainplug.toolkit.letters import find_said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainplug.api.records import Case, TargetValue
    from brainplug.api.roles import Answers
    from brainplug.tasks.task import Task

LOOKED_AT = 2000
"""Tasks that must be worded alike."""

QUERY = slot("query")


@attrs.frozen
class TaskWording:
    """A prompt template that words as some task files do.

    Attributes:
        turns: of one dialogue, with a slot for each value that is said.
    """

    turns: tuple[Turn, ...]

    def dialogue(self, case: Case) -> tuple[Turn, ...]:
        """Put values in the places of those that were said."""
        told = {slot(f"told{index}"): words for index, words in enumerate(case.references)}
        return tuple(exchange(turn, told | {QUERY: case.query}) for turn in self.turns)


def find_wording(tasks: Iterable[Task], answers: Answers) -> TaskWording:
    """Return the one wording of tasks that differ in scans and values only.

    Raises:
        DataError: they differ in more, or do not say their values as the run says them.
    """
    first: TaskWording | None = None
    for task in islice(tasks, LOOKED_AT):
        found = TaskWording(tuple(with_slots(task, answers)))
        first = first or found
        if found != first:
            raise DataError(
                "several wordings",
                where=f"task {task.task_id!r}",
                expected="one wording for all tasks, in which other scans can be asked about",
                hint="name a [prompt] and a [cohort] in a recipe in place of finished [tasks]",
            )
    if first is None:
        raise DataError("none", where="the training tasks", expected="tasks")
    return first


def with_slots(task: Task, answers: Answers) -> Iterable[Turn]:
    """Return the turns of a task with a slot in place of each value that they say.

    Raises:
        DataError: a value is not said as the run says it, or the answer compares two values.
    """
    if task.relative or task.likeness_words:
        raise DataError(
            "an answer that compares the query with its reference",
            where=f"task {task.task_id!r}",
            expected="an answer that states the value alone",
        )
    # A reference is told from where it is shown up to the next scan; the answer comes last.
    shown = -1
    lacking = set(range(len(task.references)))
    for turn in task.turns[:-1]:
        images = [part.index for part in turn.content if isinstance(part, Image)]
        shown = images[-1] if images else shown
        if 0 <= shown < len(task.references):
            words = answers.say(task.reference_values[shown])
            made = say_slot(turn, words, slot(f"told{shown}"))
            lacking -= {shown} if made != turn else set()
            yield made
        else:
            yield turn
    last = say_slot(task.turns[-1], answers.say(task.truth), QUERY)
    if lacking or last == task.turns[-1]:
        value: TargetValue = task.reference_values[min(lacking)] if lacking else task.truth
        raise DataError(
            where=f"task {task.task_id!r}",
            expected=f"the words {answers.say(value)!r} where its value is told",
            found=[part for turn in task.turns for part in turn.content if isinstance(part, str)],
        )
    yield last


def say_slot(turn: Turn, words: str, place: str) -> Turn:
    """Put a slot in the place of some words, where they stand as words."""
    parts = (
        part if isinstance(part, Image) else letters.exchange(part, find_said(part, [words]), place)
        for part in turn.content
    )
    return Turn(turn.role, tuple(parts))


def exchange(turn: Turn, told: dict[str, str]) -> Turn:
    """Put words in the places of slots."""
    parts = list[str | Image]()
    for part in turn.content:
        said = part
        if isinstance(said, str):
            for place, words in told.items():
                said = said.replace(place, words)
        parts.append(said)
    return Turn(turn.role, tuple(parts))
