"""Split strategy: by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import and_, gt, lt

from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.split import Fractions, hash_pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from brainplug.parts import SplitStrategy


@attrs.frozen(kw_only=True)
class StratifiedOptions:
    """Options of `stratified`."""

    fractions: Fractions = attrs.field(
        factory=Fractions, metadata=about("shares of train, val and test; they sum to 1")
    )
    query: float = attrs.field(
        default=0.5,
        validator=and_(gt(0), lt(1)),
        metadata=about("share of each split's subjects that are queries; the rest are references"),
    )


class Stratified:
    """Draws the pool of each subject by a hash of its id; all its sessions stay together."""

    def __init__(self, options: StratifiedOptions) -> None:
        self.options = options

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row."""
        groups = "subject " + cohort["subject"].astype("str")
        return hash_pools(groups, self.options.fractions, self.options.query, seed=seed)


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `stratified`."""
    yield Part("stratified", StratifiedOptions, Stratified)
