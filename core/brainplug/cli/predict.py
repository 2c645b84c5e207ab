"""`brainplug predict`: scans of one's own, read by the model of a finished run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import LEARNING, add_command, one_of
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse

    from rich.table import Table

    from brainplug.cli.parser import Commands
    from brainplug.inference.predicted import Prediction, PredictionTable

NAME = 24
"""Columns that the name of a query is given before others are left out for it."""

FORMATS = ("table", "csv", "json")

FEW = 3
"""Queries that are named beside a warning they share; of more the number is told."""


def add_predict(commands: Commands) -> None:
    """Describe `predict`."""
    command = add_command(
        commands,
        "predict",
        "let the model of a finished run read scans of your own",
        examples=(
            "brainplug predict runs/sex --reference a.nii.gz=male b.nii.gz=female --query new/",
            "brainplug predict runs/sex --reference known.csv --query new.csv --output said.csv",
        ),
        variables=LEARNING,
    )
    command.add_argument("run", help="folder of a finished run, of one fold where it has several")
    command.add_argument(
        "--reference",
        nargs="+",
        action="extend",
        default=[],
        metavar="SCAN=VALUE",
        help="scans whose value is known: a file or a folder with a label or number of the run, or "
        "a table with the columns image and value",
    )
    command.add_argument(
        "--query",
        nargs="+",
        action="extend",
        required=True,
        metavar="SCAN",
        help="scans to be read: files, folders, or tables with the column image",
    )
    command.add_argument(
        "--coverage",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="of the interval of a number (default: 0.9)",
    )
    command.add_argument(
        "--format",
        type=one_of("format", FORMATS),
        metavar="FORMAT",
        help="what is printed, or written: table (default), csv or json",
    )
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write there instead, as .csv or .json"
    )
    command.set_defaults(command=predict_command)


def predict_command(given: argparse.Namespace) -> int:
    """Do `brainplug predict`; return 1 where a query could not be read, else 0."""
    from brainplug.cli.scan_lists import read_queries, read_references
    from brainplug.errors import RunError
    from brainplug.run.opened import open_run

    suffix = given.output.suffix.lower().removeprefix(".") if given.output else ""
    form = given.format or (suffix if suffix in FORMATS else "csv" if given.output else "table")
    if given.output and form == "table":
        raise RunError(
            where="--format", expected="csv or json for a file", found=form, hint="or no --output"
        )
    run = open_run(given.run)
    found = run.predict_table(
        read_references(given.reference), read_queries(given.query), coverage=given.coverage
    )
    if form == "table":
        show(found)
    else:
        write(found, form, given.output)
    return 1 if found.failed else 0


def write(found: PredictionTable, form: str, path: Path | None) -> None:
    """Print predictions as CSV or JSON, or write them; notes that CSV has no place for go aside."""
    if form == "json":
        from brainplug.runtime.records import to_json

        text = json.dumps(to_json(found), indent=2, ensure_ascii=False) + "\n"
    else:
        text = found.frame().to_csv(index=False, lineterminator="\n")
    if path is None:
        sys.stdout.write(text)
    else:
        from brainplug.runtime.files import write_text

        write_text(expanded(path).absolute(), text)
    told = [f"{each.query}: {each.error}" for each in found.failed]
    for line in [*(found.notes if form == "csv" else ()), *told]:
        print(f"brainplug: {line}", file=sys.stderr)


def show(found: PredictionTable) -> None:
    """Show predictions on the terminal, and what is amiss below."""
    from rich.text import Text

    from brainplug.runtime.terminal import Terminal

    console = Terminal()
    console.print(make_table(found, console.width))
    names = short_names(found)
    warned: dict[str, list[str]] = {}
    for each in found.predictions:
        for warning in each.warnings:
            warned.setdefault(warning, []).append(names[each.query])
    for warning, queries in warned.items():
        who = ", ".join(queries) if len(queries) <= FEW else f"{len(queries)} queries"
        console.print(Text(f"{who}: {warning}", style="yellow"))
    for each in found.failed:
        console.print(Text(f"{each.query}: cannot be used: {each.error}", style="red"))
    for note in found.notes:
        console.print(Text(note, style="dim"))


def make_table(found: PredictionTable, width: int) -> Table:
    """Return predictions as a table, a row a query that could be used.

    Every prediction stands on one line. Columns for which there is no room are counted below.

    Args:
        found: what was predicted.
        width: columns of the terminal.
    """
    from rich.text import Text

    from brainplug.report.headline import count_fitting
    from brainplug.runtime.terminal import make_table

    unit = f" ({found.unit})" if found.unit else ""
    beside = (
        f"beside {count} reference{'s' if count > 1 else ''}"
        if (count := len(found.references))
        else "without references"
    )
    table = make_table(title=f"{found.target}{unit}, {beside}")
    table.add_column("query", overflow="fold")
    several = any(len(each.answers) > 1 for each in found.predictions)
    heads, names = heads_of(found, several=several), short_names(found)
    rows = {
        names[each.query]: row_of(each, found, several=several)
        for each in found.predictions
        if not each.error
    }
    # A name that is longer is folded.
    room = count_fitting(
        [(name[:NAME], own) for name, own in rows.items()] or [("", [])], heads, width
    )
    for head in heads[:room]:
        table.add_column(Text(head), justify="right", no_wrap=True)
    for name, own in rows.items():
        table.add_row(*map(Text, (name, *own[:room])))
    if room < len(heads):
        table.caption = f"no room for {', '.join(heads[room:])}; see --format csv"
    return table


def heads_of(found: PredictionTable, *, several: bool) -> list[str]:
    """Return what stands over the columns behind the name of a query."""
    classes = found.kind == "categorical"
    middle = [f"p({label})" for label in found.labels] if classes else ["interval"]
    spread = ["agreement" if classes else "SD"] if several else []
    return ["prediction", *middle, *spread, "mass", "warnings"]


def row_of(each: Prediction, found: PredictionTable, *, several: bool) -> list[str]:
    """Write what stands behind the name of a query."""
    from brainplug.report.wording import show_number

    if found.kind == "categorical":
        chances = each.probabilities or {}
        middle = [f"{chances[label]:.2f}" if chances else "-" for label in found.labels]
        said = "not read" if each.prediction is None else str(each.prediction)
        beside = "-" if each.agreement is None else f"{each.agreement:.0%}"
    else:
        numeric = None if each.prediction is None else float(each.prediction)
        said = "not read" if numeric is None else show_number(numeric)
        ends = "-" if each.low is None else f"{show_number(each.low)} to {show_number(each.high)}"
        middle, beside = [ends], "-" if each.spread is None else show_number(each.spread)
    mass = "-" if each.mass is None else f"{each.mass:.2f}"
    return [said, *middle, *([beside] if several else []), mass, str(len(each.warnings) or "")]


def short_names(found: PredictionTable) -> dict[str, str]:
    """Return the file name of each query, or its whole path where two have the same."""
    names = [Path(each.query).name for each in found.predictions]
    alone = len(set(names)) == len(names)
    return {
        each.query: name if alone else each.query
        for each, name in zip(found.predictions, names, strict=True)
    }
