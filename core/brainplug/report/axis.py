"""The one axis on which a metric of many systems is drawn, from worst to best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from brainplug.report.wording import show_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.evaluation.records import SplitScores

SHARES = ("accuracy", "balanced-accuracy", "auroc", "macro-f1", "calibration-error")
"""Metrics from 0 to 1."""


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
        share = (value - self.low) / (self.high - self.low)
        # A margin at both ends, so that a mark at the end is whole.
        return f"{2 + 96 * min(1.0, max(0.0, share)):.1f}%"

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
            if all(abs(round(tick, places) - tick) < 1e-9 for tick in ticks)
        ),
        2,
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
    if part in SHARES:
        return Axis(low=0, high=1, ticks=(0, 0.25, 0.5, 0.75, 1), chance=chance, chance_name=name)
    if part in ("r2", "pearson-r"):
        # What is worse than that is drawn at the edge; its number stands beside.
        low = max(-1.0, math.floor(min([0.0, *found]) * 2) / 2)
        ticks = tuple(low + 0.5 * step for step in range(round((1 - low) * 2) + 1))
        return Axis(low=low, high=1, ticks=ticks, chance=chance, chance_name=name)
    ticks = even_ticks(max(found, default=1.0))
    return Axis(low=0, high=ticks[-1], ticks=ticks, chance=chance, chance_name=name)


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


def even_ticks(highest: float) -> tuple[float, ...]:
    """Return ticks from 0 to just above a value, of an even step.

    >>> even_ticks(0.93), even_ticks(12.0)
    ((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 5.0, 10.0, 15.0))
    """
    rough = max(highest, 1e-9) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    count = math.ceil(highest / step - 1e-9)
    return tuple(round(step * number, 10) for number in range(count + 1))
