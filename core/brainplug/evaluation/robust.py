"""Means and lines through people who may be relatives, with errors that allow for that.

Families are taken as independent, people within one are not: the variances are the sandwich form of
Liang and Zeger (1986, Biometrika 73:13) with the usual factor for few families.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.records import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

STEPS = 60
"""Newton steps to a logistic line; it is reached in a handful, or never."""

FLATTEST = 1e-10
"""Least variance of a predictor, relative to its size, by which a slope means something."""

FEWEST = 3
"""Independent families from which an interval of a mean or a line is given."""


def cluster_mean(
    values: Float[np.ndarray, " n"], clusters: Sequence[str], confidence: float
) -> Measured:
    """Return the mean over people, with its interval over families."""
    if not len(values):
        return Measured(reason="nobody was asked")
    design = np.ones((len(values), 1))
    (found,) = intervals_of(
        np.array([values.mean()]),
        bread=np.array([[1 / len(values)]]),
        scores=design * (values - values.mean())[:, None],
        clusters=clusters,
        confidence=confidence,
    )
    return found


def positive_mean(
    values: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    confidence: float,
    *,
    most: float = float("inf"),
) -> Measured:
    """Return the mean of losses, with its interval over families on a log scale.

    No mean of losses is below 0, as an interval even to both sides could be, and few large ones
    make it skewed.

    Args:
        values: none below 0.
        clusters: name of the family of each.
        confidence: of the interval.
        most: what no mean is above.
    """
    found = cluster_mean(values, clusters, confidence)
    if not found.value or found.high is None:
        return found
    reach = np.exp((found.high - found.value) / found.value)
    high = min(float(found.value * reach), most)
    return attrs.evolve(found, low=float(found.value / reach), high=high)


def straight_line(
    predictor: Float[np.ndarray, " n"],
    response: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    confidence: float,
) -> Measured:
    """Return the slope of a response on a predictor by least squares."""
    if is_flat(predictor):
        return Measured(reason="the truth does not vary")
    design = np.column_stack([np.ones(len(predictor)), predictor - predictor.mean()])
    bread = np.linalg.inv(design.T @ design)
    found = bread @ design.T @ response
    residuals = response - design @ found
    return intervals_of(
        found,
        bread=bread,
        scores=design * residuals[:, None],
        clusters=clusters,
        confidence=confidence,
    )[1]


def logistic_line(
    predictor: Float[np.ndarray, " n"],
    observed: Float[np.ndarray, " n"],
    clusters: Sequence[str],
    confidence: float,
    *,
    slope: float | None = None,
) -> Measured:
    """Return the slope of observed log odds on a predictor, or the intercept at a given slope.

    Args:
        predictor: log odds.
        observed: 0 or 1.
        clusters: name of the family of each.
        confidence: of the interval.
        slope: held at this value; without it the slope is what is returned.
    """
    if len(np.unique(observed)) < 2:
        return Measured(reason="only one outcome was observed")
    ones = np.ones(len(predictor))
    held = np.zeros(len(predictor)) if slope is None else slope * predictor
    if slope is None and is_flat(predictor):
        return Measured(reason="one probability is stated for everybody")
    design = ones[:, None] if slope is not None else np.column_stack([ones, predictor])
    if slope is None and are_apart(predictor, observed):
        return Measured(
            reason="the probabilities tell the outcomes apart without overlap, so no line fits"
        )
    found, chances = climb(design, observed, held)
    bread = np.linalg.inv((design.T * (chances * (1 - chances))) @ design)
    return intervals_of(
        found,
        bread=bread,
        scores=design * (observed - chances)[:, None],
        clusters=clusters,
        confidence=confidence,
    )[-1]


def climb(
    design: Float[np.ndarray, "n c"],
    observed: Float[np.ndarray, " n"],
    held: Float[np.ndarray, " n"],
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " n"]]:
    """Return the most likely coefficients and the fitted probabilities, by Newton's method."""
    found = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-np.clip(held + design @ found, -500, 500)))
        weights = np.maximum(chances * (1 - chances), 1e-12)
        gradient = design.T @ (observed - chances)
        step = np.linalg.lstsq((design.T * weights) @ design, gradient, rcond=None)[0]
        # Short steps first: from far away a whole one may leap past the top and never return.
        found = found + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-9:
            break
    return found, 1 / (1 + np.exp(-np.clip(held + design @ found, -500, 500)))


def are_apart(predictor: Float[np.ndarray, " n"], observed: Float[np.ndarray, " n"]) -> bool:
    """Tell whether a threshold separates the outcomes, so that no slope is the most likely one.

    That is when the estimate does not exist (Albert and Anderson 1984, Biometrika 71:1).
    """
    low, high = predictor[observed == 0], predictor[observed == 1]
    return bool(low.max() <= high.min() or high.max() <= low.min())


def intervals_of(
    found: Float[np.ndarray, " c"],
    *,
    bread: Float[np.ndarray, "c c"],
    scores: Float[np.ndarray, "n c"],
    clusters: Sequence[str],
    confidence: float,
) -> list[Measured]:
    """Put an interval around each coefficient.

    Args:
        found: the coefficients.
        bread: inverse of their information.
        scores: what each person adds to the gradient.
        clusters: name of the family of each person.
        confidence: of the intervals.
    """
    from scipy.stats import t

    names, members = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    families, people = len(names), len(scores)
    if families < max(FEWEST, len(found) + 1):
        reason = f"{families} independent families or people are too few for an interval"
        return [Measured(value=float(value), reason=reason) for value in found]
    sums = np.zeros((families, scores.shape[1]))
    np.add.at(sums, members, scores)
    few = families / (families - 1) * (people - 1) / max(people - len(found), 1)
    variances = np.diag(bread @ (sums.T @ sums) @ bread) * few
    reach = t.ppf((1 + confidence) / 2, families - 1) * np.sqrt(variances)
    return [
        Measured(value=float(value), low=float(value - each), high=float(value + each))
        for value, each in zip(found, reach, strict=True)
    ]


def is_flat(values: Float[np.ndarray, " n"]) -> bool:
    """Tell whether values do not vary beyond rounding."""
    if len(values) < 2:
        return True
    return bool(values.var() <= FLATTEST * max(1.0, float((values**2).mean())))
