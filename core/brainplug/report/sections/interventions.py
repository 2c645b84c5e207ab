"""What answers depend on: asked again with one thing changed, and beside more references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.arms import references_add
from brainplug.report.axis import Axis, even_ticks
from brainplug.report.dependence_figure import draw_dependence
from brainplug.report.intervention_words import (
    NAMES,
    as_decimals,
    as_percent,
    interventions_in_words,
)
from brainplug.report.sections.systems import Row, common_axis
from brainplug.report.sharing import show_part
from brainplug.report.wording import (
    capital,
    count_of,
    count_places,
    metric_name,
    show_estimate,
    show_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.evaluation.intervention_records import Doses, Effect, Interventions
    from brainplug.report.facts import Facts

LETTERS = {"uses": "U", "ignores": "I", "copies": "C"}
"""Marks of models as they might be."""


@attrs.frozen(kw_only=True)
class Change:
    """What an intervention did: to the score before and after, and to answers left unread."""

    name: str
    unread: str
    before: str
    after: str
    change: str
    clear: bool


@attrs.frozen(kw_only=True)
class Dependence:
    """What the figure shows.

    Attributes:
        sentences: what it comes to.
        measure: what the figure measures.
        axis: of how far answers change.
        groups: a row an intervention, under what was changed.
        metric: of the score.
        changes: what each did to it.
        dose_axis: that of the result; None without doses.
        doses: a row a number of references.
        dose_people: who were asked beside all of them.
        dose_reason: why there are fewer than were wanted, else empty.
        people: most who were asked again.
        figure: dependence and benefit, as SVG; empty where no reference is shown.
    """

    sentences: Sequence[str]
    measure: str
    axis: Axis
    groups: Mapping[str, Sequence[Row]]
    metric: str
    changes: Sequence[Change]
    dose_axis: Axis | None
    doses: Sequence[Row]
    dose_people: int
    dose_reason: str
    people: int
    figure: str


def make(facts: Facts) -> Dependence | None:
    """Set out interventions and doses, where they were made in the split that is shown."""
    found = facts.metrics.interventions
    if found is None or not found.effects:
        return None
    numerical = facts.metrics.target.kind == "numerical"
    axis = change_axis(found, numerical=numerical)
    groups: dict[str, list[Row]] = {}
    for name, effect in found.effects.items():
        heading, _, what = NAMES.get(name, name).partition(": ")
        row = make_row(what or name, effect, axis, numerical=numerical)
        groups.setdefault(capital(heading), []).append(row)
    doses = found.doses if found.doses and len(found.doses.doses) > 1 else None
    dose_axis = common_axis(facts, *(dose.score for dose in doses.doses)) if doses else None
    return Dependence(
        sentences=interventions_in_words(found),
        measure="mean change of answers, in SD" if numerical else "people whose answer changes",
        axis=axis,
        groups=groups,
        metric=metric_name(found.metric),
        changes=[
            make_change(name, effect, individual=facts.individual)
            for name, effect in found.effects.items()
        ],
        dose_axis=dose_axis,
        doses=dose_rows(doses, dose_axis) if doses and dose_axis else [],
        dose_people=doses.people if doses else 0,
        dose_reason=doses.reason if doses else "",
        people=max(effect.people for effect in found.effects.values()),
        figure=draw_figure(facts, found, numerical=numerical),
    )


def draw_figure(facts: Facts, found: Interventions, *, numerical: bool) -> str:
    """Draw dependence and benefit, which is not known without an arm that has no references."""
    if found.dependence is None or found.dependence.value is None:
        return ""
    return draw_dependence(
        found.dependence,
        references_add(facts.metrics, facts.split),
        metric=found.metric,
        higher_is_better=found.higher_is_better,
        numerical=numerical,
    )


def change_axis(found: Interventions, *, numerical: bool) -> Axis:
    """Return the axis of how far answers change: shares, or standard deviations."""
    if not numerical:
        return Axis(low=0, high=1, ticks=(0, 0.25, 0.5, 0.75, 1))
    moved = [effect.moved_sd for effect in found.effects.values() if effect.moved_sd]
    ends = [end for each in moved for end in (each.value, each.high)]
    ends += [each.moved for effect in found.effects.values() for each in effect.expected.values()]
    ticks = even_ticks(max((end for end in ends if end is not None), default=1.0))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks)


def make_row(name: str, effect: Effect, axis: Axis, *, numerical: bool) -> Row:
    """Place an intervention, with what it would do to models as they might be."""
    change = effect.moved_sd if numerical else effect.changed
    if change is None or change.value is None:
        return Row(name=name, shown="n/a", at=None)
    places: dict[str, str] = {}
    for kind, expected in effect.expected.items():
        value = expected.moved if numerical else expected.changed
        if value is not None:
            at = axis.place(value)
            places[at] = places.get(at, "") + LETTERS[kind]
    return Row(
        name=name,
        shown=f"{as_decimals(change)} SD" if numerical else as_percent(change),
        at=axis.place(change.value),
        low=None if change.low is None else axis.place(change.low),
        high=None if change.high is None else axis.place(change.high),
        style="model",
        marks=tuple(places.items()),
    )


def make_change(name: str, effect: Effect, *, individual: bool) -> Change:
    """Write what an intervention did to the score."""
    unread = [show_part(count, effect.tasks, individual=individual) for count in effect.unread]
    return Change(
        name=NAMES.get(name, name),
        unread=" and ".join(unread),
        before=show_number(effect.before),
        after=show_number(effect.after),
        change=show_estimate(effect.score_change),
        clear=effect.clear,
    )


def dose_rows(doses: Doses, axis: Axis) -> list[Row]:
    """Place the score of answers taken together over some references."""
    return [
        Row(
            name=count_of(dose.references, "reference"),
            shown=show_estimate(dose.score, places=count_places(axis.low, axis.high)),
            at=None if dose.score.value is None else axis.place(dose.score.value),
            low=None if dose.score.low is None else axis.place(dose.score.low),
            high=None if dose.score.high is None else axis.place(dose.score.high),
            style="model",
            beyond=axis.beyond(dose.score.value),
        )
        for dose in doses.doses
    ]
