"""Codes of UK Biobank that stand for no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from brainplug.toolkit.codes import find_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_ANSWER = ("Do not know", "Prefer not to answer")
"""Codes in words, as the research analysis platform may export them."""


def mask_codes(values: pd.Series, common: Sequence[str], own: Sequence[str] | None) -> pd.Series:
    """Make codes without a value missing: those of the field alone, else all that are usual.

    Usual are the common ones and, where all values are whole, every negative number.

    >>> [mask_codes(pd.Series(["-1.0", other]), [], None).tolist() for other in ("2", "0.25")]
    [[nan, '2'], ['-1.0', '0.25']]
    """
    found = pd.Series(values.dropna().unique(), dtype="str")
    if own is not None:
        empty = find_missing(found, own)
        return values.mask(values.isin(empty)) if empty else values
    numbers = pd.to_numeric(found, errors="coerce")
    texts = found[numbers.isna()]
    empty = find_missing(texts, common)
    if texts.isin(empty).all() and (numbers.dropna() % 1 == 0).all():
        empty |= find_missing(found, common) | set(found[numbers < 0])
    return values.mask(values.isin(empty)) if empty else values
