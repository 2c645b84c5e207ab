"""Pairing: every query meets the same few training scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np
import pandas as pd
from attrs.validators import ge

from brainplug.api.hooks import hookimpl
from brainplug.api.roles import Part, UsesTraining, about
from brainplug.errors import DataError, show
from brainplug.toolkit.balanced_draws import deal_strata, make_frame, numbers, shuffle
from brainplug.toolkit.pairing_groups import per_task_option, read_pools
from brainplug.toolkit.shared_draws import distance_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Int

    from brainplug.api.roles import Pairing
    from brainplug.toolkit.pairing_groups import Pool, Pools


@attrs.frozen(kw_only=True)
class AnchorsOptions:
    """Options of `anchors`."""

    anchors: int = attrs.field(
        default=10, validator=ge(1), metadata=about("training references that every query meets")
    )
    references_per_task: int = per_task_option()

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that do not divide."""
        if self.anchors % self.references_per_task:
            raise ValueError(
                "anchors must be a multiple of references_per_task: "
                f"{self.anchors}, {self.references_per_task}"
            )


class Anchors:
    """Compares every query with the same training references, equally many of each class or bin.

    They are chosen once, by the seed and the training references alone, and are the same for
    training, validation and test. A person is an anchor once, and of a family there is one where
    enough others are. A query that is a relative of an anchor meets the others only. What the
    references say is the same for every query, so it tells nothing of any.

    In a shared pool the anchors are asked in training like all others. Such a query meets the other
    anchors and, in its own place and that of relatives, another person of the same class or bin,
    nearest in value: were it left out, a query that sees fewer of a class would be of that class.
    """

    abilities = (UsesTraining,)

    references_from: Literal["train"] = "train"

    def __init__(self, options: AnchorsOptions) -> None:
        self.options = options

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return one row a task, query after query, the anchors in the same order for each.

        Raises:
            DataError: the references cannot give that many anchors, or a query is a
                relative of nearly all of them.
        """
        pools = read_pools(queries, references)
        anchors = choose_anchors(pools.references, self.options.anchors, f"{seed}/anchors")
        asked = np.arange(len(pools.queries.scans))
        met = np.tile(anchors, (len(asked), 1))
        if pools.shared:
            stand_in(pools, met, f"{seed}/anchors")
        fit = ~pools.relatives(asked[:, None], met)
        tasks = fit.sum(axis=1) // self.options.references_per_task
        self._check_fit(pools, tasks)
        # A query that has lost an anchor leaves out the last of those that fill no task.
        kept = fit & (fit.cumsum(axis=1) <= tasks[:, None] * self.options.references_per_task)
        return make_frame(
            pools, np.repeat(asked, tasks), met[kept].reshape(-1, self.options.references_per_task)
        )

    def _check_fit(self, pools: Pools, tasks: Int[np.ndarray, " q"]) -> None:
        without = pools.queries.scans[tasks == 0]
        if len(without):
            raise DataError(
                f"{len(without)} queries are of the family of nearly all {self.options.anchors} "
                f"anchors, for example {show(without[:5])}",
                found=tuple(without),
                hint='use more anchors or the split "family"',
            )


def choose_anchors(pool: Pool, num: int, salt: str) -> Int[np.ndarray, " num"]:
    """Choose references, equally many of each stratum, that go round the strata.

    Chance settles which strata get what is left over. A stratum with fewer people than its share
    gives all it has.

    Raises:
        DataError: there are more strata than anchors, or fewer people than anchors.
    """
    people = pd.DataFrame({"stratum": pool.stratum, "subject": pool.subject}).drop_duplicates()
    if num < people["stratum"].nunique() or num > people["subject"].nunique():
        raise misfit(pool, people, num)
    sizes = np.bincount(people["stratum"])
    queue = shuffle(salt, np.arange(len(pool.scans)))
    chosen: list[int] = []
    for stratum in deal_strata(sizes, 1, num, f"{salt}/strata")[0].tolist():
        taken = np.isin(pool.subject[queue], pool.subject[chosen])
        families = pool.family[chosen]
        related = np.isin(pool.family[queue], families[families >= 0])
        # The first of the lowest: one of the stratum above all, then one of a new family.
        order = 4 * taken + 2 * (pool.stratum[queue] != stratum) + related
        chosen.append(int(queue[order.argmin()]))
    return np.array(chosen)


def stand_in(pools: Pools, met: Int[np.ndarray, "q anchor"], salt: str) -> None:
    """Put others in the place of anchors that are relatives of a query, as far as there are any.

    Args:
        pools: a shared pool.
        met: anchors of each query, changed in place.
        salt: settles which of equally near people comes.
    """
    every, anchors = np.arange(len(pools.references.scans)), met[0].copy()
    # Another scan of an anchor's person would be somebody that the query has met, or its relative.
    known = np.isin(pools.references.subject, pools.references.subject[anchors])
    drawn = numbers(f"{salt}/in place", len(every))
    for query, slot in np.argwhere(pools.relatives(every[:, None], anchors)).tolist():
        alike = pools.references.stratum == pools.references.stratum[anchors[slot]]
        fit = alike & ~known & ~np.isin(every, met[query])
        fit &= ~np.asarray(pools.relatives(np.full(len(every), query), every))
        near = distance_from(pools, anchors[slot])
        others = np.flatnonzero(fit)
        if len(others):
            met[query, slot] = others[np.lexsort((drawn[others], near[others]))[0]]


def misfit(pool: Pool, people: pd.DataFrame, num: int) -> DataError:
    """Make the error that says why the training references cannot give so many anchors."""
    names = dict(zip(pool.stratum.tolist(), pool.frame["stratum"].astype("str"), strict=True))
    counts = people["stratum"].map(names).value_counts().sort_index()
    listed = ", ".join(f"{name!r} {count}" for name, count in counts.items())
    return DataError(
        where="pairing.anchors",
        expected=f"from {len(counts)}, one for each class or bin of the training references, to "
        f"{people['subject'].nunique()}, one for each person in them ({listed})",
        found=num,
        hint="change anchors, or use fewer classes or bins",
    )


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `anchors`."""
    yield Part("anchors", AnchorsOptions, Anchors)
