"""The records of scores by site, sex, age and the like, and of what a grouping may explain."""

from __future__ import annotations

from typing import Literal

import attrs

Verdict = Literal["reads the group", "helped by the group", "holds within", "open", "not told"]
"""What a grouping says of a score; each is defined in `brainplug.evaluation.subgroups.judge`."""


@attrs.frozen(kw_only=True)
class GroupScore:
    """The headline score of the people of one group.

    Attributes:
        people: in the group.
        classes: people of each class, categorical targets only, in the order of the labels.
        value: None where it is not defined for these people.
        low: lower end of the interval, None where there is none.
        high: upper end.
        reason: why something is None, else empty.
    """

    people: int
    classes: tuple[int, ...]
    value: float | None
    low: float | None
    high: float | None
    reason: str = ""


@attrs.frozen(kw_only=True)
class Heterogeneity:
    """Whether groups differ by more than chance: Cochran's Q over their scores.

    Attributes:
        groups: that have an interval.
        q: the statistic.
        p_value: of Q, by its chi-squared distribution with one degree less than groups.
        i2: share of the variation that is more than chance, from 0 to 1.
    """

    groups: int
    q: float
    p_value: float
    i2: float


@attrs.frozen(kw_only=True)
class Gain:
    """A score less that of the best single answer, with its interval; positive is better.

    Attributes:
        score: the model's.
        constant: that of the best single answer, given to all alike.
        value: score less constant, its sign turned for an error.
        low: lower end of the interval, None where there is none.
        high: upper end.
    """

    score: float
    constant: float
    value: float
    low: float | None
    high: float | None


@attrs.frozen(kw_only=True)
class WithinGroups:
    """The score among people of one group, pooled over groups, beside that of all together.

    Attributes:
        people: in groups where the score is defined.
        groups: how many those are.
        overall: of these people together, against one answer for all of them.
        within: mean over their groups, weighted by people, against one answer a group.
        drop_value: by how much the overall gain is more than that within.
        drop_low: lower end of its interval, None where there is none.
        drop_high: upper end.
        verdict: what follows.
    """

    people: int
    groups: int
    overall: Gain
    within: Gain
    drop_value: float
    drop_low: float | None
    drop_high: float | None
    verdict: Verdict


@attrs.frozen(kw_only=True)
class Grouping:
    """The headline score by what people are grouped by.

    Attributes:
        column: of the cohort.
        metric: whose scores these are.
        groups: those that are large enough, by name in their order.
        too_small: groups that are not: fewer than five people, or one to four of a class.
        people_too_small: people in them.
        unknown: people of whom the group is not known.
        unseen: people whose group nobody in training belongs to.
        heterogeneity: None with fewer than two groups that have an interval.
        within: None where it cannot be told; then `reason` says why.
        reason: why there is no score within groups, else empty.
    """

    column: str
    metric: str
    groups: dict[str, GroupScore]
    too_small: int
    people_too_small: int
    unknown: int
    unseen: int
    heterogeneity: Heterogeneity | None
    within: WithinGroups | None
    reason: str = ""
