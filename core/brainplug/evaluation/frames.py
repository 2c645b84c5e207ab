"""The results of a run as tables, for those who go on with them in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.api.records import EVALUATED
from brainplug.evaluation.aggregate import aggregate
from brainplug.evaluation.readouts import headline_rows
from brainplug.runtime.records import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brainplug.evaluation.records import Metrics, ReportedScore
    from brainplug.tasks.answers import AnswerRow

MODEL = "model"

SCORE_COLUMNS = (
    "split",
    "system",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "higher_is_better",
    "reason",
)


def scores_frame(metrics: Metrics) -> pd.DataFrame:
    """Return `SCORE_COLUMNS`: a row for each split, system and metric."""
    rows = [
        (split, system, name, *score_values(score))
        for split, scored in metrics.splits.items()
        for system, scores in (
            (MODEL, scored.metrics),
            *((name, each.metrics) for name, each in scored.baselines.items()),
        )
        for name, score in scores.items()
    ]
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def score_values(score: ReportedScore) -> Iterator[object]:
    """Return what stands behind the name of a metric."""
    for name in SCORE_COLUMNS[3:]:
        yield getattr(score, name)


def answers_frame(rows: Iterable[AnswerRow]) -> pd.DataFrame:
    """Return the rows of `answers.jsonl`, a column a field."""
    return pd.DataFrame([to_json(row) for row in rows])


def predictions_frame(rows: Sequence[AnswerRow], metrics: Metrics) -> pd.DataFrame:
    """Return one prediction a person, by the read-out that the run reports.

    Args:
        rows: of `answers.jsonl`.
        metrics: of the same run.

    Returns:
        `split`, `subject`, `truth`, `prediction`, `probability of …` for each label, `answers` and
        `unread`.
    """
    target, read = metrics.target, headline_rows(rows, metrics)
    tables = []
    for split in EVALUATED:
        own = [row for row in read if row.split == split]
        frame = aggregate(own, target.kind, target.labels, metrics.train.mean)
        table = pd.DataFrame(
            {
                "split": pd.Series(split, index=frame.index, dtype="str"),
                "subject": frame["subject"].astype("str"),
                "truth": frame["truth"],
                "prediction": frame["prediction"],
            }
        )
        for place, label in enumerate(target.labels):
            table[f"probability of {label}"] = [
                None if each is None else each[place] for each in frame["probabilities"]
            ]
        tables.append(table.assign(answers=frame["tasks"], unread=frame["unparsed"]))
    whole = pd.concat([each for each in tables if len(each)], ignore_index=True)
    if target.kind == "numerical":
        whole = whole.astype({"truth": "float64", "prediction": "float64"})
    return whole
