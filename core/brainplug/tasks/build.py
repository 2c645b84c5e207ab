"""Pairs put into words: the tasks of the dialogues stage."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import orjson

from brainplug.api.dialogue_laws import control_faults, early_faults, fixed_faults, wording_faults
from brainplug.api.guard import behind, name_of, origin_of
from brainplug.api.records import Case
from brainplug.api.roles import Compares, Fixed, SaysDifferences, able
from brainplug.errors import DataError
from brainplug.tasks.chat import refuse_markers
from brainplug.tasks.read import make_glance
from brainplug.tasks.row_template import Shown, Skeleton, make_pieces, slot
from brainplug.tasks.task import Task, check_turns, likeness, read_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from brainplug.api.records import TargetValue, Turn
    from brainplug.api.roles import Answers, PromptTemplate, TaskHead
    from brainplug.tasks.row_template import Pieces, Said
    from brainplug.tasks.task import Read

MANY, SAMPLE = 1000, 50
"""Scans among which values are looked for, and values that a fixed wording is tried with."""


@attrs.frozen(kw_only=True, eq=False)
class TaskMaker:
    """Words pairs of one cohort.

    Attributes:
        head: names the target.
        answers: says values.
        template: words comparisons.
        seed: the run's seed; with the task's id it chooses among phrasings.
    """

    head: TaskHead
    answers: Answers
    template: PromptTemplate
    seed: int

    def make(self, pairs: pd.DataFrame, scans: Mapping[str, Shown]) -> Iterator[Task]:
        """Word pairs, one task a row.

        Args:
            pairs: `task_id`, `query` and `references`, by scan.
            scans: as `show` gives them.

        Raises:
            DataError: the template breaks a rule of dialogues; see `check_turns`.
        """
        # Tasks of the same words differ in nothing the template sees, so one of them is checked.
        checked: set[tuple[object, ...]] = set()
        held: set[int] = set()
        for task_id, query, references in zip(
            pairs["task_id"], pairs["query"], pairs["references"], strict=True
        ):
            shown = [scans[name] for name in (*references, query)]
            task = self.word(task_id, shown)
            if self.fixed and len(shown) not in held:
                held.add(len(shown))
                self.hold_fixed(task, shown, scans)
            said: set[tuple[object, ...]] = {
                (-index, scan.words) for index, scan in enumerate(reversed(shown))
            }
            if self.states != "value":
                # What compares two values is as sound as both together.
                said = {tuple(scan.words for scan in shown)}
            if not said <= checked:
                checked |= said
                self.check(task)
            yield task

    def rows(self, pairs: pd.DataFrame, scans: Mapping[str, Shown]) -> Iterator[bytes]:
        """Word pairs as rows of JSON: those of `make`, byte for byte.

        Where the template's wording is fixed, one task is worded and all others are filled in.
        """
        if not self.fixed:
            for task in self.make(pairs, scans):
                yield orjson.dumps(task.to_json())
            return
        skeletons: dict[int, Skeleton] = {}
        checked: set[tuple[int, str]] = set()
        pieces: dict[str, Pieces] = {}
        said: dict[Said, Pieces] = {}
        for task_id, query, references in zip(
            pairs["task_id"].tolist(), pairs["query"].tolist(), pairs["references"], strict=True
        ):
            names = (*references, query)
            shown = [scans[name] for name in names]
            worded = None if len(shown) in skeletons else self.word(task_id, shown)
            if worded is not None:
                self.check(worded)
                self.hold_fixed(worded, shown, scans)
                skeletons[len(shown)] = self.skeleton(len(shown))
            filled = [
                pieces.get(name) or pieces.setdefault(name, make_pieces(scans[name], said))
                for name in names
            ]
            alike = likeness(shown[-1].value, [scan.value for scan in shown[:-1]])
            row = skeletons[len(shown)].fill(task_id, filled, alike)
            if worded is not None:
                self.check_fixed(worded, row)
            # A fixed wording treats all references alike, so what is asked decides whether it is
            # sound.
            key = (len(shown), shown[-1].words)
            if key not in checked:
                checked.add(key)
                self.check_filled(row)
            yield row

    @property
    def fixed(self) -> bool:
        """Whether rows are filled in; a comparison is no slot of one scan."""
        return able(self.template, Fixed) and self.template.fixed and self.states == "value"

    def hold_fixed(self, task: Task, shown: Sequence[Shown], scans: Mapping[str, Shown]) -> None:
        """Hold a template to wording tasks alike, whatever values of the study they tell.

        Args:
            task: that is worded.
            shown: its scans.
            scans: of the study; among the first of many is every label.

        Raises:
            DataError: another value, or another seed, changes other words too.
        """
        words = dict.fromkeys(scan.words for scan in itertools.islice(scans.values(), MANY))
        case = self.case(task.task_id, [scan.words for scan in shown])
        for fault in fixed_faults(self.template, case, itertools.islice(words, SAMPLE)):
            raise DataError(fault, where=f"task {task.task_id!r}", hint=self.remedy)

    def check_fixed(self, task: Task, row: bytes) -> None:
        """Hold a row that was filled in to its task, as the template words it.

        Raises:
            DataError: they differ.
        """
        if orjson.dumps(task.to_json()) != row:
            raise DataError(
                "its wording depends on more than the place of each value",
                where=f"task {task.task_id!r}",
                expected="a template whose `fixed` is true to word all tasks alike",
                hint=self.remedy,
            )

    def check_filled(self, row: bytes) -> None:
        """Look at a row that was filled in with another value than those before.

        What goes before the answer was looked at in the task that the template worded: where the
        query's value is no slot there, no other value shows.

        Raises:
            DataError: a text poses as a turn or a scan, or the answer cannot be read back.
        """
        task = make_glance(orjson.loads(row), {})
        for text in (task.prompt, task.answer):
            refuse_markers(text, where=f"task {task.task_id!r}")
        self.check_answer(task)

    def skeleton(self, images: int) -> Skeleton:
        """Word a task whose every part is a slot."""
        slots = [Shown.slot(index) for index in range(images)]
        return Skeleton.of(self.word(slot("task"), slots))

    def show(self, cohort: pd.DataFrame) -> dict[str, Shown]:
        """Say the value of every scan, each distinct one once."""
        told = {
            value: (value, self.answers.say(value), self.answers.code(value))
            for value in cohort["target"].unique().tolist()
        }
        columns = (cohort[name].tolist() for name in ("scan", "subject", "image", "target"))
        return {
            scan: Shown(subject, plain_path(image), *told[value])
            for scan, subject, image, value in zip(*columns, strict=True)
        }

    def word(self, task_id: str, shown: Sequence[Shown]) -> Task:
        """Make one task of its scans, the query last."""
        *references, query = shown
        categorical = self.head.kind == "categorical"
        return Task(
            task_id=task_id,
            kind=self.head.kind,
            target=self.head.target,
            subject=query.subject,
            truth=query.value,
            references=tuple(scan.subject for scan in references),
            reference_values=tuple(scan.value for scan in references),
            images=tuple(Path(scan.image) for scan in shown),
            turns=self.turns(
                task_id,
                [scan.words for scan in shown],
                self.difference(query.value, [scan.value for scan in references]),
            ),
            codes=tuple(scan.code for scan in (query, *references)) if categorical else (),
            relative=self.states == "difference",
            likeness_words=self.template.likeness if able(self.template, Compares) else (),
        )

    @property
    def states(self) -> str:
        """What answers state; see `Compares`."""
        return self.template.states if able(self.template, Compares) else "value"

    def difference(self, value: TargetValue, references: Sequence[TargetValue]) -> str:
        """Say how a value differs from its one reference's, if the template asks for that.

        Raises:
            DataError: the template compares what cannot be compared.
        """
        if self.states == "value":
            return ""
        self.check_comparable(len(references))
        if self.states == "likeness":
            return ""
        if not able(self.answers, SaysDifferences):
            raise DataError(
                f"{name_of(self.head)}, which cannot",
                where=self.place_of_answer,
                expected="a task head that says differences",
                hint="state {value} there, or name another head in [target]",
            )
        return self.answers.say_difference(value, references[0])

    @property
    def place_of_answer(self) -> str:
        """Say where it is settled what answers state."""
        return f"what the prompt template {self.named} states ({{{self.states}}} in its answer)"

    def check_comparable(self, references: int) -> None:
        """Refuse a comparison of values of another kind, or with other than one reference.

        Raises:
            DataError: says what the comparison needs.
        """
        where = self.place_of_answer
        kind = "numerical" if self.states == "difference" else "categorical"
        if self.head.kind != kind:
            raise DataError(
                where=where,
                expected=f"a {kind} target",
                found=self.head.kind,
                hint="leave it out and state {value} there, or change use in [target]",
            )
        if references != 1:
            raise DataError(
                where=where,
                expected="one reference a task",
                found=references,
                hint="set references_per_task = 1 in [pairing], or leave it out",
            )

    def turns(self, task_id: str, words: Sequence[str], difference: str) -> tuple[Turn, ...]:
        """Let the template say the values, the query's last."""
        return tuple(self.template.dialogue(self.case(task_id, words, difference)))

    def case(self, task_id: str, words: Sequence[str], difference: str = "") -> Case:
        """Make what the template is given for a task."""
        # By the task's id, so that a task keeps its wording when others come or go.
        digest = hashlib.sha256(f"{self.seed}\n{task_id}".encode()).digest()
        return Case(
            target=self.head.target,
            references=tuple(words[:-1]),
            query=words[-1],
            difference=difference,
            seed=int.from_bytes(digest[:8]),
        )

    def check(self, task: Task) -> None:
        """Hold the template to the rules of a dialogue.

        Raises:
            DataError: scans are not shown once each, the query's value is given away before the
                answer, or the answer cannot be read back.
        """
        hint = self.remedy
        check_turns(task, hint=hint)
        told = list(map(self.answers.say, (*task.reference_values, task.truth)))
        difference = self.difference(task.truth, task.reference_values)
        again = self.turns(task.task_id, told, difference)
        said = (self.head.target, *told, difference)
        for fault in (*wording_faults(task.turns, again), *control_faults(task.turns, said)):
            raise DataError(fault, where=f"task {task.task_id!r}", hint=hint)
        labels = self.answers.labels
        other: TargetValue | None = next((each for each in labels if each != task.truth), None)
        if other is None and task.kind == "numerical":
            # Any other number does that is not rounded to the same words.
            other = float(task.truth) + 17.0
        if other is not None:
            difference = self.difference(other, task.reference_values)
            told = [*told[:-1], self.answers.say(other)]
            reworded = self.turns(task.task_id, told, difference)
            for fault in early_faults(task.turns, reworded):
                raise DataError(
                    fault,
                    where=f"task {task.task_id!r}",
                    found=other,
                    hint=hint,
                )
        self.check_answer(task)

    def check_answer(self, task: Read) -> None:
        """Read the answer of a task back.

        Raises:
            DataError: it states another value, or none.
        """
        said = task.answer
        wanted = self.answers.parse(self.answers.say(task.truth))
        read = read_answer(self.answers, said, task)
        if read != wanted or wanted is None:
            raise DataError(
                f"{read!r}",
                where=f"task {task.task_id!r}",
                expected=f"the answer {said!r} to be read back as {wanted!r}",
                found=(said, read),
                hint=self.how_to_reword,
            )

    @property
    def how_to_reword(self) -> str:
        """Say what to do about an answer, by the recipe's key where the template has one."""
        template = behind(self.template)
        options = getattr(template, "options", None)
        if hasattr(template, "answer") or hasattr(options, "answer"):
            return "reword answer in [prompt], or the labels in [target]"
        return self.remedy

    @property
    def remedy(self) -> str:
        """Say whose wording is at fault, and what is done about it."""
        origin = origin_of(self.template)
        if origin is None or origin.ours:
            return f"correct the prompt template {self.named}"
        return f"the {origin} words it so; {origin.advice}"

    @property
    def named(self) -> str:
        """Name the template and its package."""
        return name_of(self.template)


def plain_path(path: str) -> str:
    """Return a path as `Path` writes it, without the cost of one for each of a million.

    >>> plain_path("/data//T1/./a.nii")
    '/data/T1/a.nii'
    """
    return str(Path(path)) if "//" in path or "/./" in path else path
