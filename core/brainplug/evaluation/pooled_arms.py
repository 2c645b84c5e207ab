"""The arms of several runs, scored beside all of their people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.roles import HasScale, RanksPeople, able
from brainplug.evaluation.arms import ArmFacts, Pairing, judge_benefit, score_arm
from brainplug.evaluation.pooled_summary import mean_ends
from brainplug.evaluation.records import ArmScores, Difference
from brainplug.evaluation.several_runs import find_repeated
from brainplug.recipe.evidence_table import QUERY_ALONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.api.roles import Metric
    from brainplug.evaluation.records import Metrics
    from brainplug.evaluation.several_runs import OneRun
    from brainplug.tasks.answers import AnswerRow

WITHIN = "mean over runs of each run's own difference, variances recovered (Zou and Donner)"


def pool_arms(
    runs: Mapping[str, OneRun], main: Sequence[AnswerRow], pairing: Pairing
) -> dict[str, ArmScores]:
    """Score each arm that all runs have, on the people of all of them.

    Args:
        runs: by name.
        main: the answers of all runs, read as their headlines are.
        pairing: how they are scored.
    """
    first = next(iter(runs.values()))
    found = {}
    for name in first.arms:
        own = {run: each.arms[name] for run, each in runs.items() if name in each.arms}
        failed = {run: facts.failed for run, (facts, _) in own.items() if facts.failed}
        failed |= {run: "it has none" for run in runs if run not in own}
        facts = join_facts([facts for facts, _ in own.values()])
        if failed:
            causes = "; ".join(f"{run}: {why}" for run, why in failed.items())
            lost = attrs.evolve(facts, failed=causes)
            found[name] = ArmScores(**attrs.asdict(lost, recurse=False))
            continue
        rows = [row for _, said in own.values() for row in said]
        pooled = score_arm(name, facts, rows, main, pairing)
        apart = None if find_repeated(runs) else within_runs(name, pooled, runs, pairing)
        found[name] = pooled if apart is None else apart
    return found


def within_runs(
    name: str, pooled: ArmScores, runs: Mapping[str, OneRun], pairing: Pairing
) -> ArmScores | None:
    """Return an arm whose ranks are compared within runs, None where no metric ranks people.

    Models that were trained apart, as those of folds are, need not put people on one scale: how
    far they do differs between arm and main run for no reason that concerns the references. So of
    a score that ranks people the difference is the mean of the runs' own.

    Args:
        name: of the arm.
        pooled: scored over all people.
        runs: which share no people.
        pairing: how they are scored.
    """
    ranking = [key for key, metric in pairing.metrics.items() if ranks(metric)]
    gaps = {
        split: {
            **all_people,
            **{
                key: mean_gap(all_people[key], [each.metrics for each in runs.values()], at)
                for key in ranking
                if (at := Place(arm=name, split=split, metric=key))
            },
        }
        for split, all_people in pooled.difference.items()
    }
    if not ranking or not gaps:
        return None
    last = [*gaps.values()][-1]
    verdict = pooled.verdict
    if name == QUERY_ALONE:
        verdict = judge_benefit(next(iter(last.values())))
    return attrs.evolve(pooled, difference=gaps, verdict=verdict)


def ranks(metric: Metric) -> bool:
    """Tell whether a metric compares people with each other."""
    return able(metric, RanksPeople) or (able(metric, HasScale) and metric.scale == "fisher")


@attrs.frozen(kw_only=True)
class Place:
    """Where a difference stands in `metrics.json`."""

    arm: str
    split: str
    metric: str


def mean_gap(pooled: Difference, runs: Sequence[Metrics], at: Place) -> Difference:
    """Return the mean of the runs' own differences with its interval; none where a run has none.

    Args:
        pooled: of all people together, for what does not change.
        runs: scores of each.
        at: where the difference is told.
    """
    arms = [each.arms[at.arm].difference if at.arm in each.arms else {} for each in runs]
    own = [gaps.get(at.split, {}).get(at.metric) for gaps in arms]
    known = [gap for gap in own if gap is not None and gap.value is not None]
    if len(known) < len(runs):
        reason = "not every run has one, and their models need not be on one scale"
        return attrs.evolve(
            pooled, value=None, low=None, high=None, p_value=None, clear=False, reason=reason
        )
    low, high = mean_ends([(gap.value, gap.low, gap.high) for gap in known])
    return attrs.evolve(
        pooled,
        value=float(np.mean([gap.value for gap in known])),
        low=low,
        high=high,
        reason="" if low is not None else "some run has no interval",
        p_value=None,
        clear=low is not None and high is not None and low * high > 0,
        method=WITHIN,
    )


def join_facts(facts: Sequence[ArmFacts]) -> ArmFacts:
    """Return what an arm was in all runs: steps in all, and mean losses."""

    def mean(losses: Sequence[float | None]) -> float | None:
        known = [loss for loss in losses if loss is not None]
        return float(np.mean(known)) if len(known) == len(losses) else None

    return ArmFacts(
        steps=sum(each.steps for each in facts),
        main_steps=sum(each.main_steps for each in facts),
        first_loss=mean([each.first_loss for each in facts]),
        last_loss=mean([each.last_loss for each in facts]),
        notes=tuple(dict.fromkeys(note for each in facts for note in each.notes)),
    )
