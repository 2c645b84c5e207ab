"""The answers stage: what the trained model says to every task it is asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from brainplug.inference.answer import all_answers
from brainplug.inference.partial import cut_tasks
from brainplug.model.bundle import load_bundle
from brainplug.runtime.quiet import quieten

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brainplug.api.records import Split
    from brainplug.inference.partial import KeptAnswers
    from brainplug.inference.session import ModelSession
    from brainplug.model.bundle import ModelBundle
    from brainplug.runtime.ranks import Ranks
    from brainplug.tasks.answers import AnswerRow


def write_answers(
    session: ModelSession,
    *,
    splits: Sequence[Split],
    model: Path,
    kept: KeptAnswers[AnswerRow],
    to: Path,
) -> None:
    """Let the trained model answer the tasks of some splits; one JSON row a task.

    Args:
        session: the tasks, and how they are answered.
        splits: which are answered.
        model: folder of the trained model.
        kept: answers given before the run was stopped, if it was.
        to: where the whole file is written.
    """
    bundle, ranks = open_bundle(model, session.ranks), session.ranks
    settings = session.answer_settings(bundle)
    asked = [(split, task) for split in splits for task in session.tasks[split]]
    # Read by rank 0 alone, which cuts the file back where it was cut short; all must agree on which
    # tasks are left.
    given = {
        (row.split, row.task_id): row
        for row in ranks.on_main_process(kept.read)
        if row.split in splits
    }
    if given:
        session.tell(f"answers: goes on from {len(given):,} of {len(asked):,}")
    with session.progress("answers:") as report:

        def tell(count: int) -> None:
            report(min(len(given) + count, len(asked)), len(asked))

        for split in splits:
            left = [task for task in session.tasks[split] if (split, task.task_id) not in given]
            for piece in cut_tasks(left):
                rows = all_answers(bundle, piece, settings, split=split, done=tell)
                ranks.on_main_process(partial(kept.add, rows))
                given |= {(split, row.task_id): row for row in rows}
    ordered = [given[split, task.task_id] for split, task in asked]
    ranks.on_main_process(lambda: kept.finish(to, ordered))


def open_bundle(model: Path, ranks: Ranks) -> ModelBundle:
    """Return a trained model on the device of this rank.

    Args:
        model: its folder.
        ranks: this process among those that answer together.
    """
    quieten()
    bundle = load_bundle(model)
    if torch.cuda.is_available():
        bundle.model.to(torch.device("cuda", ranks.local_rank))
    return bundle
