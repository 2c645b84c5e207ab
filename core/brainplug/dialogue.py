"""The dialogues stage: pairs worded as two-turn comparisons, in the task files users know.

A file is a JSON array of tasks (`.json`), or one task a line (`.jsonl`). Files are written one
task at a time and read back before anything is trained on them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from brainplug.errors import DataError
from brainplug.files import replacing
from brainplug.types import Case, Image, Split, TargetKind, TargetValue, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd

    from brainplug.parts import Answers, PromptTemplate, TaskHead

MODALITY, TASK_TYPE, IMAGE_TOKEN = "sMRI", "T1", "<image>"


@attrs.frozen(kw_only=True)
class Task:
    """One dialogue: references whose value is told, then a query whose value is asked.

    Attributes:
        task_id: unique in files of brainplug.
        kind: of the target.
        target: its name.
        subject: whom the query scan shows.
        truth: value of the query.
        references: whom the reference scans show, in image order.
        reference_values: their values.
        images: scan files, references first, the query last.
        turns: the dialogue; `Image(i)` stands for `images[i]`.
        codes: numeric form of the truth and of each reference value, categorical targets only.
    """

    task_id: str
    kind: TargetKind
    target: str
    subject: str
    truth: TargetValue
    references: tuple[str, ...]
    reference_values: tuple[TargetValue, ...]
    images: tuple[Path, ...]
    turns: tuple[Turn, ...]
    codes: tuple[int | float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the task as the file format has it."""
        return {
            "task_id": self.task_id,
            "task_type": TASK_TYPE,
            "subject_ids": [*self.references, self.subject],
            "modalities": [MODALITY] * len(self.images),
            "images": [
                {"path": str(path), "token": IMAGE_TOKEN, "modality": MODALITY}
                for path in self.images
            ],
            "conversations": [turn_to_json(turn, self.images) for turn in self.turns],
            "metadata": self.metadata(),
        }

    def metadata(self) -> dict[str, Any]:
        """Return who and what is compared; lists where there are several references."""
        facts: dict[str, Any] = {
            "subject_id": self.subject,
            "reference_id": alone(self.references),
            "target_name": self.target,
            "task_type": self.kind,
        }
        if self.kind == "numerical":
            values = {"subject_value": self.truth, "reference_value": alone(self.reference_values)}
            return facts | values | {"task": f"{self.target}_regression_via_comparison"}
        same = {value == self.truth for value in self.reference_values}
        kinds = {(True,): "same", (False,): "different", (): "none"}
        return facts | {
            "subject_label": self.truth,
            "subject_label_numeric": self.codes[0],
            "reference_label": alone(self.reference_values),
            "reference_label_numeric": alone(self.codes[1:]),
            "comparison_type": f"{kinds.get(tuple(same), 'mixed')}_{self.target}",
            "task": f"{self.target}_classification_via_comparison",
        }


def alone(values: Sequence[Any]) -> Any:
    """Return the one value there is, or the list of several."""
    return values[0] if len(values) == 1 else list(values)


def turn_to_json(turn: Turn, images: Sequence[Path]) -> dict[str, Any]:
    """Return a turn as the file format has it."""
    parts = [
        {"type": "image", "modality": MODALITY, "image_path": str(images[part.index])}
        if isinstance(part, Image)
        else {"type": "text", "text": part}
        for part in turn.content
    ]
    return {"role": turn.role, "content": parts}


def task_file(study: str, target: str, split: Split) -> str:
    """Return the name of a task file.

    >>> task_file("ABCD", "BMI_sds", "train")
    'ABCD_BMI_sds_comparison_tasks_train.json'
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", target).strip("-")
    return f"{study}_{name}_comparison_tasks_{split}.json"


def write_tasks(path: Path, tasks: Iterable[Task]) -> int:
    """Write tasks as a JSON array, one a line, atomically; return how many."""
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for count, task in enumerate(tasks, 1):
            row = json.dumps(task.to_json(), ensure_ascii=False, allow_nan=False)
            file.write(("\n" if count == 1 else ",\n") + row)
        file.write("\n]\n")
    return count


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

    def make(self, pairs: pd.DataFrame, cohort: pd.DataFrame) -> Iterator[Task]:
        """Word the pairs of a split, one task a row.

        Raises:
            DataError: the template breaks a rule of dialogues; see `check_turns`.
        """
        scans: dict[str, dict[Any, Any]] = {row["scan"]: row for row in cohort.to_dict("records")}
        checked: set[tuple[TargetValue, ...]] = set()
        for pair in pairs.to_dict("records"):
            shown = [scans[name] for name in (*pair["references"], pair["query"])]
            task = self.word(pair["task_id"], shown)
            values = (task.truth, *task.reference_values)
            if values not in checked:
                checked.add(values)
                self.check(task)
            yield task

    def word(self, task_id: str, shown: Sequence[dict[Any, Any]]) -> Task:
        """Make one task of its scans, the query last."""
        values = [row["target"] for row in shown]
        categorical = self.head.kind == "categorical"
        return Task(
            task_id=task_id,
            kind=self.head.kind,
            target=self.head.target,
            subject=shown[-1]["subject"],
            truth=values[-1],
            references=tuple(row["subject"] for row in shown[:-1]),
            reference_values=tuple(values[:-1]),
            images=tuple(Path(row["image"]) for row in shown),
            turns=self.turns(task_id, values),
            codes=tuple(map(self.answers.code, (values[-1], *values[:-1]))) if categorical else (),
        )

    def turns(self, task_id: str, values: Sequence[TargetValue]) -> tuple[Turn, ...]:
        """Let the template say the values, the query's last."""
        digest = hashlib.sha256(f"{self.seed}\n{task_id}".encode()).digest()
        *references, query = map(self.answers.say, values)
        case = Case(
            target=self.head.target,
            references=tuple(references),
            query=query,
            seed=int.from_bytes(digest[:8]),
        )
        return tuple(self.template.dialogue(case))

    def check(self, task: Task) -> None:
        """Hold the template to the rules of a dialogue.

        Raises:
            DataError: scans are not shown once each, the query's value is given away before the
                answer, or the answer cannot be read back.
        """
        check_turns(task)
        labels = self.answers.labels
        other: TargetValue | None = next((each for each in labels if each != task.truth), None)
        if other is None and task.kind == "numerical":
            other = float(task.truth) + 17.0
        if other is not None:
            reworded = self.turns(task.task_id, [*task.reference_values, other])
            if reworded[:-1] != task.turns[:-1]:
                raise DataError(
                    f"task {task.task_id!r}: the prompt template says the query's value before the "
                    "answer; only the last turn may depend on it"
                )
        said = "".join(part for part in task.turns[-1].content if isinstance(part, str))
        wanted = self.answers.parse(self.answers.say(task.truth))
        if self.answers.parse(said) != wanted or wanted is None:
            raise DataError(
                f"task {task.task_id!r}: the answer {said!r} is read back as "
                f"{self.answers.parse(said)!r}, expected {wanted!r}; reword prompt.answer"
            )


def check_turns(task: Task) -> None:
    """Check that a dialogue ends with an answer and shows its scans in order, once each."""
    shown = [part.index for turn in task.turns for part in turn.content if isinstance(part, Image)]
    if shown != list(range(len(task.images))):
        raise DataError(
            f"task {task.task_id!r}: expected each of {len(task.images)} scans once and in order, "
            f"the dialogue shows {shown}"
        )
    roles = [turn.role for turn in task.turns[-2:]]
    if roles != ["user", "assistant"]:
        raise DataError(
            f"task {task.task_id!r}: expected to end with user and assistant, got {roles}"
        )
    if any(isinstance(part, Image) for part in task.turns[-1].content):
        raise DataError(f"task {task.task_id!r}: the answer shows a scan")
