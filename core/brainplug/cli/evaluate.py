"""`brainplug evaluate` and `brainplug report`: what is made of a training that is finished."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import CACHE, LEARNING, add_command
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from brainplug.cli.parser import Commands


def add_evaluate(commands: Commands) -> None:
    """Describe `evaluate` and `report`."""
    evaluate = add_command(
        commands,
        "evaluate",
        "ask the model of a finished run; --test asks test people",
        examples=("brainplug evaluate runs/sex --test",),
        variables=LEARNING,
    )
    evaluate.add_argument("run", type=Path, metavar="RUN", help="run folder")
    evaluate.add_argument(
        "--test",
        action="store_true",
        help="open the test, which is written down: once nothing is to be changed any more",
    )
    evaluate.set_defaults(command=evaluate_command)
    report = add_command(
        commands,
        "report",
        "make the page of a finished run anew",
        examples=("brainplug report runs/sex", "brainplug report runs/sex --pseudonymise shared/"),
        variables=CACHE,
    )
    report.add_argument("run", type=Path, metavar="RUN", help="run folder")
    report.add_argument(
        "--pseudonymise",
        type=Path,
        metavar="DIR",
        help="write there a copy to share: no ids, no counts of fewer than five people",
    )
    report.set_defaults(command=report_command)


def evaluate_command(given: argparse.Namespace) -> int:
    """Do `brainplug evaluate`: here, or as one rank of several that torchrun has started."""
    from brainplug.cli.opening import make_console, open_registry
    from brainplug.runtime.ranks import Ranks

    ranks = Ranks.of(os.environ)
    ranks.join()
    if not ranks.is_main_process:
        from brainplug.run.ranks import follow

        follow(ranks, lambda: open_registry(warn=False), make_console(quiet=True))
        return 0
    with ranks.leading():
        from brainplug.run.evaluating import evaluate_run

        evaluate_run(
            expanded(given.run).absolute(),
            test=given.test,
            registry=open_registry(),
            console=make_console(verbose=given.verbose),
            ranks=ranks,
        )
    return 0


def report_command(given: argparse.Namespace) -> None:
    """Do `brainplug report`."""
    from brainplug.cli.opening import make_console, open_registry
    from brainplug.run.evaluating import report_run

    folder, registry = expanded(given.run).absolute(), open_registry()
    console = make_console(verbose=given.verbose)
    report_run(folder, registry=registry, console=console)
    if given.pseudonymise is None:
        return
    from brainplug.run.evaluating import share_run

    for path in share_run(folder, expanded(given.pseudonymise), registry=registry, console=console):
        console.print(str(path), soft_wrap=True, markup=False, highlight=False)
