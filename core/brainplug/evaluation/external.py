"""Scores of external studies: people whom the model has never met, of a study it has never met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.readouts import headline_rows
from brainplug.evaluation.rules import Rule
from brainplug.evaluation.score import score_run
from brainplug.evaluation.stage import of, rule_rows
from brainplug.tasks.baselines import rules_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from brainplug.api.records import Split
    from brainplug.evaluation.records import Metrics, SplitScores
    from brainplug.evaluation.stage import Scoring
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.task import Task


@attrs.frozen(kw_only=True, eq=False)
class ExternalAnswers:
    """What was asked of external studies, and answered.

    Attributes:
        rows: the answers.
        tasks: what was asked.
        train: the training tasks, which rules are fitted to, as the model was.
        people: the external cohorts, a row a scan.
    """

    rows: Sequence[AnswerRow]
    tasks: Sequence[Task]
    train: Sequence[Task]
    people: pd.DataFrame


def external_rules(given: ExternalAnswers) -> dict[str, Rule]:
    """Return the rules, fitted to the training people, with what they answer to external ones."""
    asked: list[tuple[Split, Task]] = [("test", task) for task in given.tasks]
    return {
        name: Rule(about=about, answers=rule_rows(name, asked, given.train))
        for name, about in rules_for(given.train).items()
    }


def score_external(
    given: ExternalAnswers, scoring: Scoring, metrics: Metrics
) -> Mapping[str, SplitScores]:
    """Score each external study by itself, by the read-out that validation chose.

    Args:
        given: the answers.
        scoring: how the run is scored.
        metrics: of the run.
    """
    facts = scoring.facts(given.train, given.people)
    plan = BootstrapPlan(
        samples=scoring.evaluation.bootstrap,
        confidence=scoring.evaluation.confidence,
        seed=scoring.seed,
    )
    read, rules = headline_rows(given.rows, metrics), external_rules(given)
    found = {}
    for study, scans in given.people.groupby("study"):
        members = set(scans["subject"])
        mine = {
            name: attrs.evolve(rule, answers=of(rule.answers, members))
            for name, rule in rules.items()
        }
        own = score_run(of(read, members), facts, metrics=scoring.metrics, plan=plan, rules=mine)
        found[str(study)] = own.splits["test"]
    return found
