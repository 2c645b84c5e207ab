"""Whether probabilities come about as often as they say, and whether numbers err to one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.calibration import ENOUGH_FOR_CURVE
from brainplug.evaluation.numbers_in_words import MINUS
from brainplug.report.figures import draw_calibration
from brainplug.report.wording import show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brainplug.evaluation.records import Calibration, NumberBias
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Calibrated:
    """Numbers of calibration, and the curve where there are enough people.

    Attributes:
        of: whose probabilities; empty for numbers.
        rows: name, number with interval, and what it means.
        curve: as SVG; empty without one.
        enough: people from which on there is a curve; None for numbers.
    """

    of: str
    rows: Sequence[tuple[str, str, str]]
    curve: str = ""
    enough: int | None = None


def make(facts: Facts) -> Calibrated | None:
    """Tell of the calibration, where there are probabilities, or of the bias of numbers."""
    found, bias = facts.scored.calibration, facts.scored.bias
    if found is not None:
        enough = facts.scored.counts.subjects >= ENOUGH_FOR_CURVE
        return Calibrated(
            of=found.of,
            rows=list(describe(found)),
            curve=draw_calibration(found.bins) if enough and found.bins else "",
            enough=ENOUGH_FOR_CURVE,
        )
    if bias is not None:
        unit = facts.metrics.target.unit
        return Calibrated(of="", rows=list(describe_bias(bias, f" {unit}" if unit else "")))
    return None


def describe(found: Calibration) -> Iterator[tuple[str, str, str]]:
    """Give each measure with its meaning; files of older versions lack some."""
    brier = found.brier_score
    shown = show_number(found.brier) if brier is None else show_estimate(brier)
    yield "Brier score", shown, "over all labels; 0 is best, 2 worst"
    if found.log_loss is not None:
        yield "log loss", show_estimate(found.log_loss), "0 is best"
    if found.slope is not None:
        yield "slope", show_estimate(found.slope), "1 is best, below it is overconfident"
    if found.intercept is not None:
        meaning = "0 is best, below it states too high a probability"
        yield "intercept", show_estimate(found.intercept), meaning
    yield (
        "expected calibration error",
        show_number(found.expected_error),
        "mean distance of stated and observed; 0 is best",
    )


def describe_bias(bias: NumberBias, unit: str) -> Iterator[tuple[str, str, str]]:
    """Give the mean error and its slope on the truth."""
    yield "prediction less truth", f"{show_estimate(bias.mean)}{unit}", "on average; 0 is best"
    yield (
        "slope of that error on the truth",
        show_estimate(bias.slope),
        f"0 is best; {MINUS}1 is one number for everybody: regression to the mean",
    )
