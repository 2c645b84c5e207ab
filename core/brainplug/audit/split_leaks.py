"""What stops a run as soon as a split is made: pools that are not apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.guard import judging, origin_of
from brainplug.audit.leakage import find_leaks, find_parted
from brainplug.errors import LeakageError
from brainplug.findings import refuse_findings

if TYPE_CHECKING:
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
    origin = origin_of(strategy)
    if origin is not None and not origin.ours:
        with judging(strategy, "assign"):
            for parted in find_parted(pooled):
                raise LeakageError(parted.what, parted.members, hint=REMEDY_OF_OTHERS)
    refuse_findings(find_leaks(pooled), allow_shortcut=True)
