"""The result in studies that were tested only, in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.report.wording import metric_name, show_estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.evaluation.records import Metrics, SplitScores


def external_in_words(metrics: Metrics) -> Iterator[str]:
    """Say how the model does in each external study, beside the best rule there."""
    level = f"{metrics.intervals.confidence:.0%} CI "
    for study, scored in metrics.external.items():
        name, score = next(iter(scored.metrics.items()))
        unit = f" {score.unit}" if score.unit else ""
        opening = (
            f"External validation: in {scored.counts.subjects} people of {study}, a study that "
            f"nothing was learnt from, {metric_name(name)} was"
        )
        if score.value is None:
            yield f"{opening} not defined: {score.reason}."
        else:
            yield f"{opening} {show_estimate(score, level)}{unit}{beside(scored, name)}."


def beside(scored: SplitScores, name: str) -> str:
    """Say what the best rule that sees no scan does there."""
    against = scored.difference[name].against
    if against is None:
        return ""
    best = scored.baselines[against].metrics[name]
    return f"; the best rule that sees no scan, “{against}”, reached {show_estimate(best)}"
