"""Who may meet whom: the two pools of a split as arrays, relatives, and the groups of `within`.

Scans are known by their place in a pool sorted by scan, so the order of rows leaves no trace.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd
from attrs.validators import ge

from brainplug.api.roles import about
from brainplug.errors import DataError, show
from brainplug.toolkit.tables import no_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Bool, Int, Shaped


@attrs.frozen(kw_only=True, eq=False)
class Pool:
    """One pool as arrays, one entry a scan, sorted by scan.

    Attributes:
        frame: the scans with all their columns.
        scans: their ids.
        stratum: place of each scan's stratum among those of both pools.
        subject: a number for each subject, the same in both pools.
        family: the same for families, -1 where none is known.
    """

    frame: pd.DataFrame
    scans: Shaped[np.ndarray, " n"]
    stratum: Int[np.ndarray, " n"]
    subject: Int[np.ndarray, " n"]
    family: Int[np.ndarray, " n"]


@attrs.frozen(kw_only=True, eq=False)
class Pools:
    """The queries and references of a split, and the names of their strata in sorted order.

    Attributes:
        queries: who is asked.
        references: who is shown.
        strata: names of the strata.
        shared: whether they are the same people, so that everybody must be kept from meeting
            relatives and themselves.
    """

    queries: Pool
    references: Pool
    strata: tuple[str, ...]
    shared: bool = False

    def relatives(
        self, queries: Int[np.ndarray, "*shape"], references: Int[np.ndarray, "*shape"]
    ) -> Bool[np.ndarray, "*shape"]:
        """Say which queries and references, by place, are one person or of one family."""
        same = self.queries.subject[queries] == self.references.subject[references]
        family = self.queries.family[queries]
        # Two people of unknown family (-1) are not relatives for that.
        related = (family >= 0) & (family == self.references.family[references])
        return np.asarray(same | related)


@attrs.frozen(kw_only=True, eq=False)
class Group:
    """Queries and references that may meet, by place; `name` is empty where all may."""

    name: str
    queries: Int[np.ndarray, " q"]
    references: Int[np.ndarray, " r"]


def read_pools(queries: pd.DataFrame, references: pd.DataFrame) -> Pools:
    """Read the frames that a pairing is given; rows may come in any order.

    Raises:
        DataError: one of the pools is empty.
    """
    if queries.empty or references.empty:
        raise DataError(
            f"{len(queries)} and {len(references)}",
            expected="queries and references",
            found=(len(queries), len(references)),
            hint="use more subjects or another seed",
        )
    frames = [queries.sort_index(), references.sort_index()]
    # Numbered together: a number must mean the same stratum, person and family in both pools.
    both = pd.concat([frame[["subject", "family", "stratum"]].astype("str") for frame in frames])
    stratum, names = pd.factorize(both["stratum"], sort=True)
    subject, family = (pd.factorize(both[name])[0] for name in ("subject", "family"))
    edge = len(queries)
    first, second = (
        Pool(
            frame=frame,
            scans=frame.index.to_numpy(dtype=object),
            stratum=stratum[part],
            subject=subject[part],
            family=family[part],
        )
        for frame, part in zip(frames, (slice(edge), slice(edge, None)), strict=True)
    )
    return Pools(
        queries=first,
        references=second,
        strata=tuple(map(str, names)),
        shared=not queries.index.intersection(references.index).empty,
    )


def places_of(codes: Int[np.ndarray, " n"], num: int) -> list[Int[np.ndarray, " m"]]:
    """Return the places of each code from 0 to `num - 1`; other codes are left out.

    >>> [places.tolist() for places in places_of(np.array([1, 0, -1, 1]), 2)]
    [[1], [0, 3]]
    """
    # One sort for all codes, where a search for each would go through the array `num` times;
    # codes below 0 come before the first edge and so drop out.
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(num + 1))
    return [order[start:stop] for start, stop in pairwise(edges)]


def within_option() -> Any:
    """Make the option `within` of a pairing."""
    return attrs.field(
        default=(), metadata=about("columns whose value a query and its references share")
    )


def bands_option() -> Any:
    """Make the option `bands` of a pairing."""
    return attrs.field(
        factory=dict,
        metadata=about(
            "column = width: numbers that a query and its references have in the same band, such "
            "as age = 2.0; bands start at whole multiples of the width"
        ),
    )


def per_task_option() -> Any:
    """Make the option `references_per_task` of a pairing."""
    return attrs.field(
        default=1,
        validator=ge(1),
        metadata=about("references that one dialogue shows before the query"),
    )


def check_limits(within: Sequence[str], bands: Mapping[str, float]) -> None:
    """Refuse limits that say a thing twice, have no width, or would give the answer away.

    Raises:
        ValueError: says which of the recipe keys `within` and `bands` is wrong.
    """
    both = sorted(set(within) & set(bands))
    if both:
        raise ValueError(f"within and bands both name the column {both[0]!r}; keep one of them")
    flat = [f"{column} = {width:g}" for column, width in bands.items() if width <= 0]
    if flat:
        raise ValueError(f"bands: expected widths above 0: {', '.join(flat)}")
    told = sorted({*within, *bands} & {"value", "stratum"})
    if told:
        raise ValueError(
            f"within and bands must not name the target: {told[0]!r}; "
            'a share of references like the query is asked for by use = "matched"'
        )


def make_groups(pools: Pools, within: Sequence[str], bands: Mapping[str, float]) -> list[Group]:
    """Part the pools into those that may meet; groups without a query are left out.

    Args:
        pools: the queries and references of a split.
        within: columns whose value must be the same.
        bands: columns of numbers, and the width of the bands that must be the same.

    Raises:
        DataError: there is no such column, or a query has no value in it.
    """
    if not within and not bands:
        everyone = (np.arange(len(pool.scans)) for pool in (pools.queries, pools.references))
        return [Group(name="", queries=next(everyone), references=next(everyone))]
    named = [name_groups(pool.frame, within, bands) for pool in (pools.queries, pools.references)]
    _check_named(named[0], (*within, *bands))
    # A reference without a value has code -1 and so is in no group; such a query was refused.
    codes, names = pd.factorize(pd.concat(named), sort=True)
    edge = len(named[0])
    queries, references = (places_of(part, len(names)) for part in (codes[:edge], codes[edge:]))
    parts = zip(map(str, names), queries, references, strict=True)
    return [
        Group(name=name, queries=asked, references=there)
        for name, asked, there in parts
        if len(asked)
    ]


def name_groups(
    frame: pd.DataFrame, within: Sequence[str], bands: Mapping[str, float]
) -> pd.Series:
    """Return the name of each row's group, missing where one of the columns is."""
    for key, columns in (("within", within), ("bands", bands)):
        for column in columns:
            if column not in frame.columns:
                raise no_column(column, frame.columns, option=f"pairing.{key}")
    parts = [f"{column} = " + frame[column].astype("str") for column in within]
    parts += [name_bands(frame[column], width) for column, width in bands.items()]
    names: pd.Series = parts[0]
    for part in parts[1:]:
        # Missing stays missing with text added, so who lacks one column is in no group.
        names = names + ", " + part
    return names


def name_bands(values: pd.Series, width: float) -> pd.Series:
    """Return the band of each number; bands start at whole multiples of their width.

    >>> name_bands(pd.Series(["9.5", None], name="age"), 2.0).tolist()
    ['age from 8 to below 10', nan]
    """
    found = pd.to_numeric(values, errors="coerce")
    wrong = values[found.isna() & values.notna()]
    if len(wrong):
        raise DataError(
            f"{wrong.iloc[0]!r} ({len(wrong)} such rows)",
            where="pairing.bands",
            expected=f"numbers in the column {values.name!r}",
            found=tuple(wrong.unique()),
            hint="name it in pairing.within instead",
        )
    # Fixed edges, not quantiles: those would move with each person who comes or goes.
    places = np.floor(found / width)
    names = {
        place: f"{values.name} from {place * width:.10g} to below {(place + 1) * width:.10g}"
        for place in places.dropna().unique()
    }
    bands: pd.Series = places.map(names).astype("str")
    return bands


def _check_named(names: pd.Series, columns: Sequence[str]) -> None:
    lacking = names.index[names.isna()]
    if len(lacking):
        raise DataError(
            f"{len(lacking)} of {len(names)} queries lack a value of {', '.join(columns)}, for "
            f"example {show(lacking[:5])}, so what references they may meet is not known",
            found=tuple(lacking),
            hint="take these columns out of pairing.within and pairing.bands, or these people out "
            "of the cohort",
        )


def list_groups(groups: Sequence[Group]) -> str:
    """Count queries and references of the first five groups, in words."""
    listed = [
        f"{group.name + ': ' if group.name else ''}{len(group.queries)} queries and "
        f"{len(group.references)} references"
        for group in groups[:5]
    ]
    return "; ".join(listed) + (f"; and {len(groups) - 5} more" * (len(groups) > 5))


def check_sizes(groups: Sequence[Group], wanted: int) -> None:
    """Refuse groups with fewer references than a query is to meet."""
    few = [group for group in groups if len(group.references) < wanted]
    if few:
        raise DataError(
            f"too few in {len(few)} of {len(groups)} groups ({list_groups(few)})",
            expected=f"{wanted} references for each query to meet",
            found={group.name: len(group.references) for group in few},
            hint="ask for fewer references, let more of them meet (pairing.within, "
            "pairing.bands), or use more subjects",
        )
