"""The arms of several runs, scored beside all of their people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.arms import ArmFacts, Pairing, score_arm
from brainplug.evaluation.records import ArmScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.several_runs import OneRun
    from brainplug.tasks.answers import AnswerRow


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
        found[name] = score_arm(name, facts, rows, main, pairing)
    return found


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
