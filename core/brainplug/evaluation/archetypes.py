"""Models as they might be, dressed as rules: what each would answer to a changed task.

They know what every scan shows, and differ in what they look at. None stands for what a rule could
only guess.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.evaluation.intervention_records import Kind
    from brainplug.tasks.answers import AnswerRow


@attrs.frozen
class Dialogue:
    """What a rule may look at.

    Attributes:
        query: value of whom the query shows; None of a scan that shows nobody.
        references: values of whom the references show, likewise.
        told: what is said of them.
    """

    query: TargetValue | None
    references: tuple[TargetValue | None, ...]
    told: tuple[TargetValue, ...]

    @classmethod
    def of(cls, row: AnswerRow, values: Sequence[TargetValue | None]) -> Dialogue:
        """Return what a task shows and tells; `values` of its scans, the query last."""
        return cls(values[-1], tuple(values[:-1]), row.reference_values)


def compare(dialogue: Dialogue, labels: Sequence[str]) -> TargetValue | None:
    """Answer as who compares the query with its references, and believes what is told of them.

    A query that is like a reference is what is told of that; one that is like none is what is told
    of none: the other class of two, or what it looks like where it is told of none. A number is
    that of the references, changed by how the query differs from them.

    >>> compare(Dialogue("f", ("m",), ("f",)), ("m", "f"))
    'm'
    """
    query, pairs = dialogue.query, list(zip(dialogue.references, dialogue.told, strict=True))
    if query is None or any(shown is None for shown, _ in pairs):
        return None
    if not pairs:
        return query
    if not labels:
        return mean([float(told) + float(query) - float(shown or 0) for shown, told in pairs])
    alike = [told for shown, told in pairs if shown == query]
    if alike:
        return commonest(alike)
    left = [label for label in labels if label not in dialogue.told]
    if query in left:
        return query
    return left[0] if len(left) == 1 else None


def ignore(dialogue: Dialogue, _labels: Sequence[str]) -> TargetValue | None:
    """Answer what the query shows."""
    return dialogue.query


def copy(dialogue: Dialogue, labels: Sequence[str]) -> TargetValue | None:
    """Answer what is told of the references: the commonest label, or the mean."""
    if not dialogue.told:
        return None
    if labels:
        return commonest(dialogue.told)
    return mean([float(told) for told in dialogue.told])


def commonest(values: Sequence[TargetValue]) -> TargetValue | None:
    """Return the value there is most of, None where that are several."""
    counts = Counter(values).most_common(2)
    return counts[0][0] if len(counts) == 1 or counts[0][1] > counts[1][1] else None


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


ARCHETYPES: Mapping[Kind, Callable[[Dialogue, Sequence[str]], TargetValue | None]] = {
    "uses": compare,
    "ignores": ignore,
    "copies": copy,
}

SAME, READS = "answers as before", "answers what the scan shows that is asked about now"
LOST, SHIFTED = "can only guess", "answers otherwise, and wrongly, where it was right before"

WOULD: Mapping[str, Mapping[Kind, str]] = {
    "query-other": {"uses": READS, "ignores": READS, "copies": SAME},
    "query-blank": {"uses": LOST, "ignores": LOST, "copies": SAME},
    "query-shuffled": {"uses": LOST, "ignores": LOST, "copies": SAME},
    "reference-alike": {"uses": SAME, "ignores": SAME, "copies": SAME},
    "reference-other": {"uses": SHIFTED, "ignores": SAME, "copies": SAME},
    "reference-query": {
        "uses": "answers what is told of the references",
        "ignores": SAME,
        "copies": SAME,
    },
    "reference-blank": {
        "uses": "can only guess what the references would have told",
        "ignores": SAME,
        "copies": SAME,
    },
    "word-changed": {"uses": SHIFTED, "ignores": SAME, "copies": "answers what is told now"},
}
"""What a model of each kind would do, by intervention."""
