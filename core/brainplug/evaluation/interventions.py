"""What interventions did to the answers, beside what they would do to models as they might be."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.archetypes import ARCHETYPES, WOULD, Dialogue, commonest, copy
from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.describe import finite_or_none
from brainplug.evaluation.differences import difference
from brainplug.evaluation.doses import score_doses
from brainplug.evaluation.intervention_records import Effect, Expected, Interventions
from brainplug.evaluation.measure import changes_of, scale
from brainplug.evaluation.records import EXPECTED
from brainplug.evaluation.verdicts import judge
from brainplug.tasks.interventions import INTERVENTIONS
from brainplug.tasks.more_references import MORE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.evaluation.intervention_records import Kind
    from brainplug.evaluation.measure import Measure
    from brainplug.evaluation.records import Metrics
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.intervention_rows import InterventionRow

    Pair = tuple[AnswerRow, InterventionRow]
    """An answer without an intervention, and with it."""


def read_as_headline(
    rows: Sequence[InterventionRow], metrics: Metrics
) -> Sequence[InterventionRow]:
    """Return answers to changed tasks, read as the headline is.

    Args:
        rows: of `interventions.jsonl`.
        metrics: of the run; says how numbers are read.
    """
    if metrics.readouts is None or metrics.readouts.headline != EXPECTED:
        return rows
    return [
        attrs.evolve(row, answer=attrs.evolve(row.answer, prediction=row.answer.expected))
        for row in rows
    ]


def score_interventions(
    rows: Sequence[InterventionRow], answers: Sequence[AnswerRow], measure: Measure
) -> Interventions | None:
    """Measure what interventions did; None where none was made.

    Args:
        rows: of `interventions.jsonl`, read as the answers are.
        answers: of `answers.jsonl`, read as the headline is.
        measure: how.
    """
    if not rows:
        return None
    split = rows[0].answer.split
    before = {row.task_id: row for row in answers if row.split == split}
    paired = {
        name: [(before[row.answer.task_id], row) for row in rows if row.intervention == name]
        for name in INTERVENTIONS
    }
    effects: dict[str, Effect] = {
        name: measure_effect(name, pairs, measure) for name, pairs in paired.items() if pairs
    }
    asked = any(row.reference_values for row in before.values())
    copied = share_copied(paired["word-changed"], measure) if measure.facts.labels else None
    more = [row.answer for row in rows if row.intervention == MORE]
    numerical = not measure.facts.labels
    return Interventions(
        split=split,
        metric=measure.name,
        higher_is_better=measure.metric.higher_is_better,
        unit=measure.facts.unit if measure.metric.unit == "target" else measure.metric.unit,
        effects=effects,
        copied=copied,
        verdict=judge(effects, copied, measure.metric.higher_is_better, numerical=numerical)
        if asked
        else None,
        doses=score_doses(list(before.values()), more, measure) if asked else None,
    )


def measure_effect(name: str, pairs: Sequence[Pair], measure: Measure) -> Effect:
    """Measure what one intervention did.

    Args:
        name: of the intervention.
        pairs: answers to the same tasks without it and with it.
        measure: how.
    """
    old, new = [row for row, _ in pairs], [row.answer for _, row in pairs]
    before, after = measure.people(old), measure.people(new)
    clusters = measure.clusters(old)
    gap = difference(measure.metric, after, before, clusters, measure.plan)
    moved = None if measure.facts.labels else measure.move(old, new)
    return Effect(
        people=measure.count_people(row.subject for row in old),
        tasks=len(pairs),
        unread=(count_unread(old), count_unread(new)),
        changed=measure.share(before.predicted != after.predicted, clusters)
        if moved is None
        else None,
        moved=moved,
        moved_sd=None if moved is None else scale(moved, 1 / measure.sd),
        follows=measure_following(name, pairs, measure),
        before=finite_or_none(measure.metric.score(before)),
        after=finite_or_none(measure.metric.score(after)),
        score_change=Estimate(value=gap.value, low=gap.low, high=gap.high, reason=gap.reason),
        clear=gap.clear,
        right_before=rightness(old, measure.facts.labels),
        right_after=rightness(new, measure.facts.labels),
        expected={kind: expect(kind, name, pairs, measure) for kind in ARCHETYPES},
    )


def count_unread(rows: Sequence[AnswerRow]) -> int:
    """Count the answers that could not be read."""
    return sum(row.prediction is None for row in rows)


def rightness(rows: Sequence[AnswerRow], labels: Sequence[str]) -> float | None:
    """Return the share of right answers, or the mean absolute error of those that were read."""
    if labels:
        return float(np.mean([row.prediction == row.truth for row in rows]))
    errors = [
        abs(float(row.prediction) - float(row.truth)) for row in rows if row.prediction is not None
    ]
    return float(np.mean(errors)) if errors else None


def measure_following(name: str, pairs: Sequence[Pair], measure: Measure) -> Estimate | None:
    """Measure how answers follow another value that is shown or told; None where none is.

    Args:
        name: of the intervention.
        pairs: answers to the same tasks without it and with it.
        measure: how.
    """
    if name == "query-other":
        values = values_shown
    elif name == "word-changed":
        values = partial(values_told, labels=measure.facts.labels)
    else:
        return None
    known = [(pair, *found) for pair in pairs if (found := values(pair)) is not None]
    if measure.facts.labels:
        clusters = measure.clusters_of_tasks(old for (old, _), _, _ in known)
        return measure.share((new.answer.prediction == now for (_, new), _, now in known), clusters)
    # Only answers that could be read can have changed.
    changes = [
        (old, float(now) - float(was), float(new.answer.prediction) - float(old.prediction))
        for (old, new), was, now in known
        if old.prediction is not None and new.answer.prediction is not None
    ]
    clusters = measure.clusters_of_tasks(old for old, _, _ in changes)
    return measure.slope([x for _, x, _ in changes], [y for _, _, y in changes], clusters)


def values_shown(pair: Pair) -> tuple[TargetValue, TargetValue] | None:
    """Return what the query shows without and with an intervention."""
    old, new = pair
    value = new.values[-1]
    return None if value is None else (old.truth, value)


def values_told(pair: Pair, labels: Sequence[str]) -> tuple[TargetValue, TargetValue] | None:
    """Return what is told of the references without and with an intervention, if it is one thing.

    That is the commonest label, or the mean of numbers.
    """
    old, new = (copy(Dialogue.of(row, (None,)), labels) for row in (pair[0], pair[1].answer))
    return None if old is None or new is None else (old, new)


def share_copied(pairs: Sequence[Pair], measure: Measure) -> Estimate | None:
    """Return the share of answers that repeat what is told, before and after that is changed.

    Of several references in a dialogue, a model may repeat what most are told to be, or the first,
    or the last; that which is repeated most counts.

    Args:
        pairs: answers without and with other words.
        measure: how.
    """
    ways: tuple[Callable[[Sequence[TargetValue]], TargetValue | None], ...] = (
        commonest,
        itemgetter(0),
        itemgetter(-1),
    )
    found = []
    for way in ways:
        told = [
            (old, old.prediction == was and new.answer.prediction == now)
            for old, new in pairs
            if (was := way(old.reference_values)) is not None
            and (now := way(new.answer.reference_values)) is not None
        ]
        if told:
            clusters = measure.clusters_of_tasks(old for old, _ in told)
            found.append(measure.share((copies for _, copies in told), clusters))
    return max(found, key=lambda share: share.value or 0.0, default=None)


def expect(kind: Kind, name: str, pairs: Sequence[Pair], measure: Measure) -> Expected:
    """Return what an intervention would do to a model of a kind.

    Args:
        kind: of the model.
        name: of the intervention.
        pairs: answers to the same tasks without it and with it, of which the tasks are looked at.
        measure: how.
    """
    words, labels = WOULD[name][kind], measure.facts.labels
    answer = ARCHETYPES[kind]
    old = [
        attrs.evolve(
            row, prediction=answer(Dialogue.of(row, (*row.reference_values, row.truth)), labels)
        )
        for row, _ in pairs
    ]
    new = [
        attrs.evolve(row.answer, prediction=answer(Dialogue.of(row.answer, row.values), labels))
        for _, row in pairs
    ]
    if any(row.prediction is None for row in (*old, *new)):
        return Expected(words=words)
    plain = [attrs.evolve(row, probabilities=None) for row in (*old, *new)]
    before, after = measure.people(plain[: len(old)]), measure.people(plain[len(old) :])
    score = finite_or_none(measure.metric.score(after))
    if labels:
        changed = float(np.mean(before.predicted != after.predicted))
        return Expected(words=words, changed=changed, score=score)
    moved = float(np.mean(changes_of(old, new))) / measure.sd
    return Expected(words=words, moved=moved, score=score)
