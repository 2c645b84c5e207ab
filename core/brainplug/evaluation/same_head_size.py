"""What a model tells among people whose heads are equally large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.evaluation.bootstrap import Estimate
from brainplug.evaluation.confounding import SameHeadSize
from brainplug.evaluation.increment import finite
from brainplug.evaluation.intervals import interval, student_interval
from brainplug.evaluation.jackknife import group_families
from brainplug.evaluation.numbers_in_words import bracketed, show
from brainplug.evaluation.relatives import number_families
from brainplug.toolkit.components import number_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan

CALIPER = 0.2
"""Largest difference within a pair, in SD of head size, as Austin 2011, Pharmaceutical Statistics
10:150, has it for what pairs are matched by."""

FEWEST_PAIRS = 5
FEWEST_PEOPLE = 20
PARTIAL = "partial correlation"


def match_head_size(
    predictions: Predictions,
    sizes: Float[np.ndarray, " n"],
    *,
    by: tuple[str, Metric],
    people: tuple[Sequence[str], BootstrapPlan],
) -> SameHeadSize:
    """Score pairs of people of two classes with equal heads; correlate numbers given the size.

    Args:
        predictions: one a person.
        sizes: of each head, ml.
        by: name of a metric, and the metric; for classes.
        people: the family of each, and how intervals are made.
    """
    clusters, plan = people
    if not predictions.labels:
        return correlate_given_size(predictions, sizes, people=people)
    name, metric = by
    caliper = CALIPER * float(np.std(sizes))
    pairs = pair_by_size(predictions.truth, sizes, caliper)
    whole = finite(metric.score(predictions))
    if len(pairs) < FEWEST_PAIRS:
        few = f"fewer than {FEWEST_PAIRS} pairs of people of two classes have equally large heads"
        matched = Estimate(reason=few)
    else:
        rows = pairs.ravel()
        chances = predictions.probabilities
        paired = attrs.evolve(
            predictions,
            truth=predictions.truth[rows],
            predicted=predictions.predicted[rows],
            probabilities=None if chances is None else chances[rows],
        )
        matched = interval(metric, paired, join_pairs([clusters[row] for row in rows]), plan)
    return SameHeadSize(
        how="pairs", n=len(pairs), metric=name, whole=whole, matched=matched, caliper_ml=caliper
    )


def pair_by_size(
    truth: np.ndarray, sizes: Float[np.ndarray, " n"], caliper: float
) -> Int[np.ndarray, "pairs 2"]:
    """Pair people of two classes whose heads differ by at most the caliper, each once.

    In order of size, each is paired with the last one before who is of another class, near enough
    and still alone: pairs nest and never cross, so neighbours meet.
    """
    alone: list[int] = []
    pairs = []
    for row in np.argsort(sizes, kind="stable").tolist():
        if alone and truth[alone[-1]] != truth[row] and sizes[row] - sizes[alone[-1]] <= caliper:
            pairs.append((alone.pop(), row))
        else:
            alone.append(row)
    return np.array(pairs, dtype=int).reshape(-1, 2)


def join_pairs(clusters: Sequence[str]) -> list[str]:
    """Return clusters of which both of a pair, and relatives, are one.

    Args:
        clusters: family of each, the two of a pair behind each other.
    """
    names, members = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    joined = number_components(members[::2], members[1::2], len(names))
    return [str(joined[member]) for member in members]


def correlate_given_size(
    predictions: Predictions,
    sizes: Float[np.ndarray, " n"],
    *,
    people: tuple[Sequence[str], BootstrapPlan],
) -> SameHeadSize:
    """Correlate truth and prediction given head size; the interval leaves out families in turn.

    Args:
        predictions: one a person.
        sizes: of each head, ml.
        people: the family of each, and how intervals are made.
    """
    clusters, plan = people
    truth, said = predictions.truth.astype(float), predictions.predicted.astype(float)
    size = len(truth)
    few = f"fewer than {FEWEST_PEOPLE} unrelated people"
    whole, matched = None, Estimate(reason=few)
    if len(set(clusters)) >= FEWEST_PEOPLE:
        whole = correlation(truth, said)
        given = partial_correlation(truth, said, sizes)
        matched = Estimate(reason="truth or prediction does not vary")
        if given is not None:
            groups = group_families(number_families(clusters))
            kept = [groups != group for group in range(groups.max() + 1)]
            others = [partial_correlation(truth[own], said[own], sizes[own]) for own in kept]
            left = np.array([np.nan if each is None else each for each in others])
            matched = student_interval(given, left, scale="fisher", plan=plan)
    return SameHeadSize(how=PARTIAL, n=size, metric="pearson-r", whole=whole, matched=matched)


def partial_correlation(
    truth: Float[np.ndarray, " n"], said: Float[np.ndarray, " n"], sizes: Float[np.ndarray, " n"]
) -> float | None:
    """Correlate truth and prediction given head size, None where one of both does not vary."""
    for values in (truth, said):
        if not varies(without(values, sizes), beside=values):
            return None
    return correlation(without(truth, sizes), without(said, sizes))


def without(values: Float[np.ndarray, " n"], sizes: Float[np.ndarray, " n"]) -> np.ndarray:
    """Return what a straight line on size leaves of values."""
    design = np.column_stack([np.ones(len(sizes)), sizes - sizes.mean()])
    left: np.ndarray = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return left


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Pearson's r, None where one of both does not vary."""
    if not all(varies(each, beside=each) for each in (one, other)):
        return None
    return float(np.corrcoef(one, other)[0, 1])


def varies(left: np.ndarray, *, beside: np.ndarray) -> bool:
    """Tell whether values vary by more than rounding leaves of the larger ones they come from."""
    return bool(np.std(left) > 1e-12 * np.abs(beside).max(initial=0.0))


def head_size_in_words(found: SameHeadSize) -> str:
    """Say what the model tells among people with equal heads."""
    matched = found.matched
    if matched.value is None:
        return f"Among people with equally large heads the score is not known: {matched.reason}."
    within = bracketed(matched.low, matched.high, " (", ")")
    whole = "" if found.whole is None else f", {show(found.whole)} among all"
    if found.how == PARTIAL:
        return (
            f"Given head size, truth and prediction correlate by {show(matched.value)}{within}"
            f"{whole} ({found.n} people)."
        )
    return (
        f"Among {found.n} pairs of people of two classes with equally large heads (within "
        f"{found.caliper_ml:.0f} ml) {found.metric} is {show(matched.value)}{within}{whole}."
    )
