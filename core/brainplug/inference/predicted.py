"""What a trained model predicts of scans it is shown: records, light enough to read without torch.

One prediction a query, over all references, as the scores of the run are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.api.records import TargetKind, TargetValue

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen(kw_only=True)
class Reference:
    """A scan whose value is told."""

    scan: str
    value: TargetValue


@attrs.frozen(kw_only=True)
class PairAnswer:
    """What the model says of a query beside one or more references.

    Attributes:
        references: what it is compared with.
        text: what the model says.
        prediction: what was read in it, by the read-out that the run reports; None where nothing
            could be.
        probabilities: of each label among the labels; numbers have none.
        mass: probability that lies on the answers that can be read; None where it was not asked.
    """

    references: tuple[Reference, ...]
    text: str
    prediction: TargetValue | None
    probabilities: Mapping[str, float] | None
    mass: float | None


@attrs.frozen(kw_only=True)
class Prediction:
    """What is predicted of one query scan.

    Attributes:
        query: the scan.
        prediction: over all its answers; None where none could be read.
        probabilities: mean over the answers; None for numbers, and where too little of the model's
            probability lies on the labels.
        low: lower end of the interval of a number; None where there is none.
        high: upper end.
        mass: mean probability on the answers that can be read; None where it is not known.
        agreement: share of the answers that state the prediction; None for numbers.
        spread: standard deviation of the answers of a number; None for labels and single answers.
        unread: answers that could not be read.
        warnings: what is amiss with the scan or with the answer.
        error: why the scan could not be used; empty where it could.
        answers: beside each reference.
    """

    query: str
    prediction: TargetValue | None = None
    probabilities: Mapping[str, float] | None = None
    low: float | None = None
    high: float | None = None
    mass: float | None = None
    agreement: float | None = None
    spread: float | None = None
    unread: int = 0
    warnings: tuple[str, ...] = ()
    error: str = ""
    answers: tuple[PairAnswer, ...] = ()


@attrs.frozen(kw_only=True)
class PredictionTable:
    """What is predicted of all queries.

    Attributes:
        run: folder of the run whose model was asked.
        target: what it was asked for.
        kind: of the target.
        labels: the classes, empty for a number.
        unit: of a number, may be empty.
        references: what the queries were compared with.
        notes: sentences on all predictions, such as what an interval promises.
        predictions: one a query, in the order in which they were given.
    """

    run: str
    target: str
    kind: TargetKind
    labels: tuple[str, ...]
    unit: str
    references: tuple[Reference, ...]
    notes: tuple[str, ...]
    predictions: tuple[Prediction, ...]

    @property
    def failed(self) -> tuple[Prediction, ...]:
        """The queries that could not be used."""
        return tuple(each for each in self.predictions if each.error)

    def frame(self) -> pd.DataFrame:
        """Return one row a query; the notes are in `attrs["notes"]` of the frame."""
        import pandas as pd

        rows = [self.row(each) for each in self.predictions]
        frame = pd.DataFrame(rows, columns=self.columns)
        frame.attrs.update(target=self.target, unit=self.unit, notes=self.notes)
        return frame

    @property
    def columns(self) -> list[str]:
        """Names of the columns of `frame`."""
        own = (
            [f"probability of {label}" for label in self.labels] + ["agreement"]
            if self.kind == "categorical"
            else ["low", "high", "spread"]
        )
        return ["query", "prediction", *own, "mass", "answers", "unread", "warnings", "error"]

    def row(self, each: Prediction) -> dict[str, Any]:
        """Return a prediction by the names of the columns."""
        chances = each.probabilities or {}
        return {
            "query": each.query,
            "prediction": each.prediction,
            **{f"probability of {label}": chances.get(label) for label in self.labels},
            "agreement": each.agreement,
            "low": each.low,
            "high": each.high,
            "spread": each.spread,
            "mass": each.mass,
            "answers": len(each.answers),
            "unread": each.unread,
            "warnings": "; ".join(each.warnings),
            "error": each.error,
        }
