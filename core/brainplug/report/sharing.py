"""What a page that may be shared must not show: counts of a few people, exact truths.

A hidden count must not follow from what is shown beside it: where the total of a row is known, one
more of its cells is told as a bound, which says nothing that the others and the total do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.small_cells import SMALLEST_CELL, is_few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HIDDEN = "…"

FEW = f"<{SMALLEST_CELL}"


def show_count(count: int, *, individual: bool) -> str:
    """Write a count of people or scans."""
    return FEW if is_few(count) and not individual else f"{count:,}"


def show_counts(counts: Sequence[int], *, individual: bool) -> list[str]:
    """Write the counts of a row whose total is known, unless that is of few people too.

    Few people are told as `<5`, and the smallest of the other counts as a bound, so that the
    difference to the total tells no more.

    Args:
        counts: all cells of the row.
        individual: everything is shown.

    >>> show_counts([49, 1, 0], individual=False), show_counts([0, 2], individual=False)
    (['≥46', '<5', '0'], ['0', '<5'])
    """
    few = [place for place, count in enumerate(counts) if is_few(count)]
    if individual or not few:
        return [f"{count:,}" for count in counts]
    others = [place for place, count in enumerate(counts) if count >= SMALLEST_CELL]
    shown = [FEW if place in few else f"{count:,}" for place, count in enumerate(counts)]
    if others:
        bound = min(others, key=lambda place: counts[place])
        known = counts[bound] + sum(counts[place] for place in few)
        shown[bound] = f"≥{max(SMALLEST_CELL, known - len(few) * (SMALLEST_CELL - 1)):,}"
    elif not is_few(sum(counts)) and len(few) in (
        1,
        sum(counts),
        sum(counts) / (SMALLEST_CELL - 1),
    ):
        # The total alone tells each of them, as 8 tells two that are below 5 and above 3.
        return [HIDDEN] * len(counts)
    return shown


def show_part(count: int, whole: int, *, individual: bool) -> str:
    """Write a part of a whole that is told; neither few people nor a few who are left are counted.

    >>> show_part(1, 80, individual=False), show_part(78, 80, individual=False)
    ('<5', '≥76')
    """
    return show_counts([count, whole - count], individual=individual)[0]


def show_loss(kept: int, lost: int, *, individual: bool) -> tuple[str, str]:
    """Write how many there were before and how many were lost, where the rest is shown.

    >>> show_loss(59, 1, individual=False), show_loss(595, 5, individual=False)
    (('60 to 63', '<5'), ('600', '5'))
    """
    if individual or not is_few(lost):
        return f"{kept + lost:,}", f"{lost:,}"
    return f"{kept + 1:,} to {kept + SMALLEST_CELL - 1:,}", FEW


def pool_few(counts: Mapping[str, int], name: str = "other reasons") -> dict[str, int]:
    """Join all counts of few people, with the next larger one where they stay few.

    >>> pool_few({"a": 9, "b": 1, "c": 7, "d": 2})
    {'a': 9, 'other reasons': 10}
    """
    ordered = sorted(counts, key=lambda key: counts[key])
    pooled: list[str] = []
    for key in ordered:
        total = sum(counts[each] for each in pooled)
        if is_few(counts[key]) or is_few(total):
            pooled.append(key)
    if len(pooled) < 2:
        return dict(counts)
    kept = {key: count for key, count in counts.items() if key not in pooled}
    return kept | {name: sum(counts[key] for key in pooled)}


def ends_of(values: Sequence[float], smallest: int = SMALLEST_CELL) -> tuple[float, float] | None:
    """Return the mean of the few lowest and of the few highest values; None of too few people.

    Exact ends would be the values of one person each.
    """
    if len(values) < 2 * smallest:
        return None
    ordered = np.sort(np.asarray(values, dtype=float))
    return float(ordered[:smallest].mean()), float(ordered[-smallest:].mean())
