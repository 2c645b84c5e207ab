"""The command line: `brainplug run`, `check`, `prepare`, `predict`, `compare` and others.

Everything heavy is imported inside a command, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.compare import add_compare
from brainplug.cli.completion import add_completion
from brainplug.cli.evaluate import add_evaluate
from brainplug.cli.export import add_export
from brainplug.cli.init import add_init
from brainplug.cli.new import add_new
from brainplug.cli.parser import Parser, add_command, parse
from brainplug.cli.plugins import add_plugins
from brainplug.cli.predict import add_predict
from brainplug.cli.run import add_check, add_prepare, add_run
from brainplug.cli.schema import add_schema
from brainplug.cli.show import add_show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.cli.parser import Commands
    from brainplug.runtime.ranks import Ranks


def start() -> int:
    """Do the command that this process was started for; return the exit code.

    As `main`, for a process that ends with it: Python would look through all that is still there,
    a million objects, for cycles, and then end.
    """
    code = main()
    # Networks hold devices and worker processes, which want their usual end.
    if "torch" not in sys.modules:
        gc.freeze()
    return code


class Version(argparse.Action):
    """Prints the version, which is looked up when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        """Take no value."""
        super().__init__(option_strings, dest, nargs=0, help="show the version and end")

    def __call__(self, parser: argparse.ArgumentParser, *_given: object) -> None:
        """Print and end."""
        from importlib import metadata

        print(f"brainplug {metadata.version('brainplug')}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 for an error, 2 for wrong usage.

    Stopped by a signal it is 128 more than that, so 130 for Ctrl-C.
    """
    given = parse(make_parser(), arguments)
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
    except SystemExit:
        raise
    except BaseException as error:
        # A plugin may raise anything, and end in nothing that others look after.
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


def tell(error: BaseException, ranks: Ranks, *, verbose: bool) -> None:
    """Print what went wrong; with its traceback where that is asked for, or where it is our bug."""
    from brainplug.errors import BrainplugError, visible

    expected = isinstance(error, BrainplugError | OSError)
    if verbose or not expected:
        traceback.print_exception(error)
    if expected:
        print(visible(f"brainplug: error: {ranks.place}{describe(error)}"), file=sys.stderr)


def describe(error: BaseException) -> str:
    """Say what went wrong, with the notes that were added to it."""
    notes = getattr(error, "__notes__", ())
    if not isinstance(error, OSError):
        return "\n".join((str(error), *notes))
    # Of a copy or a move the second one is where it was to go.
    place = error.filename2 or error.filename
    where = f"{place}: " if place else ""
    other = "another folder in BRAINPLUG_CACHE" if in_cache(place) else "another --output"
    return (
        f"{where}{error.strerror or error}; make room or give access there, "
        f"or choose {other}; the same command goes on from here"
    )


def in_cache(place: object) -> bool:
    """Tell whether a path lies in the cache."""
    from brainplug.errors import RunError
    from brainplug.runtime.files import cache_folder

    try:
        return isinstance(place, str) and Path(place).is_relative_to(cache_folder())
    except RunError:  # there is no place for a cache
        return False


def make_parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = Parser(
        prog="brainplug",
        description="Can a vision-language model read an attribute off a brain MRI,\n"
        "when it is shown a reference scan whose attribute is known?",
        epilog="begin with:\n  brainplug run demo\n  brainplug init\n\n"
        "brainplug COMMAND --help shows examples, environment variables and exit codes",
    )
    parser.add_argument("--version", action=Version)
    parser.set_defaults(program=parser)
    commands = parser.add_subparsers(
        required=True, title="commands", metavar="COMMAND", parser_class=Parser
    )
    add_run(commands)
    add_check(commands)
    add_prepare(commands)
    add_show(commands)
    add_evaluate(commands)
    add_predict(commands)
    add_compare(commands)
    add_init(commands)
    add_new(commands)
    add_export(commands)
    add_plugins(commands)
    add_schema(commands)
    add_import(commands)
    add_completion(commands)
    for command in commands.choices.values():
        command.add_argument(
            "--verbose",
            action="store_true",
            help="show all that a run says of itself, and the traceback of an error",
        )
    return parser


def add_import(commands: Commands) -> None:
    """Describe `import`."""
    old = add_command(
        commands,
        "import",
        "print a recipe that says what an older YAML file says",
        examples=("brainplug import old.yaml > recipe.toml",),
    )
    old.add_argument("settings", type=Path, help="YAML training settings of an older tool")
    old.set_defaults(command=import_command)


def import_command(given: argparse.Namespace) -> None:
    """Do `brainplug import`: the recipe goes to standard output, remarks beside it."""
    from brainplug.cli.legacy_yaml import recipe_from_yaml

    imported = recipe_from_yaml(given.settings)
    print(imported.text)
    for note in imported.notes:
        print(f"brainplug: {note}", file=sys.stderr)
