"""Nobody in two pools, one image one person: what leaks between pools, in tables or task files.

What breaks a promise stops a run; the same is only told of task files that other tools made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.api.records import SPLITS, asked_pools, shown_pools
from brainplug.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brainplug.api.records import Split
    from brainplug.tasks.read import Glance


REMEDY = 'set use = "family" in [split], or correct the column or file that assigns them'
"""What is done about families that a split of ours has parted."""


def find_leaks(pooled: pd.DataFrame) -> list[Finding]:
    """Find people and families in two pools, and one image in two.

    Args:
        pooled: as `pool_scans` gives it.
    """
    return [*find_parted(pooled, f"; {REMEDY}"), *find_likeness(pooled)]


def find_parted(pooled: pd.DataFrame, remedy: str = "") -> list[Finding]:
    """Find people and families in two pools.

    Args:
        pooled: as `pool_scans` gives it.
        remedy: what is done about parted families, behind a semicolon.
    """
    found = (
        meeting(pooled, "subject", "pool", "subjects are in two pools"),
        meeting(pooled, "family", "part", f"families are in two of train, val and test{remedy}"),
        meeting(pooled, "family", "pool", f"families are in query and reference pools{remedy}"),
    )
    return [finding for finding in found if finding is not None]


def meeting(pooled: pd.DataFrame, group: str, place: str, what: str) -> Finding | None:
    """Find the groups that stand in two places."""
    members = apart(pooled, group, place)
    return Finding(kind="leak", what=what, members=members) if members else None


def apart(pooled: pd.DataFrame, group: str, place: str) -> tuple[str, ...]:
    """Return the groups with members in several places."""
    places = pooled[[group, place]].dropna().drop_duplicates()
    return tuple(sorted(places.loc[places[group].duplicated(), group].unique()))


def find_likeness(pooled: pd.DataFrame) -> list[Finding]:
    """Find scans that are the same, or look so, by the columns that say so as far as they are."""
    return [*find_copies(pooled), *find_near_copies(pooled)]


def find_copies(pooled: pd.DataFrame) -> Iterator[Finding]:
    """Find one image that several people have, by the column `same_image`."""
    if "same_image" not in pooled.columns:
        return
    copies = pooled[pooled["same_image"].notna()].sort_values(["same_image", "scan"])
    split_up = copies["same_image"].isin(apart(copies, "same_image", "pool"))
    remedy = (
        'correct the table, or set duplicates = "exclude" in [audit], which needs scans read whole '
        '(scans = "all" in [images])'
    )
    if split_up.any():
        yield Finding(
            kind="leak",
            what=f"scans under different ids in two pools have the same content; {remedy}",
            members=tuple(copies.loc[split_up, "scan"]),
        )
    if not split_up.all():
        yield Finding(
            kind="note",
            what=f"scans under different ids in one pool have the same content; {remedy}",
            members=tuple(copies.loc[~split_up, "scan"]),
        )


def find_near_copies(pooled: pd.DataFrame) -> Iterator[Finding]:
    """Tell of scans that look like one scan, by the columns `near_image` and `repeated_image`.

    Nothing is refused: twins and rescans may look so, too.
    """
    if "near_image" in pooled.columns:
        near = pooled[pooled["near_image"].notna()].sort_values(["near_image", "scan"])
        apart_too = set(apart(near, "near_image", "pool"))
        where = "two pools" if apart_too else "one pool"
        yield Finding(
            kind="note",
            what=f"scans under different ids in {where} look like the same person or the same "
            "scan; look at them, and leave one out of the table where they are",
            members=tuple(near["scan"]),
        )
    if "repeated_image" in pooled.columns:
        again = pooled[pooled["repeated_image"].notna()].sort_values(["repeated_image", "scan"])
        yield Finding(
            kind="note",
            what="several sessions of one person are the same scan",
            members=tuple(again["scan"]),
        )


def find_task_leaks(
    glances: Mapping[Split, Sequence[Glance]], allowed: Mapping[Split, Split], split: pd.DataFrame
) -> list[Finding]:
    """Assert from the task files that queries and references come from their own pools.

    Args:
        glances: the tasks of each split.
        allowed: split -> the split whose references its queries may see.
        split: `subject` and `pool`, as written.
    """
    pools = dict(zip(split["subject"].tolist(), split["pool"].tolist(), strict=True))
    found = []
    for name in SPLITS:
        queries = {task.subject for task in glances[name]}
        shown = {person for task in glances[name] for person in task.references}
        wrong = {person for person in queries if pools.get(person) not in asked_pools(name)}
        sources = shown_pools(allowed[name])
        wrong |= {person for person in shown if pools.get(person) not in sources}
        if wrong:
            found.append(
                Finding(
                    kind="leak",
                    what=f"the {name} tasks show subjects of other pools",
                    members=tuple(sorted(wrong)),
                )
            )
    return found


def find_relatives(
    glances: Mapping[Split, Sequence[Glance]], pooled: pd.DataFrame
) -> list[Finding]:
    """Assert from the task files that nobody is shown with a relative, nor with the own image.

    Pools by halves cannot show such; in a shared pool everything hangs on the pairing.

    Args:
        glances: the tasks of each split.
        pooled: as `pool_scans` gives it.
    """
    # Lists, since the strings of a column are slow to walk through one by one.
    groups = {person: {person} for person in pooled["subject"].unique().tolist()}
    for column in ("family", "same_image"):
        if column in pooled.columns:
            known = pooled[["subject", column]].dropna().drop_duplicates()
            named = (column + " " + known[column]).tolist()
            for person, group in zip(known["subject"].tolist(), named, strict=True):
                groups[person].add(group)
    met = {
        task.subject
        for tasks in glances.values()
        for task in tasks
        if any(not groups[task.subject].isdisjoint(groups[each]) for each in task.references)
    }
    if not met:
        return []
    what = "tasks show a query with itself, a relative or a copy of its scan as the reference"
    return [Finding(kind="leak", what=what, members=tuple(sorted(met)))]
