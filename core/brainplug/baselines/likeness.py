"""Readers that answer with the value of the scans most like the query's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.baselines.linear import decide
from brainplug.baselines.records import Said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float

    from brainplug.baselines.exam import Exam

MOST_NEIGHBOURS = 25
ROWS_AT_ONCE = 512


def nearest_people(exam: Exam) -> Said | str:
    """Answer as the training scans most like the query do, by the square root of their number."""
    count = min(MOST_NEIGHBOURS, round(len(exam.learn.frame) ** 0.5))
    learn = directions(exam.learn.coarse, exam.centre)
    found = []
    for start in range(0, len(exam.asked.coarse), ROWS_AT_ONCE):
        asked = directions(exam.asked.coarse[start : start + ROWS_AT_ONCE], exam.centre)
        found.append(np.argpartition(-(asked @ learn.T), count - 1, axis=1)[:, :count])
    values = exam.truths[np.concatenate(found)]
    if not exam.labels:
        return Said(predictions=values.astype(float).mean(axis=1))
    shares = [(values == label).mean(axis=1) for label in exam.labels]
    return decide(exam, np.column_stack(shares))


def nearest_reference(exam: Exam) -> Said | str:
    """Answer the value of the most similar of the very references that a query's tasks show."""
    if not all(len(shown) for shown in exam.shown):
        return "queries have no reference"
    chosen = [exam.references.values[number] for number in find_nearest(exam)]
    if not exam.labels:
        return Said(predictions=np.array(chosen, dtype=float))
    said = np.array(chosen, dtype=object)
    chances = np.column_stack([(said == label).astype(float) for label in exam.labels])
    return Said(predictions=said, probabilities=chances)


def find_nearest(exam: Exam) -> Iterator[int]:
    """Give for each who is asked the number of the reference that is most alike; the first wins."""
    for row, shown in enumerate(exam.shown):
        query = directions(exam.asked.coarse[row : row + 1], exam.centre)
        others = directions(exam.references.coarse[list(shown)], exam.centre)
        yield shown[int((others @ query[0]).argmax())]


def directions(
    coarse: Float[np.ndarray, "n d"], centre: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "n d"]:
    """Return coarse copies less the mean head, at unit length: their products are correlations.

    The mean is taken off since all heads are alike in that they are heads.
    """
    apart = coarse.astype(np.float32) - centre
    apart -= apart.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    unit: Float[np.ndarray, "n d"] = apart / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
