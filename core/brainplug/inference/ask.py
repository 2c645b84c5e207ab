"""A trained model asked about scans of a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from brainplug.api.laws import spoken_numbers
from brainplug.inference.answer import all_answers
from brainplug.inference.records import AnswerSettings
from brainplug.model.bundle import load_bundle
from brainplug.model.patches import count_patches
from brainplug.runtime.quiet import quieten
from brainplug.tasks.chat import ChatEncoder
from brainplug.tasks.forms import AnswerForms
from brainplug.tasks.token_tree import NumberTrees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np

    from brainplug.api.roles import Answers
    from brainplug.recipe.tables import Evaluation
    from brainplug.recipe.training_tables import Speed
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.task import Task


@attrs.frozen(kw_only=True, eq=False)
class Manner:
    """How a run asks its model.

    Attributes:
        answers: says and reads values.
        learnt: every answer of the training tasks, in words.
        evaluation: the run's `[evaluation]`.
        precision: number format of matrix products.
        speed: what is shared.
        load: returns the preprocessed volume of a scan file.
    """

    answers: Answers
    learnt: Iterable[str]
    evaluation: Evaluation
    precision: str
    speed: Speed
    load: Callable[[Path], np.ndarray]


def ask_model(folder: Path, tasks: Sequence[Task], manner: Manner) -> list[AnswerRow]:
    """Return the answers of a trained model to tasks, in their order.

    Labels are scored too where the run let the model speak only, since their probabilities are
    what a single prediction is judged by; what it says stays the same.

    Args:
        folder: of the trained model.
        tasks: what is asked; their truths are not shown to the model.
        manner: how.
    """
    quieten()
    bundle = load_bundle(folder)
    if torch.cuda.is_available():
        bundle.model.to(torch.device("cuda"))
    encoder = ChatEncoder(bundle.tokenizer, count_patches(bundle.shape, bundle.patch))
    spoken = spoken_numbers(manner.answers)
    longest = max(len(encoder.answer(text)) for text in manner.learnt)
    evaluation = manner.evaluation
    settings = AnswerSettings(
        encoder=encoder,
        context_length=int(bundle.model.config.text_config.max_position_embeddings),
        load=manner.load,
        answers=manner.answers,
        batch_size=evaluation.batch_size,
        max_new_tokens=evaluation.max_new_tokens or 2 * longest,
        mode="score" if evaluation.answer == "score" else "both",
        precision=manner.precision,
        speed=manner.speed,
        trees=NumberTrees(manner.answers, encoder, spoken) if spoken else None,
        forms=AnswerForms.of_texts(manner.learnt, manner.answers.labels),
    )
    return all_answers(bundle, tasks, settings, split="test")
