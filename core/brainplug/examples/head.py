"""Task head for a question that is answered by yes or no."""

import re
from collections.abc import Iterable, Mapping

import attrs
import pandas as pd

from brainplug import DataError, Part, TargetColumn, about, hookimpl
from brainplug.api.records import TargetKind, TargetValue
from brainplug.api.roles import Answers, TaskHead
from brainplug.toolkit.codes import count_values, mask_missing, show_counts


@attrs.frozen(kw_only=True)
class YesNoOptions:
    """Options of `yes-no`."""

    column: str = attrs.field(metadata=about("column of the cohort that holds it"))
    yes: str = attrs.field(metadata=about("value of the column that means yes"))
    no: str = attrs.field(metadata=about("value of the column that means no"))


class YesNoAnswers:
    """How yes and no are said and read back."""

    labels = ("no", "yes")

    def say(self, value: TargetValue) -> str:
        """Say a value: a label is its own words."""
        return str(value)

    def parse(self, text: str) -> TargetValue | None:
        """Read the one label that an answer states, None where it states none or both."""
        stated = set(re.findall(r"\b(no|yes)\b", text.casefold()))
        return stated.pop() if len(stated) == 1 else None

    def code(self, value: TargetValue) -> int:
        """Return the number that task files give a label."""
        return self.labels.index(str(value))

    def strata(self, values: pd.Series) -> pd.Series:
        """Return what pairs are balanced by: the label itself."""
        return values.astype("str")


class YesNo:
    """A question that is answered by yes or no."""

    kind: TargetKind = "categorical"
    metrics: tuple[str, ...] = ("balanced-accuracy", "auroc")

    def __init__(self, options: YesNoOptions) -> None:
        self.options = options
        self.column = options.column
        self.target = options.column.replace("_", " ")

    def read(
        self, raw: pd.Series, *, codes: Mapping[str, str], missing: frozenset[str]
    ) -> TargetColumn:
        """Turn the column into yes and no; what is neither is refused, never guessed."""
        known = mask_missing(raw, missing)
        words = {self.options.yes: "yes", self.options.no: "no"}
        others = known[known.notna() & ~known.isin(list(words))]
        if len(others):
            raise DataError(
                show_counts(others),
                where=f"target column {self.column!r}",
                expected=f"{self.options.yes!r} or {self.options.no!r}",
                found=count_values(others),
                hint="correct yes and no in [target]",
            )
        values = known.map(words).astype("str")
        reasons = pd.Series("", index=raw.index, dtype="str")
        reasons = reasons.mask(values.isna(), "no answer")
        return TargetColumn(values=values, reasons=reasons)

    def fit(self, values: pd.Series) -> Answers:
        """Return the answers; they are the same whoever is in training."""
        return YesNoAnswers()


@hookimpl
def brainplug_heads() -> Iterable[Part[TaskHead]]:
    """Offer `yes-no`."""
    yield Part("yes-no", YesNoOptions, YesNo)
