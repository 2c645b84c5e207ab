"""`brainplug compare`: the scores of several runs side by side, and their differences."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brainplug.cli.parser import add_command
from brainplug.runtime.homes import expanded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from brainplug.cli.parser import Commands
    from brainplug.evaluation.comparison import Comparison, RunDifference

LONGEST_VALUE = 40
"""Characters of a key's value that the terminal shows."""


def add_compare(commands: Commands) -> None:
    """Describe `compare`."""
    command = add_command(
        commands,
        "compare",
        "put the scores of several runs side by side, paired by people",
        examples=("brainplug compare runs/sex runs/alone", "brainplug compare runs/* --json"),
    )
    command.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs")
    command.add_argument("--json", action="store_true", help="print everything as JSON instead")
    command.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write scores and differences, a row each"
    )
    command.set_defaults(command=compare_command)


def compare_command(given: argparse.Namespace) -> None:
    """Do `brainplug compare`."""
    from brainplug.evaluation.comparison import tidy_rows
    from brainplug.run.comparing import compare_runs
    from brainplug.run.opened import open_run
    from brainplug.runtime.files import write_csv
    from brainplug.runtime.records import to_json

    found = compare_runs({name: open_run(path) for name, path in name_runs(given.runs).items()})
    if given.csv:
        write_csv(expanded(given.csv).absolute(), tidy_rows(found))
    if given.json:
        sys.stdout.write(json.dumps(to_json(found), indent=2, ensure_ascii=False) + "\n")
    else:
        show(found)


def name_runs(paths: Sequence[str]) -> dict[str, str]:
    """Name each run by its folder; by more of its path where two folders have one name.

    Raises:
        RunError: a run is named twice.

    >>> name_runs(["runs/a", "runs/b"]), name_runs(["x/a", "y/a"])
    ({'a': 'runs/a', 'b': 'runs/b'}, {'x/a': 'x/a', 'y/a': 'y/a'})
    """
    from brainplug.errors import RunError

    places = [expanded(path).resolve() for path in paths]
    twice = [path for number, path in enumerate(paths) if places[number] in places[:number]]
    if twice:
        raise RunError(where="compare", expected="each run once", found=tuple(twice))
    names = [place.name for place in places]
    size = 1
    while len(set(names)) < len(names):
        size += 1
        names = ["/".join(place.parts[-size:]) for place in places]
    return dict(zip(names, paths, strict=True))


def show(found: Comparison) -> None:
    """Show a comparison on the terminal."""
    from rich.text import Text

    from brainplug.runtime.terminal import Terminal

    console = Terminal()
    for table in make_tables(found):
        console.print(table)
    for note in found.notes:
        console.print(Text(note, style="yellow"))


def make_tables(found: Comparison) -> Iterator[Table]:
    """Return the tables of scores, of differences and of the keys in which recipes differ."""
    yield score_table(found)
    yield from difference_tables(found)
    if found.recipe:
        yield recipe_table(found)


def score_table(found: Comparison) -> Table:
    """Show the scores, a row a metric and run, so that there is room for any number of both."""
    from rich.text import Text

    from brainplug.report.wording import metric_name, show_estimate
    from brainplug.runtime.terminal import make_table

    title = f"{found.target}: {found.split} people"
    table = make_table("metric", "run", "people", "score", title=title, texts=2)
    for name, score in found.runs[0].metrics.items():
        unit = f" ({score.unit})" if score.unit else ""
        arrow = "↑" if score.higher_is_better else "↓"
        head = f"{metric_name(name)}{unit} {arrow}"
        for run in found.runs:
            cells = (head, run.name, str(run.people), show_estimate(run.metrics[name]))
            table.add_row(*map(Text, cells))
            head = ""
    table.caption = f"{found.confidence:.0%} intervals"
    return table


def difference_tables(found: Comparison) -> list[Table]:
    """Show the differences, a table for each pair of runs and a row for each metric."""
    from rich.text import Text

    from brainplug.report.wording import bracketed, metric_name, show_number
    from brainplug.runtime.terminal import make_table

    pairs = dict.fromkeys((each.run, each.against) for each in found.differences)
    tables = []
    for pair in pairs:
        own = [each for each in found.differences if (each.run, each.against) == pair]
        people = ", ".join(dict.fromkeys(map(people_in_words, own)))
        title = f"{pair[0]} less {pair[1]}: {people}"
        table = make_table("metric", "difference", "p", "p (Holm)", title=title)
        for each in own:
            gap = f"{show_number(each.difference.value)}{bracketed(each.difference)}"
            tests = (show_chance(each.difference.p_value), show_chance(each.p_adjusted))
            table.add_row(*map(Text, (metric_name(each.metric), gap, *tests)))
        tables.append(table)
    if len(pairs) > 1:
        told = f"p (Holm): corrected for the {len(pairs)} differences by the same metric"
        tables[-1].caption = told
    return tables


def people_in_words(each: RunDifference) -> str:
    """Say on whom a difference rests."""
    return f"{each.shared} people, paired" if each.paired else f"{each.shared} shared, not paired"


def show_chance(value: float | None) -> str:
    """Write a p value for a table.

    >>> show_chance(0.0004), show_chance(0.0312), show_chance(None)
    ('< 0.001', '0.031', '-')
    """
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def recipe_table(found: Comparison) -> Table:
    """Show the keys in which the recipes differ."""
    from rich.text import Text

    from brainplug.runtime.terminal import make_table

    names = [run.name for run in found.runs]
    table = make_table("key", *names, title="recipes differ in", texts=len(names) + 1)
    for row in found.recipe:
        cells = ("-" if each is None else cut(str(each)) for each in row.by_run.values())
        table.add_row(*map(Text, (row.key, *cells)))
    return table


def cut(text: str) -> str:
    """Leave out the middle of a long value, such as a path."""
    half = LONGEST_VALUE // 2
    return text if len(text) <= LONGEST_VALUE else f"{text[:half]}…{text[-half:]}"
