"""Several runs of one recipe: folds, each site left out once, or several seeds of training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.roles import Repeats, able
from brainplug.audit.console import show
from brainplug.design.split import as_study_alone, by_study
from brainplug.evaluation.describe import finite_or_none
from brainplug.evaluation.records import Metrics
from brainplug.report.sentence import SPLIT_NAMES, unopened_in_words
from brainplug.report.wording import metric_name
from brainplug.runtime.files import read_json
from brainplug.runtime.records import read_record

if TYPE_CHECKING:
    from rich.table import Table

    from brainplug.api.roles import SplitStrategy
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


def collect_metrics(files: RunFolder, failed: Collection[str] = ()) -> dict[str, Metrics]:
    """Return the metrics of every run in a folder that has some; those of runs in runs too.

    Args:
        files: of the folder that holds the runs.
        failed: runs whose older scores are not looked at.
    """
    found: dict[str, Metrics] = {}
    for name in read_json(files.run_list):
        own = files.of_run(name)
        if name in failed:
            continue
        if own.run_list.is_file():
            inner = collect_metrics(own)
            found |= {f"{name}/{each}": metrics for each, metrics in inner.items()}
        elif own.metrics.is_file():
            found[name] = read_record(own.metrics, Metrics)
    return found


@attrs.frozen(kw_only=True)
class RunScores:
    """The scores of one of several runs."""

    subjects: int
    metrics: Mapping[str, float | None]


@attrs.frozen(kw_only=True)
class Summary:
    """The scores of several runs: `summary.json`.

    Attributes:
        split: whose scores they are: those of validation while the test of any is unopened.
        runs: by name.
        mean: of each metric over runs.
        sd: standard deviation of each metric over runs.
    """

    runs: Mapping[str, RunScores]
    mean: Mapping[str, float | None]
    sd: Mapping[str, float | None]
    split: str = "test"


def summarise(metrics: Mapping[str, Metrics]) -> Summary:
    """Return the scores of each run, and their mean and standard deviation over runs.

    Args:
        metrics: of each run by its name.
    """
    opened = all("test" in found.splits for found in metrics.values())
    split = "test" if opened else "val"
    tests = {run: found.splits[split] for run, found in metrics.items()}
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
        mean={str(name): finite_or_none(value) for name, value in frame.mean().items()},
        sd={str(name): finite_or_none(value) for name, value in frame.std(ddof=1).items()},
        split=split,
    )


def summary_table(summary: Summary) -> Table:
    """Show what `summarise` gives."""
    from rich.table import Table

    names = list(summary.mean)
    heads = map(metric_name, names)
    people = f"{SPLIT_NAMES[summary.split]} subjects"
    table = Table("run", people, *heads, title=f"{len(summary.runs)} runs")
    for run, found in summary.runs.items():
        table.add_row(run, str(found.subjects), *(show(found.metrics[name]) for name in names))
    for words, scores in (("mean", summary.mean), ("sd", summary.sd)):
        table.add_row(words, "", *(show(scores[name]) for name in names), style="bold")
    table.caption = unopened_in_words(summary.split) or None
    return table
