"""The model's score by site, on the axis of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.report.sections.systems import Row, common_axis
from brainplug.report.sentence import own_scores
from brainplug.report.sharing import SMALLEST_GROUP
from brainplug.report.wording import capital, count_of, metric_name, show_estimate, show_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brainplug.report.axis import Axis
    from brainplug.report.facts import Facts


@attrs.frozen(kw_only=True)
class Subgroups:
    """Rows of each grouping on one axis.

    Attributes:
        metric: in words.
        axis: as that of the first figure.
        groups: rows by the heading they stand under.
        notes: what is not shown, and why.
    """

    metric: str
    axis: Axis
    groups: Mapping[str, Sequence[Row]]
    notes: Sequence[str]


def make(facts: Facts) -> Subgroups | None:
    """Set out the sites; nothing where there is one only."""
    scored, name = facts.scored, facts.first_metric
    sites = {
        site: (found.subjects, found.metrics.get(name))
        for site, found in scored.by_site.items()
        if found.subjects >= SMALLEST_GROUP
    }
    everybody = own_scores(scored, facts.metrics)[name]
    if not sites or everybody.value is None:
        return None
    axis = common_axis(facts)
    overall = Row(
        name="everybody",
        shown=show_estimate(everybody),
        at=None if everybody.value is None else axis.place(everybody.value),
        low=None if everybody.low is None else axis.place(everybody.low),
        high=None if everybody.high is None else axis.place(everybody.high),
        style="model",
        count=f"{scored.counts.subjects:,}",
    )
    rows = [
        Row(
            name=site,
            shown=show_number(value),
            at=None if value is None else axis.place(value),
            count=f"{people:,}",
        )
        for site, (people, value) in sorted(sites.items())
    ]
    small = scored.sites_too_small
    few = f"{count_of(small, 'site')} with fewer than {SMALLEST_GROUP} people not shown."
    return Subgroups(
        metric=capital(metric_name(name)),
        axis=axis,
        groups={"All": [overall], "Site": rows},
        notes=[few] if small else [],
    )
