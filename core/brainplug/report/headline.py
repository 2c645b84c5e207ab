"""A run's result on the terminal: the sentence of the page, and one table of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)
from brainplug.report.wording import metric_name, show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from brainplug.evaluation.records import Metrics, ReportedScore, SplitScores


def show_result(metrics: Metrics, setting: Setting) -> Iterator[RenderableType]:
    """Show the result: the sentence, the scores, those of each study, and what follows.

    Args:
        metrics: of the run.
        setting: what the sentence says of studies and references.
    """
    yield Text(claim(metrics, setting), style="bold")
    yield headline(metrics)
    for study in metrics.studies:
        yield headline(metrics, of=study)
    for sentence in (
        *arms_in_words(metrics, shown_split(metrics.splits)),
        *further_sentences(metrics),
    ):
        yield Text(sentence)
    for study in metrics.external:
        yield headline(metrics, of=study)
    for sentence in external_in_words(metrics):
        yield Text(sentence, style="bold")


def headline(metrics: Metrics, of: str = "") -> Table:
    """Return the scores beside every baseline's; the first metric with its intervals.

    Args:
        metrics: of the run.
        of: the study whose scores are shown, where they are not those of all.
    """
    outside = of in metrics.external
    splits = {"test": metrics.external[of]} if outside else metrics.studies.get(of, metrics.splits)
    split = shown_split(splits)
    scored = splits[split]
    people = f"{scored.counts.subjects} {SPLIT_NAMES[split]} subjects" + (f" of {of}" if of else "")
    table = Table(title=f"{metrics.target.name}: {people}", width=80)
    table.add_column("", ratio=1, min_width=12)
    for place, (name, score) in enumerate(scored.metrics.items()):
        unit = f" ({score.unit})" if score.unit else ""
        arrow = "↑" if score.higher_is_better else "↓"
        # A score and its interval stand on one line; words of the other heads break.
        least = 19 if place == 0 else 8
        table.add_column(f"{metric_name(name)}{unit} {arrow}", justify="right", min_width=least)
    others = dict(other_readout(metrics, split) if not of else ())
    others |= {name: baseline.metrics for name, baseline in scored.baselines.items()}
    for system in rank_systems(scored.metrics, others):
        if system is None:
            table.add_row("model", *model_cells(scored, metrics), style="bold")
        else:
            table.add_row(system, *cells(others[system]))
    level = f"{metrics.intervals.confidence:.0%}"
    table.caption = f"{level} intervals over {metrics.intervals.unit}; all in metrics.json"
    return table


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
