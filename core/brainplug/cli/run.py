"""`brainplug run`, `check` and `prepare`: what is done with a recipe."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainplug.cli.opening import make_console, open_registry
from brainplug.cli.parser import CACHE, LEARNING, add_command, one_of
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    from brainplug.cli.parser import Commands
    from brainplug.recipe.tables import RecipeFile
    from brainplug.registry import Registry
    from brainplug.runtime.ranks import Ranks

STAGES = (
    "cohort",
    "split",
    "pairs",
    "dialogues",
    "volumes",
    "baselines",
    "training",
    "answers",
    "interventions",
    "external",
    "external-answers",
    "arms",
    "metrics",
    "report",
)
"""As `recipe.tables.STAGES`, which a test compares; repeated, since that import is slow."""


FORMATS = ("llava", "messages", "trl")
"""As `brainplug.tasks.export.FORMATS`, which a test compares."""


def add_run(commands: Commands) -> None:
    """Describe `run`."""
    run = add_command(
        commands,
        "run",
        "do every stage of a recipe that is not done yet",
        examples=(
            "brainplug run demo",
            "brainplug run sex.toml --output runs/sex --until split",
            "brainplug run sex.toml --set training.epochs=20 --set pairing.use=alone",
            "brainplug run sex.toml --devices 4",
        ),
        variables=LEARNING,
    )
    add_recipe(run)
    run.add_argument("--output", type=Path, metavar="DIR", help="run folder (default: runs/RECIPE)")
    run.add_argument(
        "--until",
        type=one_of("stage", STAGES),
        default=STAGES[-1],
        metavar="STAGE",
        help=f"last stage wanted: {', '.join(STAGES)}",
    )
    run.add_argument("--fresh", action="store_true", help="start over")
    run.add_argument(
        "--devices",
        type=read_count,
        metavar="N",
        help="GPUs to share the work out to, one process each; without GPUs, processes",
    )
    run.add_argument(
        "--json", action="store_true", help="print the result as JSON; all else goes to stderr"
    )
    run.set_defaults(command=run_command)


def add_check(commands: Commands) -> None:
    """Describe `check`."""
    check = add_command(
        commands,
        "check",
        "say what a run would do; trains nothing",
        examples=("brainplug check demo", "brainplug check sex.toml --json"),
        variables=CACHE,
    )
    add_recipe(check)
    check.add_argument(
        "--json", action="store_true", help="print what is found as JSON; all else goes to stderr"
    )
    check.set_defaults(command=check_command)


def add_prepare(commands: Commands) -> None:
    """Describe `prepare`."""
    prepare = add_command(
        commands,
        "prepare",
        "make the task files of a recipe, and stop there",
        examples=("brainplug prepare sex.toml --format llava --format trl",),
        variables=CACHE,
    )
    add_recipe(prepare)
    prepare.add_argument(
        "--output", type=Path, metavar="DIR", help="run folder (default: runs/RECIPE)"
    )
    prepare.add_argument(
        "--format",
        action="append",
        default=[],
        type=one_of("format", FORMATS),
        metavar="FORMAT",
        help="also write the tasks in this form, for other trainers; can be given several times: "
        f"{', '.join(FORMATS)}",
    )
    prepare.add_argument("--fresh", action="store_true", help="start over")
    prepare.set_defaults(command=prepare_command)


def add_recipe(command: argparse.ArgumentParser) -> None:
    """Let a command take a recipe, and changes of it."""
    command.add_argument("recipe", help="a recipe file, or the name of a shipped one such as demo")
    add_changes(command)


def add_changes(command: argparse.ArgumentParser) -> None:
    """Let a command take changes of its recipe."""
    command.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="another value of a key of the recipe, as TOML writes it; can be given several times",
    )


def read_count(text: str) -> int:
    """Read a number of devices.

    Raises:
        ArgumentTypeError: it is not a whole number from 1.

    >>> read_count("8")
    8
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1: {text!r}")
    return int(text)


def open_recipe(given: argparse.Namespace) -> tuple[RecipeFile, Registry]:
    """Load the plugins, warn of those that failed, and read the recipe."""
    from brainplug.recipe.load import find_recipe, read_recipe
    from brainplug.recipe.shipped import is_named

    # A shipped recipe lies beside nobody's data: its paths begin where the user is.
    named = is_named(given.recipe)
    file = read_recipe(
        find_recipe(given.recipe),
        open_registry(),
        changes=given.changes,
        base=Path.cwd() if named else None,
        source=given.recipe if named else "",
    )
    return file, file.registry


def folder_of(given: argparse.Namespace) -> Path:
    """Return the run folder that a command names, or the default."""
    return expanded(given.output or Path("runs") / Path(given.recipe).stem).absolute()


def run_command(given: argparse.Namespace) -> int:
    """Do `brainplug run`: here, as one rank of several, or by starting them."""
    from brainplug.runtime.ranks import Ranks

    ranks = Ranks.of(os.environ)
    # One device needs no launcher, unless torchrun has started us: then the contradiction is told.
    if given.devices and (given.devices > 1 or ranks.world_size > 1):
        return launch_run(given, ranks)
    ranks.join()
    if not ranks.is_main_process:
        from brainplug.run.ranks import follow

        # Rank 0 speaks for all, of plugins that failed too.
        follow(ranks, lambda: open_registry(warn=False), make_console(quiet=True))
        return 0
    with ranks.leading():
        file, registry = open_recipe(given)
        from brainplug.run.runner import run_recipe

        run_recipe(
            file,
            registry=registry,
            folder=folder_of(given),
            until=given.until,
            fresh=given.fresh,
            console=make_console(verbose=given.verbose, stderr=given.json),
            ranks=ranks,
        )
    if given.json:
        from brainplug.run.summary import summarise

        print_json(summarise(folder_of(given)))
    return 0


def print_json(facts: Any) -> None:
    """Print facts as JSON, and nothing else, on standard output."""
    from brainplug.runtime.records import to_json

    sys.stdout.write(json.dumps(to_json(facts), indent=2, ensure_ascii=False) + "\n")


def launch_run(given: argparse.Namespace, ranks: Ranks) -> int:
    """Start the ranks of a run and wait for them; return the exit code.

    Raises:
        RunError: torchrun has done so already, or there are fewer GPUs.
    """
    from brainplug.errors import RunError
    from brainplug.runtime.torchrun import check_devices, launch

    if ranks.world_size > 1:
        raise RunError(
            "torchrun has started this process already",
            where="--devices",
            found=ranks.world_size,
            hint="leave it out",
        )
    check_devices(given.devices)
    try:
        return launch(given.devices, arguments_of_ranks(given))
    except KeyboardInterrupt as error:
        from brainplug.run.log import log_stopped

        log_stopped(folder_of(given), error)
        raise


def arguments_of_ranks(given: argparse.Namespace) -> list[str]:
    """Return what each rank is started with: all but `--devices`, which would start more."""
    arguments = ["run", given.recipe, "--until", given.until]
    for change in given.changes:
        arguments += ["--set", change]
    if given.output:
        arguments += ["--output", str(given.output)]
    flags = {"--fresh": given.fresh, "--verbose": given.verbose, "--json": given.json}
    return arguments + [flag for flag, wanted in flags.items() if wanted]


def check_command(given: argparse.Namespace) -> None:
    """Do `brainplug check`."""
    from brainplug.runtime.workers import one_thread_each, seldom_collected

    # Tables ask little of linear algebra, whose threads would spin beside it and gain nothing.
    with seldom_collected(), one_thread_each():
        file, registry = open_recipe(given)
        from brainplug.run.dry_run import check_recipe

        found = check_recipe(
            file, registry=registry, console=make_console(verbose=given.verbose, stderr=given.json)
        )
    if given.json:
        print_json(found)


def prepare_command(given: argparse.Namespace) -> None:
    """Do `brainplug prepare`."""
    from brainplug.runtime.workers import one_thread_each, seldom_collected

    folder, console = folder_of(given), make_console(verbose=given.verbose)
    with seldom_collected(), one_thread_each():
        file, registry = open_recipe(given)
        from brainplug.run.exporting import export_run
        from brainplug.run.runner import run_recipe

        run_recipe(
            file,
            registry=registry,
            folder=folder,
            until="dialogues",
            fresh=given.fresh,
            console=console,
        )
    for path in export_run(folder, given.format):
        # Paths are copied, so none is broken at the edge of the window, and a bracket in it is no
        # markup.
        console.print(str(path), soft_wrap=True, markup=False, highlight=False)
