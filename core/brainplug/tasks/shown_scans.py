"""Whom scans show in a task, and whose scans can be shown in their place."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import attrs
import numpy as np

from brainplug.toolkit.components import number_components

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.tasks.task import Task


class ShownScan(NamedTuple):
    """Whom a scan shows, with which value; None where it shows nobody any more."""

    subject: str | None
    image: Path
    value: TargetValue | None


@attrs.frozen
class ChangedScan:
    """A scan that is no file: an empty one, or one whose voxels are shuffled.

    Attributes:
        kind: which.
        of: the file it is made from.
        seed: of the shuffling.
    """

    kind: Literal["blank", "shuffled"]
    of: Path
    seed: int = 0

    @property
    def path(self) -> Path:
        """What stands for it where a file is named."""
        # Every empty scan is the same, and is encoded once.
        return Path(f"<{self.kind}>") / ("" if self.kind == "blank" else str(self.of).lstrip("/"))


@attrs.frozen(kw_only=True, eq=False)
class Pool:
    """Everybody whose scan can be shown in place of another's.

    Attributes:
        tasks: of one split.
        families: of people who have one.
    """

    tasks: Sequence[Task]
    families: Mapping[str, str] = attrs.field(factory=dict)

    @cached_property
    def queries(self) -> tuple[ShownScan, ...]:
        """Scans that are asked about, each once."""
        found = {scan.image: scan for task in self.tasks for scan in scans_of(task)[-1:]}
        return tuple(sorted(found.values(), key=by_person))

    @cached_property
    def references(self) -> tuple[ShownScan, ...]:
        """Scans that are shown as references, each once."""
        found = {scan.image: scan for task in self.tasks for scan in scans_of(task)[:-1]}
        return tuple(sorted(found.values(), key=by_person))

    @cached_property
    def groups(self) -> Mapping[str, int]:
        """The group of each person: those whom tasks connect, through any number of others."""
        links = [(task.subject, other) for task in self.tasks for other in task.references]
        people = sorted({task.subject for task in self.tasks} | {other for _, other in links})
        places = {person: place for place, person in enumerate(people)}
        ends = np.array([[places[one], places[other]] for one, other in links], dtype=int)
        one, other = ends.reshape(-1, 2).T
        return dict(zip(people, number_components(one, other, len(people)).tolist(), strict=True))

    def family(self, person: str) -> str:
        """Return a name that relatives share."""
        return f"family {self.families[person]}" if person in self.families else person

    def others(
        self, scans: Iterable[ShownScan], *, without: Iterable[str | None]
    ) -> list[ShownScan]:
        """Return the scans that show nobody of some people's families."""
        kin = {self.family(person) for person in without if person is not None}
        return [scan for scan in scans if self.family(str(scan.subject)) not in kin]

    def of_group(self, scans: Iterable[ShownScan], person: str) -> list[ShownScan]:
        """Return the scans that show people of the group of one."""
        home = self.groups[person]
        return [scan for scan in scans if self.groups[str(scan.subject)] == home]


def by_person(scan: ShownScan) -> tuple[str, str]:
    """Order scans by whom they show, wherever they lie."""
    return str(scan.subject), str(scan.value)


def scans_of(task: Task) -> tuple[ShownScan, ...]:
    """Return whom the scans of a task show, the query last."""
    people, values = (*task.references, task.subject), (*task.reference_values, task.truth)
    return tuple(map(ShownScan, people, task.images, values))


def generator_of(*words: Hashable) -> np.random.Generator:
    """Return draws of their own for some words, the same on every machine."""
    digest = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8]))


def far_from(value: TargetValue, scans: Sequence[ShownScan]) -> list[ShownScan]:
    """Return the scans of another class or, of a number, the half whose values are farthest."""
    if isinstance(value, str):
        return [scan for scan in scans if scan.value != value]
    order = sorted(scans, key=lambda scan: -abs(float(scan.value or 0) - value))
    return [scan for scan in order[: -(-len(order) // 2)] if scan.value != value]


def near_to(value: TargetValue, scans: Sequence[ShownScan]) -> list[ShownScan]:
    """Return the scans of the same class or, of a number, those of the nearest value."""
    if isinstance(value, str):
        return [scan for scan in scans if scan.value == value]
    gaps = [abs(float(scan.value or 0) - value) for scan in scans]
    return [scan for scan, gap in zip(scans, gaps, strict=True) if gap == min(gaps)]
