"""Who must stay together: families, joined where somebody is of two."""

from __future__ import annotations

import pandas as pd
import pytest

from brainplug.toolkit.families import family_groups


@pytest.mark.parametrize(
    ("families", "groups"),
    [
        (["f2", "f2", None, "f1"], ["family f2", "family f2", "subject b", "family f1"]),
        (["f2", "f1", None, "f1"], ["family f1", "family f1", "subject b", "family f1"]),
    ],
)
def test_a_group_is_known_by_its_smallest_family(families, groups):
    """Whether each family stands for itself, or the two rows of `a` join two of them."""
    cohort = pd.DataFrame({"subject": ["a", "a", "b", "c"], "family": families})

    assert groups == family_groups(cohort).tolist()
