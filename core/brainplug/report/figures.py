"""Figures of the report, as SVG or PNG inside the page, readable in light and dark."""

from __future__ import annotations

import base64
import html
import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from brainplug.evaluation.small_cells import SMALLEST_CELL, group_alike
from brainplug.report.wording import metric_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.figure import Figure

    from brainplug.api.records import Volume
    from brainplug.evaluation.records import CalibrationBin

INK, SOFT, LINE, ACCENT, SECOND = "#111213", "#515253", "#919293", "#2163a9", "#a96321"
"""Colours that stand for those of the page, which differ between light and dark."""

OF_PAGE = {INK: "ink", SOFT: "soft", LINE: "line", ACCENT: "accent", SECOND: "second"}

WIDTH = 4.3
"""Inches of a figure: 400 pixels, so that its letters can be read on a telephone."""

PLAIN = {
    # Names from outside may hold a dollar sign, which would be read as mathematics.
    "text.parse_math": False,
    # Texts stay texts that can be searched; with salt and without a date, the same run gives the
    # same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "brainplug",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def drawing(height: float, rows: int = 1, **more: Any) -> Iterator[tuple[Figure, Any]]:
    """Give a figure and its axes, without pyplot's global state.

    Args:
        height: in inches.
        rows: axes one above the other.
        more: for `subplots`.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(PLAIN):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure, figure.subplots(rows, **more)


def as_svg(figure: Figure, name: str, label: str) -> str:
    """Return a figure as an SVG element that says what it shows.

    Args:
        figure: drawn within `drawing`, and saved there.
        name: tells its ids from those of other figures of the page.
        label: what a reader who does not see it must know.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    # What comes before is of an XML file and has no place within a page.
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, variable in OF_PAGE.items():
        text = text.replace(colour, f"var(--{variable})")
    said = html.escape(label, quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{said}"', 1)


def as_png(figure: Figure) -> str:
    """Return a figure as a data address, for pictures of many points."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, facecolor="black")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def draw_history(history: Sequence[Mapping[str, Any]], metric: str, chosen: int | None) -> str:
    """Draw the training loss, and below it the validation score, over the steps of all phases.

    Args:
        history: rows of `training.json`.
        metric: that chose the checkpoint.
        chosen: step of the weights that were kept, counted over all phases; None for none.
    """
    from matplotlib.ticker import LogLocator

    rows, begins = follow_on(history)
    losses = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
    key = f"eval_{metric}"
    scores = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    panels = [("training loss", losses, "-"), (f"validation {metric_name(metric)}", scores, "o-")]
    panels = [panel for panel in panels if panel[1]]
    with drawing(1.7 * max(1, len(panels)), max(1, len(panels)), sharex=True, squeeze=False) as (
        figure,
        axes,
    ):
        for axis, (name, points, style) in zip(axes[:, 0], panels, strict=False):
            axis.plot(*zip(*points, strict=True), style, color=ACCENT, lw=1.4, ms=4)
            axis.set_title(name, loc="left", fontsize=9, color=SOFT)
            for begin in begins[1:]:
                axis.axvline(begin, color=LINE, lw=1, ls=":")
            if chosen is not None:
                axis.axvline(chosen, color=SECOND, lw=1, ls="--")
            heights = [height for _, height in points]
            if name == "training loss" and max(heights) > 10 * min(heights) > 0:
                axis.set_yscale("log")
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
                # The usual names of ticks are mathematics, which is not read here.
                axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
                axis.yaxis.set_minor_formatter(lambda _value, _place: "")
        axes[-1, 0].set_xlabel("optimiser step")
        label = describe_curves(losses, scores, metric)
        return as_svg(figure, "history", label)


def describe_curves(
    losses: Sequence[tuple[int, float]], scores: Sequence[tuple[int, float]], metric: str
) -> str:
    """Say in words what the curves show."""
    parts = []
    if losses:
        parts.append(f"Training loss from {losses[0][1]:.3g} to {losses[-1][1]:.3g}")
    if scores:
        name = metric_name(metric)
        parts.append(f"validation {name} from {scores[0][1]:.3g} to {scores[-1][1]:.3g}")
    return "; ".join(parts) + f" over {losses[-1][0] if losses else 0} steps."


def follow_on(
    history: Sequence[Mapping[str, Any]],
) -> tuple[list[dict[str, Any]], list[int]]:
    """Count steps on through the phases, each of which begins at one again.

    Returns:
        The rows, and the step that each phase begins after.

    >>> follow_on([{"phase": 1, "step": 9}, {"phase": 2, "step": 4}])
    ([{'phase': 1, 'step': 9}, {'phase': 2, 'step': 13}], [0, 9])
    """
    rows: list[dict[str, Any]] = []
    begins: dict[int, int] = {}
    for row in history:
        begin = begins.setdefault(row["phase"], rows[-1]["step"] if rows else 0)
        rows.append({**row, "step": begin + row["step"]})
    return rows, list(begins.values())


def draw_scatter(
    pairs: Sequence[Sequence[float]], train_mean: float | None, *, single: bool, unit: str = ""
) -> str:
    """Draw the prediction of each person against the true value.

    Args:
        pairs: truth and prediction of each person.
        train_mean: drawn as a line; None for none.
        single: each person at the own true value; without it, at the mean of those alike in it,
            and predictions rounded to a sixtieth of their range.
        unit: of the values.
    """
    points = np.asarray(pairs, dtype=float)
    if not single:
        points = np.column_stack([group_alike(points[:, 0].tolist()), round_to_range(points[:, 1])])
    low, high = float(points.min()), float(points.max())
    margin = 0.04 * (high - low or 1.0)
    with drawing(WIDTH) as (figure, axis):
        axis.plot([low, high], [low, high], color=LINE, lw=1.2)
        axis.annotate(
            "right", (high, high), color=SOFT, fontsize=8, ha="right", va="bottom", rotation=45
        )
        if train_mean is not None:
            axis.axhline(train_mean, color=SECOND, lw=1, ls="--")
            axis.annotate("training mean", (low, train_mean), color=SECOND, fontsize=8, va="bottom")
        axis.plot(points[:, 0], points[:, 1], "o", color=ACCENT, ms=4.5, alpha=0.55, mew=0)
        axis.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
        axis.set_aspect("equal")
        shown = f" ({unit})" if unit else ""
        axis.set_xlabel(f"true value{shown}" if single else f"true value{shown}, of five or more")
        axis.set_ylabel(f"prediction{shown}")
        label = f"Scatter of {len(points)} people: prediction against true value."
        return as_svg(figure, "scatter", label)


def round_to_range(values: np.ndarray, steps: int = 60) -> np.ndarray:
    """Round values to a share of their range."""
    low, span = values.min(), float(np.ptp(values)) or 1.0
    return np.asarray(low + np.round((values - low) / span * steps) / steps * span)


def draw_calibration(bins: Sequence[CalibrationBin]) -> str:
    """Draw how often answers were right against how probable the model held them."""
    shown = [each for each in bins if each.n >= SMALLEST_CELL]
    with drawing(WIDTH * 0.9) as (figure, axis):
        axis.plot([0, 1], [0, 1], color=LINE, lw=1.2)
        axis.plot(
            [each.mean_probability for each in shown],
            [each.observed for each in shown],
            "o-",
            color=ACCENT,
            ms=5,
            lw=1.2,
        )
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_aspect("equal")
        axis.set_xlabel("probability the model gave")
        axis.set_ylabel("share that was so")
        label = f"Calibration curve of {len(shown)} bins of answers, against the diagonal."
        return as_svg(figure, "calibration", label)


def draw_slices(volume: Volume) -> str:
    """Draw the middle sagittal, coronal and axial slice; left is left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 2.1), layout="constrained", facecolor="black")
    middle = [size // 2 for size in volume.shape]
    slices = (volume[middle[0]], volume[:, middle[1]], volume[:, :, middle[2]])
    marks = (("P", "A"), ("L", "R"), ("L", "R"))
    for axis, picture, (left, right) in zip(figure.subplots(1, 3), slices, marks, strict=True):
        # Rows of a picture run downwards; turned over like this, a slice's first axis runs to the
        # right and its second one up.
        axis.imshow(np.asarray(picture, dtype=float).T, origin="lower", cmap="gray", vmin=0)
        axis.set_axis_off()
        axis.text(0.02, 0.5, left, color="white", fontsize=8, transform=axis.transAxes)
        axis.text(0.93, 0.5, right, color="white", fontsize=8, transform=axis.transAxes)
    return as_png(figure)
