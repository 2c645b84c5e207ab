"""The figure of dependence and benefit: how much answers hang on references, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brainplug.report.figures import ACCENT, LINE, SOFT, as_svg, drawing
from brainplug.report.wording import metric_name, show_estimate

if TYPE_CHECKING:
    from brainplug.report.wording import Estimated

HEIGHT = 2.9

REACH = 1.15
"""Height of the figure, as a multiple of the farthest end of the benefit."""

SHARE, SLOPE = "answers that change with the word told", "slope on the value told"

LEAST_HEIGHT = 0.1
"""Half of the figure's height at least, so that a benefit of 0.001 does not fill it."""


def draw_dependence(
    dependence: Estimated,
    benefit: Estimated | None,
    *,
    metric: str,
    higher_is_better: bool,
    numerical: bool,
) -> str:
    """Draw one model by how much its answers hang on the references, and how much they add.

    A model that ignores them is at the left, on the line of no benefit; one that copies what it is
    told at the right, on or below that line; one that uses them at the right, above it.

    Args:
        dependence: share of people whose answer changes with what is told of the references, or of
            a number the slope of the answer on that.
        benefit: the score with references less that without; None where it was not measured.
        metric: name of the score.
        higher_is_better: its direction; what is better is drawn upwards.
        numerical: whether answers are numbers.
    """
    known = benefit is not None and benefit.value is not None
    added = f"references add {show_estimate(benefit)}" if benefit and known else "not measured"
    label = (
        f"Dependence on references {show_estimate(dependence)}, from 0 to 1; benefit in "
        f"{metric_name(metric)}: {added}."
    )
    with drawing(HEIGHT) as (figure, axis):
        top = reach_of(benefit)
        axis.axhline(0, color=LINE, lw=1)
        draw_model(axis, dependence, benefit, sign=1 if higher_is_better else -1)
        for x, y, word, side in (
            (0.0, 0.05 * top, "ignores", "left"),
            (1.0, -0.9 * top, "copies", "right"),
            (1.0, 0.9 * top, "uses", "right"),
        ):
            axis.text(x, y, word, ha=side, va="bottom", color=SOFT, style="italic")
        axis.set_xlim(-0.05, 1.05)
        axis.set_ylim(-top, top)
        axis.set_xlabel("dependence: " + (SLOPE if numerical else SHARE))
        if known:
            axis.set_ylabel(f"benefit: {'' if higher_is_better else 'lower '}{metric_name(metric)}")
        else:
            axis.set_yticks([])
            axis.set_ylabel("benefit: not measured")
        return as_svg(figure, "dependence", label)


def reach_of(benefit: Estimated | None) -> float:
    """Return half of the height of the figure."""
    ends = (benefit.value, benefit.low, benefit.high) if benefit is not None else ()
    return max([REACH * abs(end) for end in ends if end is not None] + [LEAST_HEIGHT])


def draw_model(axis: Any, dependence: Estimated, benefit: Estimated | None, *, sign: int) -> None:
    """Draw the model as a point with two intervals, or as a band where the benefit is not known.

    Args:
        axis: of matplotlib.
        dependence: along the axis.
        benefit: upwards.
        sign: -1 turns what is better upwards.
    """
    if dependence.value is None:
        return
    ends = [value for value in (dependence.low, dependence.high) if value is not None]
    if benefit is None or benefit.value is None:
        axis.axvspan(*(ends or [dependence.value] * 2), color=ACCENT, alpha=0.25, lw=0)
        axis.axvline(dependence.value, color=ACCENT, lw=2)
        return
    if ends:
        axis.plot(ends, [sign * benefit.value] * 2, color=ACCENT, lw=2)
    if benefit.low is not None and benefit.high is not None:
        height = [sign * benefit.low, sign * benefit.high]
        axis.plot([dependence.value] * 2, height, color=ACCENT, lw=2)
    axis.plot(dependence.value, sign * benefit.value, "o", color=ACCENT, ms=7)
