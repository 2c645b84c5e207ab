"""Table 1: who is in which pool, and how alike the pools are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from brainplug.evaluation.small_cells import is_few
from brainplug.report.paths import without_paths
from brainplug.report.sharing import HIDDEN, show_count, show_counts
from brainplug.report.wording import show_number
from brainplug.runtime.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from brainplug.audit.records import PoolBalance, PoolCounts
    from brainplug.report.facts import Facts

MOST_CLASSES = 6
"""A column with more is told by the number of its values."""

POOL_NAMES = {"val": "validation"}


@attrs.frozen(kw_only=True)
class Line:
    """A row of the table.

    Attributes:
        name: what is told.
        cells: one a pool.
        apart: largest standardised difference of a pool, in words; empty where it has none.
        part: whether it is a class of the row above.
        far: whether that difference is large.
    """

    name: str
    cells: Sequence[str]
    apart: str = ""
    part: bool = False
    far: bool = False


@attrs.frozen(kw_only=True)
class Balance:
    """The table, with what the split says of itself."""

    pools: Sequence[str]
    lines: Sequence[Line]
    notes: Sequence[str]
    hides: bool


LARGE = 0.25
"""A standardised difference beyond which pools are called unlike (Stuart 2010)."""


def make(facts: Facts) -> Balance | None:
    """Set out pools in columns."""
    if facts.audit is None:
        return None
    split = facts.audit.split
    lines = list(count_lines(split.pools, individual=facts.individual))
    for column, pools in split.balance.items():
        if column != "target" and same_counts(pools, split.balance.get("target", {})):
            continue  # the target's own column, once more by its codes
        lines += balance_lines(column, pools, split.pools, individual=facts.individual)
    return Balance(
        pools=[name_pool(pool) for pool in split.pools],
        lines=lines,
        notes=read_notes(facts),
        hides=not facts.individual,
    )


def name_pool(pool: str) -> str:
    """Name a pool as a column.

    >>> name_pool("val_query"), name_pool("test")
    ('validation, query', 'test')
    """
    split, _, half = pool.partition("_")
    return ", ".join(part for part in (POOL_NAMES.get(split, split), half) if part)


def count_lines(pools: Mapping[str, PoolCounts], *, individual: bool) -> Iterator[Line]:
    """Tell people, scans and families apart."""
    for name, counts in (
        ("people", [pool.subjects for pool in pools.values()]),
        ("scans", [pool.scans for pool in pools.values()]),
        ("families", [pool.families for pool in pools.values()]),
    ):
        if any(counts):  # no family is known of finished task files
            yield Line(name=name, cells=[show_count(n, individual=individual) for n in counts])


def balance_lines(
    column: str,
    pools: Mapping[str, PoolBalance],
    people: Mapping[str, PoolCounts],
    *,
    individual: bool,
) -> Iterator[Line]:
    """Tell a column in each pool: mean and SD, or scans of each class."""
    known = [abs(d) for each in pools.values() if (d := each.standardised_difference) is not None]
    apart = show_number(max(known), 2) if known else ""
    far = bool(known) and max(known) > LARGE
    counted = [each.counts for each in pools.values() if each.counts is not None]
    labels = list(dict.fromkeys(label for counts in counted for label in counts))
    if not counted:
        cells = [
            mean_and_sd(each, people[pool].subjects, individual=individual)
            for pool, each in pools.items()
        ]
        yield Line(name=f"{column}, mean (SD)", cells=cells, apart=apart, far=far)
    elif len(labels) > MOST_CLASSES:
        cells = [str(len(counts)) for counts in counted]
        yield Line(name=f"{column}, values", cells=cells, apart=apart, far=far)
    else:
        yield Line(name=column, cells=["" for _ in pools], apart=apart, far=far)
        shown = [
            show_counts([counts.get(label, 0) for label in labels], individual=individual)
            for counts in counted
        ]
        for place, label in enumerate(labels):
            yield Line(name=label, cells=[row[place] for row in shown], part=True)


def same_counts(some: Mapping[str, PoolBalance], others: Mapping[str, PoolBalance]) -> bool:
    """Tell whether two columns part each pool alike, whatever their classes are called."""

    def sizes(pools: Mapping[str, PoolBalance]) -> list[list[int] | None]:
        return [
            None if each.counts is None else sorted(each.counts.values()) for each in pools.values()
        ]

    def numbers(pools: Mapping[str, PoolBalance]) -> list[tuple[int, float | None, float | None]]:
        return [(each.n, each.mean, each.sd) for each in pools.values()]

    return sizes(some) == sizes(others) and numbers(some) == numbers(others)


def mean_and_sd(cell: PoolBalance, people: int, *, individual: bool) -> str:
    """Write mean and SD with the same places; those of a few people would tell of each."""
    if cell.mean is None:
        return "n/a"
    if is_few(min(cell.n, people)) and not individual:
        return HIDDEN
    return f"{show_number(cell.mean)} ({show_number(cell.sd)})"


def read_notes(facts: Facts) -> list[str]:
    """Return what the split says of itself; finished task files have no split."""
    path = facts.sources.files.split_notes
    notes = read_json(path)["notes"] if path.exists() and facts.sources.recipe.tasks is None else []
    return [without_paths(str(note), individual=facts.individual) for note in notes]
