"""What each family does to a score: the score without it, Student's interval, and influences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brainplug.evaluation.bootstrap import ROUNDING, resampled_scores, subtract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float, Int

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric

MOST_GROUPS = 500
"""Groups of families that are left out in turn, where there are more families."""

SCALES: Mapping[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]] = {
    "plain": (lambda score: score, lambda value: value),
    "log": (np.log, np.exp),
    "log-square": (np.log, np.exp),
    "log-rest": (lambda score: -np.log(1 - score), lambda value: 1 - np.exp(-value)),
    "fisher": (np.arctanh, np.tanh),
}
"""Each scale, and the way back; all rise with the score."""


def group_families(members: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return the number of what each person is left out with: the family, or some of them."""
    found: Int[np.ndarray, " n"] = members % MOST_GROUPS
    return found


def without_each(members: Int[np.ndarray, " n"]) -> Int[np.ndarray, "families n"]:
    """Return how often each person is in the sample that leaves out one family, for each family."""
    groups = group_families(members)
    found: Int[np.ndarray, "families n"] = groups != np.arange(groups.max() + 1)[:, None]
    return found.astype(np.int16)


def scores_without(
    metric: Metric, predictions: Predictions, members: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " families"]:
    """Return the score without each family; NaN where it is then not defined.

    Args:
        metric: any.
        predictions: one a subject.
        members: number of the family of each.
    """
    return resampled_scores(metric, predictions, without_each(members))


def influences(
    metric: Metric, predictions: Predictions, members: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " families"]:
    """Return how far each family moves the score; 0 where it is not defined without it."""
    score = np.asarray(metric.score(predictions), dtype=float)
    moved: Float[np.ndarray, " families"] = np.nan_to_num(
        subtract(score, scores_without(metric, predictions, members))
    )
    return moved


def student(
    value: float,
    without: Float[np.ndarray, " families"],
    *,
    scale: str,
    confidence: float,
    alone: bool = True,
) -> tuple[float, float]:
    """Return Student's interval of a score on a scale, its variance by the jackknife.

    Efron and Stein 1981, "The jackknife estimate of variance"; families are left out whole, so that
    relatives are not taken for independent, and Student's quantile minds that families are few. NaN
    where a score stands at the end of its scale, or all are alike.

    A root of squares comes out too small where few people were drawn, and its variance with it,
    since large errors are rare: its interval is moved up and widened by as little as n is more than
    n - 1 (Bonett 2006, Comput Stat Data Anal 50:775, does so for standard deviations).

    Args:
        value: the score.
        without: the score without each family.
        scale: a name of `SCALES`.
        confidence: coverage.
        alone: whether it is widened, which a difference of two that err alike must not be.
    """
    from scipy.special import stdtrit

    there, back = SCALES[scale]
    with np.errstate(all="ignore"):
        found, others = there(value), there(without)
        count = len(others)
        variance = (count - 1) / count * ((others - others.mean()) ** 2).sum()
        # A plain score has whatever unit it has; the other scales have none.
        size = np.max(np.abs([found, *others, *([] if scale == "plain" else [1.0])]))
        if not np.isfinite(variance) or variance <= (ROUNDING * size) ** 2:
            return float("nan"), float("nan")
        half = float(stdtrit(count - 1, (1 + confidence) / 2) * np.sqrt(variance))
        more = count / (count - 1) if scale == "log-square" else 1.0
        found, half = found + np.log(more) / 2, half * more if alone else half
        return float(back(found - half)), float(back(found + half))
