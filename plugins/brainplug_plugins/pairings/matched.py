"""Pairing: references alike in class or in value, to a degree the recipe sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from attrs.validators import and_, ge, gt, le, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, Speaks, about
from brainplug.errors import DataError
from brainplug.toolkit.balanced_draws import (
    Deal,
    deal_strata,
    fill_slots,
    numbers,
    pairs_by_query,
    seat_queries,
    settle,
    shuffle,
)
from brainplug.toolkit.pairing_groups import (
    bands_option,
    check_limits,
    check_sizes,
    make_groups,
    per_task_option,
    read_pools,
    within_option,
)
from brainplug.toolkit.shared_draws import count_room, settle_shared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Int

    from brainplug.api.roles import Pairing
    from brainplug.toolkit.pairing_groups import Group, Pools


@attrs.frozen(kw_only=True)
class MatchedOptions:
    """Options of `matched`."""

    same: float | None = attrs.field(
        default=None,
        validator=optional(and_(ge(0), le(1))),
        metadata=about("share of references of the query's class; for a categorical target"),
    )
    distance: float | None = attrs.field(
        default=None,
        validator=optional(gt(0)),
        metadata=about(
            "largest difference of a query's value and a reference's, in the target's unit; for a "
            "numerical target"
        ),
    )
    references_per_query: int = attrs.field(
        default=3, validator=ge(1), metadata=about("references each query is compared with")
    )
    references_per_task: int = per_task_option()
    within: tuple[str, ...] = within_option()
    bands: Mapping[str, float] = bands_option()

    def __attrs_post_init__(self) -> None:
        """Ask for one of the two kinds of likeness, and for numbers that divide."""
        if (self.same is None) == (self.distance is None):
            raise ValueError(
                "give either same (a share, categorical targets) or distance (of values, "
                f"numerical targets): same {self.same}, distance {self.distance}"
            )
        if self.references_per_query % self.references_per_task:
            raise ValueError(
                "references_per_query must be a multiple of references_per_task: "
                f"{self.references_per_query}, {self.references_per_task}"
            )
        check_limits(self.within, self.bands)


class Matched:
    """Draws a share of references from the query's class, or those near its value.

    What a reference is then tells of the query, unless `same` is what chance gives: the note says
    how often a rule that sees no scan is right. Relatives never meet.
    """

    abilities = (Speaks,)

    def __init__(self, options: MatchedOptions) -> None:
        self.options = options

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return one row a task, query after query.

        Raises:
            DataError: the target is of the other kind, or a query has too few fit references.
        """
        pools = read_pools(queries, references)
        self._check_kind(queries)
        groups = make_groups(pools, self.options.within, self.options.bands)
        check_sizes(groups, self.options.references_per_query)
        salt = f"{seed}/pairs"
        if self.options.distance is not None:
            deals = [self._deal_near(pools, group, f"{salt}/{group.name}") for group in groups]
        else:
            alike = self._share_out(pools, salt)
            deals = [
                self._deal_alike(pools, group, alike, f"{salt}/{group.name}") for group in groups
            ]
        return pairs_by_query(pools, deals, self.options.references_per_task)

    def notes(
        self, pairs: pd.DataFrame, queries: pd.DataFrame, references: pd.DataFrame
    ) -> tuple[str, ...]:
        """Say how well a rule scores on these pairs that sees nothing but the references."""
        truth = queries["value"].loc[pairs["query"]].to_numpy()
        shown = pd.DataFrame(pairs["references"].tolist())
        told = np.stack([references["value"].loc[shown[slot]] for slot in shown], axis=1)
        if self.options.distance is not None:
            return (describe_numbers(truth, told, self.options.distance),)
        return (describe_labels(truth, told, self.options.same or 0.0),)

    def _check_kind(self, queries: pd.DataFrame) -> None:
        numerical = pd.api.types.is_numeric_dtype(queries["value"])
        if numerical and self.options.same is not None:
            raise DataError(
                "same is a share of references of the query's class, but the target is numerical",
                where="pairing.same",
                found=self.options.same,
                hint="give distance in its place",
            )
        if not numerical and self.options.distance is not None:
            raise DataError(
                "distance is a difference of values, but the target is categorical",
                where="pairing.distance",
                found=self.options.distance,
                hint="give same in its place",
            )

    def _share_out(self, pools: Pools, salt: str) -> Int[np.ndarray, " q"]:
        """Return how many references each query has of its own class.

        The share is met within each class and so over the pool, to one reference; chance settles
        which queries have one more than others.
        """
        num = len(pools.queries.scans)
        order = np.lexsort((numbers(f"{salt}/same", num), pools.queries.stratum))
        each = (self.options.same or 0.0) * self.options.references_per_query
        counts = np.empty(num, dtype=np.intp)
        # Steps of the rounded running total: each is `each` rounded down or up, and over any
        # stretch, so over each class as well, they add up to its share within one.
        counts[order] = np.diff(np.floor(np.arange(num + 1) * each + 0.5))
        return counts

    def _deal_alike(
        self, pools: Pools, group: Group, alike: Int[np.ndarray, " q"], salt: str
    ) -> Deal:
        """Deal references of a query's own class, and of all others in turn."""
        wanted = self.options.references_per_query
        units = seat_queries(len(group.queries), 1, 1, salt)
        own = pools.queries.stratum[group.queries]
        strata = np.empty((len(own), wanted), dtype=np.intp)
        # One number for class and count: queries alike in both are dealt together, so that each
        # such set meets the other classes equally.
        cells = own * (wanted + 1) + alike[group.queries]
        for cell in np.unique(cells).tolist():
            stratum, count = divmod(cell, wanted + 1)
            asked = np.flatnonzero(cells == cell)
            room = count_room(pools, group, list(asked[:, None]))
            others = count_others(pools, group, room, (stratum, count, wanted - count))
            rows = np.sort(units[0, asked])
            strata[rows, :count] = stratum
            strata[rows, count:] = deal_strata(
                others, len(rows), wanted - count, f"{salt}/strata/{cell}"
            )
        # The place of a reference must not tell whether it is of the query's class.
        drawn = numbers(f"{salt}/slots", strata.size).reshape(strata.shape)
        strata = np.take_along_axis(strata, np.argsort(drawn, axis=1, kind="stable"), axis=1)
        chosen = fill_slots(pools, group, strata, f"{salt}/references")
        deal = Deal(group=group, units=units, strata=strata, chosen=chosen)
        if pools.shared:
            settle_shared(pools, deal, salt)
        else:
            # Only queries of one class change places: another's references are of its own class.
            settle(pools, deal, alike=own)
        return deal

    def _deal_near(self, pools: Pools, group: Group, salt: str) -> Deal:
        """Deal references spread evenly over those near enough, from a random one on."""
        wanted, distance = self.options.references_per_query, self.options.distance or 0.0
        asked = pools.queries.frame["value"].to_numpy(dtype=float)[group.queries]
        values = pools.references.frame["value"].to_numpy(dtype=float)
        # Shuffled first, so that among equal values it is chance and not the id that decides.
        there = shuffle(f"{salt}/references", group.references)
        there = there[np.argsort(values[there], kind="stable")]
        low = np.searchsorted(values[there], asked - distance, side="left")
        near = np.searchsorted(values[there], asked + distance, side="right") - low
        check_near(pools, group, near, wanted)
        # 63 bits, which fit a signed integer: NumPy takes a mix with unsigned ones to float64.
        start = (numbers(f"{salt}/near", len(asked)) >> np.uint64(1)).astype(np.int64) % near
        # None twice, as at least `wanted` are near.
        steps = np.arange(wanted) * near[:, None] // wanted
        chosen = there[low[:, None] + (start[:, None] + steps) % near[:, None]]
        relatives = pools.relatives(group.queries[:, None], chosen).any(axis=1)
        for query in np.flatnonzero(relatives).tolist():
            fit = there[low[query] : low[query] + near[query]]
            fit = fit[~pools.relatives(group.queries[query], fit)]
            # Refused in the same words, with this one's count less its relatives.
            check_near(
                pools, group, np.where(np.arange(len(near)) == query, len(fit), near), wanted
            )
            chosen[query] = shuffle(f"{salt}/near/{query}", fit)[:wanted]
        units = np.arange(len(asked))[None]
        return Deal(group=group, units=units, strata=np.zeros_like(chosen), chosen=chosen)


def count_others(
    pools: Pools, group: Group, room: Int[np.ndarray, " strata"], wanted: tuple[int, int, int]
) -> Int[np.ndarray, " strata"]:
    """Count a group's references of every stratum but one, which is counted as none.

    Args:
        pools: the queries and references of a split.
        group: those dealt with.
        room: references of each stratum that these queries can meet.
        wanted: the one stratum, and how many of it and of the others each query is to meet.

    Raises:
        DataError: the one, or the others together, have fewer than are wanted.
    """
    sizes, (stratum, *wants) = room.copy(), wanted
    own, others = int(sizes[stratum]), int(sizes.sum() - sizes[stratum])
    if own < wants[0] or others < wants[1]:
        where = f" in {group.name}" if group.name else ""
        raise DataError(
            f"{own} and {others}",
            where=f"queries of {pools.strata[stratum]!r}{where}",
            expected=f"{wants[0]} references of their class and {wants[1]} of others for each to "
            "meet",
            found=(own, others),
            hint="ask for fewer references, change same, or use more subjects",
        )
    sizes[stratum] = 0
    return sizes


def check_near(pools: Pools, group: Group, near: Int[np.ndarray, " q"], wanted: int) -> None:
    """Refuse queries with too few references near their value, naming the first five."""
    few = np.flatnonzero(near < wanted)
    if len(few):
        indices = group.queries[few[:5]]
        values = pools.queries.frame["value"].to_numpy()[indices]
        listed = ", ".join(
            f"{scan!r} (value {value:g}, {count} near)"
            for scan, value, count in zip(
                pools.queries.scans[indices], values, near[few[:5]], strict=True
            )
        )
        where = f" in {group.name}" if group.name else ""
        raise DataError(
            f"{len(few)} of {len(near)} queries{where} have fewer than {wanted} references "
            f"outside their family within the distance, for example {listed}",
            found=tuple(pools.queries.scans[group.queries[few]]),
            hint="use a larger distance, fewer references or more subjects",
        )


def describe_labels(truth: np.ndarray, told: np.ndarray, same: float) -> str:
    """Say how often rules are right that see only the labels of references.

    >>> said = describe_labels(np.array(["a", "b"]), np.array([["a"], ["b"]]), 1.0)
    >>> "is right in 100.0 % of tasks (50.0 % by chance)" in said
    True
    """
    codes, labels = pd.factorize(np.concatenate([truth, told.ravel()]))
    asked, shown = codes[: len(truth)], codes[len(truth) :].reshape(told.shape)
    votes = (shown[:, :, None] == shown[:, None, :]).sum(axis=2)
    said = shown[np.arange(len(shown)), votes.argmax(axis=1)]
    # Chance is what the same answers would score if truths were dealt out at random.
    shares = [np.bincount(each, minlength=len(labels)) / len(asked) for each in (said, asked)]
    right, chance = float(np.mean(said == asked)), float(shares[0] @ shares[1])
    others = max(len(labels) - 1, 1)
    return (
        f"with same = {same:g} a rule that repeats the reference is right in {right:.1%} of tasks "
        f"({chance:.1%} by chance), one that says another class in {(1 - right) / others:.1%} "
        f"({(1 - chance) / others:.1%})"
    ).replace("%", " %")


def describe_numbers(truth: np.ndarray, told: np.ndarray, distance: float) -> str:
    """Say how far rules are off that see only the values of references."""
    repeat = float(np.mean(np.abs(told.mean(axis=1) - truth)))
    middle = float(np.mean(np.abs(told.mean() - truth)))
    return (
        f"with distance = {distance:g} a rule that repeats the reference has a mean absolute error "
        f"of {repeat:.3g}, one that always answers the mean of the references {middle:.3g}"
    )


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `matched`."""
    yield Part("matched", MatchedOptions, Matched)
