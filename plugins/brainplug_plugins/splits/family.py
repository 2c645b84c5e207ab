"""Split strategy: by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import and_, ge, gt, lt, optional

from brainplug.groups import family_groups
from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.pools import Fractions, check_folds, draw_pools, fold_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.parts import SplitStrategy


@attrs.frozen(kw_only=True)
class FamilyOptions:
    """Options of `family`."""

    fractions: Fractions | None = attrs.field(
        default=None,
        metadata=about(
            "shares of train, val and test, which sum to 1; not set means 0.70, 0.15 and 0.15, "
            "unless folds are"
        ),
    )
    query: float = attrs.field(
        default=0.5,
        validator=and_(gt(0), lt(1)),
        metadata=about("share of each split's families that are queries; the rest are references"),
    )
    folds: int | None = attrs.field(
        default=None,
        validator=optional(ge(3)),
        metadata=about(
            "number of folds of a cross-validation: in each run one fold is tested, the next one "
            "validates, the others train; not together with fractions"
        ),
    )
    fold: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about("the one fold to test, from 1; not set means one run for each fold"),
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that exclude each other."""
        check_folds(self)


class Family:
    """Draws the pool of each family by a hash of its id; siblings and sessions stay together.

    Families that share a subject are one family, known by their smallest id. A subject without a
    family is a family of its own, and has the pool that `stratified` gives it. Added rows move
    nobody, but for families that they join into one and people whose first relative they bring.
    Shares and folds hold on average.
    """

    def __init__(self, options: FamilyOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; folds without a fold mean the first."""
        return draw_pools(family_groups(cohort), self.options, seed=seed)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, FamilyOptions]:  # noqa: ARG002 (role)
        """Return the options of each fold's run, none where there is one run."""
        return fold_runs(self.options)


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `family`."""
    yield Part("family", FamilyOptions, Family)
