"""Split strategy: by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import and_, ge, gt, lt, optional

from brainplug.groups import subject_groups
from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.pools import Fractions, check_folds, draw_pools, fold_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.parts import SplitStrategy


@attrs.frozen(kw_only=True)
class StratifiedOptions:
    """Options of `stratified`."""

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
        metadata=about("share of each split's subjects that are queries; the rest are references"),
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


class Stratified:
    """Draws the pool of each subject by a hash of its id; all its sessions stay together.

    Shares and folds hold on average: who is in which depends on nobody else, so a small study's
    folds differ in size.
    """

    def __init__(self, options: StratifiedOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; folds without a fold mean the first."""
        return draw_pools(subject_groups(cohort), self.options, seed=seed)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, StratifiedOptions]:  # noqa: ARG002 (role)
        """Return the options of each fold's run, none where there is one run."""
        return fold_runs(self.options)


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `stratified`."""
    yield Part("stratified", StratifiedOptions, Stratified)
