"""How far a predicted number may be off: a split-conformal interval from the validation people.

Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, Journal of the American Statistical Association
113, 1094, section 2.2. It asks nothing of the model and of the distribution of its errors: if a new
person is exchangeable with those of validation, its error is as likely to stand at any place among
theirs, so that the interval holds the truth with at least the stated probability, on average over
validation sets and new people. Of one kind of people, such as the oldest, it promises nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


@attrs.frozen(kw_only=True)
class Band:
    """How far a prediction may be off on either side.

    Attributes:
        coverage: least probability that the truth is within, on average.
        people: validation people whose errors it rests on.
        radius: half the width, in the unit of the target; None where it has no end.
        unread: validation people who have no error, since no answer could be read.
    """

    coverage: float
    people: int
    radius: float | None
    unread: int = 0


def conformal_band(errors: Sequence[float], coverage: float) -> Band:
    """Return the interval around a prediction.

    Args:
        errors: absolute error of each validation person, in the unit of the target.
        coverage: least probability that the truth is within.

    >>> conformal_band([3.0, 1.0, 2.0, 4.0], 0.8).radius
    4.0
    >>> conformal_band([3.0, 1.0, 2.0], 0.8).radius is None
    True
    """
    rank = conformal_rank(len(errors), coverage)
    radius = sorted(errors)[rank - 1] if rank <= len(errors) else None
    return Band(coverage=coverage, people=len(errors), radius=radius)


def conformal_rank(people: int, coverage: float) -> int:
    """Return which of the sorted errors is the radius; beyond the last where people are too few.

    >>> conformal_rank(99, 0.9), conformal_rank(9, 0.9), conformal_rank(8, 0.9)
    (90, 9, 9)
    """
    # Less a little, since (n + 1) x 0.9 may come out just above a whole number.
    return math.ceil((people + 1) * coverage - 1e-9)


def least_people(coverage: float) -> int:
    """Return how many validation people an interval with ends needs.

    >>> least_people(0.9), least_people(0.95)
    (9, 19)
    """
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def absolute_errors(frame: pd.DataFrame) -> list[float]:
    """Return one error a person, the largest where somebody was scanned several times.

    Args:
        frame: of the validation split, as `aggregate` gives it.
    """
    wrong = (frame["prediction"].astype(float) - frame["truth"].astype(float)).abs()
    return [float(each) for each in wrong.groupby(frame["subject"]).max()]


def guarantee(band: Band, *, chosen_there: bool) -> str:
    """Say what an interval promises, and what not.

    Args:
        band: the interval.
        chosen_there: whether the same people chose the checkpoint or the read-out.
    """
    share = f"{band.coverage:.0%}"
    if band.radius is None:
        least = least_people(band.coverage)
        told = f"No interval with ends: at {share} it needs {least} validation people"
        if not band.unread:
            return f"{told}, and the run has {band.people}."
        return (
            f"{told} whose answers could be read, and the run has {band.people}; of {band.unread} "
            "more no answer could be read."
        )
    told = (
        f"The interval holds the truth for at least {share} of people on average, if they and "
        f"their references are like those of validation (exchangeable); it is as wide for all, and "
        f"promises nothing of a single kind of people. Split conformal, from the errors of "
        f"{band.people} validation people."
    )
    if not chosen_there:
        return told
    return f"{told} They also chose what is read off the model, which makes it a little too narrow."
