"""The first figure: the model among all that stands beside it, on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.openings import tell_openings
from brainplug.recipe.evidence_table import QUERY_ALONE, SHUFFLED
from brainplug.report.axis import Axis, make_axis
from brainplug.report.published import Published, find_published
from brainplug.report.sentence import other_readout, own_scores
from brainplug.report.wording import capital, metric_name, places_of, show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.evaluation.records import ReportedScore
    from brainplug.report.facts import Facts
    from brainplug.report.wording import Estimated

GROUPS = {
    "model": "This run",
    "arm": "The same model, trained otherwise",
    "image": "Baselines that see the images",
    "reference": "Baselines that see the references",
    "confound": "Baselines of declared confounds",
    "site": "The site alone",
    "rule": "Rules that see no image",
    "published": "Published, of other people",
}
"""Kinds of systems in the order in which they stand."""

ARM_NAMES: dict[str, str] = {QUERY_ALONE: "without references", SHUFFLED: "on shuffled labels"}
"""Trainings beside the main one, as the figure names them."""


@attrs.frozen(kw_only=True)
class Row:
    """A system on the axis.

    Attributes:
        name: of the system, or of several whose scores are the same.
        shown: score and interval in words.
        at: place of the score in percent; None where it is not defined.
        low: place of the lower end; None without an interval.
        high: of the upper one.
        style: how it is marked: `model`, `other` or `published`.
        beyond: end of the axis outside of which the score is, `low` or `high`, else empty.
        link: where a published score can be read.
        caution: what must be known beside it.
        count: people; None where they are those of the figure.
        marks: place and letter of what might have been.
    """

    name: str
    shown: str
    at: str | None
    low: str | None = None
    high: str | None = None
    style: str = "other"
    beyond: str = ""
    link: str = ""
    caution: str = ""
    count: str | None = None
    marks: Sequence[tuple[str, str]] = ()


@attrs.frozen(kw_only=True)
class Systems:
    """What the figure shows.

    Attributes:
        metric: in words, with its unit.
        better: which way is better, in words.
        axis: common to all rows.
        groups: rows by the heading they stand under.
        about: what each baseline is, by its name.
        people: how many were asked.
        tasks: dialogues.
        level: of the intervals, in words.
        openings: how often the test was opened, and each external study, in words.
    """

    metric: str
    better: str
    axis: Axis
    groups: Mapping[str, Sequence[Row]]
    about: Mapping[str, str]
    people: int
    tasks: int
    level: str
    openings: Sequence[str]


def make(facts: Facts) -> Systems:
    """Gather all systems that have the headline's metric."""
    scored, metrics, name = facts.scored, facts.metrics, facts.first_metric
    found = list(list_systems(facts, name))
    published, axis = list_published(facts), common_axis(facts)
    places = places_of([score for _, _, score in found])
    groups: dict[str, list[Row]] = {}
    for kind, system, score in found:
        groups.setdefault(GROUPS[kind], []).append(make_row(system, score, axis, places))
    groups = {
        heading: join_equal(groups[heading]) for heading in GROUPS.values() if heading in groups
    }
    if published:
        groups[GROUPS["published"]] = [published_row(each, axis) for each in published]
    first = scored.metrics[name]
    unit = f" ({first.unit})" if first.unit else ""
    return Systems(
        metric=capital(metric_name(name)) + unit,
        better="more is better" if first.higher_is_better else "less is better",
        axis=axis,
        groups=groups,
        about={name: baseline.about for name, baseline in scored.baselines.items()},
        people=scored.counts.subjects,
        tasks=scored.counts.tasks,
        level=f"{metrics.intervals.confidence:.0%} intervals over {metrics.intervals.unit}",
        openings=list(
            tell_openings(
                facts.homes,
                split=facts.split,
                people=scored.counts.subjects,
                studies=metrics.external,
            )
        ),
    )


def list_published(facts: Facts) -> list[Published]:
    """Return the published scores that may stand beside this run."""
    target = facts.metrics.target
    studies = [] if facts.setting.simulated else facts.study_names
    return find_published(studies, target.name, facts.first_metric.partition(" (")[0], target.unit)


def common_axis(facts: Facts, *more: Estimated) -> Axis:
    """Return the one axis on which the headline's metric is drawn wherever the page draws it.

    Args:
        facts: of the run.
        more: what is drawn besides the systems, for which the axis is made longer where need be.
    """
    name = facts.first_metric
    scores = [*(score for _, _, score in list_systems(facts, name)), *more]
    values = [end for score in scores for end in (score.value, score.low, score.high)]
    published = [end for each in list_published(facts) for end in (each.low, each.high)]
    return make_axis(name, [*values, *published], facts.scored)


def list_systems(facts: Facts, metric: str) -> Iterator[tuple[str, str, ReportedScore]]:
    """Give the kind, name and score of each system that has the metric."""
    scored = facts.scored
    yield "model", "the model", own_scores(scored, facts.metrics)[metric]
    for name, scores in other_readout(facts.metrics, facts.split):
        if metric in scores:
            yield "model", name, scores[metric]
    for name, arm in facts.metrics.arms.items():
        if metric in (own := arm.splits.get(facts.split, {})):
            yield "arm", ARM_NAMES.get(name, name), own[metric]
    for name, baseline in scored.baselines.items():
        if metric in baseline.metrics:
            yield baseline.kind, name, baseline.metrics[metric]


def make_row(name: str, score: ReportedScore, axis: Axis, places: int) -> Row:
    """Place a system on the axis.

    Args:
        name: of the system.
        score: of it.
        axis: common to all.
        places: decimals of all numbers of the figure.
    """
    ends = [None if end is None else axis.place(end) for end in (score.low, score.high)]
    return Row(
        name=name,
        shown=show_estimate(score, places=places),
        at=None if score.value is None else axis.place(score.value),
        low=ends[0],
        high=ends[1],
        style="model" if name == "the model" else "other",
        beyond=axis.beyond(score.value),
        caution=score.reason if score.value is None else "",
    )


def join_equal(rows: Sequence[Row]) -> list[Row]:
    """Join systems of one kind whose scores and intervals are the same, such as rules that tie."""
    found: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        key = (row.shown, row.at) if row.style == "other" else (row.name, None)
        known = found.get(key)
        found[key] = row if known is None else attrs.evolve(known, name=f"{known.name}; {row.name}")
    return list(found.values())


def published_row(score: Published, axis: Axis) -> Row:
    """Place a published score, or its range."""
    several = score.low != score.high
    shown = f"{show_number(score.low)} to {show_number(score.high)}" if several else ""
    return Row(
        name=score.by,
        shown=f"{shown or show_number(score.low)} {metric_name(score.metric)}",
        at=None if several else axis.place(score.low),
        low=axis.place(score.low) if several else None,
        high=axis.place(score.high) if several else None,
        style="published",
        link=score.source,
        caution=score.caution,
    )
