"""Several runs of one recipe: folds, each site left out once, or several seeds of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pandas as pd

from brainplug.api.laws import hold, run_faults
from brainplug.api.roles import Repeats, able
from brainplug.design.split import as_study_alone, by_study
from brainplug.runtime.files import read_json

if TYPE_CHECKING:
    from collections.abc import Collection

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
    hold(strategy, run_faults(options))
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
