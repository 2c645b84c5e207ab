"""Several runs of one recipe, as they are pooled: who is in them, and under what names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.rules import Rule

if TYPE_CHECKING:
    from brainplug.api.records import TargetValue
    from brainplug.baselines.records import Baselines
    from brainplug.evaluation.arms import ArmFacts
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.groupings import Groups
    from brainplug.evaluation.records import Metrics
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.intervention_rows import InterventionRow


@attrs.frozen(kw_only=True, eq=False)
class OneRun:
    """One of several runs, as it is pooled.

    Attributes:
        metrics: its own.
        rows: its answers, with the predictions that its scores are made from.
        rules: what it is compared with, fitted to its own training people.
        train: value of each training subject that was a query.
        trained: all training subjects.
        baselines: what its simple readers said; None of an older run.
        changed: its answers to changed tasks, read as the others are.
        arms: its trainings beside the main one by name, each with its answers, read as its own.
    """

    metrics: Metrics
    rows: Sequence[AnswerRow]
    rules: Mapping[str, Rule]
    train: Mapping[str, TargetValue]
    trained: frozenset[str]
    baselines: Baselines | None = None
    changed: Sequence[InterventionRow] = ()
    arms: Mapping[str, tuple[ArmFacts, Sequence[AnswerRow]]] = attrs.field(factory=dict)


def find_repeated(runs: Mapping[str, OneRun], split: str | None = None) -> set[str]:
    """Return the subjects who are asked in several runs."""
    asked = Counter(
        subject
        for run in runs.values()
        for subject in {row.subject for row in run.rows if split in (None, row.split)}
    )
    return {subject for subject, count in asked.items() if count > 1}


def name_apart(subject: str, run: str) -> str:
    """Return the name of a subject as somebody else in each run."""
    return f"{subject} ({run})"


def names_apart(runs: Mapping[str, OneRun]) -> dict[str, str]:
    """Return whose each name is that `apart_by_run` gives."""
    return {
        name_apart(row.subject, name): row.subject for name, run in runs.items() for row in run.rows
    }


def apart_by_run(run: OneRun, name: str) -> OneRun:
    """Return a run whose subjects are not those of the others."""

    def move(row: AnswerRow) -> AnswerRow:
        """Give a row's subject and task names of their own."""
        subject, task = name_apart(row.subject, name), name_apart(row.task_id, name)
        return attrs.evolve(row, subject=subject, task_id=task)

    def rename(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
        return [move(row) for row in rows]

    baselines = run.baselines
    if baselines is not None:
        own = [name_apart(subject, name) for subject in baselines.covariates["subject"]]
        covariates = baselines.covariates.assign(subject=own)
        baselines = attrs.evolve(baselines, covariates=covariates)
    return attrs.evolve(
        run,
        baselines=baselines,
        arms={arm: (facts, rename(rows)) for arm, (facts, rows) in run.arms.items()},
        changed=[attrs.evolve(row, answer=move(row.answer)) for row in run.changed],
        rows=rename(run.rows),
        rules={
            key: attrs.evolve(rule, answers=rename(rule.answers)) for key, rule in run.rules.items()
        },
    )


def people_by_run(facts: TargetFacts, names: Sequence[str]) -> pd.DataFrame:
    """Return the cohort once a run, where everybody is a family with who they are elsewhere."""
    people = facts.people
    assert people is not None
    families = dict(zip(people["subject"], cluster_names(people["subject"], people), strict=True))
    return pd.concat(
        [
            people.assign(
                family=people["subject"].map(families),
                subject=[name_apart(subject, name) for subject in people["subject"]],
            )
            for name in names
        ],
        ignore_index=True,
    )


def all_labels(metrics: Sequence[Metrics]) -> tuple[str, ...]:
    """Return the labels of all runs; one that no training person of a run has is not among its."""
    longest = max((each.target.labels for each in metrics), key=len)
    rest = [label for each in metrics for label in each.target.labels if label not in longest]
    return (*longest, *dict.fromkeys(rest))


def fill_labels(run: OneRun, labels: Sequence[str]) -> OneRun:
    """Give labels that a run does not know a probability of 0."""
    if not set(labels) - set(run.metrics.target.labels):
        return run
    none = dict.fromkeys(labels, 0.0)

    def fill(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
        return [
            row
            if row.probabilities is None
            else attrs.evolve(row, probabilities=none | dict(row.probabilities))
            for row in rows
        ]

    rules = {key: attrs.evolve(rule, answers=fill(rule.answers)) for key, rule in run.rules.items()}
    return attrs.evolve(run, rows=fill(run.rows), rules=rules)


def pool_baselines(runs: Sequence[OneRun]) -> Baselines | None:
    """Return what the simple readers of all runs said, None where some run has none.

    What is known of a person is that person's in every run; who reads where a scan was made is
    told where every run had such a reader.
    """
    found = [run.baselines for run in runs if run.baselines is not None]
    if len(found) < len(runs):
        return None
    first = found[0].record
    probed = all(each.record.probe is not None for each in found)
    record = attrs.evolve(
        first,
        baselines={
            name: facts
            for name, facts in first.baselines.items()
            if all(name in each.record.baselines for each in found)
        },
        probe=first.probe if probed else None,
        probe_reason="" if probed else "not every run could read where scans were made",
    )
    return attrs.evolve(
        found[0],
        record=record,
        said=pd.concat([each.said for each in found], ignore_index=True),
        covariates=pd.concat([each.covariates for each in found], ignore_index=True),
    )


def count_unseen(runs: Mapping[str, OneRun], split: str, groups: Groups) -> int:
    """Count people of whose group nobody taught the model that read them."""
    unseen = set()
    for run in runs.values():
        seen = {groups.of[subject] for subject in run.trained if subject in groups.of}
        asked = {row.subject for row in run.rows if row.split == split}
        unseen |= {s for s in asked if s in groups.of and groups.of[s] not in seen}
    return len(unseen)
