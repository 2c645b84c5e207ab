"""Several runs of one recipe: the folds of a cross-validation, or each site left out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.roles import Repeats, able
from brainplug.design.split import as_study_alone, by_study
from brainplug.report.headline import metric_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from brainplug.api.roles import SplitStrategy
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


def summarise(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the test scores of each run, and their mean and standard deviation over runs.

    Args:
        metrics: content of `metrics.json` by the name of the run.
    """
    scores = {
        run: {name: score["value"] for name, score in found["splits"]["test"]["metrics"].items()}
        for run, found in metrics.items()
    }
    frame = pd.DataFrame(scores).T.astype("float64")
    return {
        "runs": {
            run: {"test subjects": metrics[run]["splits"]["test"]["subjects"], **found}
            for run, found in scores.items()
        },
        "mean": {name: finite(value) for name, value in frame.mean().items()},
        "sd": {name: finite(value) for name, value in frame.std(ddof=1).items()},
    }


def finite(value: float) -> float | None:
    """Return a number, None for NaN, which JSON has not."""
    return float(value) if value == value else None  # noqa: PLR0124 (NaN)


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Show what `summarise` gives."""
    from rich.table import Table

    names = list(summary["mean"])
    heads = map(metric_name, names)
    table = Table("run", "test subjects", *heads, title=f"{len(summary['runs'])} runs")
    for run, found in summary["runs"].items():
        table.add_row(run, str(found["test subjects"]), *(show(found[name]) for name in names))
    for words in ("mean", "sd"):
        table.add_row(words, "", *(show(summary[words][name]) for name in names), style="bold")
    return table


def show(value: float | None) -> str:
    """Write a score.

    >>> show(0.5), show(None)
    ('0.500', 'n/a')
    """
    return "n/a" if value is None else f"{value:.3f}"
