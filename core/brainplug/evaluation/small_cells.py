"""What is too few people to be counted, averaged or drawn where others may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALLEST_CELL = 5
"""Fewer people than this are not told of on what is shared, nor scored as a group."""


def is_few(count: object) -> bool:
    """Tell whether a count is of so few people that it is hidden; nobody at all is not."""
    return isinstance(count, int) and not isinstance(count, bool) and 0 < count < SMALLEST_CELL


def group_alike(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Replace each value by the mean of a group of five or more people alike in it.

    That is microaggregation of one variable: every number that is told stands for at least
    `SMALLEST_CELL` people (Domingo-Ferrer and Mateo-Sanz 2002, doi 10.1109/69.979982).

    Args:
        values: one a person.

    Returns:
        The means, in the order of the values; fewer people than that are one group.

    >>> group_alike([9.0, 1.0, 2.0, 3.0, 4.0, 5.0]).tolist()
    [4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    """
    array = np.asarray(values, dtype=float)
    order = np.argsort(array, kind="stable")
    found = np.empty(len(array))
    for group in np.array_split(order, max(1, len(array) // SMALLEST_CELL)):
        if len(group):
            found[group] = array[group].mean()
    return found
