"""Draws of a pool whose people are asked and shown alike: nobody meets themselves or relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.balanced_draws import numbers, seat_queries
from brainplug.toolkit.pairing_groups import list_groups, places_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Bool, Float, Int

    from brainplug.toolkit.balanced_draws import Deal
    from brainplug.toolkit.pairing_groups import Group, Pools

MOST_SEATINGS = 100
"""Seatings of a shared pool in blocks that are tried for one that leaves enough to be met."""


def members_of(units: Int[np.ndarray, "round q"]) -> list[Int[np.ndarray, " m"]]:
    """Return the queries of each unit, by their places in the group."""
    flat = np.broadcast_to(np.arange(units.shape[1]), units.shape).ravel()
    return [flat[places] for places in places_of(units.ravel(), int(units.max()) + 1)]


def count_room(
    pools: Pools, group: Group, units: Iterable[Int[np.ndarray, " m"]]
) -> Int[np.ndarray, " strata"]:
    """Count the references of each stratum that every unit can meet.

    In a shared pool those are the fewest that any unit has outside the families of its queries. If
    no unit is given more, all are given alike, and what a query meets does not tell what it is.

    Args:
        pools: the queries and references of a split.
        group: those dealt with.
        units: the queries of each unit, by their places in the group.
    """
    strata = pools.references.stratum[group.references]
    sizes = np.bincount(strata, minlength=len(pools.strata))
    room = sizes.copy()
    if pools.shared:
        for members in units:
            queries = group.queries[members]
            related = pools.relatives(queries[:, None], group.references).any(axis=0)
            lost = np.bincount(strata[related], minlength=len(sizes))
            room = np.minimum(room, sizes - lost)
    return room


def seat_apart(
    pools: Pools, group: Group, shape: tuple[int, int, int], salt: str
) -> tuple[Int[np.ndarray, "round q"], Int[np.ndarray, " strata"]]:
    """Return the unit of each query in each round, and the references that all of them can meet.

    In a shared pool, units of several queries are seated anew as long as one of them holds so many
    people of a small stratum that too few are left for it to meet.

    Args:
        pools: the queries and references of a split.
        group: those dealt with.
        shape: queries of a unit, rounds, and references of a unit in a round.
        salt: settles the seats.

    Raises:
        DataError: fewer references than a unit is to meet are left.
    """
    width, rounds, slots = shape
    share = -(-slots // len(pools.strata))
    best: tuple[int, Int[np.ndarray, "round q"], Int[np.ndarray, " strata"]] | None = None
    # Units of one query have the same references left wherever they sit: one trial tells all.
    for trial in range(MOST_SEATINGS if pools.shared and width > 1 else 1):
        again = f"/again/{trial}" * bool(trial)
        units = seat_queries(len(group.queries), width, rounds, salt + again)
        room = count_room(pools, group, members_of(units))
        # Each stratum is to give its share; what it has beyond that makes no seating better.
        found = int(np.minimum(room, share).sum())
        if best is None or found > best[0]:
            best = found, units, room
        if found == share * len(pools.strata):
            break
    assert best is not None
    _, units, room = best
    if room.sum() < slots:
        raise DataError(
            f"only {int(room.sum())} for some that all can meet (of {list_groups([group])})",
            expected=f"{slots} references outside its family for each "
            f"query{f' of a block of {width}' if width > 1 else ''}",
            found=int(room.sum()),
            hint="ask for fewer references, a smaller block, or use more subjects",
        )
    return units, room


def settle_shared(pools: Pools, deal: Deal, salt: str) -> None:
    """Change a deal of a shared pool until no query meets itself or a relative.

    Units exchange references of one stratum, so the strata that a unit meets stay as they were
    dealt, and tell nothing of its queries. The reference nearest in value to the one that goes
    comes: were it any of the others, people of high values would meet lower ones than people of
    low values do, since they do not meet themselves.

    Args:
        pools: the queries and references of the split, of which every stratum has room for the
            slots that it was dealt.
        deal: changed in place.
        salt: settles which of equally near references comes.
    """
    # Relatives first: a reference that is met twice may stay, a relative must go.
    for find, must in ((meets_relatives, True), (meets_again, False)):
        turns, queries, slots = np.nonzero(find(pools, deal))
        # Several queries of a unit may clash in one slot, which is exchanged once for all of them.
        places = np.unique(np.stack([deal.units[turns, queries], slots]), axis=1)
        for unit, slot in places.T.tolist():
            exchange(pools, deal, (unit, slot), must=must, salt=salt)


def meets_relatives(pools: Pools, deal: Deal) -> Bool[np.ndarray, "round q slot"]:
    """Say where a query meets itself or a relative."""
    return pools.relatives(deal.group.queries[None, :, None], deal.chosen[deal.units])


def meets_again(_pools: Pools, deal: Deal) -> Bool[np.ndarray, "round q slot"]:
    """Say where a query meets a reference that it met in an earlier round."""
    met = deal.chosen[deal.units]
    again = np.zeros(met.shape, dtype=bool)
    for turn in range(1, len(deal.units)):
        before = met[:turn].transpose(1, 0, 2).reshape(met.shape[1], -1)
        again[turn] = (met[turn][:, :, None] == before[:, None, :]).any(axis=2)
    return again


def exchange(pools: Pools, deal: Deal, place: tuple[int, int], *, must: bool, salt: str) -> None:
    """Give a slot of a unit another reference of its stratum, by exchange if one is possible.

    Args:
        pools: the queries and references of the split.
        deal: changed in place.
        place: the unit and its slot.
        must: whether the reference is a relative of the unit's queries, rather than one that they
            have met before, who may stay.
        salt: settles which of equally near references comes.
    """
    unit, slot = place
    gone = deal.chosen[unit, slot]
    related = pools.relatives(deal.group.queries, np.full(len(deal.group.queries), gone))
    members = np.nonzero(deal.units == unit)[1]
    if must and not related[members].any():  # an earlier exchange has settled it
        return
    fits = fit_references(pools, deal, (unit, members), again=must)
    barred = related if must else related | (deal.chosen[deal.units] == gone).any(axis=(0, 2))
    # The reference that goes must not come to a unit that has it, nor to its own relatives.
    closed = (deal.chosen == gone).any(axis=1)
    closed[deal.units[:, barred]] = True
    alike = deal.strata == deal.strata[unit, slot]
    others, slots = np.nonzero(alike & ~closed[:, None] & fits[deal.chosen])
    near = distance_from(pools, gone)
    drawn = numbers(f"{salt}/exchange/{unit}/{slot}", len(near))
    if len(others):
        come = deal.chosen[others, slots]
        # Equally near ones by lot: by id, what a query meets would hang on how people are named.
        first = np.lexsort((drawn[come], near[come]))[0]
        deal.chosen[unit, slot], deal.chosen[others[first], slots[first]] = come[first], gone
    # Without an exchange the even use of references gives way, not the rule on relatives.
    elif must:
        there = deal.group.references
        free = there[fits[there] & (pools.references.stratum[there] == deal.strata[unit, slot])]
        uses = np.bincount(deal.chosen.ravel(), minlength=len(near))
        deal.chosen[unit, slot] = free[np.lexsort((drawn[free], near[free], uses[free]))[0]]


def fit_references(
    pools: Pools, deal: Deal, unit: tuple[int, Int[np.ndarray, " m"]], *, again: bool
) -> Bool[np.ndarray, " reference"]:
    """Say which references a unit may get: no relatives, and none that it has.

    Args:
        pools: the queries and references of the split.
        deal: as it stands.
        unit: its number, and its queries by their places in the group.
        again: whether its queries may meet a reference of another round a second time.
    """
    number, members = unit
    every = np.arange(len(pools.references.scans))
    queries = deal.group.queries[members]
    fits: Bool[np.ndarray, " reference"] = np.ones(len(every), dtype=bool)
    fits[pools.relatives(queries[:, None], every).any(axis=0)] = False
    fits[deal.chosen[number] if again else deal.chosen[deal.units[:, members]].ravel()] = False
    return fits


def distance_from(pools: Pools, reference: int) -> Float[np.ndarray, " reference"]:
    """Return how far the value of each reference is from that of one; 0 for classes."""
    values = pools.references.frame["value"]
    if not pd.api.types.is_numeric_dtype(values):
        return np.zeros(len(values))
    numbers_ = values.to_numpy(dtype=float)
    far: Float[np.ndarray, " reference"] = np.abs(numbers_ - numbers_[reference])
    return far
