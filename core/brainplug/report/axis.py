"""The one axis on which a metric of many systems is drawn, from worst to best."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import attrs

from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.evaluation.records import SplitScores

SHARES = ("accuracy", "balanced-accuracy", "auroc", "macro-f1", "calibration-error")
"""Metrics from 0 to 1."""

SMALLEST, LARGEST = 1e-300, sys.float_info.max
"""Distances of ticks, and ticks, beyond which there is no arithmetic."""


@attrs.frozen(kw_only=True)
class Axis:
    """A common axis.

    Attributes:
        low: left end.
        high: right end.
        ticks: values that are labelled.
        chance: what no knowledge reaches; None where nothing general can be said.
        chance_name: what that is, in a word or two.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    chance: float | None = None
    chance_name: str = ""

    def place(self, value: float) -> str:
        """Return where a value stands, in percent of the width; what is outside, at the edge.

        >>> Axis(low=0, high=1, ticks=()).place(0.5)
        '50.0%'
        """
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        # A margin at both ends, so that a mark at the end is whole.
        return f"{2 + 96 * min(1.0, max(0.0, share)):.1f}%"

    def beyond(self, value: float | None) -> str:
        """Return at which end a value lies outside, `low` or `high`; empty where it is within.

        >>> Axis(low=-1, high=1, ticks=()).beyond(-3.0)
        'low'
        """
        if value is None or self.low <= value <= self.high:
            return ""
        return "low" if value < self.low else "high"

    @property
    def labels(self) -> list[tuple[str, str]]:
        """Place and text of each tick."""
        places = 0 if all(float(tick).is_integer() for tick in self.ticks) else None
        shown = [
            show_number(tick, places if places is not None else tick_places(self.ticks))
            for tick in self.ticks
        ]
        return [(self.place(tick), text) for tick, text in zip(self.ticks, shown, strict=True)]


def tick_places(ticks: Sequence[float]) -> int:
    """Return the decimal places that tell ticks apart.

    >>> tick_places([0.0, 0.25, 0.5]), tick_places([0.0, 0.2])
    (2, 1)
    """
    return next(
        (
            places
            for places in range(1, 8)
            if all(abs(round(tick, places) - tick) <= 1e-9 * max(map(abs, ticks)) for tick in ticks)
        ),
        8,
    )


def make_axis(metric: str, values: Iterable[float | None], scored: SplitScores) -> Axis:
    """Return the axis of a metric.

    Args:
        metric: its name.
        values: all that is to be drawn; what is None is not.
        scored: of the split, for what chance is.
    """
    found = [value for value in values if value is not None and math.isfinite(value)]
    part = metric.partition(" (")[0]
    chance, name = find_chance(part, scored)
    if part in SHARES and all(0 <= value <= 1 for value in found):
        return Axis(low=0, high=1, ticks=(0, 0.25, 0.5, 0.75, 1), chance=chance, chance_name=name)
    if part in ("r2", "pearson-r") and max(found, default=1.0) <= 1:
        # What is worse than that is an arrow at the edge; its number stands beside.
        low = max(-1.0, math.floor(min([0.0, *found]) * 2) / 2)
        ticks = tuple(low + 0.5 * step for step in range(round((1 - low) * 2) + 1))
        return Axis(low=low, high=1, ticks=ticks, chance=chance, chance_name=name)
    ticks = even_ticks(max(found, default=1.0), min(found, default=0.0))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks, chance=chance, chance_name=name)


def find_chance(metric: str, scored: SplitScores) -> tuple[float | None, str]:
    """Return what a guess without any knowledge reaches, and its name."""
    if metric == "auroc":
        return 0.5, "chance"
    if metric in ("r2", "pearson-r"):
        return 0.0, "no skill"
    if scored.confusion is None:
        constant = scored.baselines.get("train mean")
        score = constant.metrics.get(metric) if constant else None
        return (score.value, "training mean") if score else (None, "")
    sizes = [sum(row) for row in scored.confusion.matrix]
    present = len([size for size in sizes if size > 0])
    if metric == "balanced-accuracy" and present > 1:
        return 1 / present, "chance"
    if metric == "accuracy" and any(sizes):
        return max(sizes) / sum(sizes), "commonest class"
    return None, ""


def even_ticks(highest: float, lowest: float = 0.0) -> tuple[float, ...]:
    """Return ticks of an even step that hold zero and two values, whatever their size and sign.

    >>> even_ticks(0.93), even_ticks(12.0)
    ((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 5.0, 10.0, 15.0))
    >>> even_ticks(-0.23, -0.91), even_ticks(0.0)
    ((-1.0, -0.75, -0.5, -0.25, 0.0), (0.0, 0.25, 0.5, 0.75, 1.0))
    """
    low, high = min(lowest, 0.0), max(highest, 0.0)
    if low == high:
        high = 1.0  # zero alone has no distance
    # Of halves, since the distance of the largest numbers is none.
    rough = max((high / 2 - low / 2) / 2, SMALLEST)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    # Rounding alone asks for no further tick, but the smallest value below or above zero does.
    first = min(math.floor(low / step + 1e-9), -1 if low < 0 else 0)
    last = max(math.ceil(high / step - 1e-9), 1 if high > 0 else 0)
    ticks = (float(f"{step * number:.10g}") for number in range(first, last + 1))
    return tuple(max(-LARGEST, min(LARGEST, tick)) + 0.0 for tick in ticks)
