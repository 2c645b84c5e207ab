"""The scores of several runs on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.audit.console import show
from brainplug.evaluation.pooled_records import scales_in_words
from brainplug.report.sentence import SPLIT_NAMES, own_scores, unopened_in_words
from brainplug.report.wording import count_of, metric_name, show_estimate
from brainplug.runtime.terminal import make_table

if TYPE_CHECKING:
    from rich.table import Table

    from brainplug.evaluation.records import Metrics


def summary_table(metrics: Metrics) -> Table:
    """Show the scores of each run, their mean and spread, and those of all people with intervals.

    Args:
        metrics: of all runs together.
    """
    summary = metrics.runs
    assert summary is not None
    names = list(summary.mean)
    heads = map(metric_name, names)
    people = f"{SPLIT_NAMES[summary.split]} subjects"
    table = make_table("run", people, *heads, title=count_of(len(summary.runs), "run"))
    for run, found in summary.runs.items():
        table.add_row(run, str(found.subjects), *(show(found.metrics[name]) for name in names))
    for name in summary.failed:
        table.add_row(name, "failed", *("" for _ in names), style="red")
    for words, scores in (("mean of runs", summary.mean), ("sd of runs", summary.sd)):
        table.add_row(words, "", *(show(scores[name]) for name in names))
    pooled = own_scores(metrics.splits[summary.split], metrics)
    shown = [show_estimate(pooled[name]) if name in pooled else "" for name in names]
    table.add_row("all people", str(summary.people), *shown, style="bold")
    scales = [
        scales_in_words(summary, name, metric_name(name), (score.value, score.high))
        for name, score in pooled.items()
    ]
    notes = [*filter(None, scales), unopened_in_words(summary.split)]
    table.caption = " ".join(filter(None, notes)) or None
    return table
