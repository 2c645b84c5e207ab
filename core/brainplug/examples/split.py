"""Split strategy that trains on earlier scans and tests on later ones."""

from collections.abc import Iterable

import attrs
import pandas as pd

from brainplug import DataError, Part, about, hookimpl
from brainplug.api.roles import SplitStrategy
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import draw_halves, join_halves
from brainplug.toolkit.tables import get_column


@attrs.frozen(kw_only=True)
class ByYearOptions:
    """Options of `by-year`."""

    column: str = attrs.field(metadata=about("column of the year of the scan"))
    val_from: int = attrs.field(metadata=about("first year of validation"))
    test_from: int = attrs.field(metadata=about("first year of the test"))

    def __attrs_post_init__(self) -> None:
        """Refuse years that leave nobody to validate."""
        if self.val_from >= self.test_from:
            raise ValueError("val_from must be before test_from")


class ByYear:
    """Trains on earlier scans, validates and tests on later ones."""

    def __init__(self, options: ByYearOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row."""
        name = self.options.column
        texts = get_column(cohort, name, option="split.column", source="the cohort")
        years = pd.to_numeric(texts, errors="coerce")
        if years.isna().any():
            raise DataError(
                where=f"column {name!r}",
                expected="a year for each scan",
                found=texts[years.isna()].astype("object").unique().tolist(),
            )
        # One pool for all scans of a person and for relatives: their first year.
        groups = family_groups(cohort)
        first = years.groupby(groups).transform("min")
        splits = pd.Series("train", index=cohort.index, dtype="str")
        splits = splits.mask(first >= self.options.val_from, "val")
        splits = splits.mask(first >= self.options.test_from, "test")
        # Half of each split is asked, the other half is shown beside it.
        return join_halves(splits, draw_halves(groups, 0.5, seed=seed))


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `by-year`."""
    yield Part("by-year", ByYearOptions, ByYear)
