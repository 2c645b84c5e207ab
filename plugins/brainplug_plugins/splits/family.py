"""Split strategy: by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import AsksAll, Part, Repeats
from brainplug.toolkit.families import family_groups
from brainplug.toolkit.hashed_pools import DrawOptions, draw_pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.api.roles import SplitStrategy


class Family:
    """Draws the pool of each family by a hash of its id; siblings and sessions stay together.

    Families that share a subject are one family, known by their smallest id. A subject without a
    family is a family of its own, and has the pool that `subject` gives it. Added rows move
    nobody, but for families that they join into one and people whose first relative they bring.
    Shares and folds hold on average.
    """

    abilities = (AsksAll, Repeats)

    def __init__(self, options: DrawOptions, *, asks_all: bool = False) -> None:
        self.options = options
        self.asks_all = asks_all

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; folds without a fold mean the first."""
        groups = family_groups(cohort)
        return draw_pools(groups, self.options, seed=seed, asks_all=self.asks_all)

    def ask_all(self) -> Family:
        """Return the strategy for references from training: no fold gives any."""
        return Family(self.options, asks_all=True)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, DrawOptions]:  # noqa: ARG002 (role)
        """Return the options of each fold's run, none where there is one run."""
        return self.options.runs()


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `family`."""
    yield Part("family", DrawOptions, Family)
