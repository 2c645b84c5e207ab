"""How much better the answers over several references are than the answer beside one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.differences import difference
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.intervention_records import Dose, Doses
from brainplug.tasks.more_references import DOSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brainplug.evaluation.measure import Measure
    from brainplug.tasks.answers import AnswerRow

ENOUGH = 0.5
"""Share of the people asked again who must have as many references as the largest dose."""


def score_doses(
    own: Sequence[AnswerRow], more: Sequence[AnswerRow], measure: Measure
) -> Doses | None:
    """Score answers taken together over 1, 2, 4 and 8 tasks of the same people.

    Args:
        own: answers to the tasks of the study.
        more: answers of the same people beside further references.
        measure: how.
    """
    asked: dict[tuple[str, object], list[AnswerRow]] = defaultdict(list)
    again = {row.subject for row in more}
    for row in (*own, *more):
        if row.reference_values and (not again or row.subject in again):
            asked[row.subject, row.truth].append(row)
    if not asked:
        return None
    largest = find_largest([len(rows) for rows in asked.values()])
    people = {key: rows for key, rows in asked.items() if len(rows) >= largest}
    nested = {
        dose: [row for rows in people.values() for row in rows[:dose]]
        for dose in DOSES
        if dose <= largest
    }
    clusters = measure.clusters(nested[1])
    scored = {dose: measure.people(rows) for dose, rows in nested.items()}
    gap = difference(measure.metric, scored[largest], scored[1], clusters, measure.plan)
    each = len(next(iter(people.values()))[0].reference_values)
    lacking = f"{2 * largest * each} references"
    return Doses(
        people=measure.count_people(person for person, _ in people),
        doses=tuple(
            Dose(
                references=dose * each,
                score=interval(measure.metric, found, clusters, measure.plan),
            )
            for dose, found in scored.items()
        ),
        gain=Estimate(value=gap.value, low=gap.low, high=gap.high, reason=gap.reason),
        clear=gap.clear,
        reason="" if largest == DOSES[-1] else f"most people may meet fewer than {lacking}",
    )


def find_largest(counts: Sequence[int]) -> int:
    """Return the largest dose that enough people have.

    >>> find_largest([8, 8, 3, 3]), find_largest([8, 3, 3, 3])
    (8, 2)
    """
    return max(
        (dose for dose in DOSES if sum(n >= dose for n in counts) >= ENOUGH * len(counts)),
        default=1,
    )
