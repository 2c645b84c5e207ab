"""What a program or a notebook calls: `brainplug.check(recipe)` and `brainplug.run(recipe)`."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import RunError
from brainplug.recipe.load import find_recipe, read_recipe, resolve
from brainplug.recipe.shipped import is_named
from brainplug.recipe.tables import STAGES
from brainplug.run.opened import Run, open_run
from brainplug.runtime.homes import expanded
from brainplug.runtime.ranks import Ranks
from brainplug.runtime.records import to_json
from brainplug.runtime.terminal import Terminal
from brainplug.runtime.threads import wait_passively

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug.recipe.tables import RecipeFile


@attrs.frozen(kw_only=True)
class Checked:
    """What a run of a recipe would do.

    Attributes:
        recipe: with every default, table by table, as TOML has it.
        told: what `brainplug check` prints.
        facts: what `brainplug check --json` prints: studies, pools, tasks, tokens, steps, notes,
            warnings, …
    """

    recipe: Mapping[str, Any]
    facts: Mapping[str, Any] = attrs.field(repr=False)
    told: str = attrs.field(repr=False)

    def __str__(self) -> str:
        """Return what `brainplug check` prints."""
        return self.told


def check(recipe: str | Path, *, quiet: bool = False) -> Checked:
    """Say what a run of a recipe would do, as `brainplug check` does; torch is not imported.

    Args:
        recipe: path of a recipe, or the name of a shipped one such as `demo`.
        quiet: print nothing; what is told is in the result either way.

    Raises:
        RecipeError: the recipe cannot be used; holds every problem found.
        BrainplugError: what a run would stop at before it trains.
    """
    from brainplug.run.dry_run import check_recipe

    file = open_recipe(recipe)
    # A quiet console records nothing either.
    console = Terminal(record=True, file=StringIO() if quiet else None)
    found = check_recipe(file, registry=file.registry, console=console)
    return Checked(recipe=resolve(file.recipe), facts=to_json(found), told=console.export_text())


def run(
    recipe: str | Path,
    *,
    output: str | Path | None = None,
    until: str = STAGES[-1],
    fresh: bool = False,
    quiet: bool = False,
) -> Run:
    """Do every stage of a recipe that is not done yet, as `brainplug run` does; return the run.

    It can be interrupted at any time; the same call goes on. Several GPUs need processes of their
    own: `brainplug run RECIPE --devices N`, then `open_run`.

    Args:
        recipe: path of a recipe, or the name of a shipped one such as `demo`.
        output: the run folder; without it `runs/RECIPE` in the current folder.
        until: last stage wanted.
        fresh: start over.
        quiet: print nothing; `log.txt` has it all.

    Raises:
        RecipeError: the recipe cannot be used; holds every problem found.
        BrainplugError: the run cannot start or go on; what is done is kept.
    """
    if Ranks.of(os.environ).world_size > 1:
        raise RunError(
            "one of several processes that torchrun has started",
            where="brainplug.run",
            expected="a process by itself",
            hint="start `brainplug run RECIPE` with torchrun instead, then open the folder",
        )
    # Before torch is imported, which reads it then.
    wait_passively(os.environ)
    file = open_recipe(recipe)
    folder = expanded(output or Path("runs") / Path(recipe).stem).absolute()
    from brainplug.run.runner import run_recipe

    run_recipe(
        file,
        registry=file.registry,
        folder=folder,
        until=until,
        fresh=fresh,
        console=Terminal(quiet=quiet),
    )
    return open_run(folder)


def open_recipe(recipe: str | Path) -> RecipeFile:
    """Read a recipe with the plugins that are installed.

    Raises:
        RecipeError: it is none, or cannot be used.
    """
    from brainplug.registry import load_registry

    # A shipped recipe lies beside nobody's data: its paths begin where the program is.
    named = is_named(str(recipe))
    return read_recipe(
        find_recipe(recipe),
        load_registry(),
        base=Path.cwd() if named else None,
        source=str(recipe) if named else "",
    )
