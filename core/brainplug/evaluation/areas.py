"""Intervals of areas under the ROC: how often one of a class ranks above another who is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.parts import Parts, correlate, join
from brainplug.evaluation.relatives import likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int

    from brainplug.api.records import Ranking

TRUST = 10
"""People out of place from which the ranks themselves tell the variance as well as a model does."""

STEPS = 40
"""Halvings of the search for a limit."""


@attrs.frozen(kw_only=True, eq=False)
class Area:
    """An area, and what makes it uncertain.

    Attributes:
        value: the estimate.
        first: people of the class.
        second: people who are not.
        inflation: the variance, of that which Hanley and McNeil's model gives.
        influences: what each person adds to the error.
    """

    value: float
    first: int
    second: int
    inflation: float
    influences: Float[np.ndarray, " n"]


def area_interval(
    rankings: Sequence[Ranking], members: Int[np.ndarray, " n"], z: float
) -> tuple[float, float]:
    """Return the interval of a mean of areas.

    Args:
        rankings: who is of the class, and how high each ranks.
        members: number of the family of each.
        z: standard errors on either side.
    """
    areas = [measure(ranking, members) for ranking in rankings]
    lows, highs = np.array([newcombe(area, z) for area in areas]).T
    influences = np.stack([area.influences for area in areas])
    return join(
        Parts(
            values=np.array([area.value for area in areas]),
            lows=lows,
            highs=highs,
            correlation=correlate(influences, members, unknown=1.0),
        )
    )


def measure(ranking: Ranking, members: Int[np.ndarray, " n"]) -> Area:
    """Return the area of a ranking, and how uncertain it is."""
    positive = ranking.positive
    places = placements(positive, ranking.height)
    first, second = int(positive.sum()), int((~positive).sum())
    value = float(places[positive].mean())
    apart = 1.0
    astray = min(np.sum(places[group] < 1) for group in (positive, ~positive))
    if 0 < value < 1 and min(first, second) > 1:
        seen = places[positive].var(ddof=1) / first + places[~positive].var(ddof=1) / second
        modelled = model_variance(value, first, second)
        apart = float((astray * seen / modelled + TRUST) / (astray + TRUST))
    # A variance from few people is itself uncertain.
    few = 1 + 1 / (4 * min(first, second))
    return Area(
        value=value,
        first=first,
        second=second,
        inflation=apart * few * design_effect(places, positive, members),
        influences=(places - value) / np.where(positive, first, second),
    )


def placements(
    positive: Bool[np.ndarray, " n"], height: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return for each person the share of the other group that it is on the right side of.

    DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated
    receiver operating characteristic curves"; equal heights count half.
    """
    found = np.empty(len(height))
    for group, sign in ((positive, 1.0), (~positive, -1.0)):
        others = np.sort(sign * height[~group])
        mine = sign * height[group]
        won = np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")
        found[group] = won / (2 * len(others))
    return found


def design_effect(
    places: Float[np.ndarray, " n"],
    positive: Bool[np.ndarray, " n"],
    members: Int[np.ndarray, " n"],
) -> float:
    """Return by how much relatives who rank alike enlarge the variance of an area, at least 1.

    A high rank adds to the area of one who is of the class and takes from that of one who is not;
    so relatives of one group enlarge the variance, and those of both lessen it.
    """
    if len(np.unique(members)) == len(members):
        return 1.0
    sign = np.where(positive, 1.0, -1.0)
    error = sign * (places - places[positive].mean())
    spread, size = np.empty(len(places)), np.empty(len(places))
    for group in (positive, ~positive):
        spread[group], size[group] = error[group].std(), group.sum()
    alike = likeness(error, spread, members)
    weight = (spread if spread.any() else 1.0) / size
    families = np.bincount(members, weights=sign * weight)
    return max(1.0, 1 + alike * (float((families**2).sum() / (weight**2).sum()) - 1))


def model_variance(area: float, first: int, second: int) -> float:
    """Return the variance of an area by Hanley and McNeil (1982), both groups taken as half."""
    spare = (first + second) / 2 - 1
    pairs = (1 - area) / (2 - area) + area / (1 + area)
    return area * (1 - area) * (1 + spare * pairs) / (first * second)


def newcombe(area: Area, z: float) -> tuple[float, float]:
    """Return the interval of an area by inverting its score test.

    Newcombe 2006, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic, part 2", method 5: the variance is that at the area in question, so that there is an
    interval at an area of 1 too.
    """
    ends = []
    for outer in (0.0, 1.0):
        inside = area.value
        for _step in range(STEPS):
            middle = (inside + outer) / 2
            variance = area.inflation * model_variance(middle, area.first, area.second)
            if (area.value - middle) ** 2 > z**2 * variance:
                outer = middle  # noqa: PLW2901 - the end that is searched for
            else:
                inside = middle
        ends.append(inside)
    return ends[0], ends[1]
