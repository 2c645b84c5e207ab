"""What chooses the checkpoint, and whether enough people do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.laws import spoken_numbers
from brainplug.errors import DataError
from brainplug.recipe.metrics import EXPECTED_ERROR, LAST, proper_score, selecting_label
from brainplug.tasks.token_tree import words_around

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from brainplug.api.records import TargetKind
    from brainplug.api.roles import Answers
    from brainplug.recipe.tables import Recipe
    from brainplug.tasks.task import Task

LARGE = 100_000_000
"""Weights from which a model is trained on a GPU rather than on a CPU."""

FEW_VALIDATE = 50
"""With fewer people the best of several validations is largely the luckiest."""


def name_selecting(recipe: Recipe, kind: TargetKind, metrics: Iterable[str]) -> str:
    """Return the name of what chooses the checkpoint: a metric, a proper score, or `last`.

    Args:
        recipe: names it, or leaves it to the proper score and then the first metric.
        kind: of the target.
        metrics: names of those that are reported.
    """
    select_by, evaluation = recipe.training.select_by, recipe.evaluation
    if select_by is None:
        return proper_score(kind, evaluation.answer) or next(iter(metrics))
    return selecting_label(select_by, evaluation.metrics)


def find_selecting(recipe: Recipe, metrics: Iterable[str], answers: Answers, task: Task) -> str:
    """Return the name of what chooses the checkpoint, for these answers.

    That is the first metric, where the recipe names nothing and there is no expected value: the
    answers list no numbers, or the task's answer states its number otherwise than once.

    Args:
        recipe: names what chooses, or does not.
        metrics: names of those that are reported.
        answers: of the target.
        task: any of the run.

    Raises:
        DataError: the recipe names it all the same.
    """
    headline, *_others = metrics
    selecting = name_selecting(recipe, task.kind, [headline])
    if selecting != EXPECTED_ERROR or (spoken_numbers(answers) and words_around(answers, task)):
        return selecting
    if recipe.training.select_by is None:
        return headline
    raise DataError(
        "none",
        where="training.select_by",
        expected=f"numbers that can be listed and are stated once, for {EXPECTED_ERROR!r}",
        hint=f"name a metric, such as {headline!r}; a head's answers list them by the ability "
        "SaysNumbers, and numerical lists none where there would be too many, as of volumes in mm³",
    )


def few_validate(select_by: str, people: int) -> Iterator[str]:
    """Say where a checkpoint is chosen by few people, and what to do."""
    if select_by != LAST and people < FEW_VALIDATE:
        yield (
            f"{people} people validate, and choose the checkpoint by {select_by}: with fewer than "
            f"{FEW_VALIDATE} the best step is largely the luckiest; set folds in [split], or "
            f'select_by = "{LAST}" in [training] with a number of epochs that is settled beforehand'
        )
