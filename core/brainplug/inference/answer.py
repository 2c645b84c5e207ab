"""What the model says freely, task by task, and the probabilities of the candidate answers.

Tasks that begin alike are answered together; `generator` says how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from brainplug.inference.generator import TOKENS_AT_ONCE, Generator
from brainplug.inference.records import Answer, AnswerSettings, Question
from brainplug.tasks.answers import AnswerRow
from brainplug.tasks.encode import encode_task
from brainplug.tasks.rewording import exchange
from brainplug.tasks.task import read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brainplug.api.records import Split
    from brainplug.model.bundle import ModelBundle
    from brainplug.tasks.task import Task


def answer_tasks(
    bundle: ModelBundle, tasks: Sequence[Task], settings: AnswerSettings, *, split: Split
) -> Iterator[list[AnswerRow]]:
    """Answer this rank's share of the tasks; yields some rows at a time.

    Generation is greedy, so the same model gives the same answers on any number of ranks. Over all
    ranks every task is answered once.

    Args:
        bundle: the model, in evaluation mode, whole on this rank.
        tasks: what is asked; the answers they hold are not shown to the model.
        settings: how.
        split: of the tasks.
    """
    generator = Generator(bundle, settings)
    lower = settings.precision == "bfloat16"
    kind = bundle.model.device.type
    with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=lower):
        for groups in batches_of_groups(tasks, settings):
            asked = [[ask(number, tasks[number], settings) for number in each] for each in groups]
            for said in generator.answer(asked):
                yield [make_row(tasks[each.number], each, settings, split) for each in said]


def batches_of_groups(tasks: Sequence[Task], settings: AnswerSettings) -> Iterator[list[list[int]]]:
    """Give tasks of this rank, by number, in groups that begin alike; small groups together.

    Groups that are given together begin with as many tokens.
    """
    together: dict[object, list[int]] = {}
    for number, task in enumerate(tasks):
        # Queries without references begin with nothing alike, and none waits for another.
        alike = settings.speed.share_references and task.references
        shared = task.beginning if alike else number
        together.setdefault(shared, []).append(number)
    # Whole groups to a rank, since what they share is read once.
    own = list(together.values())[settings.ranks.rank :: settings.ranks.world_size]
    # Rows of one length need neither filling nor a mask, which would keep the plain causal kernels
    # out.
    by_length: dict[int, list[list[int]]] = {}
    for group in own:
        length = sum(len(settings.encoder.turn(turn)) for turn in tasks[group[0]].beginning[1])
        by_length.setdefault(length, []).append(group)
    for length, groups in by_length.items():
        batch: list[list[int]] = []
        for group in groups:
            count = 1 + sum(map(len, batch))
            full = count + len(group) > settings.batch_size or count * length > TOKENS_AT_ONCE
            if batch and full:
                yield batch
                batch = []
            batch.append(group)
        yield batch


def all_answers(
    bundle: ModelBundle,
    tasks: Sequence[Task],
    settings: AnswerSettings,
    *,
    split: Split,
    done: Callable[[int], None] | None = None,
) -> list[AnswerRow]:
    """Answer tasks on all ranks and return the rows of all, in the order of the tasks.

    Args:
        bundle: the model.
        tasks: what is asked.
        settings: how.
        split: of the tasks.
        done: called with the number of tasks answered on this rank, after each few.
    """
    own: list[AnswerRow] = []
    for rows in answer_tasks(bundle, tasks, settings, split=split):
        own += rows
        if done is not None:
            # Ranks are about equally far; asking them would make each wait for the slowest.
            done(len(own) * settings.ranks.world_size)
    gathered = settings.ranks.broadcast(settings.ranks.gather(own))
    by_task = {row.task_id: row for rows in gathered for row in rows}
    return [by_task[task.task_id] for task in tasks]


def ask(number: int, task: Task, settings: AnswerSettings) -> Question:
    """Encode a task and the candidate answers that are looked at."""
    looked_at = settings.scores or (settings.speed.check_candidates and settings.answers.labels)
    labels = settings.answers.labels if looked_at else ()
    trees = settings.trees if settings.mode != "generate" else None
    return Question(
        number,
        task,
        encode_task(task, settings.encoder, settings.context_length),
        tuple(tuple(candidate(task, label, settings)) for label in labels),
        tree=trees.of(task) if trees else None,
    )


def make_row(task: Task, said: Answer, settings: AnswerSettings, split: Split) -> AnswerRow:
    """Return what is written down of an answer."""
    scored = said.chances is not None and said.best is not None
    labels, answers = settings.answers.labels, settings.answers
    text, reading = said.text, said.reading
    if reading and settings.trees and settings.mode == "score":
        text = settings.trees.word(task, reading.expected)
    form = settings.forms.judge(text) if settings.forms else None
    return AnswerRow(
        split=split,
        task_id=task.task_id,
        subject=task.subject,
        references=task.references,
        reference_values=task.reference_values,
        truth=task.truth,
        answer_text=text,
        # A label amid words that nobody taught is no answer.
        prediction=None if form == "strange" else read_answer(answers, text, task),
        probabilities=dict(zip(labels, said.chances or (), strict=True)) if scored else None,
        most_probable=answers.parse(said.best or "") if scored else None,
        expected=reading.expected if reading else None,
        mass=reading.mass if reading else said.mass,
        form=form,
    )


def candidate(task: Task, label: str, settings: AnswerSettings) -> list[int]:
    """Encode the task's answer as it would be for another label."""
    encoder, answers = settings.encoder, settings.answers
    text = encoder.text_of(task.turns[-1])
    if task.likeness_words:
        told = task.reference_values[0]
        same, other = task.likeness_words
        is_now, would_be = (same if each == told else other for each in (task.truth, label))
        text = exchange(text, is_now, would_be, task)
    return encoder.answer(exchange(text, answers.say(task.truth), answers.say(label), task))
