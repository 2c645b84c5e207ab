"""Split strategy: by subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import AsksAll, Part, Repeats
from brainplug.toolkit.families import subject_groups
from brainplug.toolkit.hashed_pools import DrawOptions, draw_pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from brainplug.api.roles import SplitStrategy


class Subject:
    """Draws the pool of each subject by a hash of its id; all its sessions stay together.

    Shares and folds hold on average: who is in which depends on nobody else, so a small study's
    folds differ in size.
    """

    abilities = (AsksAll, Repeats)

    def __init__(self, options: DrawOptions, *, asks_all: bool = False) -> None:
        self.options = options
        self.asks_all = asks_all

    def assign(self, cohort: pd.DataFrame, *, seed: int) -> pd.Series:
        """Return the pool of each row; folds without a fold mean the first."""
        groups = subject_groups(cohort)
        return draw_pools(groups, self.options, seed=seed, asks_all=self.asks_all)

    def ask_all(self) -> Subject:
        """Return the strategy for references from training: no fold gives any."""
        return Subject(self.options, asks_all=True)

    def runs(self, cohort: pd.DataFrame) -> Mapping[str, DrawOptions]:  # noqa: ARG002 (role)
        """Return the options of each fold's run, none where there is one run."""
        return self.options.runs()


@hookimpl
def brainplug_splits() -> Iterable[Part[SplitStrategy]]:
    """Offer `subject`."""
    yield Part("subject", DrawOptions, Subject)
