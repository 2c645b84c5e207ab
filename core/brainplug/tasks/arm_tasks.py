"""Finished tasks as an arm asks them: without their references, or with values of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError
from brainplug.tasks.row_template import slot
from brainplug.tasks.wording import QUERY, exchange, with_slots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug.api.records import TargetValue
    from brainplug.api.roles import Answers
    from brainplug.tasks.task import Task


def without_references(task: Task) -> Task:
    """Return a task whose question and answer stand alone.

    Raises:
        DataError: its answer compares the query with a reference.
    """
    if task.relative or task.likeness_words:
        raise DataError(
            "an answer that compares the query with its reference",
            where=f"task {task.task_id!r}",
            expected="an answer that states the value alone",
        )
    question, answer = task.turns[-2:]
    shown = (Image(0) if isinstance(part, Image) else part for part in question.content)
    return attrs.evolve(
        task,
        references=(),
        reference_values=(),
        images=task.images[-1:],
        turns=(Turn(question.role, tuple(shown)), answer),
        codes=task.codes[:1],
    )


def with_values(task: Task, values: Mapping[str, TargetValue], answers: Answers) -> Task:
    """Return a task that states other values of the people it shows.

    Args:
        task: as it was found.
        values: of each person.
        answers: says values.

    Raises:
        DataError: a value is not said as the run says it, or the answer compares two values.
    """
    told = [values[person] for person in task.references]
    truth = values[task.subject]
    words = {slot(f"told{place}"): answers.say(value) for place, value in enumerate(told)}
    words[QUERY] = answers.say(truth)
    return attrs.evolve(
        task,
        truth=truth,
        reference_values=tuple(told),
        turns=tuple(exchange(turn, words) for turn in with_slots(task, answers)),
        codes=tuple(map(answers.code, (truth, *told))) if task.codes else (),
    )
