"""How often values of two columns meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from jaxtyping import Int


def cross_counts(
    rows: pd.Series, columns: pd.Series
) -> tuple[list[Any], list[Any], Int[np.ndarray, "row column"]]:
    """Return the values of two columns, sorted, and how often each meets each.

    As `pandas.crosstab`, without the ten milliseconds that its pivoting takes. What is missing on
    either side is not counted, and only what is counted is named.

    >>> cross_counts(pd.Series(["a", "b", "a"]), pd.Series(["x", "x", None]))
    (['a', 'b'], ['x'], array([[1],
           [1]]))
    """
    known = (rows.notna() & columns.notna()).to_numpy()
    if not known.all():
        rows, columns = rows[known], columns[known]
    row, row_names = pd.factorize(rows, sort=True)
    column, column_names = pd.factorize(columns, sort=True)
    shape = (len(row_names), len(column_names))
    counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    return row_names.tolist(), column_names.tolist(), counts
