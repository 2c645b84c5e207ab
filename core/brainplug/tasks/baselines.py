"""Rules that answer without looking at a scan: what a model must beat.

Each gives one answer a task. A rule that is not defined for a task, such as repeating a reference
that is not there, is left out by `rules_for`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.api.records import TargetKind, TargetValue

REPEAT, OPPOSITE, MAJORITY = "repeat the reference", "say the opposite", "majority"
MIRROR, MEAN, TEXT = "mirror the reference", "train mean", "text only"

RULES: Mapping[TargetKind, Mapping[str, str]] = {
    "categorical": {
        REPEAT: "answers what the reference is (the commonest of several)",
        OPPOSITE: "answers what the reference is not; one of the others where there are several",
        MAJORITY: "answers the commonest class of the training queries",
        TEXT: "a ridge regression on the words of the dialogue, which sees no scan",
    },
    "numerical": {
        REPEAT: "answers the reference's value (the mean of several)",
        MIRROR: "answers the reference's value mirrored about the training mean",
        MEAN: "answers the mean of the training queries",
        TEXT: "a ridge regression on the words of the dialogue, which sees no scan",
    },
}


TEXT_SAMPLE = 5_000
"""Most training dialogues the text-only classifier reads; more words teach it nothing."""


class Asked(Protocol):
    """What a rule may know of a task: a `Task`, or a `Glance` at one."""

    @property
    def task_id(self) -> str:
        """Its id."""
        ...

    @property
    def kind(self) -> TargetKind:
        """Kind of the target."""
        ...

    @property
    def subject(self) -> str:
        """Whom the query shows."""
        ...

    @property
    def truth(self) -> TargetValue:
        """Value of the query; rules look at those of training tasks only."""
        ...

    @property
    def references(self) -> tuple[str, ...]:
        """Whom the references show."""
        ...

    @property
    def reference_values(self) -> tuple[TargetValue, ...]:
        """Values of the references."""
        ...

    @property
    def prompt(self) -> str:
        """All words before the answer."""
        ...


def rules_for(tasks: Sequence[Asked]) -> Mapping[str, str]:
    """Return the rules that can answer these tasks, with what each does."""
    rules = RULES[tasks[0].kind]
    if all(task.references for task in tasks):
        return rules
    return {name: about for name, about in rules.items() if name in (MAJORITY, MEAN, TEXT)}


def rule_predictions(
    rule: str, tasks: Sequence[Asked], train: Sequence[Asked]
) -> list[TargetValue]:
    """Return a rule's answer to each task.

    Args:
        rule: a name of `RULES` for the kind of these tasks.
        tasks: what is asked.
        train: the training tasks; the only answers a rule may learn from.
    """
    return ANSWERERS[rule](tasks, train)


def repeat(tasks: Sequence[Asked], _train: Sequence[Asked]) -> list[TargetValue]:
    """Answer what the references are."""
    return [told(task) for task in tasks]


def told(task: Asked) -> TargetValue:
    """Return the commonest label, or the mean value, of a task's references."""
    values = task.reference_values
    if len(values) == 1:
        return values[0]
    if task.kind == "numerical":
        return sum(float(value) for value in values) / len(values)
    return Counter(values).most_common(1)[0][0]


def opposite(tasks: Sequence[Asked], train: Sequence[Asked]) -> list[TargetValue]:
    """Answer another label than the reference's, the same for the same task."""
    labels = sorted({str(task.truth) for task in train})
    return [other_label(task, labels) for task in tasks]


def other_label(task: Asked, labels: Sequence[str]) -> TargetValue:
    """Choose one of the labels the reference has not."""
    shown = told(task)
    others = [label for label in labels if label != shown] or list(labels)
    if len(others) == 1:
        return others[0]
    # By the task's id, not by a generator, so that one task more changes no other's answer.
    digest = hashlib.sha256(task.task_id.encode()).digest()
    return others[int.from_bytes(digest[:8]) % len(others)]


def mirror(tasks: Sequence[Asked], train: Sequence[Asked]) -> list[TargetValue]:
    """Answer as far on the other side of the training mean as the reference is on its own."""
    centre = train_mean(train)
    return [2 * centre - float(told(task)) for task in tasks]


def majority(tasks: Sequence[Asked], train: Sequence[Asked]) -> list[TargetValue]:
    """Answer the commonest class of the training subjects."""
    counts = Counter(str(truth) for truth in truths(train).values())
    # Equal counts by name, so that the order of tasks does not settle the score.
    commonest = min(counts, key=lambda label: (-counts[label], label))
    return [commonest] * len(tasks)


def mean(tasks: Sequence[Asked], train: Sequence[Asked]) -> list[TargetValue]:
    """Answer the mean of the training subjects."""
    return [train_mean(train)] * len(tasks)


def train_mean(train: Sequence[Asked]) -> float:
    """Return the mean target of the training subjects, each counted once."""
    values = [float(value) for value in truths(train).values()]
    return sum(values) / len(values)


def truths(tasks: Sequence[Asked]) -> dict[str, TargetValue]:
    """Return the value of each query subject."""
    return {task.subject: task.truth for task in tasks}


def text_only(tasks: Sequence[Asked], train: Sequence[Asked]) -> list[TargetValue]:
    """Answer what a linear model makes of the words that the model is given."""
    if len(set(truths(train).values())) < 2:
        return [train[0].truth] * len(tasks)
    # Many tasks have the same words; each wording is read once.
    prompts = list(dict.fromkeys(task.prompt for task in tasks))
    said = dict(zip(prompts, read_words(prompts, train), strict=True))
    return [said[task.prompt] for task in tasks]


def read_words(prompts: Sequence[str], train: Sequence[Asked]) -> list[TargetValue]:
    """Fit the linear reader, and return what it answers to each prompt.

    It learns from at most `TEXT_SAMPLE` dialogues, equal ones counted together; of labels it says
    the one whose indicator it expects to be largest.
    """
    import numpy as np

    from brainplug.tasks.word_reader import fit_words

    # By a checksum of the id, since a stride could fall in step with blocks of tasks.
    step = -(-len(train) // TEXT_SAMPLE)
    read = [task for task in train if zlib.crc32(task.task_id.encode()) % step == 0]
    if len({task.truth for task in read}) < 2:  # a rare class that the sample lacks
        read = list(train)
    counts = Counter((task.prompt, task.truth) for task in read)
    known, values = zip(*counts, strict=True)
    labels = () if train[0].kind == "numerical" else sorted(set(values))
    targets = np.array([[value == label for label in labels] or [value] for value in values])
    reader = fit_words(known, targets.astype(float), np.array([*counts.values()], dtype=float))
    found = reader.read(prompts)
    if labels:
        return [str(labels[place]) for place in found.argmax(axis=1).tolist()]
    return list(map(float, found[:, 0].tolist()))


ANSWERERS: Mapping[str, Callable[[Sequence[Asked], Sequence[Asked]], list[TargetValue]]] = {
    REPEAT: repeat,
    OPPOSITE: opposite,
    MAJORITY: majority,
    MIRROR: mirror,
    MEAN: mean,
    TEXT: text_only,
}
