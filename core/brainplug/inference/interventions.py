"""The interventions stage: what the trained model says when one thing is not what it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.inference.answer import all_answers
from brainplug.inference.partial import cut_tasks
from brainplug.inference.stage import open_bundle
from brainplug.tasks.interventions import INTERVENTIONS, Changes, choose_tasks, spread_of
from brainplug.tasks.more_references import ask_more
from brainplug.tasks.rewording import Wordings
from brainplug.tasks.shown_scans import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from brainplug.api.records import Split
    from brainplug.inference.partial import KeptAnswers
    from brainplug.inference.session import ModelSession
    from brainplug.tasks.intervention_rows import InterventionRow
    from brainplug.tasks.interventions import Changed
    from brainplug.tasks.shown_scans import ChangedScan

READ_FOR_WORDINGS = 20_000
"""Tasks by which it is found where dialogues tell the values of references."""


@attrs.frozen(eq=False)
class Plan:
    """The changed tasks that are asked.

    Attributes:
        split: whose they are.
        changed: one intervention after the other.
    """

    split: Split
    changed: Sequence[Changed]


def plan_changes(session: ModelSession, split: Split, families: Mapping[str, str]) -> Plan:
    """Change tasks of some people of a split in every way, and give them more references.

    Args:
        session: of the run.
        split: whose people are asked.
        families: of people who have one.
    """
    tasks, train, seed = session.tasks[split], session.tasks["train"], session.recipe.seed
    changes = Changes(
        pool=Pool(tasks=tasks, families=families),
        wordings=Wordings.of([*tasks, *train[:READ_FOR_WORDINGS]]),
        labels=session.answers.labels,
        spread=None if session.answers.labels else spread_of(train),
        seed=seed,
    )
    asked = choose_tasks(tasks, seed)
    made = [changes.make(name, task) for name in INTERVENTIONS for task in asked]
    return Plan(split, [*filter(None, made), *ask_more(changes)])


def write_interventions(
    session: ModelSession,
    plan: Plan,
    *,
    model: Path,
    kept: KeptAnswers[InterventionRow],
    to: Path,
) -> None:
    """Let the trained model answer changed tasks; one JSON row a task.

    Args:
        session: how tasks are answered.
        plan: the tasks.
        model: folder of the trained model.
        kept: answers given before the run was stopped, if it was.
        to: where the whole file is written.
    """
    changed = plan.changed
    bundle, ranks = open_bundle(model, session.ranks), session.ranks
    scans = {each.scan.path: each.scan for each in changed if each.scan is not None}
    settings = attrs.evolve(
        session.answer_settings(bundle), load=partial(load_changed, scans, session.load)
    )
    given = {key_of_row(row): row for row in ranks.on_main_process(kept.read)}
    # The ids of what is asked at once must differ, and one task is changed in several ways.
    left = {
        name_of(each): each
        for each in changed
        if (each.intervention, each.task.task_id) not in given
    }
    tasks = [attrs.evolve(each.task, task_id=name) for name, each in left.items()]
    with session.progress("interventions:") as report:

        def tell(count: int) -> None:
            report(min(len(given) + count, len(changed)), len(changed))

        for piece in cut_tasks(tasks):
            rows = all_answers(bundle, piece, settings, split=plan.split, done=tell)
            answered = [left[row.task_id].row(row) for row in rows]
            ranks.on_main_process(partial(kept.add, answered))
            given |= {key_of_row(row): row for row in answered}
    ordered = [given[key_of(each)] for each in changed]
    ranks.on_main_process(lambda: kept.finish(to, ordered))


def key_of(changed: Changed) -> tuple[str, str]:
    """Return what tells a changed task from all others."""
    return changed.intervention, changed.task.task_id


def key_of_row(row: InterventionRow) -> tuple[str, str]:
    """Return the same of the answer to it."""
    return row.intervention, row.answer.task_id


def name_of(changed: Changed) -> str:
    """Return an id that no other changed task has."""
    return f"{changed.task.task_id} ({changed.intervention})"


def load_changed(
    scans: Mapping[Path, ChangedScan], load: Callable[[Path], np.ndarray], path: Path
) -> np.ndarray:
    """Return the volume of a scan file, or of a scan that is none.

    An empty scan is background all over, which the normalisation makes 0. A shuffled one has the
    intensities that were there, each somewhere else.

    Args:
        scans: those that are no files, by what stands for them.
        load: returns the volume of a scan file.
        path: what is asked for.
    """
    if path not in scans:
        return load(path)
    scan = scans[path]
    volume = load(scan.of)
    if scan.kind == "blank":
        return np.zeros_like(volume)
    mixed = np.random.default_rng(scan.seed).permutation(volume.ravel())
    return mixed.reshape(volume.shape)
