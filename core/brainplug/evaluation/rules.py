"""Rules as systems that are scored: votes that are tied count in equal shares."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

import attrs
import numpy as np

from brainplug.api.roles import RanksPeople, able
from brainplug.errors import DataError
from brainplug.evaluation.aggregate import aggregate, make_predictions
from brainplug.tasks.answers import AnswerRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from brainplug.api.records import Predictions
    from brainplug.api.roles import Metric
    from brainplug.baselines.records import BaselineKind
    from brainplug.evaluation.describe import TargetFacts


@attrs.frozen(kw_only=True)
class Rule:
    """A rule that sees no image, or a baseline, and what it answered to every task.

    Attributes:
        about: the rule in words.
        kind: what it looks at.
        answers: rows as in `answers.jsonl`, over the same tasks as the model's.
    """

    about: str
    kind: BaselineKind = "rule"
    answers: Sequence[AnswerRow]


@attrs.frozen(kw_only=True, eq=False)
class Ruled:
    """What a rule predicts of each person.

    A rule that repeats a reference is at a loss where two references differ. Half of it is then one
    answer and half the other, for which the person stands there twice: to give all ties to the
    first label would make one constant of "repeat the reference", "say the opposite" and "majority"
    wherever references are balanced.

    Attributes:
        predictions: each person `copies` times, one after the other, ties shared equally.
        copies: how often everybody stands there.
        probable: whether probabilities are such, and not shares of votes.
    """

    predictions: Predictions
    copies: int
    probable: bool = False

    def repeat(self, predictions: Predictions) -> Predictions:
        """Return another system's predictions of the same people, each as often."""
        return predictions.take(np.repeat(np.arange(len(predictions.truth)), self.copies))

    def families(self, clusters: Sequence[str]) -> Sequence[str]:
        """Return the families of the same people, each as often; a person is its own relative."""
        return np.repeat(np.asarray(clusters, dtype=str), self.copies).tolist()

    def for_metric(self, metric: Metric) -> Predictions:
        """Return what a metric may see: the share of votes ranks people, and is no probability."""
        if self.probable or able(metric, RanksPeople):
            return self.predictions
        return attrs.evolve(self.predictions, probabilities=None)


def apply_rule(rule: Rule, frame: pd.DataFrame, facts: TargetFacts) -> Ruled:
    """Aggregate a rule's answers as the model's are, and check that subjects are the same.

    Args:
        rule: with its answers.
        frame: the model's answers, aggregated.
        facts: the target.
    """
    # A baseline knows probabilities, and is taken together as the model is.
    votes = map(cast_vote, rule.answers) if rule.kind == "rule" else rule.answers
    voted = aggregate(votes, facts.kind, facts.labels, facts.train_mean)
    if voted[["subject", "truth"]].to_numpy().tolist() != (
        frame[["subject", "truth"]].to_numpy().tolist()
    ):
        raise DataError(
            f"{len(voted)} subjects",
            where=f"the rule {rule.about!r}",
            expected=f"answers to the same tasks as the model's, of {len(frame)} subjects with "
            "their truths",
            found=len(voted),
        )
    predictions = make_predictions(voted, facts.labels, facts.train_mean)
    if rule.kind != "rule":
        return Ruled(predictions=predictions, copies=1, probable=True)
    if predictions.probabilities is None:
        same = len(set(predictions.predicted)) == 1
        return Ruled(predictions=attrs.evolve(predictions, constant=same), copies=1)
    return share_ties(predictions)


def cast_vote(row: AnswerRow) -> AnswerRow:
    """Return an answer with its vote as probabilities, all of it on what it says."""
    if not isinstance(row.prediction, str):
        return attrs.evolve(row, probabilities=None)
    return attrs.evolve(row, probabilities=OneVote(row.prediction))


class OneVote(dict[str, float]):
    """All of a vote on one label, none on any other."""

    def __init__(self, label: str) -> None:
        """Put the vote on a label."""
        super().__init__({label: 1.0})

    def __missing__(self, label: str) -> float:
        """Return nothing for any other label."""
        return 0.0


def share_ties(predictions: Predictions) -> Ruled:
    """Let everybody stand there so often that tied labels are shared equally."""
    votes = predictions.probabilities
    assert votes is not None
    most = votes.max(axis=1, keepdims=True)
    tied = [np.flatnonzero(row) for row in votes >= most - 1e-9]
    copies = lcm(*{len(labels) for labels in tied})
    chosen = np.concatenate([np.resize(labels, copies) for labels in tied])
    repeated = predictions.take(np.repeat(np.arange(len(votes)), copies))
    return Ruled(
        predictions=attrs.evolve(
            repeated,
            predicted=np.array(predictions.labels, dtype=object)[chosen],
            constant=len({tuple(labels) for labels in tied}) == 1,
        ),
        copies=copies,
    )
