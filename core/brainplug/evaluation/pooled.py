"""Several runs of one recipe scored as one: the people of all folds, sites or seeds together.

The headline is the score of all out-of-fold predictions: one set of people, on which all systems
are compared in pairs. Beside it stand each run's own score and their mean. Scores that rank people
across folds, such as AUROC and r, take models that were trained apart to be on one scale; where
they are not, the pooled score is the lower one (Forman and Scholz 2010, SIGKDD Explor 12:49), and
that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.arms import Pairing
from brainplug.evaluation.bootstrap import BootstrapPlan
from brainplug.evaluation.describe import (
    TargetFacts,
    count_confusions,
    has_families,
    pair_values,
)
from brainplug.evaluation.groupings import find_groups
from brainplug.evaluation.interventions import score_interventions
from brainplug.evaluation.measure import Measure
from brainplug.evaluation.pooled_arms import pool_arms
from brainplug.evaluation.pooled_summary import summarise, training_of
from brainplug.evaluation.records import AnswerCounts, Metrics, Readouts
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.score import describe, of_split, score_run
from brainplug.evaluation.seeds import over_seeds
from brainplug.evaluation.several_runs import (
    OneRun,
    all_labels,
    apart_by_run,
    count_unseen,
    fill_labels,
    find_repeated,
    names_apart,
    people_by_run,
    pool_baselines,
)
from brainplug.evaluation.stage import Contest, people_by_study, score_candidates
from brainplug.evaluation.subgroups import score_groups
from brainplug.evaluation.within_groups import Scored

if TYPE_CHECKING:
    from brainplug.api.records import TargetValue
    from brainplug.api.roles import Metric
    from brainplug.evaluation.confounding import Confounding
    from brainplug.evaluation.records import ReportedScore, SelectedCheckpoint, SplitScores
    from brainplug.evaluation.rules import Rule
    from brainplug.evaluation.subgroup_records import Grouping
    from brainplug.tasks.answers import AnswerRow


@attrs.frozen(kw_only=True, eq=False)
class Pooling:
    """How runs are pooled.

    Attributes:
        metrics: the first is the headline.
        plan: how intervals are made.
        people: the cohort, a row a scan.
        subgroups: columns of it that the recipe names.
        failed: why other runs could not be done, by name.
    """

    metrics: Mapping[str, Metric]
    plan: BootstrapPlan
    people: pd.DataFrame
    subgroups: Sequence[str] = ()
    failed: Mapping[str, str] = attrs.field(factory=dict)


def pool(runs: Mapping[str, OneRun], pooling: Pooling) -> Metrics:
    """Score the people of all runs together.

    Whoever is in several runs, as in each seed, stands there once a run, and their predictions are
    taken together for every interval.

    Args:
        runs: by name; at least one.
        pooling: how.
    """
    labels = all_labels([run.metrics for run in runs.values()])
    filled = {name: fill_labels(run, labels) for name, run in runs.items()}
    several = find_repeated(filled)
    apart = {name: apart_by_run(run, name) if several else run for name, run in filled.items()}
    facts = pooled_facts(filled, labels, pooling.people)
    own = facts if not several else attrs.evolve(facts, people=people_by_run(facts, list(apart)))
    rows = [row for run in apart.values() for row in run.rows]
    metrics, plan = pooling.metrics, pooling.plan
    rules = pool_rules(list(apart.values()))
    whole = score_run(rows, own, metrics=metrics, plan=plan, rules=rules)
    subjects = {row.subject for run in filled.values() for row in run.rows}
    unit = "families" if has_families(pooling.people, subjects) else "subjects"
    stated = all(row.most_probable is not None for row in rows)
    contest = Contest(
        facts=own, metrics=metrics, plan=plan, baselines=pool_baselines(list(apart.values()))
    )
    studies = {
        study: contest.score_study(rows, rules, members)
        for study, members in people_by_study(own.people).items()
    }
    whole = contest.set_beside(whole, rows, rules)
    return attrs.evolve(
        whole,
        selected=common_selection([run.metrics for run in runs.values()]),
        intervals=attrs.evolve(whole.intervals, unit=unit),
        splits={
            split: describe_people(found, split, filled, facts, pooling)
            for split, found in whole.splits.items()
        },
        candidates=score_candidates(rows, own, metrics, plan) if stated and labels else None,
        studies=studies,
        interventions=score_interventions(
            [row for run in apart.values() for row in run.changed],
            rows,
            measure_all(filled, own, pooling),
        ),
        arms=pool_arms(apart, rows, Pairing(facts=own, metrics=metrics, plan=plan)),
        readouts=pool_readouts([run.metrics for run in runs.values()]),
        runs=summarise(
            {name: run.metrics for name, run in runs.items()},
            filled,
            people=pooling.people,
            failed=pooling.failed,
        ),
    )


def measure_all(runs: Mapping[str, OneRun], facts: TargetFacts, pooling: Pooling) -> Measure:
    """Return how answers of all runs to changed tasks are measured."""
    name, metric = next(iter(pooling.metrics.items()))
    return Measure(
        facts=facts, name=name, metric=metric, plan=pooling.plan, whose=names_apart(runs)
    )


def pooled_facts(
    runs: Mapping[str, OneRun], labels: tuple[str, ...], people: pd.DataFrame
) -> TargetFacts:
    """Return what scoring must know of all runs; who trained in several counts once."""
    first = next(iter(runs.values())).metrics.target
    values: dict[str, TargetValue] = {}
    for run in runs.values():
        values |= run.train
    return TargetFacts(
        name=first.name,
        kind=first.kind,
        labels=labels,
        unit=first.unit,
        train_values=tuple(values.values()),
        people=people,
    )


def pool_rules(runs: Sequence[OneRun]) -> dict[str, Rule]:
    """Put together what each rule answered in every run, as its own training people had it do."""
    first, *others = runs
    shared = [name for name in first.rules if all(name in run.rules for run in others)]
    return {
        name: attrs.evolve(
            first.rules[name],
            answers=[row for run in runs for row in run.rules[name].answers],
        )
        for name in shared
    }


def describe_people(
    found: SplitScores,
    split: str,
    runs: Mapping[str, OneRun],
    facts: TargetFacts,
    pooling: Pooling,
) -> SplitScores:
    """Return the scores of a split with what is told of people, who are counted once each.

    Of those in several runs a matrix and a scatter show what most runs, or the middle one, say.
    """
    rows = [row for run in runs.values() for row in of_split(run.rows, split)]
    frame = aggregate(rows, facts.kind, facts.labels, facts.train_mean)
    predictions = make_predictions(frame, facts.labels, facts.train_mean)
    counts = add_counts([run.metrics.splits[split].counts for run in runs.values()])
    people = int(frame["subject"].nunique())
    return attrs.evolve(
        found,
        metrics=over_trainings(found, rows_of_trainings(runs, split), facts, pooling),
        counts=count_people_once(counts, people),
        confounding=once_each(found.confounding, people / max(counts.subjects, 1)),
        confusion=count_confusions(predictions) if facts.labels else None,
        scatter=None if facts.labels else pair_values(predictions),
        subgroups=pool_subgroups(runs, split, facts, pooling),
    )


def rows_of_trainings(runs: Mapping[str, OneRun], split: str) -> list[list[AnswerRow]]:
    """Return the answers of each training, of all its folds, to a split."""
    rows: dict[str, list[AnswerRow]] = {}
    for name, run in runs.items():
        rows.setdefault(training_of(name), []).extend(of_split(run.rows, split))
    return list(rows.values())


def over_trainings(
    found: SplitScores,
    trainings: Sequence[Sequence[AnswerRow]],
    facts: TargetFacts,
    pooling: Pooling,
) -> Mapping[str, ReportedScore]:
    """Return the mean scores over trainings, with intervals over people and trainings.

    Where there is one training its scores are as they were. People whom some training did not read,
    since a run failed, are left out.

    Args:
        found: the scores of all predictions together.
        trainings: the answers of each.
        facts: the target.
        pooling: how runs are pooled.
    """
    if len(trainings) < 2:
        return found.metrics
    frames = [aggregate(rows, facts.kind, facts.labels, facts.train_mean) for rows in trainings]
    keyed = [frame.set_index(["subject", "truth"], drop=False) for frame in frames]
    common = sorted(set.intersection(*(set(frame.index) for frame in keyed)))
    shared = [frame.loc[common] for frame in keyed]
    clusters = cluster_names(shared[0]["subject"], facts.people)
    systems = [make_predictions(frame, facts.labels, facts.train_mean) for frame in shared]
    return {
        name: describe(metric, over_seeds(metric, systems, clusters, pooling.plan), unit=facts.unit)
        for name, metric in pooling.metrics.items()
    }


PEOPLE_COUNTED = ("unparsed_subjects", "partly_unparsed_subjects", "changed_subjects")
"""Counts of answers that are counts of people."""


def count_people_once(counts: AnswerCounts, subjects: int) -> AnswerCounts:
    """Return the counts of several runs with people who are in several of them counted once.

    Of those whom each run found otherwise it is the mean over runs, rounded up.

    Args:
        counts: of all runs.
        subjects: people whom they asked.
    """
    told = {name: getattr(counts, name) for name in PEOPLE_COUNTED}
    share = subjects / max(counts.subjects, 1)
    fewer: dict[str, Any] = {
        name: None if each is None else ceil(each * share) for name, each in told.items()
    }
    return attrs.evolve(counts, subjects=subjects, **fewer)


def once_each(found: Confounding | None, share: float) -> Confounding | None:
    """Return what confounds tell with its counts of people, of whom each run told once more.

    Args:
        found: of all runs; it looks at one of each family for the increment as it is.
        share: people of those whom all runs asked.
    """
    if found is None:
        return None
    head_size, probe = found.head_size, found.probe
    if head_size is not None:
        head_size = attrs.evolve(head_size, n=round(head_size.n * share))
    if probe is not None:
        probe = attrs.evolve(probe, n=round(probe.n * share))
    return attrs.evolve(found, head_size=head_size, probe=probe)


def add_counts(counts: Sequence[AnswerCounts]) -> AnswerCounts:
    """Add the counts of runs; shares are means, weighted by answers."""
    found: dict[str, Any] = {}
    for name in attrs.fields_dict(AnswerCounts):
        values = [(getattr(each, name), each.tasks) for each in counts]
        known = [(value, tasks) for value, tasks in values if value is not None]
        if all(isinstance(value, int) for value, _ in known):
            # A count that some run has not is not known of all.
            whole = len(known) == len(values)
            found[name] = sum(value for value, _ in known) if whole else None
        else:
            total = sum(tasks for _, tasks in known)
            found[name] = sum(v * tasks for v, tasks in known) / total if total else None
    return AnswerCounts(**found)


def pool_subgroups(
    runs: Mapping[str, OneRun], split: str, facts: TargetFacts, pooling: Pooling
) -> dict[str, Grouping]:
    """Score the groups of all people; who was new to their own run's training is counted so."""
    everybody = frozenset[str]().union(*(run.trained for run in runs.values()))
    groupings = find_groups(pooling.people, everybody, pooling.subgroups)
    frames = [
        aggregate(of_split(run.rows, split), facts.kind, facts.labels, facts.train_mean)
        for run in runs.values()
    ]
    frame = pd.concat(frames, ignore_index=True)
    name, metric = next(iter(pooling.metrics.items()))
    scored = Scored(
        metric=metric,
        name=name,
        predictions=make_predictions(frame, facts.labels, facts.train_mean),
        subjects=frame["subject"].tolist(),
        clusters=cluster_names(frame["subject"], facts.people),
        plan=pooling.plan,
    )
    found = score_groups(scored, groupings)
    return {
        by: attrs.evolve(each, unseen=count_unseen(runs, split, groupings[by]))
        for by, each in found.items()
    }


def common_selection(metrics: Sequence[Metrics]) -> SelectedCheckpoint | None:
    """Return the checkpoint that all runs kept, None where each kept another."""
    first, *others = [each.selected for each in metrics]
    return first if all(each == first for each in others) else None


def pool_readouts(metrics: Sequence[Metrics]) -> Readouts | None:
    """Say how numbers were read where all runs read them alike; each chose by its validation."""
    found = [each.readouts for each in metrics if each.readouts is not None]
    if len(found) < len(metrics) or len({each.headline for each in found}) > 1:
        return None
    splits = set.intersection(*(set(each.mass) for each in found))
    return Readouts(
        headline=found[0].headline,
        validation=dict.fromkeys(found[0].validation),
        other={},
        mass={split: float(np.mean([each.mass[split] for each in found])) for split in splits},
    )
