"""How often values of two columns meet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainplug.toolkit.cross_counts import cross_counts


@pytest.mark.parametrize("dtype", ["str", "object", "float"])
def test_counts_are_those_of_pandas(dtype):
    """The same names in the same order, whatever is missing."""
    rng = np.random.default_rng(1)
    rows, columns = (
        pd.Series(rng.integers(0, 4, 60)).astype(dtype).where(rng.random(60) > 0.2)
        for _ in range(2)
    )

    row_names, column_names, counts = cross_counts(rows, columns)

    expected = pd.crosstab(rows, columns)
    assert expected.index.tolist() == row_names
    assert expected.columns.tolist() == column_names
    assert expected.to_numpy().tolist() == counts.tolist()


def test_nothing_is_counted_of_nothing():
    """Two columns that never meet have no names and no counts."""
    one, other = pd.Series(["a", None], dtype="str"), pd.Series([None, "b"], dtype="str")

    assert ([], []) == cross_counts(one, other)[:2]
