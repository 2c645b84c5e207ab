"""The results of a run as tables, for those who go on with them in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.runtime.records import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

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


def read_predictions(path: Path) -> pd.DataFrame:
    """Read `predictions.csv`; ids and labels stay text, whatever they look like."""
    names = pd.read_csv(path, nrows=0).columns
    texts = ["subject", "study", "site", "family", "split", "failure"]
    # Of numbers it tells the error.
    texts += [] if "error" in names else ["truth", "prediction"]
    return pd.read_csv(
        path,
        dtype={name: "str" for name in texts if name in names},
        keep_default_na=False,
        na_values=[""],
    )
