"""Dialogues of a run folder, laid open, with what the model said to them: what failed first."""

from __future__ import annotations

import math
from collections import Counter as Tally
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from brainplug.api.records import SPLITS
from brainplug.api.roles import ModelBackbone
from brainplug.errors import BrainplugError, DataError
from brainplug.recipe.evidence_table import Evidence
from brainplug.recipe.tables import Chosen, Images
from brainplug.recipe.training_tables import Training
from brainplug.run.openings import is_open
from brainplug.run.read_back import RunParts
from brainplug.run.showing import (
    Counter,
    Outcome,
    Showing,
    ShownAnswer,
    ShownTask,
    counter_of,
    spread,
    tell_loss,
    told,
)
from brainplug.tasks.answers import AnswerRow, read_answers
from brainplug.tasks.read import iterate_tasks
from brainplug.tasks.shown_dialogue import counting_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from brainplug.api.records import Split
    from brainplug.run.opened import Run
    from brainplug.runtime.run_folder import RunFolder
    from brainplug.tasks.task import Task

ORDER: tuple[Outcome, ...] = ("wrong", "unread", "right")

LOCKED = (
    "the test is locked, so what the model said to its tasks is not shown; `brainplug evaluate RUN "
    "--test` opens it"
)


def show_run(run: Run, *, split: Split | None, number: int) -> Showing:
    """Lay dialogues of a run open, those with wrong answers first.

    Args:
        run: its folder.
        split: whose dialogues; without it the last split that the model answered, else train.
        number: how many.

    Raises:
        RunError: the run has no task files yet, or consists of several runs.
        DataError: the split has none.
    """
    files = run.files
    run.find(files.tasks, "task files")
    parts = RunParts(files=files, registry=run.registry)
    rows = read_answers(files.answers) if files.answers.is_file() else []
    shut = not (parts.table("evidence", Evidence).test or is_open(files))
    seen = [each for each in rows if not (shut and each.split == "test")]
    split = split or last_answered(seen)
    answers = {each.task_id: each for each in sort_rows(seen) if each.split == split}
    tasks, total = choose_tasks(files, split, list(answers), number)
    counter = run_counter(parts)
    shown = tuple(
        ShownTask(dialogue=counter.show(task), answer=show_answer(answers.get(task.task_id)))
        for task in tasks
    )
    notes = [LOCKED] if shut and split == "test" else []
    notes += tell_loss(attrs.asdict(parts.table("training", Training))) if split == "train" else ()
    return Showing(
        split=split,
        total=total,
        context_length=counter.context_length,
        exact=counter.exact,
        notes=(*notes, *counter.tell(shown)),
        tasks=shown,
        outcomes=dict(Tally(outcome_of(each) for each in answers.values())),
    )


def last_answered(rows: Sequence[AnswerRow]) -> Split:
    """Return the last split that has answers, train where none has."""
    there = {each.split for each in rows}
    return next((split for split in reversed(SPLITS) if split in there), "train")


def choose_tasks(
    files: RunFolder, split: Split, first: Sequence[str], number: int
) -> tuple[list[Task], int]:
    """Return some tasks of a split, in the order of ids where there are any; and how many it has.

    Raises:
        DataError: the split has no task, or a task that was answered is not there.
    """
    paths = sorted(files.tasks.glob(f"*_comparison_tasks_{split}.json"))
    if not paths:
        there = tuple(sorted(each.name for each in files.tasks.glob("*.json")))
        raise DataError(
            where=files.tasks, expected=f"task files of the split {split!r}", found=there
        )
    if not first:
        return spread(told(tasks_of(paths)), number)
    wanted = dict.fromkeys(first[:number])
    found: dict[str, Task] = {}
    count = 0
    for task in tasks_of(paths):
        count += 1
        if task.task_id in wanted:
            found[task.task_id] = task
    if lacking := [name for name in wanted if name not in found]:
        raise DataError(
            f"no task {lacking[0]!r}",
            where=paths,
            expected="the tasks that answers.jsonl holds answers to",
            found=tuple(lacking),
            hint="the folder holds files of two runs; do the run anew in a folder of its own",
        )
    return [found[name] for name in wanted], count


def tasks_of(paths: Sequence[Path]) -> Iterator[Task]:
    """Give the tasks of files, one by one."""
    return chain.from_iterable(map(iterate_tasks, paths))


def outcome_of(row: AnswerRow) -> Outcome:
    """Tell whether an answer is the truth, or could not be read."""
    if row.prediction is None:
        return "unread"
    if isinstance(row.truth, str) or isinstance(row.prediction, str):
        return "right" if row.prediction == row.truth else "wrong"
    return "right" if math.isclose(row.prediction, row.truth, abs_tol=1e-9) else "wrong"


def sort_rows(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """Put wrong answers first, the worst before the others, then unread ones, then right ones."""
    return sorted(rows, key=lambda row: (ORDER.index(outcome_of(row)), -badness(row)))


def badness(row: AnswerRow) -> float:
    """Return how far off a wrong answer is: its error, or how sure the model was of it."""
    if outcome_of(row) != "wrong":
        return 0.0
    if isinstance(row.truth, str) or isinstance(row.prediction, str):
        return (row.probabilities or {}).get(str(row.prediction), 0.0)
    return abs(float(row.prediction or 0.0) - row.truth)


def show_answer(row: AnswerRow | None) -> ShownAnswer | None:
    """Return what is shown of an answer."""
    if row is None:
        return None
    return ShownAnswer(
        outcome=outcome_of(row),
        text=row.answer_text,
        prediction=row.prediction,
        probabilities=None if row.probabilities is None else dict(row.probabilities),
        expected=row.expected,
    )


def run_counter(parts: RunParts) -> Counter:
    """Return what counts tokens: the trained model's tokenizer, else as a recipe's are counted."""
    try:
        backbone = parts.table("model", Chosen[ModelBackbone]).make()
        images: Images = parts.table("images", Images)
        counter = counter_of(backbone, images.shape)
    except BrainplugError as error:
        reason = str(error).splitlines()[0]
        return Counter(encoder=None, notes=(f"tokens are not counted: {reason}",))
    path = parts.files.model / "tokenizer.json"
    if counter.exact or counter.encoder is None or not path.is_file():
        return counter
    from tokenizers import Tokenizer

    own = Tokenizer.from_file(str(path))
    encoder = counting_encoder(
        lambda text: len(own.encode(text, add_special_tokens=False).ids),
        counter.encoder.tokens_per_image,
    )
    return attrs.evolve(counter, encoder=encoder, exact=True, notes=())
