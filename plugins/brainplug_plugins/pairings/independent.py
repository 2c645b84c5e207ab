"""Pairing: references drawn without regard to the query's value."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd
from attrs.validators import ge

from brainplug.errors import DataError
from brainplug.hooks import hookimpl
from brainplug.parts import Part, about
from brainplug.split import uniform

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from brainplug.parts import Pairing


@attrs.frozen(kw_only=True)
class IndependentOptions:
    """Options of `independent`."""

    references_per_query: int = attrs.field(
        default=3,
        validator=ge(1),
        metadata=about("references each query is compared with, each in a task of its own"),
    )


class Independent:
    """Draws references without regard to the query's value, equally from each class or bin."""

    def __init__(self, options: IndependentOptions) -> None:
        self.options = options

    def pair(self, queries: pd.DataFrame, references: pd.DataFrame, *, seed: int) -> pd.DataFrame:
        """Return one row a task, each with one reference.

        A query's references go round the strata in an order of its own, so that every stratum has
        its equal share and chance decides which ones get what is left over. Within a stratum the
        reference used least so far is taken, in an order that has nothing to do with values.
        """
        check_strata(queries, references)
        queues = make_queues(references, seed)
        keys = queries["subject"].astype("str") + "\n" + queries.index.astype("str")
        turns = uniform(f"{seed}/queue", keys)
        rows: list[tuple[Hashable, tuple[Hashable]]] = []
        for place in np.argsort(turns, kind="stable"):
            order = shuffle(f"{seed}/strata/{keys.iloc[place]}", sorted(queues))
            drawn: list[Member] = []
            for number in range(self.options.references_per_query):
                queue = queues[order[number % len(order)]]
                drawn.append(draw(queue, Member.of(queries.iloc[place]), drawn))
            rows += [(queries.index[place], (reference.scan,)) for reference in drawn]
        return pd.DataFrame(rows, columns=["query", "references"])


@attrs.frozen
class Member:
    """What must be known of a scan to pair it."""

    scan: Hashable
    subject: str
    family: str | None

    @classmethod
    def of(cls, row: pd.Series[Any]) -> Member:
        """Read a row of a pool."""
        family = row.get("family")
        return cls(row.name, row["subject"], None if pd.isna(family) else str(family))

    def is_kin(self, other: Member) -> bool:
        """Say whether both are one person or of one family."""
        same_family = self.family is not None and self.family == other.family
        return self.subject == other.subject or same_family


def make_queues(references: pd.DataFrame, seed: int) -> dict[str, list[Member]]:
    """Return the references of each stratum, in an order settled by the seed and their ids."""
    members = {str(row.name): Member.of(row) for _, row in references.iterrows()}
    strata = dict(zip(map(str, references.index), references["stratum"], strict=True))
    queues: dict[str, list[Member]] = {str(stratum): [] for stratum in strata.values()}
    for scan in shuffle(f"{seed}/references", sorted(members)):
        queues[str(strata[scan])].append(members[scan])
    return queues


def shuffle(salt: str, names: list[str]) -> list[str]:
    """Return names in an order settled by the salt."""
    return [names[place] for place in np.argsort(uniform(salt, names), kind="stable")]


def draw(queue: list[Member], query: Member, drawn: list[Member]) -> Member:
    """Take the first fit reference of a queue and put it at the end.

    A reference that the query has already is fit only where no other is left.

    Raises:
        DataError: every reference of the queue is the query's own kin.
    """
    fit = [place for place, reference in enumerate(queue) if not reference.is_kin(query)]
    if not fit:
        raise DataError(
            f"query {query.scan!r} has no reference outside its own family: {len(queue)} in the "
            'stratum; use the split "family", more subjects or fewer classes'
        )
    place = next((place for place in fit if queue[place] not in drawn), fit[0])
    queue.append(queue.pop(place))
    return queue[-1]


def check_strata(queries: pd.DataFrame, references: pd.DataFrame) -> None:
    """Refuse a reference pool that lacks a stratum of the queries, with the counts of both."""
    wanted = Counter(map(str, queries["stratum"]))
    there = Counter(map(str, references["stratum"]))
    lacking = sorted(wanted.keys() - there.keys())
    if lacking:
        counts = ", ".join(
            f"{name!r} {wanted.get(name, 0)} queries and {there.get(name, 0)} references"
            for name in sorted(wanted.keys() | there.keys())
        )
        raise DataError(
            f"no reference is in {', '.join(map(repr, lacking))} ({counts}); use more subjects, "
            "fewer classes or bins, or another seed"
        )


@hookimpl
def brainplug_pairings() -> Iterable[Part[Pairing]]:
    """Offer `independent`."""
    yield Part("independent", IndependentOptions, Independent)
