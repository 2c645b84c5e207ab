"""`brainplug run`: the stages in order, each written before the next begins."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from brainplug import stages
from brainplug.errors import BrainplugError, RunError
from brainplug.export import export_tasks
from brainplug.files import read_json, write_json, write_text
from brainplug.parts import Repeats
from brainplug.pipeline import make_stages
from brainplug.preparation import read_cohort
from brainplug.processes import uncollected
from brainplug.recipe import STAGES
from brainplug.record import make_record
from brainplug.series import list_runs, recipe_of_run, summarise, summary_table
from brainplug.structure import recipe_text
from brainplug.workspace import (
    AUDIT,
    CHECKPOINTS,
    COHORT,
    EXCLUSIONS,
    EXPORTS,
    FACTS,
    METRICS,
    PAIRS,
    RUN_LIST,
    RUNS,
    SPLIT,
    SUMMARY,
    TASKS,
    Workspace,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from brainplug.recipe import Recipe, RecipeFile
    from brainplug.registry import Registry

LOCK, HOLDER = ".lock", ".lock.json"
TABULAR = ("split", "pairs", "dialogues")
"""Stages that work on tables alone."""


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
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: expected a run folder, found a file; name another with --output")
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        if fresh:
            forget(folder)
        registry.before_run(recipe=file.recipe, folder=folder)
        try:
            do_stages(file.recipe, registry=registry, folder=folder, until=until, console=console)
        except BaseException as error:
            registry.on_run_error(recipe=file.recipe, folder=folder, error=error)
            with suppress(OSError):  # a full disk is what may have stopped it
                log(folder, f"stopped by {type(error).__name__}: {error}")
            raise
        registry.after_run(recipe=file.recipe, folder=folder)


def do_stages(
    recipe: Recipe, *, registry: Registry, folder: Path, until: str, console: Console
) -> None:
    """Run the stages of a recipe in a folder that is held; each of its runs where it has several.

    Raises:
        RunError: the recipe has no such stage.
    """
    write_text(folder / "recipe.toml", recipe_text(recipe))
    (folder / RUN_LIST).unlink(missing_ok=True)  # of an earlier recipe
    workspace = Workspace.open(recipe, registry=registry, folder=folder, console=console)
    todo = make_stages(workspace)
    if until not in {stage.name for stage in todo}:
        raise RunError(
            f"the recipe names finished task files and has no stage {until!r}; its stages are "
            f"{', '.join(stage.name for stage in todo)}"
        )
    ledger = stages.Ledger(folder)
    for stage in todo:
        do_stage(stage, ledger, console)
        write_record(workspace, ledger)
        if stage.name == until:
            return
        runs = several_runs(workspace) if stage.name == "cohort" else {}
        if runs:
            do_runs(workspace, runs, until)
            return


def several_runs(workspace: Workspace) -> Mapping[str, Any]:
    """Return the split's options of each run, where the split stands for several."""
    if not isinstance(workspace.design.strategy, Repeats):
        return {}
    return list_runs(workspace.design.strategy, read_cohort(workspace))


def do_runs(workspace: Workspace, runs: Mapping[str, Any], until: str) -> None:
    """Do each run in a folder of its own within the run folder, then sum them up.

    Raises:
        RunError: some runs could not be done; the others were.
    """
    forget_single(workspace.folder)
    write_json(workspace.path(RUN_LIST), list(runs))
    failed: dict[str, BrainplugError] = {}
    for name, options in runs.items():
        workspace.console.rule(f"run {name}")
        try:
            do_run(workspace, name, options, until)
        except BrainplugError as error:
            failed[name] = error
            workspace.console.print(str(error), style="red", markup=False)
    scored = STAGES.index(until) >= STAGES.index("metrics")  # older scores are of other runs
    finished = {
        name: workspace.path(RUNS) / name / METRICS
        for name in runs
        if scored and name not in failed
    }
    found = {name: read_json(path) for name, path in finished.items() if path.is_file()}
    if found:
        summary = summarise(found)
        write_json(workspace.path(SUMMARY), summary)
        workspace.console.print(summary_table(summary))
    if failed:
        causes = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RunError(f"{len(failed)} of {len(runs)} runs could not be done: {causes}")


def forget_single(folder: Path) -> None:
    """Delete what a single run left where several are now: pools and tasks of another split."""
    import shutil

    for name in (TASKS, EXPORTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (SPLIT, PAIRS, AUDIT):
        (folder / name).unlink(missing_ok=True)


def do_run(workspace: Workspace, name: str, options: Any, until: str) -> None:
    """Do one of several runs."""
    folder = workspace.path(RUNS) / name
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        share_cohort(workspace.folder, folder)
        do_stages(
            recipe_of_run(workspace.recipe, options),
            registry=workspace.registry,
            folder=folder,
            until=until,
            console=workspace.console,
        )


def share_cohort(folder: Path, own: Path) -> None:
    """Give a run the cohort that all runs have in common, so that it is not read again."""
    import shutil

    for name in (COHORT, FACTS, EXCLUSIONS):
        shutil.copy2(folder / name, own / name)
    done = stages.Ledger(folder).read()["cohort"]
    write_json(own / stages.LEDGER, {**stages.Ledger(own).read(), "cohort": done})


def export_run(folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the task files of a run folder, and of each run in it, in the forms of other trainers.

    Returns:
        The task files, then what was written of them in `exports/`.
    """
    # An earlier recipe may have left other runs there, or tasks of its only one.
    listed = folder / RUN_LIST
    runs = read_json(listed) if listed.is_file() else []
    homes = [folder / RUNS / name for name in runs] or [folder]
    sources = [path for home in homes for path in sorted((home / TASKS).glob("*.json"))]
    written = [
        path
        for source in sources
        if formats
        for path in export_tasks(source, formats, folder=source.parents[1] / EXPORTS)
    ]
    return [*sources, *dict.fromkeys(written)]


def do_stage(stage: stages.Stage, ledger: stages.Ledger, console: Console) -> None:
    """Run one stage unless it is done."""
    key = stages.make_key(stage)
    if ledger.is_done(stage, key):
        console.print(f"[dim]{stage.name:<10} as before[/dim]")
        return
    ledger.forget(stage)
    log(ledger.folder, f"{stage.name} begins")
    start = time.perf_counter()
    with uncollected() if stage.name in TABULAR else nullcontext():
        stage.run()
    seconds = time.perf_counter() - start
    ledger.note(stage, key, seconds)
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

    for ledger in (folder / stages.LEDGER, *folder.glob(f"{RUNS}/*/{stages.LEDGER}")):
        ledger.unlink(missing_ok=True)
        shutil.rmtree(ledger.parent / CHECKPOINTS, ignore_errors=True)


def log(folder: Path, line: str) -> None:
    """Add a line with the time to `log.txt`."""
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{stages.now()} {line}\n")
