"""How a command ends on the terminal: the result, where it lies, what to do next, the time.

What knows scores is imported where there are some: `prepare` ends here too, and would wait for it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from brainplug.run.repeats import list_runs
from brainplug.run.stage_lines import took
from brainplug.runtime.records import read_record
from brainplug.tasks.study_facts import CohortFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.evaluation.records import Metrics
    from brainplug.report.sentence import Setting
    from brainplug.run.context import Workspace
    from brainplug.runtime.run_folder import RunFolder

WIDEST = 80
"""Columns of the result, so that it can be pasted into a letter."""


def show_end(workspace: Workspace, until: str) -> None:
    """Show the result where there is one, and what can be done next.

    Args:
        workspace: of the run folder, which speaks for all runs in it.
        until: name of the last stage that was wanted.
    """
    console, files = workspace.console, workspace.files
    scored = until in {"metrics", "report"}
    if scored:
        show_scores(workspace)
    if until == "report":
        tell(workspace, "report: ", near(files.report))
    for line in next_steps(files, until):
        tell(workspace, "next: ", line)
    console.print(f"total: {took(time.monotonic() - workspace.begun)}", highlight=False)


def tell(workspace: Workspace, label: str, line: str) -> None:
    """Print a line that can be copied whole, however narrow the terminal."""
    workspace.console.print(Text.assemble((label, "bold"), line), soft_wrap=True)


def show_scores(workspace: Workspace) -> None:
    """Show the sentence of the page and the scores beside the baselines', of all and each study."""
    from brainplug.evaluation.openings import tell_openings
    from brainplug.evaluation.records import Metrics
    from brainplug.report.headline import show_result
    from brainplug.report.sentence import shown_split
    from brainplug.run.summary_table import summary_table

    files, console = workspace.files, workspace.console
    metrics = read_record(files.metrics, Metrics)
    width = min(console.width, WIDEST)
    console.print()
    if metrics.runs is not None:
        console.print(summary_table(metrics))
    setting = read_setting(files, metrics)
    for shown in show_result(metrics, setting, width=width, verbose=workspace.verbose):
        console.print(shown)
    homes = [files] if metrics.runs is None else list(list_runs(files).values())
    split = shown_split(metrics.splits)
    people = metrics.splits[split].counts.subjects
    for told in tell_openings(homes, split=split, people=people, studies=metrics.external):
        console.print(Text(told), width=width)
    console.print()


def read_setting(files: RunFolder, metrics: Metrics) -> Setting:
    """Return what the sentence says of studies and references."""
    from brainplug.report.sentence import Setting
    from brainplug.tasks.answers import read_answers

    studies = read_record(files.facts, CohortFacts).studies
    homes = [files] if metrics.runs is None else list_runs(files).values()
    references = [len(row.references) for home in homes for row in read_answers(home.answers)]
    return Setting.of(studies, references)


def next_steps(files: RunFolder, until: str) -> Iterator[str]:
    """Say what is sensible to do now, a command each."""
    run = near(files.path)
    if until != "report":
        yield "the same command goes on from here; without --until to the page"
        return
    from brainplug.evaluation.records import Metrics
    from brainplug.report.sentence import shown_split

    single = not files.run_list.is_file()
    if single and shown_split(read_record(files.metrics, Metrics).splits) != "test":
        yield f"brainplug evaluate {run} --test, once nothing is to be changed any more"
        return
    yield f"brainplug show {run} (its dialogues and answers, wrong ones first)"
    if single and files.model.is_dir():
        yield f"brainplug predict {run} --reference SCAN=VALUE --query SCAN"


def near(path: Path) -> str:
    """Write a path from here where it lies below, else whole; quoted where a shell needs it."""
    import shlex

    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
