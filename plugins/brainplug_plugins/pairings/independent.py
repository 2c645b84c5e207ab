"""Pairing: references drawn without regard to the query's value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np
from attrs.validators import ge, optional

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, Speaks, about
from brainplug.errors import DataError, show
from brainplug.toolkit.balanced_draws import (
    Deal,
    deal_strata,
    fill_slots,
    pairs_by_block,
    pairs_by_query,
    settle,
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
from brainplug.toolkit.shared_draws import count_room, seat_apart, settle_shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from brainplug.api.roles import Pairing
    from brainplug.toolkit.pairing_groups import Group, Pools

USUAL = 3
"""References of a query where the recipe names neither their number nor a block."""


@attrs.frozen(kw_only=True)
class IndependentOptions:
    """Options of `independent`."""

    references_per_query: int | None = attrs.field(
        default=None,
        validator=optional(ge(1)),
        metadata=about(
            "references each query is compared with; without it as many as block, else 3"
        ),
    )
    references_per_task: int = per_task_option()
    block: int | None = attrs.field(
        default=None,
        validator=optional(ge(2)),
        metadata=about(
            "queries and references put together at random; every query of a block meets every "
            "reference of it, so k x k dialogues show 2 k scans"
        ),
    )
    within: tuple[str, ...] = within_option()
    bands: Mapping[str, float] = bands_option()

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that do not divide, and limits that contradict each other."""
        check_limits(self.within, self.bands)
        if self.wanted % self.references_per_task:
            raise ValueError(
                "references_per_query must be a multiple of references_per_task: "
                f"{self.wanted}, {self.references_per_task}"
            )
        if self.block is not None and self.wanted % self.block:
            raise ValueError(
                f"references_per_query must be a multiple of block: {self.wanted}, {self.block}"
            )
        if self.block is not None and self.references_per_task > 1:
            raise ValueError(
                "with block a dialogue shows one reference; take out references_per_task: "
                f"{self.references_per_task}"
            )

    @property
    def wanted(self) -> int:
        """References that each query meets."""
        return self.references_per_query or self.block or USUAL


class Independent:
    """Draws references without regard to the query's value, equally from each class or bin.

    The values of queries are not looked at, so what a reference is cannot tell what they are. A
    query's references are split equally among the strata of the references, and an order of its
    own settles which strata get what is left over; over all queries that is equal too. A stratum
    with fewer references than its share gives all it has, and the others fill up. Within a
    stratum references are used equally often. Relatives never meet: queries change places, and only
    where none can is a reference replaced. In a shared pool, where everybody would meet themselves
    now and then, queries exchange references of one stratum instead, nearest in value, so that
    what a query meets tells nothing of it all the same.

    With `block`, queries in random order are cut into blocks of k, the last of which may be
    smaller, and the draws above are made for a block as for a query. `references_per_query` of
    several k makes as many rounds of blocks; in a pool that is small for that a query may meet a
    reference in two of them.
    """

    abilities = (Speaks,)

    def __init__(self, options: IndependentOptions) -> None:
        self.options = options

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return one row a task, query after query, or block after block.

        Raises:
            DataError: too few references are there, or those of a query's own relatives only.
        """
        pools = read_pools(queries, references)
        check_strata(pools)
        groups = self._groups(pools)
        check_sizes(groups, self.options.wanted)
        # A salt for each group, so that no group's draw hangs on which others there are.
        deals = [self._deal(pools, group, f"{seed}/pairs/{group.name}") for group in groups]
        if self.options.block is not None:
            return pairs_by_block(pools, deals)
        return pairs_by_query(pools, deals, self.options.references_per_task)

    def notes(
        self,
        pairs: pd.DataFrame,  # noqa: ARG002  # the role's
        queries: pd.DataFrame,
        references: pd.DataFrame,
    ) -> tuple[str, ...]:
        """Say where classes or bins had too few references for their share."""
        pools = read_pools(queries, references)
        share = -(-self._slots // len(pools.strata))
        thin = [
            f"{group.name + ': ' if group.name else ''}{size} of {stratum!r}"
            for group in self._groups(pools)
            for stratum, size in zip(pools.strata, count_strata(pools, group), strict=True)
            if size < share
        ]
        if not thin:
            return ()
        listed = "; ".join(thin[:5]) + (f"; and {len(thin) - 5} more" * (len(thin) > 5))
        note = (
            f"some classes or bins have fewer references than the {share} that may be their share "
            f"for a query, so others take their place: {listed}"
        )
        return (note,)

    @property
    def _slots(self) -> int:
        """References that a query meets in one round."""
        return self.options.block or self.options.wanted

    def _groups(self, pools: Pools) -> list[Group]:
        return make_groups(pools, self.options.within, self.options.bands)

    def _deal(self, pools: Pools, group: Group, salt: str) -> Deal:
        shape = (self.options.block or 1, self.options.wanted // self._slots, self._slots)
        # Seats come first: what all units of a shared pool can meet depends on who sits together.
        units, room = seat_apart(pools, group, shape, salt)
        strata = deal_strata(room, int(units.max()) + 1, self._slots, f"{salt}/strata")
        chosen = fill_slots(pools, group, strata, f"{salt}/references")
        deal = Deal(group=group, units=units, strata=strata, chosen=chosen)
        if pools.shared:
            settle_shared(pools, deal, salt)
        else:
            settle(pools, deal)
        return deal


def count_strata(pools: Pools, group: Group) -> np.ndarray:
    """Count the references of each stratum that every query of a group can meet."""
    return count_room(pools, group, list(np.arange(len(group.queries))[:, None]))


def check_strata(pools: Pools) -> None:
    """Refuse a reference pool that lacks a stratum of the queries, with the counts of both."""
    wanted, there = (
        np.bincount(pool.stratum, minlength=len(pools.strata)).tolist()
        for pool in (pools.queries, pools.references)
    )
    if pools.shared:
        check_company(pools, there)
    lacking = [name for name, count in zip(pools.strata, there, strict=True) if not count]
    if lacking:
        counts = ", ".join(
            f"{name!r} {asked} queries and {count} references"
            for name, asked, count in zip(pools.strata, wanted, there, strict=True)
        )
        raise DataError(
            f"no reference is in {show(lacking)} ({counts})",
            found=tuple(lacking),
            hint='use more subjects, fewer classes or bins, or use = "anchors", whose references '
            "are training scans",
        )


def check_company(pools: Pools, there: Sequence[int]) -> None:
    """Refuse a shared pool of which a stratum is one family, whom it could not be shown.

    Raises:
        DataError: names the strata and their numbers of scans.
    """
    pool = pools.references
    # Who has no family is one alone, by a number above those of all families.
    kin = np.where(pool.family >= 0, pool.family, len(pool.scans) + pool.subject)
    alone = [
        f"{name!r} {count}"
        for stratum, (name, count) in enumerate(zip(pools.strata, there, strict=True))
        if len(np.unique(kin[pool.stratum == stratum])) < 2
    ]
    if alone:
        raise DataError(
            f"in a shared pool everybody meets others, but all scans of {', '.join(alone)} are "
            "of one person or family, who would never see their own class or bin and so could "
            "tell it",
            found=tuple(alone),
            hint='use more subjects, fewer classes or bins, the split "stratified", or '
            'use = "anchors", whose references are training scans',
        )


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `independent`."""
    yield Part("independent", IndependentOptions, Independent)
