"""A run's result on the terminal: the sentence of the page, and one table of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from brainplug.report.arms import arms_in_words
from brainplug.report.external_words import external_in_words
from brainplug.report.sentence import (
    SPLIT_NAMES,
    Setting,
    claim,
    further_sentences,
    other_readout,
    own_scores,
    shown_split,
    unopened_in_words,
    unread_in_words,
)
from brainplug.report.wording import count_of, metric_name, show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from brainplug.evaluation.records import Metrics, ReportedScore, SplitScores

WIDTH = 80
"""Columns of a result, so that it can be pasted into a letter."""

GAP = 3
"""Columns between two columns of the table; its edges have one each."""

MODEL = "model"

SHORT_NAMES = {"mae": "MAE", "rmse": "RMSE", "balanced-accuracy": "balanced accuracy"}
"""Names of metrics over a column, where those of a sentence are long."""


def show_result(
    metrics: Metrics, setting: Setting, *, width: int = WIDTH, verbose: bool = True
) -> Iterator[RenderableType]:
    """Show the result: the sentence, the scores, those of each study, and what follows.

    Args:
        metrics: of the run.
        setting: what the sentence says of studies and references.
        width: columns that may be used.
        verbose: whether all that follows is said, and not only what is amiss.
    """
    yield fold(claim(metrics, setting), width, style="bold")
    for study in ("", *metrics.studies, *metrics.external):
        yield from ("", headline(metrics, of=study, width=width))
    said = [*arms_in_words(metrics, shown_split(metrics.splits)), *further_sentences(metrics)]
    told = [*(said if verbose else troubles(metrics)), *external_in_words(metrics)]
    yield from ([""] if told else [])
    for sentence in told:
        yield fold(sentence, width)


def fold(text: str, width: int, style: str = "") -> RenderableType:
    """Return a text that is folded at a column."""
    return Constrain(Text(text, style=style), width)


def troubles(metrics: Metrics) -> Iterator[str]:
    """Say what is amiss with a result: arms that failed, answers unread, a test that is closed."""
    for name, arm in metrics.arms.items():
        if arm.failed:
            yield f"The arm {name} has no result: {arm.failed}"
    split = shown_split(metrics.splits)
    yield from filter(
        None, (unread_in_words(metrics.splits[split].counts, metrics), unopened_in_words(split))
    )


def headline(metrics: Metrics, of: str = "", *, width: int = WIDTH) -> Table:
    """Return the scores beside every baseline's; the first metric with its intervals.

    Every cell stands on one line. Metrics for which there is no room are counted below.

    Args:
        metrics: of the run.
        of: the study whose scores are shown, where they are not those of all.
        width: columns that may be used.
    """
    outside = of in metrics.external
    splits = {"test": metrics.external[of]} if outside else metrics.studies.get(of, metrics.splits)
    split = shown_split(splits)
    scored = splits[split]
    rows = list_rows(scored, metrics, {} if of else dict(other_readout(metrics, split)))
    heads = [head_of(name, score) for name, score in scored.metrics.items()]
    room = count_fitting(rows, heads, width)
    people = count_of(scored.counts.subjects, f"{SPLIT_NAMES[split]} person", "people")
    people = people.replace(" people", f" {SPLIT_NAMES[split]} people")
    table = Table(
        title=f"{metrics.target.name}: {people}" + (f" of {of}" if of else ""),
        box=SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for head in heads[:room]:
        table.add_column(Text(head), justify="right", no_wrap=True, overflow="ellipsis")
    for name, own in rows:
        style = "bold" if name == MODEL else None
        table.add_row(*map(Text, (name, *own[:room])), style=style)
    level = f"{metrics.intervals.confidence:.0%}"
    more = f"; {len(heads) - room} more in metrics.json" if room < len(heads) else ""
    table.caption = f"{level} intervals over {metrics.intervals.unit}{more}"
    return table


def head_of(name: str, score: ReportedScore) -> str:
    """Write a metric over its column: short where the field has a short name, and its direction."""
    unit = f" ({score.unit})" if score.unit else ""
    arrow = "↑" if score.higher_is_better else "↓"
    return f"{SHORT_NAMES.get(name) or metric_name(name)}{unit} {arrow}"


def list_rows(
    scored: SplitScores, metrics: Metrics, others: dict[str, Mapping[str, ReportedScore]]
) -> list[tuple[str, list[str]]]:
    """Return the name and the cells of each system, the best first.

    Args:
        scored: of the split that is shown.
        metrics: of the run.
        others: scores of other read-outs of the model, by name.
    """
    others = others | {name: baseline.metrics for name, baseline in scored.baselines.items()}
    return [
        (MODEL, model_cells(scored, metrics))
        if system is None
        else (system, [*cells(others[system])])
        for system in rank_systems(scored.metrics, others)
    ]


def count_fitting(rows: Sequence[tuple[str, list[str]]], heads: Sequence[str], width: int) -> int:
    """Return how many metrics have room beside the names, one at least.

    Args:
        rows: name and cells of each system.
        heads: of the metrics.
        width: columns that may be used.
    """
    used = 2 + max(cell_len(name) for name, _ in rows)
    for place, head in enumerate(heads):
        column = [cell_len(own[place]) for _, own in rows if place < len(own)]
        used += GAP + max([cell_len(head), *column])
        if used > width:
            return max(place, 1)
    return len(heads)


def rank_systems(
    model: Mapping[str, ReportedScore], others: Mapping[str, Mapping[str, ReportedScore]]
) -> list[str | None]:
    """Return names of systems by the first metric, the best first; None stands for the model.

    The model comes before its equals; whoever has no such score is last.

    Args:
        model: its scores, the headline first.
        others: scores of the others.
    """
    headline = next(iter(model))
    systems: list[tuple[str | None, Mapping[str, ReportedScore]]] = [(None, model), *others.items()]

    def place(system: tuple[str | None, Mapping[str, ReportedScore]]) -> tuple[bool, float]:
        score = system[1].get(headline)
        if score is None or score.value is None:
            return True, 0.0
        return False, -score.value if score.higher_is_better else score.value

    return [name for name, _ in sorted(systems, key=place)]


def model_cells(scored: SplitScores, metrics: Metrics) -> list[str]:
    """Return the model's scores; where nothing could be read, that, since 0.00 looks like a score.

    Args:
        scored: of the split that is shown.
        metrics: of the run.
    """
    scores = own_scores(scored, metrics)
    silent = [score.reason.startswith("none of") for score in scores.values()]
    own = ["" if none else text for none, text in zip(silent, cells(scores), strict=True)]
    if any(silent):
        own[silent.index(True)] = f"all {scored.counts.tasks} answers unreadable"
    return own


def cells(scores: Mapping[str, ReportedScore]) -> Iterator[str]:
    """Write a system's scores: the first with its interval, the others without."""
    for place, score in enumerate(scores.values()):
        yield show_estimate(score) if place == 0 else show_number(score.value)
