"""What was predicted against what is true: a confusion matrix, or a scatter of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.small_cells import SMALLEST_CELL
from brainplug.report.figures import draw_scatter
from brainplug.report.sharing import show_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.evaluation.records import Confusion
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Cell:
    """A cell of a confusion matrix: its count in words, its share of the row, if it is right."""

    shown: str
    share: float
    right: bool


@attrs.frozen(kw_only=True)
class Predictions:
    """One of two pictures.

    Attributes:
        columns: what could be said; empty for numbers.
        rows: each true label with its cells.
        hidden: whether counts of few people are hidden.
        scatter: as SVG; empty for labels, and of too few people to be shown.
        people: people drawn.
        exact: whether each is drawn at the own true value.
    """

    columns: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[Cell]]] = ()
    hidden: bool = False
    scatter: str = ""
    people: int = 0
    exact: bool = False


def make(facts: Facts) -> Predictions | None:
    """Set out the predictions of the split that is shown."""
    scored, individual = facts.scored, facts.individual
    if scored.confusion is not None:
        return set_out(scored.confusion, individual=individual)
    points = scored.scatter or ()
    if not points:
        return None
    people = len(points)
    if people < SMALLEST_CELL and not individual:
        return Predictions(people=people)
    target = facts.metrics.target
    svg = draw_scatter(points, facts.metrics.train.mean, single=individual, unit=target.unit)
    return Predictions(scatter=svg, people=people, exact=individual)


def set_out(confusion: Confusion, *, individual: bool) -> Predictions:
    """Set out a confusion matrix, in which counts of a few people are hidden."""
    rows, hidden = [], False
    for place, (label, counts) in enumerate(zip(confusion.labels, confusion.matrix, strict=True)):
        shown = show_counts(counts, individual=individual)
        hidden |= any(not text.replace(",", "").isdigit() for text in shown)
        total = max(1, sum(counts))
        # A tint in steps, since its exact strength would tell the count.
        shares = [round(4 * count / total) / 4 for count in counts]
        rows.append(
            (
                label,
                [
                    Cell(shown=text, share=share, right=column == place)
                    for column, (text, share) in enumerate(zip(shown, shares, strict=True))
                ],
            )
        )
    columns = [*confusion.labels, "unread"][: len(confusion.columns)]
    return Predictions(columns=columns, rows=rows, hidden=hidden)
