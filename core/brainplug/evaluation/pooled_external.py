"""External studies as several runs read them: each run's model is asked about everybody in them.

So folds are here what seeds are elsewhere, several trainings that answer for the same people: a
score is the mean over their models, and its interval allows for other people and other trainings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pandas as pd

from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.describe import count_confusions, pair_values
from brainplug.evaluation.external import external_rules
from brainplug.evaluation.pooled import (
    Pooling,
    count_people_once,
    over_trainings,
    pool_rules,
    pooled_facts,
)
from brainplug.evaluation.readouts import headline_rows
from brainplug.evaluation.score import score_run
from brainplug.evaluation.several_runs import (
    OneRun,
    all_labels,
    apart_by_run,
    fill_labels,
    people_by_run,
)
from brainplug.evaluation.stage import of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainplug.evaluation.external import ExternalAnswers
    from brainplug.evaluation.records import SplitScores


def pool_external(
    runs: Mapping[str, OneRun], given: Mapping[str, ExternalAnswers], pooling: Pooling
) -> Mapping[str, SplitScores]:
    """Score each external study by what the models of all runs say of its people.

    Args:
        runs: by name.
        given: what each of them was asked and answered; of none, nothing is scored.
        pooling: how; `people` are those of the runs, and are not looked at.
    """
    if not given:
        return {}
    labels = all_labels([runs[name].metrics for name in given])
    asked = {name: fill_labels(as_asked(runs[name], each), labels) for name, each in given.items()}
    people = pd.concat([each.people for each in given.values()]).drop_duplicates("scan")
    found = {}
    for study, scans in people.groupby("study"):
        members = set(scans["subject"])
        own = {name: only(run, members) for name, run in asked.items()}
        found[str(study)] = score_study(own, labels, attrs.evolve(pooling, people=people))
    return found


def as_asked(run: OneRun, given: ExternalAnswers) -> OneRun:
    """Return a run with what it said of external people, by the read-out that it chose."""
    return attrs.evolve(
        run,
        rows=headline_rows(given.rows, run.metrics),
        rules=external_rules(given),
        baselines=None,
        changed=(),
        arms={},
    )


def only(run: OneRun, members: set[str]) -> OneRun:
    """Return a run with what it said of some people."""
    rules = {
        name: attrs.evolve(rule, answers=of(rule.answers, members))
        for name, rule in run.rules.items()
    }
    return attrs.evolve(run, rows=of(run.rows, members), rules=rules)


def score_study(
    runs: Mapping[str, OneRun], labels: tuple[str, ...], pooling: Pooling
) -> SplitScores:
    """Score one study; its people are counted once each, however many models read them."""
    facts = pooled_facts(runs, labels, pooling.people)
    apart = [apart_by_run(run, name) for name, run in runs.items()]
    whole = score_run(
        [row for run in apart for row in run.rows],
        attrs.evolve(facts, people=people_by_run(facts, list(runs))),
        metrics=pooling.metrics,
        plan=pooling.plan,
        rules=pool_rules(apart),
    ).splits["test"]
    rows = [list(run.rows) for run in runs.values()]
    frame = aggregate(
        [row for each in rows for row in each], facts.kind, facts.labels, facts.train_mean
    )
    predictions = make_predictions(frame, facts.labels, facts.train_mean)
    return attrs.evolve(
        whole,
        metrics=over_trainings(whole, rows, facts, pooling),
        counts=count_people_once(whole.counts, int(frame["subject"].nunique())),
        confusion=count_confusions(predictions) if facts.labels else None,
        scatter=None if facts.labels else pair_values(predictions),
    )
