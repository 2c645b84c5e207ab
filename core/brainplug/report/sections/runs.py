"""The runs that the scores of this page are pooled from: folds, left-out sites, or seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.pooled_records import runs_in_words, scales_in_words
from brainplug.evaluation.records import Measured
from brainplug.report.sharing import show_count
from brainplug.report.wording import capital, count_places, metric_name, show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.report.facts import Facts

NOT_TOLD = "why is in summary.json of the run folder"
"""In place of an error, which may name files and people, on a page to share."""


@attrs.frozen(kw_only=True)
class Runs:
    """A row a run.

    Attributes:
        about: what the runs are and how they were put together.
        scales: where their mean is above the score of all people, and why.
        metrics: heads of the columns.
        rows: name, people and scores of each.
        spread: mean and standard deviation over runs.
        failed: name of each run that could not be done, and why; an error names files and people,
            and so only an individual page tells it.
    """

    about: str
    scales: Sequence[str]
    metrics: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]
    spread: Sequence[tuple[str, Sequence[str]]]
    failed: Sequence[tuple[str, str]]


def make(facts: Facts) -> Runs | None:
    """Set out the runs, where there are several."""
    found, individual = facts.metrics.runs, facts.individual
    if found is None:
        return None
    names = list(found.mean)

    places = {
        name: count_places(*(each.metrics.get(name) for each in found.runs.values()))
        for name in names
    }

    def cells(scores: Mapping[str, float | None]) -> list[str]:
        return [show_number(scores.get(name), places[name]) for name in names]

    means = {
        name: Measured(value=mean, low=found.mean_low.get(name), high=found.mean_high.get(name))
        for name, mean in found.mean.items()
    }
    pooled = facts.metrics.splits[found.split].metrics
    scales = [
        scales_in_words(found, name, metric_name(name), (score.value, score.high))
        for name, score in pooled.items()
    ]
    return Runs(
        about=runs_in_words(found),
        scales=[each for each in scales if each],
        metrics=[capital(metric_name(name)) for name in names],
        rows=[
            (run, show_count(each.subjects, individual=individual), cells(each.metrics))
            for run, each in found.runs.items()
        ],
        spread=[
            ("mean of runs", [show_estimate(means[name], "", places[name]) for name in names]),
            ("SD of runs", cells(found.sd)),
        ],
        failed=[(run, why if individual else NOT_TOLD) for run, why in found.failed.items()],
    )
