"""Ids of several studies in one run: `001` is somebody else in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def mark(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """Put the study's name before every id that is its own.

    >>> import pandas as pd
    >>> mark(pd.DataFrame({"subject": ["1"], "age": ["9"]}), "ABCD").to_dict("list")
    {'subject': ['ABCD:1'], 'age': ['9']}
    """
    own = [name for name in ("scan", "subject", "family", "site") if name in frame.columns]
    return frame.assign(**{name: f"{study}:" + frame[name].astype("str") for name in own})


def unmark(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """Take the study's name away again, so that people are who they are in their study alone."""
    own = [name for name in ("scan", "subject", "family", "site") if name in frame.columns]
    return frame.assign(**{name: frame[name].str.removeprefix(f"{study}:") for name in own})
