"""The baselines beside the model: their answers as systems, the strongest, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.baselines.records import (
    ALL_CONFOUNDS,
    HEAD_SIZE,
    IMAGE_KINDS,
)
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.confounding import Confounding
from brainplug.evaluation.differences import difference
from brainplug.evaluation.increment import TwoReaders, measure_increment
from brainplug.evaluation.numbers_in_words import bracketed, show
from brainplug.evaluation.places import score_places
from brainplug.evaluation.relatives import cluster_names
from brainplug.evaluation.rules import Rule, apply_rule
from brainplug.evaluation.same_head_size import match_head_size
from brainplug.evaluation.score import of_split
from brainplug.tasks.answers import AnswerRow

if TYPE_CHECKING:
    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.baselines.records import Baselines
    from brainplug.evaluation.bootstrap import BootstrapPlan
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.evaluation.records import Difference, Metrics

GAINS = ("auroc", "r2")
"""Metrics that a gain over confounds is measured by, where a run has them."""


@attrs.frozen(kw_only=True, eq=False)
class Answered:
    """Who answered in one split.

    Attributes:
        model: its predictions.
        ruled: those of every baseline, in the same order.
        keys: subject and truth of each.
        clusters: family of each.
    """

    model: Predictions
    ruled: Mapping[str, Predictions]
    keys: pd.MultiIndex
    clusters: Sequence[str]


@attrs.frozen(kw_only=True, eq=False)
class Measures:
    """How systems are scored: metrics by name, the first is the headline, and intervals."""

    metrics: Mapping[str, Metric]
    plan: BootstrapPlan


@attrs.frozen(kw_only=True, eq=False)
class Rivals:
    """What the model is compared with: rules and baselines by name, and what the stage made."""

    rules: Mapping[str, Rule]
    baselines: Baselines


def baseline_rules(baselines: Baselines | None, labels: Sequence[str]) -> dict[str, Rule]:
    """Return the baselines as systems that answer as the model does, one row a scan.

    Args:
        baselines: what the stage made; None gives none.
        labels: the classes, empty for numbers.
    """
    if baselines is None:
        return {}
    rows: dict[str, list[AnswerRow]] = {name: [] for name in baselines.record.baselines}
    said = baselines.said
    columns = (said[name].tolist() for name in ("baseline", "split", "subject", "truth"))
    answers = (said[name].tolist() for name in ("prediction", "probabilities"))
    for number, row in enumerate(zip(*columns, *answers, strict=True)):
        name, split, subject, truth, prediction, chances = row
        rows[name].append(
            AnswerRow(
                task_id=f"{name} {number}",
                split=split,
                subject=subject,
                references=(),
                reference_values=(),
                truth=truth,
                answer_text="",
                prediction=prediction,
                probabilities=None if chances is None else dict(zip(labels, chances, strict=True)),
            )
        )
    return {
        name: Rule(about=facts.about, kind=facts.kind, answers=rows[name])
        for name, facts in baselines.record.baselines.items()
    }


def set_beside(
    scored: Metrics,
    answers: Sequence[AnswerRow],
    facts: TargetFacts,
    *,
    measures: Measures,
    rivals: Rivals,
) -> Metrics:
    """Add to scores the strongest image baseline, and what the model knows beyond confounds.

    Args:
        scored: of the same answers.
        answers: rows of `answers.jsonl`.
        facts: the target.
        measures: how they were scored.
        rivals: what the model is compared with.
    """
    answered = {
        split: read_answers_of(of_split(answers, split), facts, rivals.rules, split)
        for split in scored.splits
    }
    splits = {}
    for split, own in scored.splits.items():
        strongest = find_strongest(answered[split], measures.metrics, rivals.rules)
        splits[split] = attrs.evolve(
            own,
            image_difference=compare_strongest(answered[split], strongest, measures),
            confounding=weigh_confounds(
                answered[split],
                None if split == "val" else answered.get("val"),
                rivals.baselines,
                measures=measures,
                split=split,
            ),
        )
    return attrs.evolve(scored, splits=splits)


def compare_strongest(
    who: Answered, strongest: Mapping[str, str], measures: Measures
) -> dict[str, Difference]:
    """Return the model less the strongest image baseline, by metric."""
    return {
        name: attrs.evolve(
            difference(
                measures.metrics[name], who.model, who.ruled[best], who.clusters, measures.plan
            ),
            against=best,
        )
        for name, best in strongest.items()
    }


def read_answers_of(
    answers: Sequence[AnswerRow], facts: TargetFacts, rules: Mapping[str, Rule], split: str
) -> Answered:
    """Aggregate the answers of model and baselines to one split."""
    frame = aggregate(answers, facts.kind, facts.labels, facts.train_mean)
    own = {
        name: attrs.evolve(rule, answers=of_split(rule.answers, split))
        for name, rule in rules.items()
    }
    return Answered(
        model=make_predictions(frame, facts.labels, facts.train_mean),
        ruled={
            name: apply_rule(rule, frame, facts).predictions
            for name, rule in own.items()
            if rule.kind != "rule"
        },
        keys=pd.MultiIndex.from_frame(frame[["subject", "truth"]]),
        clusters=cluster_names(frame["subject"], facts.people),
    )


def find_strongest(
    who: Answered, metrics: Mapping[str, Metric], rules: Mapping[str, Rule]
) -> dict[str, str]:
    """Return for each metric the strongest image baseline among the very people that are scored.

    The best of many there looks better than it is, which favours the baseline: a model that beats
    it has beaten all of them. Of equals the first in the table.
    """
    images = [name for name, rule in rules.items() if rule.kind in IMAGE_KINDS]
    found = {}
    for name, metric in metrics.items() if images else ():
        sign = 1 if metric.higher_is_better else -1
        scores = [sign * metric.score(who.ruled[each]) for each in images]
        found[name] = images[int(np.argmax([-np.inf if np.isnan(s) else s for s in scores]))]
    return found


def weigh_confounds(
    who: Answered,
    validation: Answered | None,
    baselines: Baselines,
    *,
    measures: Measures,
    split: str,
) -> Confounding:
    """Measure what the model knows beyond confounds, as far as the run can know it."""
    metrics, people = measures.metrics, (who.clusters, measures.plan)
    unknown = {}
    increment = head_size = probe = None
    if ALL_CONFOUNDS in who.ruled:
        name = next((each for each in GAINS if each in metrics), next(iter(metrics)))
        increment = measure_increment(
            two_readers(who),
            None if validation is None else two_readers(validation),
            confounds=(*baselines.record.confounds, HEAD_SIZE),
            by=(name, metrics[name]),
            people=people,
        )
    else:
        unknown["increment"] = "the recipe asks for no baseline of confounds"
    known = baselines.covariates[baselines.covariates["split"] == split]
    means = known.groupby(["subject", "truth"])[HEAD_SIZE].mean()
    sizes = means.reindex(who.keys).to_numpy(dtype=float)
    if np.isfinite(sizes).all() and sizes.any():
        first = next(iter(metrics))
        head_size = match_head_size(who.model, sizes, by=(first, metrics[first]), people=people)
    else:
        unknown["head_size"] = "the size of heads was not measured"
    if baselines.record.probe is None:
        unknown["probe"] = baselines.record.probe_reason
    else:
        families = dict(zip(who.keys.get_level_values(0), who.clusters, strict=True))
        asked = known[known["subject"].isin(list(families))]
        probe = score_places(baselines.record.probe, asked, clusters=families, plan=measures.plan)
    return Confounding(increment=increment, head_size=head_size, probe=probe, unknown=unknown)


def two_readers(who: Answered) -> TwoReaders:
    """Return the model and the confounds together."""
    return TwoReaders(model=who.model, confounds=who.ruled[ALL_CONFOUNDS])


def strongest_in_words(found: Difference, score: float | None, about: str) -> str:
    """Say whether the model beats the strongest image baseline.

    Args:
        found: the model less the baseline.
        score: of the baseline.
        about: what it is.
    """
    if found.value is None or score is None:
        return f"Whether the model beats {about} is not known: {found.reason}."
    shown = f"{about[0].upper()}{about[1:]} reached {show(score)}"
    within = bracketed(found.low, found.high, " (", ")")
    better = (found.value > 0) == found.higher_is_better and found.value != 0
    # Adding 0 makes of a rounded -0.0 a plain one.
    gap = f"the difference is {show(found.value)}{within}"
    if found.clear:
        verdict = "the model is better" if better else "the model is worse"
    else:
        verdict = "the model is not better"
    return f"{shown}: {verdict}, {gap}."
