"""What stops a run as soon as a split is made: pools that are not apart."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from brainplug.api.guard import is_of_others, judging, origin_of
from brainplug.audit.leakage import find_leaks, find_parted
from brainplug.errors import DataError, LeakageError
from brainplug.findings import refuse_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from brainplug.api.roles import SplitStrategy

REMEDY_OF_OTHERS = (
    "`assign` must put all people of a family into one pool: draw by "
    "brainplug.toolkit.families.family_groups(cohort), which gives the family of each row"
)
"""What is done about families that another's split strategy has parted."""


def refuse_leaks(strategy: SplitStrategy, pooled: pd.DataFrame) -> None:
    """Stop where the pools that a split strategy made are not apart.

    Args:
        strategy: that made them; one of others is named where it parts people or families.
        pooled: as `pool_scans` gives it.

    Raises:
        LeakageError: they are not.
    """
    if is_of_others(strategy):
        with judging(strategy, "assign"):
            for parted in find_parted(pooled):
                raise LeakageError(parted.what, parted.members, hint=REMEDY_OF_OTHERS)
    refuse_findings(find_leaks(pooled), allow_shortcut=True)


@contextmanager
def naming_split(strategy: SplitStrategy) -> Iterator[None]:
    """Let an error about who trains say whose choice that is, where it is not one of ours."""
    try:
        yield
    except DataError as error:
        if is_of_others(strategy):
            error.add_note(
                f"who trains and who is tested is the choice of the {origin_of(strategy)}"
            )
        raise
