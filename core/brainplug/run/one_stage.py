"""One stage of a run: done as before, taken back, or done again for a reason that is said."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from brainplug.run import stale
from brainplug.run.changes import shorten
from brainplug.run.log import log
from brainplug.run.ranks import call_ranks
from brainplug.run.stage_facts import fact_of
from brainplug.run.stage_lines import AS_BEFORE, StageLine, took
from brainplug.runtime.workers import uncollected

if TYPE_CHECKING:
    from brainplug.run.context import Workspace
    from brainplug.run.ledger import Ledger, MadeFrom, Stage

TABULAR = ("split", "pairs", "dialogues")
"""Stages that work on tables alone."""


def do_stage(stage: Stage, ledger: Ledger, workspace: Workspace) -> None:
    """Run one stage unless it is done; with all ranks where the stage says so."""
    made = begin_stage(stage, ledger, workspace)
    if made is None:
        return
    start = time.monotonic()
    if stage.on_every_rank:
        call_ranks(stage, made, workspace)
    else:
        with uncollected() if stage.name in TABULAR else nullcontext():
            stage.work(made)()
    seconds = time.monotonic() - start
    end_stage(stage, ledger, made, seconds)
    fact = fact_of(stage.name, workspace.files) or "done"
    StageLine(stage.name, fact, took(seconds)).show(workspace.console)


def begin_stage(stage: Stage, ledger: Ledger, workspace: Workspace) -> MadeFrom | None:
    """Return what a stage that is to be done is made from, None if it is done; say why."""
    made, console = stage.made_from(workspace.code), workspace.console
    if ledger.is_done(stage, made.key):
        ledger.renew(stage, made)
        tend(stage, made, workspace)
        StageLine(stage.name, AS_BEFORE, style="dim").show(console)
        return None
    done = ledger.done_entry(stage, made.key, ledger.folder / stale.STALE)
    if done is not None and stale.take_back(ledger.folder, stage.writes):
        ledger.put(stage, done)
        if ledger.is_done(stage, made.key):
            told = f"{AS_BEFORE}, back from {stale.STALE}/"
            StageLine(stage.name, told, style="dim").show(console)
            return None
    cause = shorten(ledger.causes(stage, made))
    if cause:
        console.print(f"{stage.name}: {cause}", markup=False, highlight=False, soft_wrap=True)
    if stage.recall is not None:
        recalled = stage.recall(made, ledger.entry(stage))
        for line in recalled.lines:
            console.print(f"{stage.name}: {line}", markup=False, highlight=False, soft_wrap=True)
        if recalled.entry is not None:
            ledger.put(stage, recalled.entry)
            StageLine(stage.name, AS_BEFORE, style="dim").show(console)
            return None
    ledger.begin(stage, made)
    log(ledger.folder, f"{stage.name} begins" + (f": {cause}" if cause else ""))
    return made


def tend(stage: Stage, made: MadeFrom, workspace: Workspace) -> None:
    """Mend what a stage that is done left besides its files, and say what."""
    for line in stage.tend(made) if stage.tend is not None else ():
        workspace.tell(f"{stage.name}: {line}")


def end_stage(stage: Stage, ledger: Ledger, made: MadeFrom, seconds: float) -> None:
    """Write down that a stage is done; what it left earlier is no use any more."""
    ledger.note(stage, made, seconds)
    stale.drop(ledger.folder, stage.writes)
    log(ledger.folder, f"{stage.name} done in {seconds:.1f} s")
