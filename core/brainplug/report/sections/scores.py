"""All scores of all systems, of everybody and of each study."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs

from brainplug.report.external_words import external_in_words
from brainplug.report.headline import rank_systems
from brainplug.report.intervention_words import interventions_in_words
from brainplug.report.sentence import further_sentences, other_readout, own_scores
from brainplug.report.sharing import show_part
from brainplug.report.wording import capital, join_words, metric_name, places_of, show_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.records import Metrics, ReportedScore, SplitScores
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class ScoreTable:
    """Systems against metrics.

    Attributes:
        title: whose scores they are; empty for everybody.
        people: how many were asked.
        metrics: heads of the columns.
        rows: name and cells of each system, the best by the first metric first.
        missing: why scores or intervals are missing, each reason once.
    """

    title: str
    people: int
    metrics: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    missing: Sequence[str]


@attrs.frozen(kw_only=True)
class Scores:
    """The tables, and what must be said about how answers were read."""

    tables: Sequence[ScoreTable]
    sentences: Sequence[str]


def make(facts: Facts) -> Scores:
    """Set out all scores."""
    others = other_readout(facts.metrics, facts.split)
    tables = [make_table("", facts.scored, facts.metrics, others)]
    tables += [
        make_table(study, splits[facts.split], facts.metrics)
        for study, splits in facts.metrics.studies.items()
        if facts.split in splits
    ]
    tables += [
        make_table(f"{study}, of which nothing was learnt", scored, facts.metrics)
        for study, scored in facts.metrics.external.items()
    ]
    # What answers depend on has a section of its own.
    own = facts.metrics.interventions
    elsewhere = interventions_in_words(own) if own else []
    show = partial(show_part, individual=facts.individual)
    further = [each for each in further_sentences(facts.metrics, show) if each not in elsewhere]
    sentences = [*external_in_words(facts.metrics), *further]
    return Scores(tables=tables, sentences=sentences)


def make_table(
    title: str,
    scored: SplitScores,
    metrics: Metrics,
    others: Sequence[tuple[str, Mapping[str, ReportedScore]]] = (),
) -> ScoreTable:
    """Set out the scores of one group of people."""
    own = own_scores(scored, metrics)
    beside = dict(others) | {name: each.metrics for name, each in scored.baselines.items()}
    systems = [
        ("the model", own) if name is None else (name, beside[name])
        for name in rank_systems(own, beside)
    ]
    first = scored.metrics
    places = {
        key: places_of([scores[key] for _, scores in systems if key in scores]) for key in first
    }
    return ScoreTable(
        title=title,
        people=scored.counts.subjects,
        metrics=[head(name, score) for name, score in first.items()],
        rows=[
            (
                name,
                [
                    show_estimate(scores[key], places=places[key]) if key in scores else "n/a"
                    for key in first
                ],
            )
            for name, scores in systems
        ],
        missing=reasons(systems),
    )


def head(name: str, score: ReportedScore) -> str:
    """Name a metric with its unit and direction."""
    unit = f" ({score.unit})" if score.unit else ""
    return f"{capital(metric_name(name))}{unit} {'↑' if score.higher_is_better else '↓'}"


def reasons(systems: Sequence[tuple[str, Mapping[str, ReportedScore]]]) -> list[str]:
    """Say why scores or intervals are missing: each reason once, with the metrics it concerns."""
    concerned: dict[str, dict[str, None]] = {}
    for _, scores in systems:
        for metric, score in scores.items():
            if score.reason and (score.value is None or score.low is None):
                concerned.setdefault(score.reason, {})[metric_name(metric)] = None
    return [f"{join_words(list(names))}: {reason}" for reason, names in concerned.items()]
