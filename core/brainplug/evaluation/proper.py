"""Proper scores of answers: best, on average, for a model that states what it knows.

Accuracy asks only on which side of a half a probability lies. These ask how far from the truth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from brainplug.recipe.metrics import EXPECTED_ERROR, LOG_LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.tasks.answers import AnswerRow

LEAST = 1e-12
"""A probability below counts as this one, so that no single answer makes the mean infinite."""


def proper_scores(rows: Sequence[AnswerRow]) -> dict[str, float | None]:
    """Return the proper score of answers by its name; None where it is not defined.

    Args:
        rows: of one split.
    """
    if rows and isinstance(rows[0].truth, str):
        return {LOG_LOSS: log_loss(rows)}
    return {EXPECTED_ERROR: expected_error(rows)}


def log_loss(rows: Sequence[AnswerRow]) -> float | None:
    """Return the mean negative log probability of the right candidate, each person counting once.

    None where candidates were not scored.
    """
    if any(row.probabilities is None for row in rows):
        return None
    return mean_over_people(
        rows, [-math.log(max((row.probabilities or {})[str(row.truth)], LEAST)) for row in rows]
    )


def expected_error(rows: Sequence[AnswerRow]) -> float | None:
    """Return the mean distance of expected value and truth, each person counting once.

    None where no value is expected in some answer.
    """
    if any(row.expected is None for row in rows):
        return None
    return mean_over_people(rows, [abs((row.expected or 0) - float(row.truth)) for row in rows])


def mean_over_people(rows: Sequence[AnswerRow], losses: Sequence[float]) -> float | None:
    """Return the mean of the people's means; None without any."""
    own: dict[str, list[float]] = {}
    for row, loss in zip(rows, losses, strict=True):
        own.setdefault(row.subject, []).append(loss)
    return float(np.mean([np.mean(each) for each in own.values()])) if own else None
