"""The score by site, sex, age and the like, on the axis of everybody, and what groups explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.small_cells import SMALLEST_CELL
from brainplug.evaluation.subgroups import heterogeneity_in_words
from brainplug.evaluation.within_groups import within_in_words
from brainplug.report.sections.systems import Row, common_axis
from brainplug.report.sentence import own_scores
from brainplug.report.sharing import show_counts
from brainplug.report.wording import (
    as_sentence,
    capital,
    count_of,
    count_places,
    metric_name,
    show_estimate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.evaluation.records import ReportedScore
    from brainplug.evaluation.subgroup_records import Grouping, GroupScore
    from brainplug.report.axis import Axis
    from brainplug.report.facts import Facts

DETECTOR = "reads the group"


@attrs.frozen(kw_only=True)
class Subgroups:
    """Rows of each grouping on one axis.

    Attributes:
        metric: in words.
        axis: as that of the first figure.
        groups: rows by the heading they stand under.
        alarms: what says that the model reads the group.
        sentences: what the groupings mean for the score.
        notes: what is not shown, and why.
    """

    metric: str
    axis: Axis
    groups: Mapping[str, Sequence[Row]]
    alarms: Sequence[str]
    sentences: Sequence[str]
    notes: Sequence[str]


def make(facts: Facts) -> Subgroups | None:
    """Set out the groupings; nothing where there is none, or no score."""
    scored, name = facts.scored, facts.first_metric
    everybody = own_scores(scored, facts.metrics)[name]
    if not scored.subgroups or everybody.value is None:
        return None
    grouped = [score for each in scored.subgroups.values() for score in each.groups.values()]
    axis = common_axis(facts, *grouped)
    everyone = f"{scored.counts.subjects:,}"
    groups = {"All": [make_row("everybody", everybody, axis, count=everyone)]}
    for by, grouping in scored.subgroups.items():
        groups[capital(by)] = list(group_rows(grouping, axis, facts))
    return Subgroups(
        metric=capital(metric_name(name)),
        axis=axis,
        groups={heading: rows for heading, rows in groups.items() if rows},
        alarms=list_detectors(facts),
        sentences=list(list_sentences(scored.subgroups, metric_name(name))),
        notes=[note for by, each in scored.subgroups.items() for note in list_notes(by, each)],
    )


def make_row(name: str, score: ReportedScore | GroupScore, axis: Axis, *, count: str) -> Row:
    """Place a group on the axis, whose ends say how many decimals its numbers have."""
    ends = [None if end is None else axis.place(end) for end in (score.low, score.high)]
    return Row(
        name=name,
        shown=show_estimate(score, places=count_places(axis.low, axis.high)),
        at=None if score.value is None else axis.place(score.value),
        low=ends[0],
        high=ends[1],
        style="model" if name == "everybody" else "other",
        beyond=axis.beyond(score.value),
        count=count,
        caution=score.reason if score.value is None else "",
    )


def group_rows(grouping: Grouping, axis: Axis, facts: Facts) -> Iterator[Row]:
    """Place the groups of a grouping; where a few people are left over, a count is a bound."""
    people = [each.people for each in grouping.groups.values()]
    rest = grouping.people_too_small + grouping.unknown
    counts = show_counts([*people, rest], individual=facts.individual)
    for (name, score), count in zip(grouping.groups.items(), counts, strict=False):
        yield make_row(name, score, axis, count=count)


def list_detectors(facts: Facts) -> list[str]:
    """Say of which grouping the score is no more than a reading."""
    name = metric_name(facts.first_metric)
    return [
        within_in_words(by, grouping, name)
        for by, grouping in facts.scored.subgroups.items()
        if grouping.within is not None and grouping.within.verdict == DETECTOR
    ]


def list_sentences(groupings: Mapping[str, Grouping], metric: str) -> Iterator[str]:
    """Say what each grouping means for the score; what reads the group is told above all."""
    for by, grouping in groupings.items():
        if grouping.within is None or grouping.within.verdict != DETECTOR:
            yield as_sentence(within_in_words(by, grouping, metric))
        if differ := heterogeneity_in_words(by, grouping):
            yield differ


def list_notes(by: str, grouping: Grouping) -> Iterator[str]:
    """Say which groups are not shown, and who is in none."""
    if grouping.too_small:
        what = count_of(grouping.too_small, "group")
        yield (
            f"{capital(by)}: {what} with fewer than {SMALLEST_CELL} people, or with fewer of a "
            "class, not shown."
        )
    if grouping.unseen >= SMALLEST_CELL:
        people = count_of(grouping.unseen, "person", "people")
        yield f"{capital(by)}: {people} of groups that nobody in training belongs to."
