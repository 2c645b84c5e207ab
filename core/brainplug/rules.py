"""Rules that answer without looking at a scan: what a model must beat.

Each gives one answer a task. A rule that is not defined for a task, such as repeating a reference
that is not there, is left out by `rules_for`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from brainplug.types import Image, TargetKind, TargetValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.dialogue import Task

REPEAT, OPPOSITE, MAJORITY = "repeat the reference", "say the opposite", "majority"
MIRROR, MEAN, TEXT = "mirror the reference", "train mean", "text only"

RULES: Mapping[TargetKind, Mapping[str, str]] = {
    "categorical": {
        REPEAT: "answers what the reference is (the commonest of several)",
        OPPOSITE: "answers what the reference is not; one of the others where there are several",
        MAJORITY: "answers the commonest class of the training queries",
        TEXT: "a logistic regression on the words of the dialogue, which sees no scan",
    },
    "numerical": {
        REPEAT: "answers the reference's value (the mean of several)",
        MIRROR: "answers the reference's value mirrored about the training mean",
        MEAN: "answers the mean of the training queries",
        TEXT: "a ridge regression on the words of the dialogue, which sees no scan",
    },
}


def rules_for(tasks: Sequence[Task]) -> Mapping[str, str]:
    """Return the rules that can answer these tasks, with what each does."""
    rules = RULES[tasks[0].kind]
    if all(task.references for task in tasks):
        return rules
    return {name: about for name, about in rules.items() if name in (MAJORITY, MEAN, TEXT)}


def rule_predictions(rule: str, tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Return a rule's answer to each task.

    Args:
        rule: a name of `RULES` for the kind of these tasks.
        tasks: what is asked.
        train: the training tasks; the only answers a rule may learn from.
    """
    return ANSWERERS[rule](tasks, train)


def repeat(tasks: Sequence[Task], _train: Sequence[Task]) -> list[TargetValue]:
    """Answer what the references are."""
    return [told(task) for task in tasks]


def told(task: Task) -> TargetValue:
    """Return the commonest label, or the mean value, of a task's references."""
    if task.kind == "numerical":
        return sum(float(value) for value in task.reference_values) / len(task.reference_values)
    return Counter(task.reference_values).most_common(1)[0][0]


def opposite(tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Answer another label than the reference's, the same for the same task."""
    labels = sorted({str(task.truth) for task in train})
    return [other_label(task, labels) for task in tasks]


def other_label(task: Task, labels: Sequence[str]) -> TargetValue:
    """Choose one of the labels the reference has not."""
    others = [label for label in labels if label != told(task)] or list(labels)
    digest = hashlib.sha256(task.task_id.encode()).digest()
    return others[int.from_bytes(digest[:8]) % len(others)]


def mirror(tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Answer as far on the other side of the training mean as the reference is on its own."""
    centre = train_mean(train)
    return [2 * centre - float(told(task)) for task in tasks]


def majority(tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Answer the commonest class of the training subjects."""
    counts = Counter(str(truth) for truth in truths(train).values())
    commonest = min(counts, key=lambda label: (-counts[label], label))
    return [commonest] * len(tasks)


def mean(tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Answer the mean of the training subjects."""
    return [train_mean(train)] * len(tasks)


def train_mean(train: Sequence[Task]) -> float:
    """Return the mean target of the training subjects, each counted once."""
    values = [float(value) for value in truths(train).values()]
    return sum(values) / len(values)


def truths(tasks: Sequence[Task]) -> dict[str, TargetValue]:
    """Return the value of each query subject."""
    return {task.subject: task.truth for task in tasks}


def text_only(tasks: Sequence[Task], train: Sequence[Task]) -> list[TargetValue]:
    """Answer what a linear model makes of the words that the model is given."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline

    if len(set(truths(train).values())) < 2:
        return [train[0].truth] * len(tasks)
    numerical = train[0].kind == "numerical"
    reader = make_pipeline(
        CountVectorizer(analyzer=str.split),
        RidgeCV((0.1, 1.0, 10.0, 100.0, 1000.0))
        if numerical
        else LogisticRegression(max_iter=1000),
    )
    reader.fit([prompt_text(task) for task in train], [task.truth for task in train])
    found = reader.predict([prompt_text(task) for task in tasks])
    return [float(value) if numerical else str(value) for value in found]


def prompt_text(task: Task) -> str:
    """Return all words of a dialogue but those of the answer."""
    return " ".join(
        part for turn in task.turns[:-1] for part in turn.content if not isinstance(part, Image)
    )


ANSWERERS: Mapping[str, Callable[[Sequence[Task], Sequence[Task]], list[TargetValue]]] = {
    REPEAT: repeat,
    OPPOSITE: opposite,
    MAJORITY: majority,
    MIRROR: mirror,
    MEAN: mean,
    TEXT: text_only,
}
