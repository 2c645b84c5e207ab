"""Trainings beside the main one, on the same people: what references add, and what noise gives.

Of an arm the answers to the same people are scored as the main run's are, and the two are
subtracted person by person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import attrs
import numpy as np

from brainplug.api.records import EVALUATED, Predictions
from brainplug.errors import DataError
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.differences import difference
from brainplug.evaluation.numbers_in_words import show_p
from brainplug.evaluation.records import ArmScores, Difference, ReportedScore
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.score import People, describe_scores, of_split
from brainplug.recipe.evidence_table import QUERY_ALONE, SHUFFLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.history import TrainingHistory
    from brainplug.evaluation.records import Metrics
    from brainplug.tasks.answers import AnswerRow

Reported = TypeVar("Reported", ReportedScore, Difference)


@attrs.frozen(kw_only=True)
class ArmFacts:
    """What an arm was; in `arms.json`, by its name.

    Attributes:
        steps: optimiser steps of all its phases.
        main_steps: those of the main training.
        first_loss: the loss that was logged first, None where none was.
        last_loss: the loss that was logged last.
        notes: what else there is to say of it.
        failed: why it has no answers; empty where it has.
    """

    steps: int = 0
    main_steps: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    notes: tuple[str, ...] = ()
    failed: str = ""

    @classmethod
    def of(
        cls, training: TrainingHistory, main: TrainingHistory, notes: Sequence[str] = ()
    ) -> ArmFacts:
        """Gather them from the histories of an arm and of the main training."""
        losses = [float(row["loss"]) for row in training.history if "loss" in row]
        return cls(
            steps=sum(count_steps(training)),
            main_steps=sum(count_steps(main)),
            first_loss=losses[0] if losses else None,
            last_loss=losses[-1] if losses else None,
            notes=tuple(notes),
        )


@attrs.frozen(kw_only=True)
class ArmList:
    """All of `arms.json`."""

    arms: Mapping[str, ArmFacts]


def count_steps(training: TrainingHistory) -> list[int]:
    """Return the optimiser steps of each phase; of an older training those that were logged."""
    logged = {
        phase.phase: max(
            (int(row["step"]) for row in training.history if row["phase"] == phase.phase), default=0
        )
        for phase in training.phases
    }
    return [
        logged[phase.phase] if phase.steps is None else phase.steps for phase in training.phases
    ]


@attrs.frozen(kw_only=True, eq=False)
class Pairing:
    """How arms are scored beside the main run.

    Attributes:
        facts: the target, its training values, and families where known.
        metrics: the first is the headline.
        plan: how intervals are made.
    """

    facts: TargetFacts
    metrics: Mapping[str, Metric]
    plan: BootstrapPlan


def score_arm(
    name: str,
    arm: ArmFacts,
    rows: Sequence[AnswerRow],
    main: Sequence[AnswerRow],
    pairing: Pairing,
) -> ArmScores:
    """Score an arm, and subtract it from the main run on the same people.

    Args:
        name: of the arm.
        arm: what it was.
        rows: its answers, read as the main run's are.
        main: those of the main run, by the read-out of its headline.
        pairing: how they are scored.
    """
    found = {
        split: score_beside(name, of_split(rows, split), of_split(main, split), pairing)
        for split in EVALUATED
        if of_split(rows, split) and of_split(main, split)
    }
    scored = ArmScores(
        **attrs.asdict(arm, recurse=False),
        splits={split: each.scores for split, each in found.items()},
        difference={split: each.gaps for split, each in found.items()},
    )
    if not found:
        return scored
    split, last = [*found.items()][-1]  # of the test, where it is there
    judged = (
        judge_shuffled(arm, last.chance, chose=split == "val")
        if name == SHUFFLED
        else judge_benefit(next(iter(last.gaps.values())))
    )
    return attrs.evolve(scored, verdict=judged)


@attrs.frozen(kw_only=True, eq=False)
class Beside:
    """An arm on the people of one split, beside the main run.

    Attributes:
        scores: of the arm.
        gaps: the main run's scores less its own.
        chance: by how much the arm differs from a constant; None where that cannot be told.
    """

    scores: Mapping[str, ReportedScore]
    gaps: Mapping[str, Difference]
    chance: Difference | None


def score_beside(
    name: str, rows: Sequence[AnswerRow], main: Sequence[AnswerRow], pairing: Pairing
) -> Beside:
    """Score an arm and the main run on the people of one split, and subtract them."""
    facts, metrics = pairing.facts, pairing.metrics
    ours, theirs = (aggregated(each, facts) for each in (main, rows))
    refuse_others(name, ours, theirs)
    people = People(clusters=cluster_names(ours["subject"], facts.people), plan=pairing.plan)
    mine, its = (
        make_predictions(frame, facts.labels, facts.train_mean) for frame in (ours, theirs)
    )
    asked = {name: rows, "main run": main}
    silent = [who for who, said in asked.items() if not speaks(said)]
    scores = describe_scores(its, metrics, people, unit=facts.unit)
    gaps = {
        key: attrs.evolve(difference(metric, mine, its, people.clusters, people.plan), against=name)
        for key, metric in metrics.items()
    }
    return Beside(
        scores=without_value(scores, silent[:1]) if name in silent else scores,
        gaps=without_value(gaps, silent),
        chance=None if name in silent else beyond_chance(its, metrics, people),
    )


def aggregated(rows: Sequence[AnswerRow], facts: TargetFacts) -> pd.DataFrame:
    """Return one row a person."""
    return aggregate(rows, facts.kind, facts.labels, facts.train_mean)


def speaks(rows: Sequence[AnswerRow]) -> bool:
    """Tell whether any answer could be read."""
    return any(row.prediction is not None for row in rows)


def without_value(scores: Mapping[str, Reported], silent: Sequence[str]) -> Mapping[str, Reported]:
    """Return scores without their values where somebody said nothing that could be read."""
    if not silent:
        return scores
    reason = f"no answer of the {' and the '.join(silent)} could be read"
    return {
        name: attrs.evolve(score, value=None, low=None, high=None, reason=reason)
        for name, score in scores.items()
    }


def refuse_others(name: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Refuse an arm that was asked of other people.

    Raises:
        DataError: says how many there are of each.
    """
    mine, its = (frame[["subject", "truth"]].to_numpy().tolist() for frame in (ours, theirs))
    if mine != its:
        raise DataError(
            f"{len(its)} of others",
            where=f"the answers of the arm {name!r}",
            expected=f"those of the same {len(mine)} people as the main run's",
            found=len(its),
            hint="run the recipe again, which makes the arm anew",
        )


def beyond_chance(
    system: Predictions, metrics: Mapping[str, Metric], people: People
) -> Difference | None:
    """Return by how much a system differs from a constant answer, by the first metric that tells.

    A constant has no rank or correlation, so that not every metric can say it.
    """
    constant = attrs.evolve(
        system, predicted=np.full_like(system.predicted, constant_of(system)), probabilities=None
    )
    for name, metric in metrics.items():
        found = difference(metric, system, constant, people.clusters, people.plan)
        if found.value is not None and np.isfinite(found.value):
            return attrs.evolve(found, against=name)
    return None


def constant_of(system: Predictions) -> object:
    """Return the one answer that is right most often, or the mean of training."""
    if not system.labels:
        return system.train_mean
    values, counts = np.unique(system.truth.astype(str), return_counts=True)
    return str(values[counts.argmax()])


SURE = 0.01
"""From this p value on, that values drawn at random teach something may be luck of the draw."""


def judge_shuffled(arm: ArmFacts, chance: Difference | None, *, chose: bool) -> str:
    """Say whether a training on values that are not theirs learnt them, and nothing else.

    Args:
        arm: what it was.
        chance: by how much it differs from a constant.
        chose: whether the people it is scored on chose its checkpoint, which flatters it.
    """
    if arm.first_loss is None or arm.last_loss is None or arm.last_loss >= arm.first_loss:
        return "its training loss did not fall, so that it shows nothing"
    if chance is None or chance.value is None:
        return "no metric can say whether it is at chance"
    better = (chance.value > 0) == chance.higher_is_better and chance.value != 0
    if chance.clear and better and chose:
        return (
            "it is better than chance on the validation people, who also chose its weights; the "
            "test will tell whether that is a leak"
        )
    if chance.clear and better and chance.p_value is not None and chance.p_value >= SURE:
        # The test is over people; that another draw of values would do otherwise is not in it.
        return (
            f"it is better than chance on people it never saw ({show_p(chance.p_value)}), which "
            "one draw of values can be by luck: draw again with another seed, and look for a leak "
            "if it stays"
        )
    if chance.clear and better:
        return (
            "it is better than chance on people it never saw, which values drawn at random cannot "
            "teach: look for a leak before anything else"
        )
    whom = "the validation people" if chose else "people it never saw"
    return f"it cannot be told from chance on {whom}, as it must be"


def judge_benefit(gap: Difference) -> str:
    """Say whether a training without references shows that these help."""
    if gap.value is None:
        return f"what references add cannot be told, since {gap.reason}"
    if not gap.clear:
        return "no benefit of references was shown"
    helps = (gap.value > 0) == gap.higher_is_better
    return "references help" if helps else "with references the model does worse"


def references_add(metrics: Metrics, split: str) -> Difference | None:
    """Return the main run's headline score less that of the arm without references, if any."""
    arm = metrics.arms.get(QUERY_ALONE)
    if arm is None or split not in arm.difference:
        return None
    return next(iter(arm.difference[split].values()), None)
