"""From answers to `metrics.json`: scores with intervals, beside rules that see no image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.records import EVALUATED
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.bootstrap import BootstrapPlan, Estimate
from brainplug.evaluation.calibration import calibration, number_bias
from brainplug.evaluation.describe import (
    TargetFacts,
    count_answers,
    count_confusions,
    describe_training,
    has_families,
    pair_values,
    score_sites,
)
from brainplug.evaluation.differences import difference
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.records import (
    BaselineScores,
    Difference,
    Intervals,
    Metrics,
    ReportedScore,
    SplitScores,
    Target,
)
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.rules import Rule, Ruled, apply_rule

if TYPE_CHECKING:
    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.tasks.answers import AnswerRow


@attrs.frozen(kw_only=True, eq=False)
class People:
    """Who is scored, and how sure that can be.

    Attributes:
        clusters: name of the family of each.
        plan: how intervals are made.
    """

    clusters: Sequence[str]
    plan: BootstrapPlan


def score_run(
    answers: Sequence[AnswerRow],
    facts: TargetFacts,
    *,
    metrics: Mapping[str, Metric],
    plan: BootstrapPlan,
    rules: Mapping[str, Rule],
) -> Metrics:
    """Score all answers of a run; which checkpoint, candidates and studies are left open.

    Args:
        answers: rows of `answers.jsonl`.
        facts: the target, its training values, and families and sites where known.
        metrics: the first is the headline.
        plan: how intervals are made.
        rules: what the model is compared with, by name.
    """
    splits = [split for split in EVALUATED if any(row.split == split for row in answers)]
    subjects = {row.subject for row in answers}
    return Metrics(
        target=Target(
            name=facts.name, kind=facts.kind, labels=tuple(facts.labels), unit=facts.unit
        ),
        selected=None,
        intervals=Intervals(
            samples=plan.samples,
            unit="families" if has_families(facts.people, subjects) else "subjects",
            confidence=plan.confidence,
        ),
        train=describe_training(facts),
        splits={
            split: score_split(
                of_split(answers, split),
                facts,
                metrics=metrics,
                plan=plan,
                rules={
                    name: attrs.evolve(rule, answers=of_split(rule.answers, split))
                    for name, rule in rules.items()
                },
            )
            for split in splits
        },
        candidates=None,
        studies={},
    )


def score_split(
    answers: Sequence[AnswerRow],
    facts: TargetFacts,
    *,
    metrics: Mapping[str, Metric],
    plan: BootstrapPlan,
    rules: Mapping[str, Rule],
) -> SplitScores:
    """Score the answers of one split, and every rule on the same subjects and samples."""
    frame = aggregate(answers, facts.kind, facts.labels, facts.train_mean)
    people = People(clusters=cluster_names(frame["subject"], facts.people), plan=plan)
    predictions = make_predictions(frame, facts.labels, facts.train_mean)
    ruled = {name: apply_rule(rule, frame, facts) for name, rule in rules.items()}
    # A site's majority sees no scan either: who beats but the other rules may have read the site.
    blind = {name: each for name, each in ruled.items() if rules[name].kind in ("rule", "site")}
    by_site, too_small = score_sites(frame, facts, metrics)
    return SplitScores(
        counts=count_answers(answers, frame),
        clusters=len(set(people.clusters)),
        metrics=describe_scores(predictions, metrics, people, unit=facts.unit),
        baselines={
            name: BaselineScores(
                about=rules[name].about,
                kind=rules[name].kind,
                metrics=describe_rule(system, metrics, people, unit=facts.unit),
            )
            for name, system in ruled.items()
        },
        difference={
            name: compare(metric, predictions, blind, people) for name, metric in metrics.items()
        },
        confusion=count_confusions(predictions) if predictions.labels else None,
        scatter=None if predictions.labels else pair_values(predictions),
        by_site=by_site,
        sites_too_small=too_small,
        calibration=calibration(predictions, people.clusters, plan.confidence),
        bias=number_bias(predictions, people.clusters, plan.confidence),
    )


def of_split(answers: Sequence[AnswerRow], split: str) -> list[AnswerRow]:
    """Return the rows of one split."""
    return [row for row in answers if row.split == split]


def describe_scores(
    predictions: Predictions, metrics: Mapping[str, Metric], people: People, *, unit: str
) -> dict[str, ReportedScore]:
    """Describe the scores of one system with their intervals, directions and units.

    Args:
        predictions: of the system.
        metrics: the metrics by name.
        people: who is scored.
        unit: of the target.
    """
    return {
        name: describe(
            metric, interval(metric, predictions, people.clusters, people.plan), unit=unit
        )
        for name, metric in metrics.items()
    }


def describe_rule(
    ruled: Ruled, metrics: Mapping[str, Metric], people: People, *, unit: str
) -> dict[str, ReportedScore]:
    """Describe the scores of a rule, as `describe_scores` does those of the model."""
    families = ruled.families(people.clusters)
    return {
        name: describe(
            metric, interval(metric, ruled.for_metric(metric), families, people.plan), unit=unit
        )
        for name, metric in metrics.items()
    }


def describe(metric: Metric, found: Estimate, *, unit: str) -> ReportedScore:
    """Return a score with its interval, direction and unit."""
    return ReportedScore(
        **attrs.asdict(found),
        higher_is_better=metric.higher_is_better,
        unit=unit if metric.unit == "target" else metric.unit,
    )


def compare(
    metric: Metric, model: Predictions, rules: Mapping[str, Ruled], people: People
) -> Difference:
    """Return how the model differs from the best rule.

    The best rule is chosen on these very subjects, which favours the rules.

    Args:
        metric: the metric.
        model: its predictions.
        rules: the rules by name.
        people: who is scored.
    """
    sign = 1 if metric.higher_is_better else -1
    scores = {name: sign * metric.score(rule.for_metric(metric)) for name, rule in rules.items()}
    defined = {rule: score for rule, score in scores.items() if np.isfinite(score)}
    if not defined:
        return Difference(
            against=None,
            value=None,
            low=None,
            high=None,
            reason="no rule has this score",
            p_value=None,
            clear=False,
            higher_is_better=metric.higher_is_better,
        )
    best = max(defined, key=lambda rule: defined[rule])
    rule = rules[best]
    found = difference(
        metric,
        rule.repeat(model),
        rule.for_metric(metric),
        rule.families(people.clusters),
        people.plan,
    )
    return attrs.evolve(found, against=best)
