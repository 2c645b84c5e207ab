"""`brainplug export`: what a finished run has come to, in forms that others read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import add_command
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from brainplug.cli.parser import Commands


def add_export(commands: Commands) -> None:
    """Describe `export`."""
    command = add_command(
        commands,
        "export",
        "write the model of a run, or its predictions, for others",
        examples=(
            "brainplug export runs/sex --model sex.zip",
            "brainplug export runs/sex --bids derivatives/brainplug",
        ),
    )
    command.add_argument("run", help="folder of a finished run, of one fold where it has several")
    command.add_argument(
        "--model",
        type=Path,
        metavar="FILE.zip",
        help="write weights, recipe, card and hashes there; no person and no path is in it",
    )
    command.add_argument(
        "--bids",
        type=Path,
        metavar="DIR",
        help="write the predictions there, as a BIDS derivative; it names people by their ids",
    )
    command.set_defaults(command=export_command)


def export_command(given: argparse.Namespace) -> None:
    """Do `brainplug export`.

    Raises:
        RunError: nothing is asked for.
    """
    from brainplug.errors import RunError
    from brainplug.run.opened import open_run

    if not given.model and not given.bids:
        raise RunError("none", where="export", expected="--model FILE.zip, --bids DIR, or both")
    run = open_run(given.run)
    if given.bids:
        from brainplug.run.bids_derivative import export_bids

        derivative = export_bids(run, expanded(given.bids).absolute())
        tell(*map(str, derivative.files), *derivative.notes)
    if given.model:
        from brainplug.run.model_archive import export_model

        archive = export_model(run, expanded(given.model).absolute())
        tell(*(f"  {name}" for name in archive.names))
        tell(*(f"left out, as no file of a model: {name}" for name in archive.left_out))
        tell(str(archive.path))


def tell(*lines: str) -> None:
    """Print lines as they are: paths are copied, and a bracket in one is no markup."""
    from brainplug.cli.opening import make_console

    for line in lines:
        make_console().print(line, soft_wrap=True, markup=False, highlight=False)
