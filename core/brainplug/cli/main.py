"""The command line: `brainplug run`, `check`, `prepare`, `predict`, `compare` and others.

Everything heavy is imported inside a command, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from contextlib import nullcontext, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.compare import add_compare
from brainplug.cli.evaluate import add_evaluate
from brainplug.cli.export import add_export
from brainplug.cli.new import add_new
from brainplug.cli.opening import make_console, open_registry
from brainplug.cli.predict import add_predict

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 for an error, 2 for wrong usage.

    Stopped by a signal it is 128 more than that, so 130 for Ctrl-C.
    """
    given = make_parser().parse_args(arguments)
    from brainplug.errors import BrainplugError
    from brainplug.runtime.ranks import LAUNCHED, Ranks
    from brainplug.runtime.signals import exit_code, stopping
    from brainplug.runtime.threads import wait_passively

    wait_passively(os.environ)
    try:
        ranks = Ranks.of(os.environ)
    except BrainplugError as error:
        tell(error, Ranks(), verbose=given.verbose)
        return 1
    try:
        # Of several ranks torchrun ends each, which may hang in a call that waits for the others.
        with stopping() if ranks.world_size == 1 else nullcontext():
            code: int = given.command(given) or 0
    except KeyboardInterrupt as error:
        if ranks.is_main_process and LAUNCHED not in os.environ:  # else the launcher says so
            tell_stopped(error)
        code = exit_code(error)
    except Exception as error:
        from brainplug.registry import blame

        failure = error if isinstance(error, BrainplugError) else blame(error) or error
        # A bug of ours: Python's own traceback is what its report needs.
        if ranks.world_size == 1 and not isinstance(failure, BrainplugError | OSError):
            raise
        if ranks.tells(failure):
            tell(failure, ranks, verbose=given.verbose)
        code = 1
    return ranks.leave(code)


def tell_stopped(error: KeyboardInterrupt) -> None:
    """Print that the command was stopped; a terminal that was closed takes nothing any more."""
    from brainplug.runtime.signals import Stopped, name_of

    by = f" by {name_of(error)}" if isinstance(error, Stopped) else ""
    with suppress(OSError):
        print(f"brainplug: stopped{by}; the same command goes on from here", file=sys.stderr)


def tell(error: Exception, ranks: Ranks, *, verbose: bool) -> None:
    """Print what went wrong; with its traceback where that is asked for, or where it is our bug."""
    from brainplug.errors import BrainplugError, visible

    expected = isinstance(error, BrainplugError | OSError)
    if verbose or not expected:
        traceback.print_exception(error)
    if expected:
        print(visible(f"brainplug: error: {ranks.place}{describe(error)}"), file=sys.stderr)


def describe(error: Exception) -> str:
    """Say what went wrong, with the notes that were added to it."""
    notes = getattr(error, "__notes__", ())
    if not isinstance(error, OSError):
        return "\n".join((str(error), *notes))
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}; make room or give access there, "
        "or choose another --output; the same command goes on from here"
    )


def make_parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = argparse.ArgumentParser(
        prog="brainplug",
        description="Can a vision-language model read an attribute off a brain MRI, "
        "when it is shown a reference scan whose attribute is known?",
    )
    parser.add_argument(
        "--version", action="version", version=f"brainplug {metadata.version('brainplug')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="do every stage of a recipe that is not done yet")
    run.add_argument("recipe", help="a recipe file, or the name of a shipped one such as demo")
    run.add_argument("--output", type=Path, metavar="DIR", help="run folder (default: runs/RECIPE)")
    run.add_argument("--until", choices=STAGES, default=STAGES[-1], help="last stage wanted")
    run.add_argument("--fresh", action="store_true", help="start over")
    run.add_argument(
        "--devices",
        type=read_count,
        metavar="N",
        help="GPUs to share the work out to, one process each; without GPUs, processes",
    )
    run.set_defaults(command=run_command)
    check = commands.add_parser("check", help="say what a run would do; trains nothing")
    check.add_argument("recipe", help="a recipe file, or the name of a shipped one such as demo")
    check.set_defaults(command=check_command)
    add_prepare(commands)
    add_evaluate(commands)
    add_predict(commands)
    add_compare(commands)
    add_new(commands)
    add_export(commands)
    old = commands.add_parser(
        "import", help="print a recipe that says what an older YAML file says"
    )
    old.add_argument("settings", type=Path, help="YAML training settings of an older tool")
    old.set_defaults(command=import_command)
    plugins = commands.add_parser("plugins", help="list the parts, or the options of one")
    which = plugins.add_mutually_exclusive_group()
    which.add_argument("name", nargs="?", help="name of a part whose options are shown")
    which.add_argument("--recipe", action="store_true", help="show the keys that are no plugin's")
    plugins.set_defaults(command=plugins_command)
    for command in commands.choices.values():
        command.add_argument(
            "--verbose", action="store_true", help="show the traceback of an error as well"
        )
    return parser


def add_prepare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `prepare`."""
    prepare = commands.add_parser("prepare", help="make the task files of a recipe, and stop there")
    prepare.add_argument("recipe", help="a recipe file, or the name of a shipped one such as demo")
    prepare.add_argument(
        "--output", type=Path, metavar="DIR", help="run folder (default: runs/RECIPE)"
    )
    prepare.add_argument(
        "--format",
        action="append",
        default=[],
        choices=FORMATS,
        help="also write the tasks in this form, for other trainers; can be given several times",
    )
    prepare.add_argument("--fresh", action="store_true", help="start over")
    prepare.set_defaults(command=prepare_command)


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


def open_recipe(name: str) -> tuple[RecipeFile, Registry]:
    """Load the plugins, warn of those that failed, and read the recipe."""
    from brainplug.recipe.load import find_recipe, read_recipe

    file = read_recipe(find_recipe(name), open_registry())
    return file, file.registry


def folder_of(given: argparse.Namespace) -> Path:
    """Return the run folder that a command names, or the default."""
    return Path(given.output or Path("runs") / Path(given.recipe).stem).absolute()


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
        file, registry = open_recipe(given.recipe)
        from brainplug.run.runner import run_recipe

        run_recipe(
            file,
            registry=registry,
            folder=folder_of(given),
            until=given.until,
            fresh=given.fresh,
            console=make_console(),
            ranks=ranks,
        )
    return 0


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
    # All but `--devices`, with which each rank would start ranks of its own.
    arguments = ["run", given.recipe, "--until", given.until]
    if given.output:
        arguments += ["--output", str(given.output)]
    if given.fresh:
        arguments.append("--fresh")
    if given.verbose:
        arguments.append("--verbose")
    try:
        return launch(given.devices, arguments)
    except KeyboardInterrupt as error:
        from brainplug.run.log import log_stopped

        log_stopped(folder_of(given), error)
        raise


def check_command(given: argparse.Namespace) -> None:
    """Do `brainplug check`."""
    file, registry = open_recipe(given.recipe)
    from brainplug.run.dry_run import check_recipe

    check_recipe(file, registry=registry, console=make_console())


def prepare_command(given: argparse.Namespace) -> None:
    """Do `brainplug prepare`."""
    file, registry = open_recipe(given.recipe)
    from brainplug.run.exporting import export_run
    from brainplug.run.runner import run_recipe

    folder = folder_of(given)
    console = make_console()
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


def import_command(given: argparse.Namespace) -> None:
    """Do `brainplug import`: the recipe goes to standard output, remarks beside it."""
    from brainplug.cli.legacy_yaml import recipe_from_yaml

    imported = recipe_from_yaml(given.settings)
    print(imported.text)
    for note in imported.notes:
        print(f"brainplug: {note}", file=sys.stderr)


def plugins_command(given: argparse.Namespace) -> None:
    """Do `brainplug plugins`."""
    from brainplug.cli.plugin_tables import list_parts, show_part, show_recipe

    registry = open_registry()
    if given.recipe:
        shown = show_recipe()
    else:
        shown = show_part(registry, given.name) if given.name else list_parts(registry)
    console = make_console()
    for each in shown:
        console.print(each)
