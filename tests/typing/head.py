"""A task head of a rank from 1 to 5, and the answers that it can have."""

from collections.abc import Iterable, Mapping

import attrs
import pandas as pd

from brainplug import Part, TargetColumn, about, hookimpl
from brainplug.api.records import TargetKind, TargetValue
from brainplug.api.roles import Answers, TaskHead


@attrs.frozen(kw_only=True)
class RankOptions:
    """Options of `rank`."""

    column: str = attrs.field(metadata=about("column of the rank"))


class RankAnswers:
    """Ranks as they are said."""

    labels = ("1", "2", "3", "4", "5")

    def say(self, value: TargetValue) -> str:
        return str(value)

    def parse(self, text: str) -> TargetValue | None:
        said = [label for label in self.labels if label in text]
        return said[0] if len(said) == 1 else None

    def code(self, value: TargetValue) -> int:
        return int(value)

    def strata(self, values: pd.Series) -> pd.Series:
        return values.astype("str")


class Rank:
    """A rank from 1 to 5."""

    kind: TargetKind = "categorical"
    metrics: tuple[str, ...] = ("accuracy",)

    def __init__(self, options: RankOptions) -> None:
        self.column = options.column
        self.target = options.column

    def read(
        self, raw: pd.Series, *, codes: Mapping[str, str], missing: frozenset[str]
    ) -> TargetColumn:
        known = raw.isin(RankAnswers.labels)
        reasons = pd.Series("", index=raw.index).mask(~known, "no rank")
        return TargetColumn(values=raw.where(known), reasons=reasons)

    def fit(self, values: pd.Series) -> Answers:
        return RankAnswers()


@hookimpl
def brainplug_heads() -> Iterable[Part[TaskHead]]:
    """Offer `rank`."""
    yield Part("rank", RankOptions, Rank)
