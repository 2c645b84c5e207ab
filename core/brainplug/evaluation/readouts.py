"""Two ways to read a number off a model: what it says, and what it expects.

Greedy digits say the most probable number, digit by digit; the expected value weighs all numbers
that may be said. Which of the two is the headline is settled by the validation subjects alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.records import EVALUATED
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.records import EXPECTED, SAID, Metrics, Readouts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.tasks.answers import AnswerRow


@attrs.frozen(kw_only=True, eq=False)
class Reading:
    """How numbers are read.

    Attributes:
        headline: name of the read-out that is reported.
        errors: mean absolute error of each on the validation subjects.
        rows: the answers by read-out, each with what it reads as the prediction.
    """

    headline: str
    errors: Mapping[str, float]
    rows: Mapping[str, Sequence[AnswerRow]]

    @property
    def other(self) -> str | None:
        """Name of the read-out that is told beside, if there is one."""
        return next((name for name in self.rows if name != self.headline), None)


def choose_readout(
    rows: Sequence[AnswerRow], *, speaks: bool, train_mean: float | None
) -> Reading | None:
    """Return how numbers are read, None where no expected value was asked for.

    Args:
        rows: of `answers.jsonl`.
        speaks: whether the model spoke freely; else the expected value is all there is.
        train_mean: mean of the training values.
    """
    if train_mean is None or all(row.expected is None for row in rows):
        return None
    read = {SAID: rows} if speaks else {}
    read[EXPECTED] = [attrs.evolve(row, prediction=row.expected) for row in rows]
    errors = {name: validation_error(each, train_mean) for name, each in read.items()}
    # The first of equals, and where nobody validates: what a reader can hear.
    best = min(errors, key=lambda name: errors[name])
    return Reading(headline=best, errors=errors, rows=read)


def validation_error(rows: Sequence[AnswerRow], train_mean: float) -> float:
    """Return the mean absolute error of the validation subjects, infinite without any."""
    frame = aggregate([row for row in rows if row.split == "val"], "numerical", (), train_mean)
    predictions = make_predictions(frame, (), train_mean)
    errors = np.abs(predictions.scored - predictions.truth)
    return float(errors.mean()) if len(errors) else float("inf")


def describe_readouts(
    reading: Reading, scored: Mapping[str, Metrics], rows: Sequence[AnswerRow]
) -> Readouts:
    """Return what `metrics.json` tells of the read-outs.

    Args:
        reading: how numbers are read.
        scored: the answers by each read-out.
        rows: of `answers.jsonl`.
    """
    masses = {
        split: [row.mass for row in rows if row.split == split and row.mass is not None]
        for split in EVALUATED
    }
    told = scored[reading.other].splits if reading.other else {}
    return Readouts(
        headline=reading.headline,
        validation={
            name: error if np.isfinite(error) else None for name, error in reading.errors.items()
        },
        other={split: found.metrics for split, found in told.items()},
        mass={split: float(np.mean(each)) for split, each in masses.items() if each},
    )


def keep_counts(metrics: Metrics, said: Metrics) -> Metrics:
    """Return scores with the counts of what was said, whose unread answers stay counted."""
    splits = {
        split: attrs.evolve(found, counts=said.splits[split].counts)
        for split, found in metrics.splits.items()
    }
    return attrs.evolve(metrics, splits=splits)


def headline_rows(rows: Sequence[AnswerRow], metrics: Metrics) -> list[AnswerRow]:
    """Return the answers of a run with the prediction that its scores are made from.

    Args:
        rows: of `answers.jsonl`.
        metrics: of the same run.
    """
    expects = metrics.readouts is not None and metrics.readouts.headline == EXPECTED
    return [attrs.evolve(row, prediction=row.expected) if expects else row for row in rows]
