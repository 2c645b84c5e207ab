"""Tasks in which one thing is not what it was: another scan, an empty one, or another word.

What an answer depends on shows when that is changed and all else is kept. Scans come from people of
the same split that others are asked about, or shown as references, so that a changed task is like
one the model might have met. Where people meet within groups only, such as sites, they come from
the same group as long as it has somebody; the groups are those that the tasks themselves connect.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import attrs
import numpy as np

from brainplug.tasks.intervention_rows import InterventionRow
from brainplug.tasks.shown_scans import (
    ChangedScan,
    Pool,
    ShownScan,
    far_from,
    generator_of,
    near_to,
    scans_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from brainplug.api.records import TargetValue
    from brainplug.tasks.answers import AnswerRow
    from brainplug.tasks.rewording import Wordings
    from brainplug.tasks.task import Task

Intervention = Literal[
    "query-other",
    "query-blank",
    "query-shuffled",
    "reference-alike",
    "reference-other",
    "reference-query",
    "reference-blank",
    "word-changed",
]
"""What is changed.

The query is another person's of another class, or of a far value; empty; or its voxels are
shuffled. The references' scans are other people's of the same class, or the nearest value; of
another class, or a far value; the query's own; or empty; and what is told of them is kept. Or what
is told of the references is changed, and their scans are kept.
"""

INTERVENTIONS: tuple[Intervention, ...] = get_args(Intervention)

MOST_ASKED = 200
"""People, and tasks, that each intervention is made with."""


@attrs.frozen(eq=False)
class Changed:
    """A changed task.

    Attributes:
        intervention: what was changed.
        task: what is asked; its id is that of the task before, which others have too.
        shown: whom its scans show, the query last.
        scan: one of them that is no file.
    """

    intervention: str
    task: Task
    shown: tuple[ShownScan, ...]
    scan: ChangedScan | None = None

    def row(self, answer: AnswerRow) -> InterventionRow:
        """Return what is written down of an answer."""
        return InterventionRow(
            intervention=self.intervention,
            people=tuple(scan.subject for scan in self.shown),
            values=tuple(scan.value for scan in self.shown),
            answer=attrs.evolve(answer, task_id=self.task.task_id),
        )


def choose_tasks(tasks: Sequence[Task], seed: int, most: int = MOST_ASKED) -> list[Task]:
    """Choose people by lot, and of each as many tasks as there is room for, at least one.

    Args:
        tasks: of one split.
        seed: of the lot.
        most: people and, where there are fewer, tasks.
    """
    own = defaultdict(list)
    for task in tasks:
        own[task.subject].append(task)
    people = sorted(own)
    drawn = [people[place] for place in generator_of(seed, "people").permutation(len(people))]
    drawn = drawn[:most]
    each = max(1, most // max(1, len(drawn)))
    found = []
    for person in drawn:
        mine = sorted(own[person], key=lambda task: task.task_id)
        order = generator_of(seed, "tasks", person).permutation(len(mine))[:each]
        found += [mine[place] for place in sorted(order)]
    return found


@attrs.frozen(kw_only=True, eq=False)
class Changes:
    """Makes changed tasks.

    Attributes:
        pool: whose scans there are.
        wordings: knows where dialogues tell the values of references.
        labels: the classes; none of a number.
        spread: mean, standard deviation, lowest and highest training value of a number.
        seed: of all draws.
    """

    pool: Pool
    wordings: Wordings
    labels: tuple[str, ...]
    spread: Spread | None
    seed: int

    def make(self, intervention: Intervention, task: Task) -> Changed | None:
        """Return a task with one thing changed, None where that cannot be done."""
        makers: dict[Intervention, Callable[[Task], Changed | None]] = {
            "query-other": self.query_other,
            "query-blank": partial(self.query_changed, kind="blank"),
            "query-shuffled": partial(self.query_changed, kind="shuffled"),
            "reference-alike": partial(self.references_of_others, alike=True),
            "reference-other": partial(self.references_of_others, alike=False),
            "reference-query": self.references_of_query,
            "reference-blank": self.references_blank,
            "word-changed": self.word_changed,
        }
        if not task.references and not intervention.startswith("query"):
            return None
        return makers[intervention](task)

    def query_other(self, task: Task) -> Changed | None:
        """Ask about another person's scan."""
        *references, _query = scans_of(task)
        able = self.pool.others(self.pool.queries, without=(task.subject, *task.references))
        chosen = self.draw(far_from(task.truth, able), "query-other", task)
        if chosen is None:
            return None
        return show("query-other", task, (*references, chosen))

    def query_changed(self, task: Task, kind: Literal["blank", "shuffled"]) -> Changed:
        """Ask about a scan that shows nobody."""
        *references, query = scans_of(task)
        seed = int(generator_of(self.seed, kind, task.subject).integers(2**32))
        scan = ChangedScan(kind, query.image, seed if kind == "shuffled" else 0)
        return show(f"query-{kind}", task, (*references, ShownScan(None, scan.path, None)), scan)

    def references_of_others(self, task: Task, *, alike: bool) -> Changed | None:
        """Show other people's scans as references, and tell what was told."""
        name: Intervention = "reference-alike" if alike else "reference-other"
        *references, query = scans_of(task)
        chosen: list[ShownScan] = []
        for scan in references:
            able = self.pool.others(self.pool.references, without=(task.subject, scan.subject))
            able = [each for each in able if each not in chosen]
            fit = near_to if alike else far_from
            assert scan.value is not None
            drawn = self.draw(fit(scan.value, able), name, task, len(chosen))
            if drawn is None:
                return None
            chosen.append(drawn)
        return show(name, task, (*chosen, query))

    def references_of_query(self, task: Task) -> Changed:
        """Show the query's own scan as the references."""
        query = scans_of(task)[-1]
        return show("reference-query", task, (query,) * len(task.images))

    def references_blank(self, task: Task) -> Changed:
        """Show nothing as the references."""
        scan = ChangedScan("blank", task.images[-1])
        empty = ShownScan(None, scan.path, None)
        shown = (*[empty] * len(task.references), scans_of(task)[-1])
        return show("reference-blank", task, shown, scan)

    def word_changed(self, task: Task) -> Changed | None:
        """Tell other values of the references: one exchange of labels, or one shift, for all."""
        told = self.other_words(task)
        reworded = self.wordings.reword(task, told) if told else None
        if reworded is None:
            return None
        return Changed("word-changed", reworded, scans_of(task))

    def other_words(self, task: Task) -> tuple[TargetValue, ...] | None:
        """Return what is told of the references instead."""
        rng = generator_of(self.seed, "word-changed", task.task_id)
        if self.labels:
            if not set(self.labels).issuperset(task.reference_values) or len(self.labels) < 2:
                return None
            step = int(rng.integers(1, len(self.labels)))
            places = [self.labels.index(str(value)) for value in task.reference_values]
            return tuple(self.labels[(place + step) % len(self.labels)] for place in places)
        if self.spread is None or not self.spread.sd:
            return None
        shift = self.spread.shift([float(value) for value in task.reference_values], rng)
        return tuple(float(value) + shift for value in task.reference_values)

    def draw(
        self, scans: Sequence[ShownScan], name: str, task: Task, number: int = 0
    ) -> ShownScan | None:
        """Draw one of some scans, of the task's own group if it has any; None without any.

        Args:
            scans: that may be shown.
            name: of the intervention.
            task: where it is to be shown.
            number: of the reference whose place it takes.
        """
        able = self.pool.of_group(scans, task.subject) or scans
        if not able:
            return None
        return able[int(generator_of(self.seed, name, task.task_id, number).integers(len(able)))]


@attrs.frozen(kw_only=True)
class Spread:
    """How the training values of a number are spread."""

    mean: float
    sd: float
    low: float
    high: float

    def shift(self, told: Sequence[float], rng: np.random.Generator) -> float:
        """Return one standard deviation up or down, by lot where both stay among the values.

        >>> Spread(mean=0.0, sd=1.0, low=-3.0, high=3.0).shift([2.5], np.random.default_rng(1))
        -1.0
        """
        up = max(told) + self.sd <= self.high
        down = min(told) - self.sd >= self.low
        if up != down:
            return self.sd if up else -self.sd
        if not up:  # nowhere: towards the middle
            return self.sd if float(np.mean(told)) < self.mean else -self.sd
        return self.sd if rng.integers(2) else -self.sd


def spread_of(tasks: Iterable[Task]) -> Spread:
    """Return how the numbers of people are spread, each person counting once."""
    own = {task.subject: float(task.truth) for task in tasks}
    values = np.array(list(own.values()))
    return Spread(
        mean=float(values.mean()),
        sd=float(values.std()),
        low=float(values.min()),
        high=float(values.max()),
    )


def show(
    intervention: str,
    task: Task,
    shown: Sequence[ShownScan],
    scan: ChangedScan | None = None,
) -> Changed:
    """Show other scans in a task, which tells and asks what it did.

    Args:
        intervention: what it is.
        task: as it was.
        shown: whom its scans show now, the query last.
        scan: one of them that is no file.
    """
    made = attrs.evolve(task, images=tuple(scan.image for scan in shown))
    return Changed(intervention, made, tuple(shown), scan)
