"""The same people asked beside more references than the study gives them.

An answer that is the vote, or the median, over several references may be better than one. How much
better is told by asking the same people again and again, each time beside references that they have
not met, and taking together the first one, two, four and eight answers.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs

from brainplug.tasks.interventions import Changed
from brainplug.tasks.shown_scans import generator_of, scans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brainplug.tasks.interventions import Changes
    from brainplug.tasks.shown_scans import ShownScan
    from brainplug.tasks.task import Task

MORE = "more-references"
"""Name of the rows of `interventions.jsonl` that are of such a task."""

DOSES: tuple[int, ...] = (1, 2, 4, 8)
"""Tasks of a person whose answers are taken together."""

MOST_TASKS = 400
"""Tasks that are asked besides those of the study."""

FEWEST_PEOPLE = 20
"""People who are asked anyway, where they are there."""


def ask_more(changes: Changes) -> Iterator[Changed]:
    """Give further tasks of some people, up to the largest dose, with references of their group.

    Args:
        changes: whose pool, wordings and seed are used.
    """
    own: dict[str, list[Task]] = defaultdict(list)
    for task in changes.pool.tasks:
        if task.references:
            own[task.subject].append(task)
    people = sorted(own)
    order = generator_of(changes.seed, MORE).permutation(len(people))
    asked = 0
    for count, place in enumerate(order):
        if asked >= MOST_TASKS and count >= FEWEST_PEOPLE:
            return
        for changed in tasks_of(own[people[place]], changes):
            asked += 1
            yield changed


def tasks_of(own: Sequence[Task], changes: Changes) -> Iterator[Changed]:
    """Give the further tasks of one person; fewer where no more references are there."""
    person, met = own[0].subject, [scan for task in own for scan in scans_of(task)[:-1]]
    pool = changes.pool
    able = pool.of_group(pool.others(pool.references, without=(person,)), person)
    free = [scan for scan in able if scan not in met]
    rng = generator_of(changes.seed, MORE, person)
    free = [free[place] for place in rng.permutation(len(free))]
    for number in range(DOSES[-1] - len(own)):
        task = own[number % len(own)]
        chosen = take_turns(free, met, len(task.references))
        if chosen is None:
            return
        made = show_references(task, chosen, changes, name=f"{task.task_id}+{number}")
        if made is None:
            return
        free = [scan for scan in free if scan not in chosen]
        met += chosen
        yield made


def take_turns(
    free: Sequence[ShownScan], met: Iterable[ShownScan], count: int
) -> list[ShownScan] | None:
    """Return the next references, those of the classes that were met least first.

    Of a number, whose values are hardly met twice, that is the order they were drawn in.
    """
    seen = [scan.value for scan in met]
    chosen: list[ShownScan] = []
    left = list(free)
    while len(chosen) < count:
        if not left:
            return None
        best = min(left, key=lambda scan: seen.count(scan.value))
        left.remove(best)
        chosen.append(best)
        seen.append(best.value)
    return chosen


def show_references(
    task: Task, references: Sequence[ShownScan], changes: Changes, *, name: str
) -> Changed | None:
    """Return a task about the same query beside other references, of whom the truth is told."""
    told = [scan.value for scan in references if scan.value is not None]
    reworded = changes.wordings.reword(task, told)
    if reworded is None:
        return None
    shown = (*references, scans_of(task)[-1])
    made = attrs.evolve(
        reworded,
        task_id=name,
        references=tuple(str(scan.subject) for scan in references),
        images=tuple(scan.image for scan in shown),
    )
    return Changed(MORE, made, shown)
