"""Several runs of one recipe: folds, each site left out once, or several seeds of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.roles import Repeats, able
from brainplug.audit.console import show
from brainplug.design.split import as_study_alone, by_study
from brainplug.evaluation.pooled_records import scales_in_words
from brainplug.report.sentence import SPLIT_NAMES, own_scores, unopened_in_words
from brainplug.report.wording import count_of, metric_name, show_estimate
from brainplug.runtime.files import read_json

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.table import Table

    from brainplug.api.roles import SplitStrategy
    from brainplug.evaluation.records import Metrics
    from brainplug.recipe.tables import Recipe
    from brainplug.runtime.run_folder import RunFolder


def list_splits(
    recipe: Recipe, strategy: SplitStrategy | Repeats, cohort: pd.DataFrame
) -> dict[str, Recipe]:
    """Return the recipe of each run that the split stands for; empty where there is one only.

    Args:
        recipe: of all.
        strategy: of the recipe.
        cohort: the cohort frame, of one study or several.
    """
    if not able(strategy, Repeats):
        return {}
    shown = [as_study_alone(scans, study) for study, scans in by_study(cohort)]
    options = strategy.runs(pd.concat(shown, ignore_index=True))
    return {name: with_split(recipe, each) for name, each in options.items()}


def list_trainings(recipe: Recipe) -> dict[str, Recipe]:
    """Return the recipe of each training that `[training] seeds` asks for; empty for one only."""
    return {
        f"seed-{seed}": attrs.evolve(
            recipe, training=attrs.evolve(recipe.training, seed=seed, seeds=())
        )
        for seed in recipe.training.seeds
    }


def with_split(recipe: Recipe, options: Any) -> Recipe:
    """Return the recipe with other options of its split."""
    assert recipe.split is not None
    return attrs.evolve(recipe, split=attrs.evolve(recipe.split, options=options))


def list_runs(files: RunFolder, failed: Collection[str] = ()) -> dict[str, RunFolder]:
    """Return the folder of every run that has scores; those of runs in runs too.

    Args:
        files: of the folder that holds the runs.
        failed: runs whose older scores are not looked at.
    """
    found: dict[str, RunFolder] = {}
    for name in read_json(files.run_list) if files.run_list.is_file() else ():
        own = files.of_run(name)
        if name in failed:
            continue
        if own.run_list.is_file():
            found |= {f"{name}/{each}": inner for each, inner in list_runs(own).items()}
        elif own.metrics.is_file():
            found[name] = own
    return found


def summary_table(metrics: Metrics) -> Table:
    """Show the scores of each run, their mean and spread, and those of all people with intervals.

    Args:
        metrics: of all runs together.
    """
    from rich.table import Table

    summary = metrics.runs
    assert summary is not None
    names = list(summary.mean)
    heads = map(metric_name, names)
    people = f"{SPLIT_NAMES[summary.split]} subjects"
    table = Table("run", people, *heads, title=count_of(len(summary.runs), "run"))
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
