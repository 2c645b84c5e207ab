"""Figures of the report, as SVG or PNG inside the page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from brainplug.report.headline import metric_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from brainplug.api.records import Volume
    from brainplug.evaluation.records import Confusion, SplitScores

INK, ACCENT, MUTED = "#1f2933", "#2463a8", "#8a97a6"


def make_figure(width: float, height: float) -> tuple[Figure, Any]:
    """Make a figure with one plain axis, without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.add_subplot()
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG element."""
    import matplotlib as mpl

    stream = io.StringIO()
    # Texts stay texts that can be searched; with salt and without a date, the same run gives the
    # same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "brainplug"}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    # What comes before is of an XML file and has no place within a page.
    return text[text.index("<svg") :]


def as_png(figure: Figure) -> str:
    """Return a figure as a data address, for pictures of many points."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, facecolor="black")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def draw_scores(split: SplitScores, metric: str) -> str:
    """Draw the model's score and every rule's, with their intervals."""
    systems = [("model", split.metrics.get(metric))]
    systems += [(name, each.metrics.get(metric)) for name, each in split.baselines.items()]
    shown = [(name, score) for name, score in systems if score and score.value is not None]
    figure, axis = make_figure(6.4, 0.42 * len(shown) + 0.7)
    for place, (name, score) in enumerate(reversed(shown)):
        colour = ACCENT if name == "model" else MUTED
        if score.low is not None:
            axis.plot([score.low, score.high], [place, place], color=colour, lw=2)
        axis.plot(score.value, place, "o", color=colour, ms=7)
    axis.set_yticks(range(len(shown)), [name for name, _ in reversed(shown)])
    axis.set_xlabel(metric_name(metric))
    axis.set_ylim(-0.6, len(shown) - 0.4)
    return as_svg(figure)


def draw_history(history: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Draw the training loss and the validation metric over the steps of all phases."""
    figure, axis = make_figure(6.4, 2.8)
    history, begins = follow_on(history)
    for begin in begins[1:]:
        axis.axvline(begin, color=MUTED, lw=1, ls=":")
    losses = [(row["step"], row["loss"]) for row in history if "loss" in row]
    if losses:
        axis.plot(*zip(*losses, strict=True), color=MUTED, lw=1.5)
        axis.set_yscale("log")
    axis.set_xlabel("optimiser step")
    axis.set_ylabel("training loss", color=MUTED)
    key = f"eval_{metric}"
    scores = [(row["step"], row[key]) for row in history if row.get(key) is not None]
    if scores:
        other = axis.twinx()
        other.spines["top"].set_visible(False)
        other.plot(*zip(*scores, strict=True), "o-", color=ACCENT, ms=4)
        other.set_ylabel(f"validation {metric_name(metric)}", color=ACCENT)
    return as_svg(figure)


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


def draw_confusion(confusion: Confusion) -> str:
    """Draw truth against answer, unread answers in a column of their own."""
    matrix = np.asarray(confusion.matrix, dtype=float)
    columns = [*confusion.labels, "unread"][: matrix.shape[1]]
    figure, axis = make_figure(1.1 * matrix.shape[1] + 2.2, 0.8 * matrix.shape[0] + 1.2)
    # Even the largest count stays below the dark end of the scale, where its number could not be
    # read.
    axis.imshow(matrix, cmap="Blues", vmin=0, vmax=max(1.0, matrix.max() * 1.4), aspect="auto")
    for (row, column), count in np.ndenumerate(matrix):
        axis.text(column, row, f"{count:.0f}", ha="center", va="center", color=INK)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(matrix.shape[0]), confusion.labels)
    axis.set_xlabel("answer")
    axis.set_ylabel("truth")
    return as_svg(figure)


def draw_scatter(
    pairs: Sequence[Sequence[float]], train_mean: float | None, *, single: bool
) -> str:
    """Draw predicted against true values; without `single`, as means of groups of five or more."""
    points = np.asarray(pairs, dtype=float)
    if not single:
        points = group_means(points)
    figure, axis = make_figure(4.6, 4.2)
    low, high = float(points.min()), float(points.max())
    axis.plot([low, high], [low, high], color=MUTED, lw=1, label="identity")
    if train_mean is not None:
        axis.axhline(train_mean, color=MUTED, lw=1, ls=":", label="mean of the training queries")
    label = "subjects" if single else "means of subjects alike in truth"
    axis.plot(points[:, 0], points[:, 1], "o", color=ACCENT, ms=6, alpha=0.8, label=label)
    axis.set_xlabel("true value")
    axis.set_ylabel("predicted value")
    axis.legend(frameon=False, fontsize=8)
    return as_svg(figure)


def group_means(points: np.ndarray, smallest: int = 5) -> np.ndarray:
    """Return mean truth and prediction of groups of at least `smallest` people alike in truth."""
    # Only groups of five or more: a point of one person could be matched to a known value.
    ordered = points[np.argsort(points[:, 0], kind="stable")]
    groups = max(1, len(ordered) // smallest)
    return np.array([group.mean(axis=0) for group in np.array_split(ordered, groups)])


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
