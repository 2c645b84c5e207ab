"""The scores of each of several runs, and their mean and spread over runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainplug.evaluation.describe import finite_or_none
from brainplug.evaluation.groupings import find_groups
from brainplug.evaluation.pooled_records import RunScores, Summary
from brainplug.evaluation.records import EXPECTED
from brainplug.evaluation.score import of_split
from brainplug.evaluation.several_runs import count_unseen, find_repeated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.records import Metrics
    from brainplug.evaluation.several_runs import OneRun

SEED = "seed-"
"""How the run of a seed is named, before its number."""


def summarise(
    metrics: Mapping[str, Metrics],
    runs: Mapping[str, OneRun],
    *,
    people: pd.DataFrame,
    failed: Mapping[str, str],
) -> Summary:
    """Return the scores of each run, and their mean and standard deviation over runs.

    Args:
        metrics: of each run by its name.
        runs: the same runs.
        people: the cohort, a row a scan.
        failed: why other runs could not be done, by name.
    """
    opened = all("test" in found.splits for found in metrics.values())
    split = "test" if opened else "val"
    scored = {
        run: {name: score.value for name, score in found.splits[split].metrics.items()}
        for run, found in metrics.items()
    }
    silent = {run for run, found in metrics.items() if is_silent(found, split)}
    rows = {
        run: RunScores(
            subjects=found.splits[split].counts.subjects,
            # A 0 of a run that said nothing that can be read is no score; an AUROC is.
            metrics={
                name: None if run in silent and not value else value
                for name, value in scored[run].items()
            },
        )
        for run, found in metrics.items()
    }
    # Silence counts as wrong in a mean, lest it help; of runs that are all silent there is none.
    counted = {run: rows[run].metrics for run in runs} if len(silent) == len(runs) else scored
    frame = pd.DataFrame(counted).T.astype("float64")
    asked = {row.subject for run in runs.values() for row in of_split(run.rows, split)}
    repeated = len(find_repeated(runs, split))
    reach = {} if repeated else mean_intervals(list(metrics.values()), split)
    sites = find_groups(people, frozenset[str]()).get("site")
    return Summary(
        runs=rows,
        mean={str(name): finite_or_none(value) for name, value in frame.mean().items()},
        sd={str(name): finite_or_none(value) for name, value in frame.std(ddof=1).items()},
        split=split,
        people=len(asked),
        mean_low={name: low for name, (low, _) in reach.items()},
        mean_high={name: high for name, (_, high) in reach.items()},
        repeated=repeated,
        trainings=len({training_of(name) for name in runs}),
        unseen_sites=sites is not None and count_unseen(runs, split, sites) == len(asked),
        failed=dict(failed),
    )


def mean_intervals(
    metrics: Sequence[Metrics], split: str
) -> dict[str, tuple[float | None, float | None]]:
    """Return the interval of the mean score over runs that share no people, by metric.

    Variances are recovered from the runs' own intervals (Zou and Donner 2008, Stat Med 27:1693). It
    is of these trained models: of an AUROC, what LeDell et al. (2015, EJS 9:1583) call the
    cross-validated one.
    """
    found: dict[str, tuple[float | None, float | None]] = {}
    for name in metrics[0].splits[split].metrics:
        scores = [each.splits[split].metrics.get(name) for each in metrics]
        found[name] = mean_ends(
            [(score.value, score.low, score.high) if score else (None,) * 3 for score in scores]
        )
    return found


def mean_ends(
    scores: Sequence[tuple[float | None, float | None, float | None]],
) -> tuple[float | None, float | None]:
    """Return the interval of a mean of independent scores, None where one has no interval.

    Args:
        scores: value, lower and upper end of each.
    """
    if any(None in score for score in scores):
        return None, None
    values, lows, highs = np.array(scores, dtype=float).T
    mean, count = float(values.mean()), len(values)
    below, above = np.sqrt([((values - lows) ** 2).sum(), ((highs - values) ** 2).sum()])
    return mean - float(below) / count, mean + float(above) / count


def is_silent(metrics: Metrics, split: str) -> bool:
    """Tell whether nothing that a run said can be read, nor was a number's expected value taken."""
    counts = metrics.splits[split].counts
    expected = metrics.readouts is not None and metrics.readouts.headline == EXPECTED
    return bool(counts.tasks) and counts.unparsed_tasks == counts.tasks and not expected


def training_of(run: str) -> str:
    """Return which of several trainings a run is of; empty where there is one.

    >>> training_of("fold-1/seed-2"), training_of("seed-2"), training_of("fold-1")
    ('seed-2', 'seed-2', '')
    """
    last = run.rpartition("/")[2]
    return last if last.startswith(SEED) else ""
