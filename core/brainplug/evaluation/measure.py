"""How answers are measured that were given again with one thing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import Predictions, Share
from brainplug.api.roles import CountsShares, ScoresResamples
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.evaluation.intervals import interval
from brainplug.evaluation.relatives import cluster_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jaxtyping import Float

    from brainplug.api.records import TargetKind
    from brainplug.api.roles import Metric
    from brainplug.evaluation.bootstrap import BootstrapPlan, Estimate
    from brainplug.evaluation.describe import TargetFacts
    from brainplug.tasks.answers import AnswerRow


ENOUGH = 20
"""Families in whom the same is seen, by which it counts as a rule: that what is not seen in any of
them holds for more than a sixth of all is less likely than one in forty."""


@attrs.frozen(kw_only=True, eq=False)
class Measure:
    """How what an intervention did is measured.

    Attributes:
        facts: of the target.
        name: of the metric.
        metric: scores one prediction a person.
        plan: of the intervals.
        whose: who subjects are that have a name for each of several runs.
    """

    facts: TargetFacts
    name: str
    metric: Metric
    plan: BootstrapPlan
    whose: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def sd(self) -> float:
        """Standard deviation of the training values of a number."""
        return float(np.std([float(value) for value in self.facts.train_values])) or 1.0

    def count_people(self, subjects: Iterable[str]) -> int:
        """Count people, whoever several runs asked once."""
        return len({self.whose.get(subject, subject) for subject in subjects})

    def people(self, rows: Iterable[AnswerRow]) -> Predictions:
        """Return one prediction a person."""
        facts = self.facts
        frame = aggregate(rows, facts.kind, facts.labels, facts.train_mean)
        return make_predictions(frame, facts.labels, facts.train_mean)

    def clusters(self, rows: Iterable[AnswerRow]) -> list[str]:
        """Return the family of each person, in the order of their predictions."""
        people = [person for person, _ in sorted({(row.subject, row.truth) for row in rows})]
        return cluster_names(pd.Series(people, dtype=object), self.facts.people)

    def clusters_of_tasks(self, rows: Iterable[AnswerRow]) -> list[str]:
        """Return the family of the person of each task."""
        people = pd.Series([row.subject for row in rows], dtype=object)
        return cluster_names(people, self.facts.people)

    def mean(self, values: Iterable[float], clusters: Sequence[str]) -> Estimate:
        """Return a mean with its interval."""
        found = np.array(list(values), dtype=float)
        return interval(Mean(), flat(np.zeros(len(found)), found), clusters, self.plan)

    def share(self, members: Iterable[bool], clusters: Sequence[str]) -> Estimate:
        """Return the share of those who are of something, with its interval."""
        found = np.array(list(members), dtype=float)
        return interval(ShareOf(), flat(np.zeros(len(found)), found), clusters, self.plan)

    def move(self, old: Sequence[AnswerRow], new: Sequence[AnswerRow]) -> Estimate:
        """Return how far numbers moved, task by task where both could be read."""
        read = [one for one, other in zip(old, new, strict=True) if both_read(one, other)]
        clusters = self.clusters_of_tasks(read)
        return settle(self.mean(changes_of(old, new), clusters), clusters)

    def slope(
        self, shown: Iterable[float], said: Iterable[float], clusters: Sequence[str]
    ) -> Estimate:
        """Return the slope of changes of answers on changes of what is shown, through zero."""
        pair = flat(np.array(list(shown), dtype=float), np.array(list(said), dtype=float))
        return settle(interval(Slope(), pair, clusters, self.plan), clusters)


def settle(found: Estimate, clusters: Sequence[str]) -> Estimate:
    """Return an estimate as its own interval where it is the same in enough families.

    Answers that do not move at all do not differ between people, so no method of sampling gives an
    interval; that they would move in others is unlikely all the same.
    """
    if found.value is None or found.low is not None or len(set(clusters)) < ENOUGH:
        return found
    return attrs.evolve(found, low=found.value, high=found.value)


def both_read(one: AnswerRow, other: AnswerRow) -> bool:
    """Tell whether both of two answers could be read."""
    return one.prediction is not None and other.prediction is not None


def changes_of(old: Sequence[AnswerRow], new: Sequence[AnswerRow]) -> list[float]:
    """Return how far numbers moved where both could be read."""
    return [
        abs(float(other.prediction or 0) - float(one.prediction or 0))
        for one, other in zip(old, new, strict=True)
        if both_read(one, other)
    ]


def scale(found: Estimate, factor: float) -> Estimate:
    """Return an estimate in another unit."""
    ends = (found.value, found.low, found.high)
    value, low, high = (None if each is None else each * factor for each in ends)
    return attrs.evolve(found, value=value, low=low, high=high)


def flat(truth: np.ndarray, predicted: np.ndarray) -> Predictions:
    """Return pairs of numbers as what a metric scores."""
    return Predictions(truth=truth, predicted=predicted)


class Mean:
    """The mean of numbers, as a metric."""

    abilities = (ScoresResamples,)
    kind: TargetKind = "numerical"
    higher_is_better = True
    unit = ""

    def score(self, predictions: Predictions) -> float:
        """Return the mean."""
        values = predictions.predicted
        return float(values.mean()) if len(values) else float("nan")

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Return the mean of every sample."""
        with np.errstate(invalid="ignore"):  # a sample may count nobody whose answer was read
            found: Float[np.ndarray, " samples"] = (
                counts @ predictions.predicted / counts.sum(axis=1)
            )
        return found


class ShareOf:
    """The share of ones among zeros and ones, as a metric."""

    abilities = (ScoresResamples, CountsShares)
    kind: TargetKind = "numerical"
    higher_is_better = True
    unit = ""

    def score(self, predictions: Predictions) -> float:
        """Return the share."""
        return Mean().score(predictions)

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Return the share of every sample."""
        return Mean().score_resamples(predictions, counts)

    def shares(self, predictions: Predictions) -> tuple[Share, ...]:
        """Return the share, of all."""
        right = predictions.predicted == 1
        return (Share(counted=np.ones(len(right), dtype=bool), right=right),)


class Slope:
    """The slope of one change on another, through zero, as a metric."""

    abilities = (ScoresResamples,)
    kind: TargetKind = "numerical"
    higher_is_better = True
    unit = ""

    def score(self, predictions: Predictions) -> float:
        """Return the slope by least squares."""
        return float(self.score_resamples(predictions, np.ones((1, len(predictions.truth))))[0])

    def score_resamples(
        self, predictions: Predictions, counts: Float[np.ndarray, "samples n"]
    ) -> Float[np.ndarray, " samples"]:
        """Return the slope of every sample."""
        x, y = predictions.truth, predictions.predicted
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Float[np.ndarray, " samples"] = counts @ (x * y) / (counts @ (x * x))
        return found
