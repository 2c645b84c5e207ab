"""Whatever code of ours runs in a stage is part of its key, so that a change of it redoes it."""

from __future__ import annotations

import sys
import threading

from rich.console import Console

from brainplug.recipe.load import read_recipe
from brainplug.registry import load_registry
from brainplug.run import learning_stages
from brainplug.run.context import Workspace
from brainplug.run.learning_stages import make_stages
from brainplug.run.ledger import Ledger
from brainplug.run.provenance import write_provenance
from brainplug.run.runner import write_recipe as write_recipe_of

OURS = ("brainplug", "brainplug_plugins")
BY_NAME = "brainplug.run."
"""Modules whose code counts function by function."""


def code_that_runs(work) -> set[str]:
    """Do a piece of work; return the modules of ours that were in it, or their functions."""
    seen = set()

    def watch(frame, event, _argument):
        module = frame.f_globals.get("__name__", "")
        # Importing a module decides nothing, nor does what attrs generates from a class.
        passing = frame.f_code.co_name == "<module>" or frame.f_code.co_filename.startswith("<")
        if event == "call" and module.partition(".")[0] in OURS and not passing:
            # A comprehension, or a function within one, belongs to the function around it.
            name = frame.f_code.co_qualname.partition(".<")[0]
            seen.add(f"{module}.{name}" if module.startswith(BY_NAME) else module)

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return seen


def test_all_code_that_runs_in_a_stage_is_in_its_key(write_recipe, tmp_path, monkeypatch):
    """Over all stages of a small run, of whatever room or plugin."""
    # The law refuses metrics that cannot be scored and decides no result: a training does not
    # depend on those that are reported only.
    monkeypatch.setattr(learning_stages, "hold_metrics", lambda _metrics, _labels: None)
    recipe = write_recipe(epochs=1)
    # Nor does it on the metric that validations are told by beside the score that chooses.
    chosen = '[training]\nselect_by = "balanced-accuracy"'
    recipe.write_text(recipe.read_text().replace("[training]", chosen))
    registry = load_registry()
    workspace = Workspace.open(
        read_recipe(recipe, registry).recipe,
        registry=registry,
        folder=tmp_path / "run",
        console=Console(quiet=True),
    )
    write_recipe_of(workspace)
    lacking = {}

    stages = make_stages(workspace)
    for stage in stages:
        made = stage.made_from(workspace.code)
        if stage.name == "report":
            write_provenance(workspace, Ledger(workspace.files.path))
        # Where a class counts as a whole, its methods do.
        lacking[stage.name] = sorted(
            name
            for name in code_that_runs(stage.work(made)) - set(made.code)
            if name.rpartition(".")[0] not in made.code
        )

    assert 12 == len(stages)
    assert {name: [] for name in lacking} == lacking
