"""Further tables about the people of a study, such as questionnaires, joined by their ids."""

from __future__ import annotations

import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.image_matching import match_ids, plain_sessions


def join_values(
    rows: pd.DataFrame, side: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, list[str]]:
    """Add the columns of a second table about the same people; gives the rows and notes.

    Args:
        rows: has `subject` and `session`.
        side: the same, and columns that `rows` has not. Where both tell sessions, these must meet.
        name: of the second table, which must not have several rows for one of these.
    """
    dated = bool(rows["session"].notna().any() and side["session"].notna().any())
    matched = match_ids(rows["subject"].unique().tolist(), side["subject"].dropna().tolist())
    owners = {other: own for own, others in matched.items() for other in others}
    keys, wanted = side["subject"].map(owners), rows["subject"]
    if dated:
        keys = keys + "/" + plain_sessions(side["session"])
        wanted = wanted + "/" + plain_sessions(rows["session"])
    known = keys.isin(wanted.dropna())
    # Rows of people who are not in the study may repeat, since nobody asks for them.
    twice = side.loc[known & keys.duplicated(), "subject"]
    if len(twice):
        raise DataError(
            f"several for {twice.nunique()}, for example {twice.iloc[0]!r}",
            where=name,
            expected=f"one row for each person{' and session' * dated}",
            found=tuple(twice.unique()),
            hint="remove them, or leave the table out",
        )
    values = side.drop(columns=["subject", "session"])[known].set_axis(keys[known])
    found = values.reindex(wanted.fillna("")).set_axis(rows.index).astype("str")
    note = f"{name}: {int((~known).sum())} of {len(side)} rows belong to no row of the study"
    return pd.concat([rows, found], axis="columns"), [note] * bool((~known).any())
