"""Several runs of one recipe: the folds of a cross-validation, or each site left out once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.roles import Repeats, able
from brainplug.design.split import as_study_alone, by_study
from brainplug.report.headline import metric_name

if TYPE_CHECKING:
    from rich.table import Table

    from brainplug.api.roles import SplitStrategy
    from brainplug.evaluation.records import Metrics
    from brainplug.recipe.tables import Recipe


def list_runs(strategy: SplitStrategy | Repeats, cohort: pd.DataFrame) -> Mapping[str, Any]:
    """Return the split's options of each run by its name; empty where there is one run only.

    Args:
        strategy: of the recipe.
        cohort: the cohort frame, of one study or several.
    """
    if not able(strategy, Repeats):
        return {}
    shown = [as_study_alone(scans, study) for study, scans in by_study(cohort)]
    return strategy.runs(pd.concat(shown, ignore_index=True))


def recipe_of_run(recipe: Recipe, options: Any) -> Recipe:
    """Return the recipe of one of several runs."""
    assert recipe.split is not None
    return attrs.evolve(recipe, split=attrs.evolve(recipe.split, options=options))


@attrs.frozen(kw_only=True)
class RunScores:
    """The test scores of one of several runs."""

    subjects: int
    metrics: Mapping[str, float | None]


@attrs.frozen(kw_only=True)
class Summary:
    """The test scores of several runs: `summary.json`.

    Attributes:
        runs: by name.
        mean: of each metric over runs.
        sd: standard deviation of each metric over runs.
    """

    runs: Mapping[str, RunScores]
    mean: Mapping[str, float | None]
    sd: Mapping[str, float | None]


def summarise(metrics: Mapping[str, Metrics]) -> Summary:
    """Return the test scores of each run, and their mean and standard deviation over runs.

    Args:
        metrics: of each run by its name.
    """
    tests = {run: found.splits["test"] for run, found in metrics.items()}
    runs = {
        run: RunScores(
            subjects=test.counts.subjects,
            metrics={name: score.value for name, score in test.metrics.items()},
        )
        for run, test in tests.items()
    }
    frame = pd.DataFrame({run: dict(each.metrics) for run, each in runs.items()})
    frame = frame.T.astype("float64")
    return Summary(
        runs=runs,
        mean={str(name): finite(value) for name, value in frame.mean().items()},
        sd={str(name): finite(value) for name, value in frame.std(ddof=1).items()},
    )


def finite(value: float) -> float | None:
    """Return a number, None for NaN, which JSON has not."""
    return float(value) if value == value else None  # noqa: PLR0124 (NaN)


def summary_table(summary: Summary) -> Table:
    """Show what `summarise` gives."""
    from rich.table import Table

    names = list(summary.mean)
    heads = map(metric_name, names)
    table = Table("run", "test subjects", *heads, title=f"{len(summary.runs)} runs")
    for run, found in summary.runs.items():
        table.add_row(run, str(found.subjects), *(show(found.metrics[name]) for name in names))
    for words, scores in (("mean", summary.mean), ("sd", summary.sd)):
        table.add_row(words, "", *(show(scores[name]) for name in names), style="bold")
    return table


def show(value: float | None) -> str:
    """Write a score.

    >>> show(0.5), show(None)
    ('0.500', 'n/a')
    """
    return "n/a" if value is None else f"{value:.3f}"
