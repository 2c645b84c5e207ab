"""`brainplug evaluate` and `brainplug report`: what is made of a training that is finished."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from brainplug.errors import RunError
from brainplug.evaluation.pooled_records import Summary
from brainplug.recipe.load import read_recipe
from brainplug.run.context import Workspace
from brainplug.run.lacking_plugins import naming_lacking
from brainplug.run.ledger import Ledger
from brainplug.run.lock import taken
from brainplug.run.openings import open_test, trained
from brainplug.run.repeats import list_runs
from brainplug.run.runner import do_stages, pool_runs
from brainplug.run.sharing import share_results
from brainplug.run.soundness import refuse_damaged
from brainplug.runtime.files import read_json
from brainplug.runtime.ranks import ALONE, Ranks
from brainplug.runtime.records import read_record
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from rich.console import Console

    from brainplug.registry import Registry

EVALUATION = (
    "baselines",
    "answers",
    "external",
    "external-answers",
    "interventions",
    "arms",
    "metrics",
    "report",
)
"""Stages that are made of a finished training, or stand beside it."""


def evaluate_run(
    folder: Path, *, test: bool, registry: Registry, console: Console, ranks: Ranks = ALONE
) -> None:
    """Ask the model of a finished run, and score it; nothing is trained but arms that are lacking.

    Args:
        folder: of the run, or of several that one recipe stands for.
        test: open the test; without it what was open stays so.
        registry: parts.
        console: where the result is shown.
        ranks: those that the first one leads.

    Raises:
        RunError: it is no run folder, or a training in it has not ended.
    """
    files = RunFolder(folder)
    homes = find_homes(files, redone=EVALUATION)
    lacking = [home.path for home in homes if not has_model(home)]
    if lacking:
        listed = ", ".join(str(path) for path in lacking[:3])
        raise RunError(
            "none" if len(lacking) == len(homes) else f"none in {listed}",
            where=folder,
            expected="a finished training",
            found=tuple(map(str, lacking)),
            hint="brainplug run makes it, or goes on with it",
        )
    with ExitStack() as stack:
        for home in dict.fromkeys((files, *homes)):
            stack.enter_context(taken(home))
        for home in homes:
            if test:
                open_test(home)
            if len(homes) > 1:
                console.rule(f"run {home.path.relative_to(folder)}")
            workspace = open_workspace(
                home, registry, console, ranks, within=len(homes) > 1 or home.path != folder
            )
            do_stages(workspace, "report", only=EVALUATION)
        sum_up(files, registry, console)


def report_run(folder: Path, *, registry: Registry, console: Console) -> None:
    """Make the page of a run anew from what lies in its folder.

    Raises:
        RunError: it is no run folder, or no scores lie in it.
    """
    files = RunFolder(folder)
    homes = find_homes(files)
    scored = [home for home in homes if home.metrics.is_file()]
    if not scored:
        raise RunError(
            "none",
            where=files.metrics,
            expected="the scores of a run",
            hint="brainplug run, or brainplug evaluate where its training has ended, makes them",
        )
    with ExitStack() as stack:
        for home in dict.fromkeys((files, *scored)):
            stack.enter_context(taken(home))
        for home in scored:
            Ledger(home.path).forget("report")
            within = files.run_list.is_file()
            workspace = open_workspace(home, registry, console, ALONE, within=within)
            do_stages(workspace, "report", only=("report",))
        if files.run_list.is_file():
            Ledger(files.path).forget("report")
        # The older scores of a run that failed since stay out of the whole.
        sum_up(files, registry, console, keep_lost=True)


def share_run(folder: Path, to: Path, *, registry: Registry, console: Console) -> list[Path]:
    """Write a copy of a run's results, or of several runs', that can be given away.

    Args:
        folder: of the run.
        to: folder of the copy.
        registry: parts.
        console: where nothing but what goes wrong is told.

    Returns:
        The files that were written.

    Raises:
        RunError: it is no run folder, it has no scores, or it is to be its own copy.
    """
    files = RunFolder(folder)
    find_homes(files)  # of what is no run folder it says so
    with taken(files):
        return share_results(open_workspace(files, registry, console, ALONE), to.absolute())


def find_homes(files: RunFolder, *, redone: Collection[str] = ()) -> list[RunFolder]:
    """Return the folders of the single runs that a run folder stands for: itself, or those in it.

    Args:
        files: of the run.
        redone: names of stages whose files are looked after where they are made.

    Raises:
        RunError: it is no run folder, or something in it is damaged.
    """
    if not files.recipe.is_file() or not files.ledger.is_file():
        came = "no recipe.toml and stages.json in it" if files.path.is_dir() else "no such folder"
        raise RunError(
            came,
            where=files.path,
            expected="a run folder, as `brainplug run` leaves it",
            hint="name the folder that --output named, by default runs/RECIPE",
        )
    refuse_damaged(files, redone=redone)
    if not files.run_list.is_file():
        return [files]
    names = read_json(files.run_list)
    return [each for name in names for each in find_homes(files.of_run(name), redone=redone)]


def has_model(files: RunFolder) -> bool:
    """Tell whether the training of a run has ended, and its model is there."""
    return bool(trained(files)) and files.model.is_dir() and files.training.is_file()


def open_workspace(
    files: RunFolder,
    registry: Registry,
    console: Console,
    ranks: Ranks,
    *,
    within: bool = False,
) -> Workspace:
    """Open a run by the recipe that lies in its folder."""
    with naming_lacking(files, registry):
        file = read_recipe(files.recipe, registry)
    return Workspace.open(
        file.recipe,
        registry=file.registry,
        folder=files.path,
        console=console,
        ranks=ranks,
        within=within,
    )


def sum_up(
    files: RunFolder,
    registry: Registry,
    console: Console,
    *,
    keep_lost: bool = False,
    within: bool = False,
) -> None:
    """Sum several runs up anew, innermost first; those that failed are told again.

    Args:
        files: of the folder that holds the runs.
        registry: parts.
        console: where the result is shown.
        keep_lost: whether what was told to have failed still counts as that where it has scores.
        within: whether this is one of several runs itself.
    """
    if not files.run_list.is_file():
        return
    names: Sequence[str] = read_json(files.run_list)
    for name in names:
        sum_up(files.of_run(name), registry, console, keep_lost=keep_lost, within=True)
    lost = find_lost(files, names, keep=keep_lost)
    workspace = open_workspace(files, registry, console, ALONE, within=within)
    pool_runs(workspace, lost, "report")


def find_lost(files: RunFolder, names: Sequence[str], *, keep: bool) -> dict[str, str]:
    """Return why runs could not be done, as far as that is known, by name.

    Args:
        files: of the folder that holds the runs.
        names: of all runs.
        keep: whether what was told to have failed still counts as that where it has scores.
    """
    told = read_record(files.summary, Summary).failed if files.summary.is_file() else {}
    scored = {name.partition("/")[0] for name in list_runs(files)}
    return {
        name: told.get(name, "it has no scores")
        for name in names
        if name not in scored or (keep and name in told)
    }
