"""`brainplug run`: the stages in order, each written before the next begins."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from brainplug import stages
from brainplug.errors import RunError
from brainplug.files import read_json, write_json, write_text
from brainplug.pipeline import make_stages
from brainplug.recipe import STAGES
from brainplug.record import make_record
from brainplug.structure import recipe_text
from brainplug.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from brainplug.recipe import Recipe, RecipeFile
    from brainplug.registry import Registry

LOCK, HOLDER = ".lock", ".lock.json"


def run_recipe(  # noqa: PLR0913 - one keyword for each flag of the command
    file: RecipeFile,
    *,
    registry: Registry,
    folder: Path,
    until: str = STAGES[-1],
    fresh: bool = False,
    console: Console,
) -> None:
    """Do every stage that is not done yet, up to and with `until`.

    Args:
        file: the recipe, structured and checked.
        registry: parts and observers.
        folder: the run folder; made if it is missing.
        until: name of the last stage wanted.
        fresh: forget what earlier runs left in the folder.
        console: where progress and the result are shown.

    Raises:
        RunError: another process holds the folder, or a stage cannot go on.
        BrainplugError: data or plugins are not as declared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        if fresh:
            forget(folder)
        registry.before_run(recipe=file.recipe, folder=folder)
        try:
            do_stages(file.recipe, registry=registry, folder=folder, until=until, console=console)
        except BaseException as error:
            registry.on_run_error(recipe=file.recipe, folder=folder, error=error)
            log(folder, f"stopped by {type(error).__name__}: {error}")
            raise
        registry.after_run(recipe=file.recipe, folder=folder)


def do_stages(
    recipe: Recipe, *, registry: Registry, folder: Path, until: str, console: Console
) -> None:
    """Run the stages of a recipe in a folder that is held."""
    write_text(folder / "recipe.toml", recipe_text(recipe))
    workspace = Workspace.open(recipe, registry=registry, folder=folder, console=console)
    ledger = stages.Ledger(folder)
    for stage in make_stages(workspace):
        do_stage(stage, ledger, console)
        write_record(workspace, ledger)
        if stage.name == until:
            return


def do_stage(stage: stages.Stage, ledger: stages.Ledger, console: Console) -> None:
    """Run one stage unless it is done."""
    if ledger.is_done(stage):
        console.print(f"[dim]{stage.name:<10} as before[/dim]")
        return
    ledger.forget(stage)
    log(ledger.folder, f"{stage.name} begins")
    start = time.perf_counter()
    stage.run()
    seconds = time.perf_counter() - start
    ledger.note(stage, seconds)
    log(ledger.folder, f"{stage.name} done in {seconds:.1f} s")
    console.print(f"{stage.name:<10} [green]done[/green] in {seconds:.1f} s")


def write_record(workspace: Workspace, ledger: stages.Ledger) -> None:
    """Write down versions, seed, hardware and the times of the stages done so far."""
    record = make_record(
        seed=workspace.recipe.seed,
        distributions=workspace.distributions(),
        stages=ledger.read(),
    )
    write_json(workspace.folder / "record.json", record)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process.

    Raises:
        RunError: another process holds it; the message says which.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        holder = read_json(folder / HOLDER) if (folder / HOLDER).exists() else {}
        raise RunError(
            f"{folder}: held by process {holder.get('process', 'unknown')} on "
            f"{holder.get('host', 'an unknown host')} since {holder.get('since', '(unknown)')}; "
            "wait for it, stop it, or name another folder with --output"
        ) from error
    try:
        write_json(folder / HOLDER, describe_holder())
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def describe_holder() -> dict[str, Any]:
    """Say who holds a run folder."""
    import os
    import platform

    return {"process": os.getpid(), "host": platform.node(), "since": stages.now()}


def forget(folder: Path) -> None:
    """Delete the ledger, and the checkpoints a training would go on from."""
    import shutil

    (folder / stages.LEDGER).unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def log(folder: Path, line: str) -> None:
    """Add a line with the time to `log.txt`."""
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{stages.now()} {line}\n")
