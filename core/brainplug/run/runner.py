"""`brainplug run`: the stages in order, each written before the next begins."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING

from brainplug.api.roles import Repeats, able
from brainplug.errors import BrainplugError, RunError
from brainplug.recipe.load import recipe_text
from brainplug.recipe.tables import STAGES
from brainplug.run.arithmetic import read_arithmetic
from brainplug.run.context import Workspace
from brainplug.run.learning_stages import make_stages
from brainplug.run.ledger import LEDGER, Ledger, Stage, make_key, now
from brainplug.run.lock import taken
from brainplug.run.provenance import make_record
from brainplug.run.repeats import (
    collect_metrics,
    list_splits,
    list_trainings,
    summarise,
    summary_table,
)
from brainplug.run.task_stages import read_cohort
from brainplug.runtime.files import read_json, write_json, write_text
from brainplug.runtime.ranks import ALONE, RankError, Ranks, name_accelerator
from brainplug.runtime.records import write_record
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.workers import uncollected
from brainplug.tasks.export import export_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from brainplug.recipe.tables import Recipe, RecipeFile
    from brainplug.registry import Registry

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
    ranks: Ranks = ALONE,
) -> None:
    """Do every stage that is not done yet, up to and with `until`.

    Where the run has several ranks, all of them call this; the first alone writes, tells the
    observers and shows anything.

    Args:
        file: the recipe, structured and checked.
        registry: parts and observers.
        folder: the run folder; made if it is missing.
        until: name of the last stage wanted.
        fresh: forget what earlier runs left in the folder.
        console: where progress and the result are shown.
        ranks: this process among those of the run, which have joined.

    Raises:
        RunError: another process holds the folder, or a stage cannot go on.
        BrainplugError: data or plugins are not as declared.
    """
    recipe = file.recipe
    with ExitStack() as stack:
        ranks.once(lambda: stack.enter_context(taken(RunFolder(folder))))
        if ranks.main and fresh:
            forget(RunFolder(folder))
        ranks.once(lambda: registry.before_run(recipe=recipe, folder=folder))
        try:
            workspace = ranks.in_turn(
                lambda: Workspace.open(
                    recipe, registry=registry, folder=folder, console=console, ranks=ranks
                )
            )
            do_stages(workspace, until)
        except BaseException as error:
            if ranks.main:
                registry.on_run_error(recipe=recipe, folder=folder, error=error)
                with suppress(OSError):  # a full disk is what may have stopped it
                    log(folder, f"stopped by {type(error).__name__}: {error}")
            raise
        ranks.once(lambda: registry.after_run(recipe=recipe, folder=folder))


def do_stages(workspace: Workspace, until: str) -> None:
    """Run the stages of a recipe in a folder that is held; each of its runs where it has several.

    Raises:
        RunError: the recipe has no such stage.
    """
    ranks = workspace.ranks
    ranks.once(lambda: write_recipe(workspace))
    ledger = Ledger(workspace.files.path)
    done: list[Stage] = []
    for stage in ranks.in_turn(lambda: stages_until(workspace, until)):
        do_stage(stage, ledger, workspace)
        ranks.once(lambda: write_provenance(workspace, ledger))
        done.append(stage)
        runs = {} if stage.name == until else runs_after(stage, workspace)
        if runs:
            do_runs(workspace, runs, until, shared=done)
            return


def write_recipe(workspace: Workspace) -> None:
    """Write the resolved recipe, and forget which runs an earlier one had."""
    write_text(workspace.files.recipe, recipe_text(workspace.recipe))
    workspace.files.run_list.unlink(missing_ok=True)


def stages_until(workspace: Workspace, until: str) -> list[Stage]:
    """Return the stages of a recipe up to and with one.

    Raises:
        RunError: the recipe has no such stage.
    """
    todo = make_stages(workspace)
    names = [stage.name for stage in todo]
    if until not in names:
        raise RunError(
            f"the recipe names finished task files and has no stage {until!r}; its stages are "
            f"{', '.join(names)}"
        )
    return todo[: names.index(until) + 1]


def runs_after(stage: Stage, workspace: Workspace) -> Mapping[str, Recipe]:
    """Return the recipes that the run goes on with in folders of their own, empty for one only.

    Folds part when the cohort is known; seeds of training when all tables and volumes are there.
    """
    recipe, ranks = workspace.recipe, workspace.ranks
    if stage.name == "cohort" and able(workspace.design.strategy, Repeats):
        strategy = workspace.design.strategy
        return ranks.in_turn(lambda: list_splits(recipe, strategy, read_cohort(workspace)))
    return list_trainings(recipe) if stage.name == "volumes" else {}


def do_runs(
    workspace: Workspace, runs: Mapping[str, Recipe], until: str, *, shared: Sequence[Stage]
) -> None:
    """Do each run in a folder of its own within the run folder, then sum them up.

    Args:
        workspace: of the whole.
        runs: recipe of each run by its name.
        until: name of the last stage wanted.
        shared: stages that are done and that all runs have in common.

    Raises:
        RunError: some runs could not be done; the others were.
    """
    ranks = workspace.ranks
    ranks.once(lambda: begin_runs(workspace, list(runs), shared))
    failed: dict[str, BrainplugError] = {}
    for name, recipe in runs.items():
        workspace.console.rule(f"run {name}")
        try:
            do_run(workspace, name, recipe, until, shared=shared)
        except RankError:  # the ranks are no longer in step
            raise
        except BrainplugError as error:
            failed[name] = error
            workspace.console.print(str(error), style="red", markup=False)
    ranks.once(lambda: end_runs(workspace, runs, failed, until))


def begin_runs(workspace: Workspace, names: list[str], shared: Sequence[Stage]) -> None:
    """Write down which runs there are."""
    forget_single(workspace.files, shared)
    write_json(workspace.files.run_list, names)


def end_runs(
    workspace: Workspace, runs: Iterable[str], failed: Mapping[str, BrainplugError], until: str
) -> None:
    """Sum up the runs.

    Raises:
        RunError: some could not be done.
    """
    scored = STAGES.index(until) >= STAGES.index("metrics")  # older scores are of other runs
    found = collect_metrics(workspace.files, failed) if scored else {}
    if found:
        summary = summarise(found)
        write_record(workspace.files.summary, summary)
        workspace.console.print(summary_table(summary))
    if failed:
        causes = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RunError(
            f"{len(failed)} of {len(list(runs))} runs could not be done: {causes}",
            found=tuple(failed),
        )


def forget_single(files: RunFolder, shared: Sequence[Stage]) -> None:
    """Delete what a single run left where several are now: pools and tasks of another split."""
    import shutil

    kept = {path for stage in shared for path in stage.writes}
    if files.tasks not in kept:
        for folder in (files.tasks, files.exports):
            shutil.rmtree(folder, ignore_errors=True)
    for file in {files.split, files.pairs, files.audit} - kept:
        file.unlink(missing_ok=True)


def do_run(
    workspace: Workspace, name: str, recipe: Recipe, until: str, *, shared: Sequence[Stage]
) -> None:
    """Do one of several runs."""
    ranks, files = workspace.ranks, workspace.files.of_run(name)
    with ExitStack() as stack:
        ranks.once(lambda: stack.enter_context(taken(files)))
        ranks.once(lambda: share_stages(workspace.files, files, shared))
        inner = ranks.in_turn(
            lambda: Workspace.open(
                recipe,
                registry=workspace.registry,
                folder=files.path,
                console=workspace.console,
                ranks=ranks,
            )
        )
        do_stages(inner, until)


def share_stages(files: RunFolder, own: RunFolder, stages: Sequence[Stage]) -> None:
    """Give a run what all runs have in common, so that it is not made again."""
    import shutil

    entries = Ledger(files.path).read()
    for stage in stages:
        for path in stage.writes:
            copy = own.path / path.relative_to(files.path)
            if path.is_dir():
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(path, copy)
            else:
                shutil.copy2(path, copy)
    known = {stage.name: entries[stage.name] for stage in stages}
    write_json(own.path / LEDGER, {**Ledger(own.path).read(), **known})


def export_run(folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the task files of a run folder, and of each run in it, in the forms of other trainers.

    Returns:
        The task files, then what was written of them in `exports/`.
    """
    # An earlier recipe may have left other runs there, or tasks of its only one.
    files = RunFolder(folder)
    runs = read_json(files.run_list) if files.run_list.is_file() else []
    homes = [files.of_run(name) for name in runs] or [files]
    sources = [path for home in homes for path in sorted(home.tasks.glob("*.json"))]
    written = [
        path
        for source in sources
        if formats
        for path in export_tasks(source, formats, folder=RunFolder(source.parents[1]).exports)
    ]
    return [*sources, *dict.fromkeys(written)]


def do_stage(stage: Stage, ledger: Ledger, workspace: Workspace) -> None:
    """Run one stage unless it is done: on the first rank, or on all where the stage says so."""
    ranks = workspace.ranks
    key = ranks.once(lambda: begin_stage(stage, ledger, workspace.console))
    if key is None:
        return
    start = time.perf_counter()
    if stage.on_every_rank:
        prepare_ranks(workspace)
        ranks.together(stage.run)
    else:
        with uncollected() if stage.name in TABULAR else nullcontext():
            ranks.once(stage.run)
    seconds = time.perf_counter() - start
    ranks.once(lambda: end_stage(stage, ledger, key, seconds))
    workspace.console.print(f"{stage.name:<10} [green]done[/green] in {seconds:.1f} s")


def prepare_ranks(workspace: Workspace) -> None:
    """Settle, before torch and DeepSpeed work, which devices there are and how ranks talk."""
    name_accelerator()
    if workspace.recipe.training.deepspeed is not None:
        from brainplug.training.deepspeed import prepare_deepspeed

        prepare_deepspeed(workspace.ranks)


def begin_stage(stage: Stage, ledger: Ledger, console: Console) -> str | None:
    """Return the key of a stage that is to be done, None if it is done."""
    key = make_key(stage)
    if ledger.is_done(stage, key):
        console.print(f"[dim]{stage.name:<10} as before[/dim]")
        return None
    ledger.forget(stage)
    log(ledger.folder, f"{stage.name} begins")
    return key


def end_stage(stage: Stage, ledger: Ledger, key: str, seconds: float) -> None:
    """Write down that a stage is done."""
    ledger.note(stage, key, seconds)
    log(ledger.folder, f"{stage.name} done in {seconds:.1f} s")


def write_provenance(workspace: Workspace, ledger: Ledger) -> None:
    """Write down versions, seed, hardware and the times of the stages done so far."""
    record = make_record(
        seed=workspace.recipe.seed,
        distributions=workspace.distributions(),
        stages=ledger.read(),
        arithmetic=read_arithmetic(workspace.files),
        processes=workspace.ranks.world,
    )
    write_json(workspace.files.record, record)


def forget(files: RunFolder) -> None:
    """Delete the ledger, the record and the checkpoints a training would go on from."""
    import shutil

    for folder in (files, *map(RunFolder, files.path.glob(f"{files.runs.name}/*"))):
        (folder.path / LEDGER).unlink(missing_ok=True)
        folder.record.unlink(missing_ok=True)
        shutil.rmtree(folder.checkpoints, ignore_errors=True)


def log(folder: Path, line: str) -> None:
    """Add a line with the time to `log.txt`."""
    with RunFolder(folder).log.open("a", encoding="utf-8") as file:
        file.write(f"{now()} {line}\n")
