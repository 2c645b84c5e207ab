"""Fair draws for pairings: orders that favour no stratum, and references dealt in turn."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from brainplug.errors import DataError
from brainplug.toolkit.pairing_groups import list_groups, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Int, UInt64

    from brainplug.toolkit.pairing_groups import Group, Pools

MOST_TRIES = 500
"""Queries asked to change places with one that would meet relatives, before its reference goes."""


@attrs.frozen(kw_only=True, eq=False)
class Deal:
    """Which references the queries of a group meet; a unit is a query, or a block of them.

    Attributes:
        group: the queries and references dealt with.
        units: unit of each query in each round; `settle` lets queries change places.
        strata: stratum that each slot of a unit is meant for.
        chosen: reference in each slot of a unit, by place.
    """

    group: Group
    units: Int[np.ndarray, "round q"]
    strata: Int[np.ndarray, "unit slot"]
    chosen: Int[np.ndarray, "unit slot"]


def numbers(salt: str, num: int) -> UInt64[np.ndarray, " num"]:
    """Return random 64-bit numbers that the salt settles, for ever and on every machine.

    Only the raw stream of NumPy's generator is used, which NumPy promises to keep; the methods of
    `numpy.random.Generator` may change between versions.

    >>> bool((numbers("a", 3) == numbers("a", 5)[:3]).all())
    True
    """
    # A key is used as it is; a seed would go through NumPy's SeedSequence, which could change.
    key = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:16])
    return np.random.Philox(key=key).random_raw(num)


def shuffle(salt: str, places: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return places in an order settled by the salt."""
    # Not `Generator.permutation`, whose result may change between versions of NumPy (NEP 19).
    return places[np.argsort(numbers(salt, len(places)), kind="stable")]


def balanced_orders(
    members: Int[np.ndarray, " m"], num: int, salt: str
) -> Int[np.ndarray, "num m"]:
    """Return `num` orders of the members, each member equally often at each position.

    Chance settles one order for every `m` rows; the rows turn it round by one position each.
    """
    # Turned round, not drawn anew: the first positions get the slots that are left over
    # (`deal_strata`), and independent orders would give some members more of them by chance.
    size = len(members)
    starts, turns = np.divmod(np.arange(num), size)
    drawn = numbers(salt, (num // size + 1) * size).reshape(-1, size)
    orders = np.argsort(drawn, axis=1, kind="stable")[starts]
    positions = (turns[:, None] + np.arange(size)) % size
    return members[np.take_along_axis(orders, positions, axis=1)]


def seat_queries(num: int, width: int, rounds: int, salt: str) -> Int[np.ndarray, "round q"]:
    """Return the unit of each query in each round: random units of `width`, the last may be less.

    Units are counted on from round to round.
    """
    units = -(-num // width)
    # The inverse of a shuffle: for each query its seat, not for each seat its query. Units are
    # numbered on, as the slots of all rounds are dealt at once.
    seats = [
        np.argsort(shuffle(f"{salt}/queries/{turn}", np.arange(num))) for turn in range(rounds)
    ]
    return np.stack([seat // width + turn * units for turn, seat in enumerate(seats)])


def deal_strata(
    sizes: Int[np.ndarray, " strata"], num: int, slots: int, salt: str
) -> Int[np.ndarray, "num slots"]:
    """Return the stratum of each slot of `num` units: an equal share of every stratum.

    Slots go round the strata in an order of the unit's own, so chance alone settles which strata
    get what is left over. A stratum with fewer references than its share gives what it has; the
    others go on in turn.

    Args:
        sizes: references of each stratum; together at least `slots`.
        num: units.
        slots: references that each unit meets.
        salt: settles the orders.
    """
    dealt = np.empty((num, 0), dtype=np.intp)
    alive, turn = np.empty(0, dtype=np.intp), 0
    # The callers see to it that the strata hold as many as that, else this would not end.
    while dealt.shape[1] < slots:
        # A new order only when a stratum is used up: a whole turn gives each one slot in any order.
        if turn == 0 or (sizes[alive] <= turn).any():
            alive = np.flatnonzero(sizes > turn)
            orders = balanced_orders(alive, num, f"{salt}/{turn}")
        dealt = np.hstack([dealt, orders])
        turn += 1
    # The last turn is cut short. Each stratum comes first equally often in it, so over all units
    # the slots that are left over are shared equally.
    return dealt[:, :slots]


def fill_slots(
    pools: Pools, group: Group, strata: Int[np.ndarray, "unit slot"], salt: str
) -> Int[np.ndarray, "unit slot"]:
    """Return the reference of each slot: each stratum's go round in one order, none left behind.

    So uses of a stratum's references differ by one at most, and a unit that has no more slots of
    a stratum than it has references meets none twice.
    """
    queue = shuffle(salt, group.references)
    chosen = np.empty(strata.size, dtype=np.intp)
    slots = places_of(strata.ravel(), len(pools.strata))
    queues = places_of(pools.references.stratum[queue], len(pools.strata))
    for indices, members in zip(slots, queues, strict=True):
        # A stratum that was dealt no slot may have no reference to go round. Slots lie unit after
        # unit, so those of one unit are neighbours in the round and get different references.
        if len(indices):
            chosen[indices] = queue[members[np.arange(len(indices)) % len(members)]]
    return chosen.reshape(strata.shape)


def settle(pools: Pools, deal: Deal, alike: Int[np.ndarray, " q"] | None = None) -> None:
    """Change a deal until no query meets relatives, nor, if it can be, a reference a second time.

    Queries change places with each other, which leaves the use of references as it was. Only
    where none can, a reference is replaced.

    Args:
        pools: the queries and references of the split.
        deal: changed in place.
        alike: a number for each query of the group; only equal ones change places.

    Raises:
        DataError: a query has no reference outside its own family.
    """
    alike = np.zeros(len(deal.group.queries), dtype=np.intp) if alike is None else alike
    peers = places_of(alike, int(alike.max(initial=0)) + 1)
    # Found once, for speed; an exchange may settle a later clash, so each is looked at again.
    for turn, query in np.argwhere(find_clashes(pools, deal)).tolist():
        if not accepts(pools, deal, (turn, query), deal.units[turn, query]) and not change_places(
            pools, deal, (turn, query), peers[alike[query]]
        ):
            replace_relatives(pools, deal, (turn, query))


def find_clashes(pools: Pools, deal: Deal) -> Bool[np.ndarray, "round q"]:
    """Say in which rounds a query meets its relatives, or a reference that it met before."""
    met = deal.chosen[deal.units]
    queries = deal.group.queries[None, :, None]
    clash = np.asarray(pools.relatives(queries, met).any(axis=2))
    # Within a round a unit holds no reference twice (`fill_slots`), so only rounds can repeat.
    if len(deal.units) > 1:
        pairs = queries * len(pools.references.scans) + met
        again = np.ones(pairs.size, dtype=bool)
        # A pair is one number, whose first occurrence `np.unique` gives: all others are repeats.
        again[np.unique(pairs, return_index=True)[1]] = False
        clash |= again.reshape(pairs.shape).any(axis=2)
    return clash


def accepts(pools: Pools, deal: Deal, seat: tuple[int, int], unit: int) -> bool:
    """Say whether a query (`seat` is round and query) may meet all references of a unit."""
    turn, query = seat
    references = deal.chosen[unit]
    if pools.relatives(deal.group.queries[query], references).any():
        return False
    others = np.delete(deal.units[:, query], turn)
    return not len(others) or not np.isin(references, deal.chosen[others]).any()


def change_places(
    pools: Pools, deal: Deal, seat: tuple[int, int], peers: Int[np.ndarray, " p"]
) -> bool:
    """Let a query take the unit of the next peer where both suit; say whether one was found."""
    turn, query = seat
    # From the query's own place on: were all to begin with the first peer, the same few would be
    # moved again and again, and in a large pool most would never be tried.
    after = np.searchsorted(peers, query) + 1 + np.arange(min(len(peers) - 1, MOST_TRIES))
    units = deal.units[turn]
    for other in peers[after % len(peers)].tolist():
        if accepts(pools, deal, seat, units[other]) and accepts(
            pools, deal, (turn, other), units[query]
        ):
            units[query], units[other] = units[other], units[query]
            return True
    return False


def replace_relatives(pools: Pools, deal: Deal, seat: tuple[int, int]) -> None:
    """Give a unit other references for those that are a query's relatives, for want of an exchange.

    The least used of the same stratum is taken, else of any.
    """
    turn, query = seat
    unit = deal.units[turn, query]
    there, chosen = deal.group.references, deal.chosen[unit]
    # The whole block meets the new reference, so it must be a relative of none of them.
    members = deal.group.queries[deal.units[turn] == unit]
    relatives = pools.relatives(members[:, None], there).any(axis=0)
    for slot in np.flatnonzero(pools.relatives(deal.group.queries[query], chosen)):
        fit = there[~relatives & ~np.isin(there, chosen)]
        if not len(fit):
            scan = pools.queries.scans[deal.group.queries[query]]
            raise DataError(
                f"too few outside its family (of {list_groups([deal.group])}, "
                f"{int(relatives.sum())} references are relatives of it or of its block)",
                where=f"query {scan!r}",
                expected="references",
                found=int(relatives.sum()),
                hint='use the split "family", fewer references or more subjects',
            )
        # Counted for each slot, since the one before has just used a reference.
        uses = np.bincount(deal.chosen.ravel(), minlength=len(pools.references.scans))
        other = pools.references.stratum[fit] != deal.strata[unit, slot]
        # lexsort takes its last key first: a reference of the same stratum, then the least used.
        chosen[slot] = fit[np.lexsort((uses[fit], other))[0]]


def pairs_by_query(pools: Pools, deals: Sequence[Deal], per_task: int) -> pd.DataFrame:
    """Return the pairs of deals without blocks, query after query, so many references a task."""
    # Without blocks there is one round, and each query is a unit.
    queries = np.concatenate([deal.group.queries for deal in deals])
    chosen = np.concatenate([deal.chosen[deal.units[0]] for deal in deals])
    order = np.argsort(queries, kind="stable")
    tasks = chosen.shape[1] // per_task
    return make_frame(pools, np.repeat(queries[order], tasks), chosen[order].reshape(-1, per_task))


def pairs_by_block(pools: Pools, deals: Sequence[Deal]) -> pd.DataFrame:
    """Return the pairs of deals with blocks: block after block, reference after reference."""
    queries, references = [], []
    for deal in deals:
        chosen = deal.chosen[deal.units]
        slots = np.broadcast_to(np.arange(chosen.shape[2]), chosen.shape).ravel()
        units = np.broadcast_to(deal.units[..., None], chosen.shape).ravel()
        asked = np.broadcast_to(deal.group.queries[None, :, None], chosen.shape).ravel()
        # lexsort takes its last key first.
        order = np.lexsort((asked, slots, units))
        queries.append(asked[order])
        references.append(chosen.ravel()[order])
    return make_frame(pools, np.concatenate(queries), np.concatenate(references)[:, None])


def make_frame(
    pools: Pools, queries: Int[np.ndarray, " n"], references: Int[np.ndarray, "n m"]
) -> pd.DataFrame:
    """Return pairs by scan from pairs by place."""
    told = [tuple(scans) for scans in pools.references.scans[references].tolist()]
    return pd.DataFrame(
        {
            "query": pools.queries.scans[queries],
            "references": pd.Series(told, dtype=object),
        }
    )
