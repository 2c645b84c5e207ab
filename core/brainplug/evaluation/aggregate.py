"""One prediction a subject: the answers to its tasks, taken together over their references."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.api.records import Predictions
from brainplug.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.api.records import TargetKind, TargetValue
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.task import Task

COLUMNS = (
    "subject",
    "truth",
    "prediction",
    "possible",
    "probabilities",
    "tasks",
    "unparsed",
    "flips",
    "spread",
)


def aggregate(
    answers: Iterable[AnswerRow], kind: TargetKind, labels: Sequence[str], train_mean: float | None
) -> pd.DataFrame:
    """Return one row a subject, sorted; two where the truth differs between its scans.

    Categorical answers are put to the vote of those that could be read; a tie goes to the higher
    sum of the candidates' probabilities where there are any, then to the earlier label. Of
    numerical answers the median is taken, and the training mean where none could be read. No truth
    is looked at for a prediction; where an answer could not be read, what the prediction may have
    been goes beside it, of which scores count the worse.

    Args:
        answers: rows of `answers.jsonl` of one split.
        kind: of the target.
        labels: the classes, empty for a numerical target.
        train_mean: mean of the training values, for a numerical target.

    Returns:
        `subject`, `truth`, `prediction` (None where no class could be read), `possible` (numerical
        only: the lowest and the highest that the prediction may have been), `probabilities` (mean,
        a tuple in the order of `labels`, or None), `tasks`, `unparsed`, `flips` (share of pairs of
        readable answers that differ, NaN without a pair), `spread` (mean absolute difference of
        such pairs, numerical only).

    """
    if kind == "numerical" and train_mean is None:
        raise DataError(
            "none", expected="the mean of the training values, as a numerical target needs it"
        )
    # Whoever was scanned twice may have another truth each time, such as an age.
    groups: dict[tuple[str, TargetValue], list[AnswerRow]] = {}
    for row in answers:
        groups.setdefault((row.subject, row.truth), []).append(row)
    ends = known_range(groups, train_mean) if train_mean is not None else (0.0, 0.0)
    rows = []
    for subject, truth in sorted(groups):
        group = groups[subject, truth]
        mean = mean_probabilities(group, labels)
        predicted: TargetValue | None
        possible = None
        if train_mean is None or kind == "categorical":
            predicted = vote(group, labels, mean)
        else:
            predicted = median(group, train_mean)
            possible = possible_medians(group, train_mean, ends)
        rows.append((subject, truth, predicted, possible, mean, *reading(group)))
    # as objects, since pandas would turn None into NaN among texts
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    return frame.astype({"tasks": int, "unparsed": int, "flips": float, "spread": float})


def vote(
    group: Sequence[AnswerRow], labels: Sequence[str], chances: tuple[float, ...] | None
) -> str | None:
    """Return the label most answers state, None where none could be read."""
    votes = Counter(row.prediction for row in group if row.prediction is not None)
    if not votes:
        return None
    most = max(votes.values())
    tied = [label for label in labels if votes[label] == most]
    if not tied:
        raise DataError(
            f"the answer {votes.most_common(1)[0][0]!r}, which is not among the labels "
            f"{', '.join(labels)}",
            where=f"subject {group[0].subject!r}",
            found=votes.most_common(1)[0][0],
        )
    if chances is None:
        return tied[0]
    return max(tied, key=lambda label: chances[list(labels).index(label)])


def known_range(
    groups: Iterable[tuple[str, TargetValue]], train_mean: float
) -> tuple[float, float]:
    """Return the smallest and the largest value of the people asked, or the training mean."""
    values = [float(truth) for _subject, truth in groups]
    return min([train_mean, *values]), max([train_mean, *values])


def read_numbers(group: Sequence[AnswerRow]) -> list[float]:
    """Return the numbers that could be read."""
    return [float(row.prediction) for row in group if row.prediction is not None]


def median(group: Sequence[AnswerRow], train_mean: float) -> float:
    """Return the median answer, the training mean where none could be read."""
    read = read_numbers(group)
    return float(np.median(read)) if read else train_mean


def possible_medians(
    group: Sequence[AnswerRow], train_mean: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """Return the lowest and the highest that the median may have been, had all been readable.

    A median rises with each of its numbers, so its ends are those where every unread answer is the
    smallest, or the largest, of the values there are. The training mean is between them too: it is
    what stands for an answer, and nobody shall gain by it.

    Args:
        group: the answers to one person.
        train_mean: mean of the training values.
        ends: smallest and largest value of the people asked.
    """
    read = read_numbers(group)
    unread = len(group) - len(read)
    if not unread:
        return (median(group, train_mean),) * 2
    low, high = (
        float(np.median([*read, *[end] * unread]))
        for end in (min([ends[0], *read]), max([ends[1], *read]))
    )
    return min(low, train_mean), max(high, train_mean)


def mean_probabilities(
    group: Sequence[AnswerRow], labels: Sequence[str]
) -> tuple[float, ...] | None:
    """Return the mean probability of each label, None where a task has none."""
    chances = [row.probabilities for row in group]
    if not labels or any(chance is None for chance in chances):
        return None
    table = np.array([[chance[label] for label in labels] for chance in chances if chance])
    return tuple(table.mean(axis=0).tolist())


def reading(group: Sequence[AnswerRow]) -> tuple[int, int, float, float]:
    """Return the number of tasks and of unread answers, and how the read ones differ."""
    read = [row.prediction for row in group if row.prediction is not None]
    unread = len(group) - len(read)
    pairs = list(combinations(read, 2))
    if not pairs:
        return len(group), unread, float("nan"), float("nan")
    flips = float(np.mean([one != other for one, other in pairs]))
    if isinstance(read[0], str):
        return len(group), unread, flips, float("nan")
    spread = float(np.mean([abs(float(one) - float(other)) for one, other in pairs]))
    return len(group), unread, flips, spread


def make_predictions(
    frame: pd.DataFrame, labels: Sequence[str], train_mean: float | None
) -> Predictions:
    """Turn the rows of `aggregate` into what a metric scores."""
    numerical = not labels
    dtype = float if numerical else object
    chances = list(frame["probabilities"])
    lacking = numerical or any(chance is None for chance in chances)
    silent = numerical and bool(frame["unparsed"].any())
    return Predictions(
        truth=frame["truth"].to_numpy(dtype=dtype),
        predicted=frame["prediction"].to_numpy(dtype=dtype),
        labels=tuple(labels),
        probabilities=None if lacking else np.array(chances, dtype=float).reshape(-1, len(labels)),
        train_mean=train_mean,
        possible=np.array(frame["possible"].tolist(), dtype=float) if silent else None,
    )


@attrs.frozen(kw_only=True)
class Copying:
    """How far the answers follow the references rather than the query.

    Attributes:
        rate: share of the readable answers that repeat the reference's value.
        rate_if_right: the same share, had every answer been right.
        pull: slope of answer on reference within subjects, numerical only; 0 where the reference
            does not matter, 1 where it is copied.
    """

    rate: float | None
    rate_if_right: float | None
    pull: float | None


def copying(answers: Sequence[AnswerRow]) -> Copying:
    """Measure copying over the tasks of one split that have references."""
    read = [row for row in answers if row.prediction is not None and row.reference_values]
    if not read:
        return Copying(rate=None, rate_if_right=None, pull=None)
    if isinstance(read[0].prediction, str):
        # Of several references, what most of them say is what a copy would say.
        shown = [(row, Counter(row.reference_values).most_common(1)[0][0]) for row in read]
        return Copying(
            rate=float(np.mean([row.prediction == value for row, value in shown])),
            rate_if_right=float(np.mean([row.truth == value for row, value in shown])),
            pull=None,
        )
    said = [float(row.prediction) for row in read if row.prediction is not None]
    # As fine as the model speaks: an answer of 23.4 repeats a reference of 23.41.
    places = max(map(decimals, said))
    return Copying(
        rate=float(
            np.mean([repeats(row, value, places) for row, value in zip(read, said, strict=True)])
        ),
        rate_if_right=float(np.mean([repeats(row, float(row.truth), places) for row in read])),
        pull=reference_pull(read, said),
    )


def decimals(value: float) -> int:
    """Count the decimal places a number is written with.

    >>> decimals(23.45), decimals(7.0)
    (2, 0)
    """
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def repeats(row: AnswerRow, value: float, places: int) -> bool:
    """Tell whether a value is that of a reference, rounded as the answers are."""
    return any(
        round(float(reference), places) == round(value, places)
        for reference in row.reference_values
    )


def reference_pull(read: Sequence[AnswerRow], said: Sequence[float]) -> float | None:
    """Return the slope of answer on mean reference within subjects, None without variation."""
    frame = pd.DataFrame(
        {
            "subject": [row.subject for row in read],
            "answer": said,
            "shown": [
                float(np.mean([float(each) for each in row.reference_values])) for row in read
            ],
        }
    )
    # Between subjects answer and reference go together where pairing matches them; within one only
    # the reference differs.
    centred = frame[["answer", "shown"]] - frame.groupby("subject").transform("mean")
    spread = float((centred["shown"] ** 2).sum())
    # Where the reference never differs, centring leaves rounding, and a slope on that means
    # nothing.
    if spread <= 1e-12 * float((frame["shown"] ** 2).sum()):
        return None
    return float((centred["answer"] * centred["shown"]).sum()) / spread


def train_mean(tasks: Sequence[Task]) -> float:
    """Return the mean target of the training queries, each subject once."""
    # Else subjects with many references or scans would weigh more.
    truths = {task.subject: float(task.truth) for task in tasks}
    return sum(truths.values()) / len(truths)
