"""What every training scan shows, in the form in which a plain head learns it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.api.records import TargetValue
    from brainplug.tasks.task import Task


@attrs.frozen(kw_only=True)
class ScanValues:
    """The value of each scan of some tasks, queries and references alike.

    Attributes:
        num_labels: classes there are; 0 for a number.
        of_file: for each scan file the number of its class, or its number less the mean of all
            scans, over their standard deviation.
        subjects: for each scan file whom it shows, in the same order.
    """

    num_labels: int
    of_file: Mapping[Path, float]
    subjects: Mapping[Path, str]


def make_values(tasks: Sequence[Task], labels: Sequence[TargetValue]) -> ScanValues:
    """Read the value of every scan off the tasks that show it, each scan once.

    Args:
        tasks: of training.
        labels: classes in their order; none for a number.
    """
    told: dict[Path, TargetValue] = {}
    subjects: dict[Path, str] = {}
    for task in tasks:
        # What is asked of a scan comes before what is said of it: in finished task files a
        # reference's number may be rounded.
        told[task.images[-1]] = task.truth
        subjects[task.images[-1]] = task.subject
    for task in tasks:
        for file, value, subject in zip(
            task.images[:-1], task.reference_values, task.references, strict=True
        ):
            told.setdefault(file, value)
            subjects.setdefault(file, subject)
    return ScanValues(
        num_labels=len(labels),
        of_file=number_classes(told, labels) if labels else standardise(told),
        subjects=subjects,
    )


def number_classes(
    told: Mapping[Path, TargetValue], labels: Sequence[TargetValue]
) -> dict[Path, float]:
    """Return the number of each scan's class."""
    numbers = {label: float(number) for number, label in enumerate(labels)}
    return {file: numbers[value] for file, value in told.items()}


def standardise(told: Mapping[Path, TargetValue]) -> dict[Path, float]:
    """Return numbers of mean 0 and standard deviation 1; all 0 where they are all the same."""
    values = np.array([float(value) for value in told.values()])
    spread = values.std() or 1.0
    return dict(zip(told, ((values - values.mean()) / spread).tolist(), strict=True))
