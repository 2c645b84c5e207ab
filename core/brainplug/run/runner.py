"""`brainplug run`: the stages in order, each written before the next begins."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from brainplug.api.roles import Repeats, able
from brainplug.errors import BrainplugError, RunError
from brainplug.evaluation.groupings import require_columns
from brainplug.recipe.requirements import find_lack, trains
from brainplug.recipe.tables import STAGES
from brainplug.run import stale
from brainplug.run.arms import arm_stages, choose_arms, hold_alone, note_failure, open_arm
from brainplug.run.context import Workspace
from brainplug.run.ending import show_end
from brainplug.run.learning_stages import make_stages
from brainplug.run.ledger import Ledger, Stage
from brainplug.run.lock import taken
from brainplug.run.log import log, log_stopped
from brainplug.run.mending import mend
from brainplug.run.one_stage import do_stage
from brainplug.run.output_folder import refuse_foreign_run
from brainplug.run.pooled_stages import pooled_stages
from brainplug.run.provenance import write_provenance
from brainplug.run.recipe_copy import write_recipe
from brainplug.run.rehearsal import rehearse
from brainplug.run.repeats import list_runs, list_splits, list_trainings
from brainplug.run.starting_over import forget
from brainplug.run.step_counts import hold_steps
from brainplug.run.task_stages import read_cohort
from brainplug.runtime.files import cache_folder, delete_half_written, sweep_cache, write_json
from brainplug.runtime.ranks import ALONE, RankError, Ranks
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.adopt import list_sources, refuse_own

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from brainplug.recipe.tables import Recipe, RecipeFile
    from brainplug.registry import Registry


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

    Of several ranks the first alone calls this, and leads the others; see `brainplug.run.ranks`.

    Args:
        file: the recipe, structured and checked.
        registry: parts and observers.
        folder: the run folder; made if it is missing.
        until: name of the last stage wanted.
        fresh: forget what earlier runs left in the folder.
        console: where progress and the result are shown.
        ranks: those that the first one leads.

    Raises:
        RunError: the folder holds something else, or another process holds it, what it is to train
            with is not installed, or a stage cannot go on.
        BrainplugError: data or plugins are not as declared.
    """
    recipe = file.recipe
    # Before scans are read, maybe for days.
    if lack := find_lack(recipe.training, until):
        raise RunError(lack)
    refuse_foreign_run(folder)
    with ExitStack() as stack:
        stack.enter_context(taken(RunFolder(folder)))
        delete_half_written(folder, RunFolder.names())
        sweep_cache(cache_folder())
        if fresh:
            for line in forget(RunFolder(folder)):
                log(folder, line)
                console.print(line, style="yellow", markup=False, highlight=False)
        registry.before_run(recipe=recipe, folder=folder)
        try:
            workspace = Workspace.open(
                recipe, registry=registry, folder=folder, console=console, ranks=ranks
            )
            rehearse(workspace.metrics)
            hold_alone(recipe, workspace.plan)
            do_stages(workspace, until)
        except BaseException as error:
            registry.on_run_error(recipe=recipe, folder=folder, error=error)
            log_stopped(folder, error)
            raise
        registry.after_run(recipe=recipe, folder=folder)


def do_stages(workspace: Workspace, until: str, *, only: Collection[str] = ()) -> None:
    """Run the stages of a recipe in a folder that is held; each of its runs where it has several.

    However it ends, later results that do not belong to what lies in the folder by then are moved
    to `stale/`.

    Args:
        workspace: of the folder.
        until: name of the last stage wanted.
        only: names of the stages that are looked at; what others left is taken as it stands.

    Raises:
        RunError: the recipe has no such stage.
        DataError: the recipe names task files of the run's own folder.
    """
    if workspace.recipe.tasks is not None:
        # Before anything is written or put aside: the files named may lie where copies would go.
        refuse_own(list_sources(workspace.recipe.tasks), workspace.files.tasks)
    for line in mend(workspace.files):
        workspace.tell(line)
    write_recipe(workspace)
    ledger = Ledger(workspace.files.path)
    done: list[Stage] = []
    left = [stage for stage in make_stages(workspace) if stage.name in (only or STAGES)]
    several = bool(list_trainings(workspace.recipe))
    try:
        for stage in stages_until(left, until):
            if stage.name == "arms":
                do_arms(workspace)
            if stage.name == "volumes" and trains(until):
                hold_steps(workspace)
            do_stage(stage, ledger, workspace)
            done.append(left.pop(0))
            after_stage(stage, ledger, workspace)
            runs = runs_after(stage, workspace)
            several = several or bool(runs)
            if runs and stage.name != until:
                pooled = pooled_stages(workspace, {})
                names = {each.name for each in pooled}
                begin_runs(workspace, list(runs), [each for each in left if each.name not in names])
                left[:] = pooled
                do_runs(workspace, runs, until, shared=done)
                return
        put_runs_aside(workspace, done, several=several)
        put_external_aside(workspace)
        if not workspace.within:
            show_end(workspace, until)
    finally:
        with suppress(OSError, BrainplugError):  # what stopped the run is to be told, not this
            tell_stale(workspace, stale.mark_stale(ledger, left, workspace.code))


def after_stage(stage: Stage, ledger: Ledger, workspace: Workspace) -> None:
    """Write the record, and ask for what later stages need."""
    write_provenance(workspace, ledger)
    subgroups = workspace.recipe.evaluation.subgroups
    if stage.name == "cohort" and subgroups:  # rather than when all is trained
        require_columns(read_cohort(workspace), subgroups)


def tell_stale(workspace: Workspace, lines: Iterable[str]) -> None:
    """Say which later results do not belong to what lies in the folder, and where they are."""
    for line in lines:
        workspace.console.print(f"stale: {line}", style="yellow", markup=False, highlight=False)
        log(workspace.files.path, f"stale: {line}")


def stages_until(stages: list[Stage], until: str) -> list[Stage]:
    """Return the stages of a recipe up to and with one.

    Raises:
        RunError: the recipe has no such stage.
    """
    names = [stage.name for stage in stages]
    if until not in names:
        raise RunError(
            f"the recipe has no stage {until!r}",
            where="--until",
            found=until,
            hint=f"its stages are {', '.join(names)}",
        )
    return stages[: names.index(until) + 1]


def do_arms(workspace: Workspace) -> None:
    """Do each training beside the main one in a folder of its own; one that fails is told."""
    files = workspace.files
    arms = choose_arms(workspace.recipe, workspace.plan)
    passed = {path for path in files.arms.glob("*") if path.name not in {*arms, stale.STALE}}
    stale.put_aside(files.arms, sorted(passed), "not among the arms of the recipe")
    for arm in arms:
        workspace.console.rule(f"arm {arm}")
        stale.take_back(files.arms, [files.of_arm(arm).path])
        try:
            with taken(files.of_arm(arm)):
                inner = open_arm(workspace, arm)
                do_stages(inner, "answers", only=arm_stages(inner.recipe))
        except RankError:  # the ranks are no longer in step
            raise
        except BrainplugError as error:
            note_failure(files, arm, error)
            workspace.console.print(str(error), style="red", markup=False)
    if arms:
        workspace.console.rule()


def runs_after(stage: Stage, workspace: Workspace) -> Mapping[str, Recipe]:
    """Return the recipes that the run goes on with in folders of their own, empty for one only.

    Folds part when the cohort is known; seeds of training when all tables and volumes are there.
    """
    recipe = workspace.recipe
    if stage.name == "cohort" and able(workspace.strategy, Repeats):
        strategy = workspace.strategy
        return list_splits(recipe, strategy, read_cohort(workspace))
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
    end_runs(workspace, runs, failed, until)


def begin_runs(workspace: Workspace, names: list[str], left: Iterable[Stage]) -> None:
    """Write down which runs there are, put aside what a single one left, take back theirs."""
    import shutil

    files, ledger = workspace.files, Ledger(workspace.files.path)
    if any(files.tasks in stage.writes for stage in left):
        shutil.rmtree(files.exports, ignore_errors=True)
    reason = "of a single run; the recipe has several"
    tell_stale(workspace, stale.mark_stale(ledger, left, workspace.code, reason=reason))
    stale.take_back(files.path, [files.runs])
    put_aside(workspace, (files.arms,), reason)
    passed = {path for path in files.runs.glob("*") if path.name not in {*names, stale.STALE}}
    moved = stale.put_aside(files.runs, sorted(passed), "not among the runs of the recipe")
    told = f"not among the runs of the recipe; now in {files.runs.name}/{stale.STALE}/"
    tell_stale(workspace, [f"{name}: {told}" for name in moved])
    for name in names:
        stale.take_back(files.runs, [files.of_run(name).path])
    write_json(files.run_list, names)


def put_runs_aside(workspace: Workspace, done: Sequence[Stage], *, several: bool) -> None:
    """Put aside what several runs left where one is now, or where what they share is another.

    Args:
        workspace: of their common folder.
        done: stages that are done there.
        several: the recipe has several, which this command did not come to.
    """
    files = workspace.files
    if several and (not files.runs.is_dir() or all_share(files, done)):
        return
    reason = "made from something else" if several else "of several runs; the recipe has one"
    put_aside(workspace, (files.runs, files.summary), reason)


def put_external_aside(workspace: Workspace) -> None:
    """Put aside what was made of external studies where the recipe names none any more."""
    files = workspace.files
    if not workspace.recipe.evaluation.also:
        reason = "of external studies; the recipe names none"
        put_aside(workspace, (files.external, files.external_answers), reason)


def all_share(files: RunFolder, done: Sequence[Stage]) -> bool:
    """Tell whether the runs in a folder have what is done there in common."""
    common = Ledger(files.path)
    keys = {stage.name: common.entry(stage).get("key") for stage in done}
    runs = [path for path in files.runs.iterdir() if RunFolder(path).ledger.is_file()]
    homes = [Ledger(path).read_whole()[0] for path in runs]
    return all(home.get(name, {}).get("key") == key for home in homes for name, key in keys.items())


def put_aside(workspace: Workspace, paths: Iterable[Path], reason: str) -> None:
    """Move results to `stale/`, and say so."""
    moved = stale.put_aside(workspace.files.path, paths, reason)
    tell_stale(workspace, [f"{name}: {reason}; now in {stale.STALE}/" for name in moved])


def end_runs(
    workspace: Workspace, runs: Iterable[str], failed: Mapping[str, BrainplugError], until: str
) -> None:
    """Sum up the runs.

    Raises:
        RunError: some could not be done.
    """
    if STAGES.index(until) >= STAGES.index("metrics"):
        pool_runs(workspace, {name: str(error) for name, error in failed.items()}, until)
    elif not (workspace.within or failed):
        show_end(workspace, until)
    if failed:
        causes = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise RunError(
            f"{len(failed)} of {len(list(runs))} runs could not be done: {causes}",
            found=tuple(failed),
        )


def pool_runs(workspace: Workspace, failed: Mapping[str, str], until: str) -> None:
    """Score the people of all runs together, where any run has scores.

    Args:
        workspace: of the folder that holds the runs.
        failed: why runs could not be done, by name; they are told and not looked at.
        until: name of the last stage wanted.
    """
    if not list_runs(workspace.files, failed):
        return
    ledger = Ledger(workspace.files.path)
    for stage in stages_until(pooled_stages(workspace, failed), until):
        do_stage(stage, ledger, workspace)
        after_stage(stage, ledger, workspace)
    if not workspace.within:
        show_end(workspace, until)


def do_run(
    workspace: Workspace, name: str, recipe: Recipe, until: str, *, shared: Sequence[Stage]
) -> None:
    """Do one of several runs."""
    files = workspace.files.of_run(name)
    with ExitStack() as stack:
        stack.enter_context(taken(files))
        for line in mend(files):
            workspace.tell(f"run {name}: {line}")
        share_stages(workspace.files, files, shared)
        inner = Workspace.open(
            recipe,
            registry=workspace.registry,
            folder=files.path,
            console=workspace.console,
            ranks=workspace.ranks,
            within=True,
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
    Ledger(own.path).write({**Ledger(own.path).read(), **known})
