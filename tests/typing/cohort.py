"""A cohort loader as a laboratory would write it, with all it can say of its study."""

from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import pandas as pd

from brainplug import CohortTable, DataError, JoinReport, Part, about, hookimpl
from brainplug.api.roles import CohortLoader, Prepares


@attrs.frozen(kw_only=True)
class LabOptions:
    """Options of `lab`."""

    folder: Path = attrs.field(metadata=about("folder with people.csv and scans/"))
    least_ml: float = attrs.field(default=0.0, metadata=about("smallest head kept", unit="ml"))


class Lab:
    """Scans of our own laboratory."""

    abilities = (Prepares,)

    def __init__(self, options: LabOptions) -> None:
        self.folder = options.folder

    def prepare(self, report: Callable[[int, int], None]) -> None:
        report(1, 1)

    def sources(self) -> tuple[Path, ...]:
        return (self.folder / "people.csv",)

    def load(self) -> CohortTable:
        rows = pd.read_csv(self.folder / "people.csv", dtype="str")
        if rows.empty:
            raise DataError(f"expected a row a person: {self.folder / 'people.csv'}")
        return CohortTable(
            study="LAB",
            scans=rows,
            exclusions=rows.head(0),
            rows_read=len(rows),
            join=JoinReport(rows=len(rows), images=len(rows), matched=len(rows)),
            codes={"hand": {"r": "right", "l": "left"}},
            missing=frozenset({"999"}),
        )


@hookimpl
def brainplug_cohorts() -> Iterable[Part[CohortLoader]]:
    """Offer `lab`."""
    yield Part("lab", LabOptions, Lab)
