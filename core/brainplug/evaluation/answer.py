"""What the model says freely, task by task, and the probabilities of the candidate answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import torch

from brainplug.errors import DataError
from brainplug.training.batches import (
    IGNORED,
    Item,
    encode_task,
    pad_left,
    pad_right,
    stack_scans,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.dialogue import Task
    from brainplug.model.bundle import ModelBundle
    from brainplug.model.chat import ChatEncoder
    from brainplug.parts import Answers


@attrs.frozen(kw_only=True)
class AnswerSettings:
    """How tasks are answered.

    Attributes:
        encoder: turns dialogues into ids.
        context_length: most tokens the model takes.
        load: returns the preprocessed volume of a scan file.
        answers: reads an answer back.
        batch_size: dialogues answered at once.
        max_new_tokens: longest answer.
    """

    encoder: ChatEncoder
    context_length: int
    load: Callable[[Path], np.ndarray]
    answers: Answers
    batch_size: int
    max_new_tokens: int


def answer_tasks(
    bundle: ModelBundle, tasks: Sequence[Task], settings: AnswerSettings, *, score: bool
) -> Iterator[list[dict[str, Any]]]:
    """Answer tasks batch by batch; yields the rows of `answers.jsonl`.

    Generation is greedy, so the same model gives the same answers.

    Args:
        bundle: the model, in evaluation mode.
        tasks: what is asked; the answers they hold are not shown to the model.
        settings: how.
        score: also give the probabilities of the candidate answers (categorical targets).
    """
    with torch.inference_mode():
        for start in range(0, len(tasks), settings.batch_size):
            batch = tasks[start : start + settings.batch_size]
            yield answer_batch(bundle, batch, settings, score=score)


def answer_batch(
    bundle: ModelBundle, tasks: Sequence[Task], settings: AnswerSettings, *, score: bool
) -> list[dict[str, Any]]:
    """Answer one batch."""
    items = [encode_task(task, settings.encoder, settings.context_length) for task in tasks]
    pixels = stack_scans(items, settings.load).to(bundle.model.device)
    texts = generate(bundle, items, pixels, settings.max_new_tokens)
    labels = settings.answers.labels if score else ()
    chances = score_candidates(bundle, tasks, items, pixels, settings) if labels else None
    return [
        {
            "task_id": task.task_id,
            "subject": task.subject,
            "references": list(task.references),
            "reference_values": list(task.reference_values),
            "truth": task.truth,
            "text": text,
            "parsed": settings.answers.parse(text),
            "probabilities": None
            if chances is None
            else dict(zip(labels, chances[i].tolist(), strict=True)),
        }
        for i, (task, text) in enumerate(zip(tasks, texts, strict=True))
    ]


def generate(
    bundle: ModelBundle, items: Sequence[Item], pixels: torch.Tensor, max_new_tokens: int
) -> list[str]:
    """Let the model finish each prompt, greedily, up to its end marker."""
    tokenizer = bundle.tokenizer
    prompts = [item.encoded.prompt for item in items]
    device = bundle.model.device
    ids = pad_left(prompts, tokenizer.pad_token_id).to(device)
    said = bundle.model.generate(
        input_ids=ids,
        attention_mask=pad_left([[1] * len(row) for row in prompts], 0).to(device),
        pixel_values=pixels,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return [
        text.strip()
        for text in tokenizer.batch_decode(said[:, ids.shape[1] :], skip_special_tokens=True)
    ]


def score_candidates(
    bundle: ModelBundle,
    tasks: Sequence[Task],
    items: Sequence[Item],
    pixels: torch.Tensor,
    settings: AnswerSettings,
) -> torch.Tensor:
    """Return `(B, labels)`: how probable each label's answer is among all labels' answers."""
    totals = [
        score_answers(bundle, items, pixels, [candidate(task, label, settings) for task in tasks])
        for label in settings.answers.labels
    ]
    return torch.stack(totals, dim=1).softmax(dim=1)


def candidate(task: Task, label: str, settings: AnswerSettings) -> list[int]:
    """Encode the task's answer as it would be for another label."""
    encoder, answers = settings.encoder, settings.answers
    text = encoder.text_of(task.turns[-1])
    words = re.compile(rf"(?<!\w){re.escape(answers.say(task.truth))}(?!\w)")
    reworded, found = words.subn(lambda _match: answers.say(label), text)
    if found != 1:
        raise DataError(
            f"task {task.task_id!r}: expected the answer to say "
            f"{answers.say(task.truth)!r} once, got {text!r}"
        )
    return encoder.answer(reworded)


def score_answers(
    bundle: ModelBundle,
    items: Sequence[Item],
    pixels: torch.Tensor,
    answers: Sequence[list[int]],
) -> torch.Tensor:
    """Return `(B,)` log-probabilities of whole answers after their prompts."""
    device = bundle.model.device
    rows = [item.encoded.prompt + answer for item, answer in zip(items, answers, strict=True)]
    labels = pad_right(
        [
            [IGNORED] * len(item.encoded.prompt) + answer
            for item, answer in zip(items, answers, strict=True)
        ],
        IGNORED,
    ).to(device)[:, 1:]
    logits = bundle.model(
        input_ids=pad_right(rows, bundle.tokenizer.pad_token_id).to(device),
        attention_mask=pad_right([[1] * len(row) for row in rows], 0).to(device),
        pixel_values=pixels,
    ).logits[:, :-1]
    learnt = labels != IGNORED
    chosen = logits.log_softmax(dim=-1).gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
    return (chosen * learnt).sum(dim=1)
