"""The role of a metric, and what tells how sure its score is; `roles` offers them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from brainplug.api.records import Predictions, Ranking, Share, TargetKind


class Metric(Protocol):
    """Scores one prediction a subject.

    `score` is all that is needed; the interval is then found by resampling. A metric whose formula
    can be written over counts of subjects may be `ScoresResamples` too, for quick intervals; its
    `score` is then `toolkit.weighted_scores.score_once`, so that there is one formula and not two.
    One that says what it is made of gets an interval that holds where resampling does not, with few
    people or nearly all right: `CountsShares`, `RanksPeople` or `HasScale`.
    """

    kind: TargetKind
    """`"categorical"` or `"numerical"`: the kind of target that it scores."""
    higher_is_better: bool
    """Whether more is better; of errors it is False."""
    unit: str
    """`"target"` where the score is in the target's own unit, else the unit, else empty."""

    def score(self, predictions: Predictions) -> float:
        """Return the score; NaN, never 0.0, where it is not defined for these data."""
        ...


class ScoresResamples(Protocol):
    """A metric that scores all bootstrap samples at once; any other is scored one by one."""

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Return what `score` would, were subject `i` of sample `s` there `counts[s, i]` times."""
        ...


class CountsShares(Protocol):
    """A metric that is the mean of shares of people, such as the recall of each class."""

    def shares(self, predictions: Predictions) -> tuple[Share, ...]:
        """Return the shares, where the score is defined; each counts at least one person."""
        ...


class RanksPeople(Protocol):
    """A metric that is the mean of areas under the ROC, so that only the order of people counts."""

    def rankings(self, predictions: Predictions) -> tuple[Ranking, ...]:
        """Return who is of which group and how high each ranks, where the score is defined."""
        ...


class HasScale(Protocol):
    """A metric whose errors are about even to both sides on some scale, for Student's interval."""

    scale: Literal["log", "log-square", "log-rest", "fisher"]
    """On which: the logarithm, of errors that are positive; the same of roots of squares, which few
    people tell too small; that of what is left to 1, of shares of variance; Fisher's, the inverse
    hyperbolic tangent, of correlations."""
