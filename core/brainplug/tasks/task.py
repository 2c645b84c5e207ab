"""The dialogues stage: pairs worded as two-turn comparisons, in the task files users know.

A file is a JSON array of tasks (`.json`), or one task a line (`.jsonl`). Files are written one
task at a time and read back before anything is trained on them.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import orjson

from brainplug.api.dialogue_laws import dialogue_faults, images_of
from brainplug.api.records import Image, Split, TargetKind, TargetValue, Turn
from brainplug.api.roles import SaysDifferences, able
from brainplug.errors import DataError
from brainplug.runtime.files import replacing
from brainplug.tasks.chat import refuse_markers
from brainplug.toolkit.letters import file_name, find_beginnings, find_words, split_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brainplug.api.roles import Answers

MODALITY, TASK_TYPE, IMAGE_TOKEN = "sMRI", "T1", "<image>"
DIFFERENCE = "difference"


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
        relative: whether the answer states the truth by its difference to the one reference.
        likeness_words: what an answer says of the reference's own label and of another one before
            it names the label; empty where it does not.
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
    relative: bool = False
    likeness_words: tuple[str, ...] = ()

    @property
    def beginning(self) -> tuple[tuple[Path, ...], tuple[Turn, ...]]:
        """Scans and turns before the question; tasks that have them alike can share them."""
        return self.images[:-1], self.turns[:-2]

    @property
    def prompt(self) -> str:
        """All words before the answer."""
        return " ".join(words_of(turn) for turn in self.turns[:-1])

    @property
    def answer(self) -> str:
        """The words of the answer."""
        return words_of(self.turns[-1])

    def to_json(self) -> dict[str, Any]:
        """Return the task as the file format has it."""
        paths = list(map(str, self.images))
        return {
            "task_id": self.task_id,
            "task_type": TASK_TYPE,
            "subject_ids": [*self.references, self.subject],
            "modalities": [MODALITY] * len(paths),
            "images": [
                {"path": path, "token": IMAGE_TOKEN, "modality": MODALITY} for path in paths
            ],
            "conversations": [turn_to_json(turn, paths) for turn in self.turns],
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
        if self.relative:
            facts["answer_states"] = DIFFERENCE
        if self.likeness_words:
            facts["likeness_words"] = list(self.likeness_words)
        if self.kind == "numerical":
            values = {"subject_value": self.truth, "reference_value": alone(self.reference_values)}
            return facts | values | {"task": f"{self.target}_regression_via_comparison"}
        return facts | {
            "subject_label": self.truth,
            "subject_label_numeric": self.codes[0],
            "reference_label": alone(self.reference_values),
            "reference_label_numeric": alone(self.codes[1:]),
            "comparison_type": f"{likeness(self.truth, self.reference_values)}_{self.target}",
            "task": f"{self.target}_classification_via_comparison",
        }


def likeness(truth: TargetValue, told: Sequence[TargetValue]) -> str:
    """Say whether the references have the query's label.

    >>> likeness("a", ("a", "b")), likeness("a", ("a", "a")), likeness("a", ())
    ('mixed', 'same', 'none')
    """
    count = told.count(truth)
    if not told:
        return "none"
    return "same" if count == len(told) else "mixed" if count else "different"


class Read(Protocol):
    """What decides how an answer is read: a `Task`, or a `Glance` at one."""

    @property
    def task_id(self) -> str:
        """Its id."""
        ...

    @property
    def reference_values(self) -> tuple[TargetValue, ...]:
        """Values of the references."""
        ...

    @property
    def truth(self) -> TargetValue:
        """Value of the query."""
        ...

    @property
    def answer(self) -> str:
        """The words of its own answer."""
        ...

    @property
    def relative(self) -> bool:
        """Whether the answer states a difference to the one reference."""
        ...


def read_answer(answers: Answers, text: str, task: Read) -> TargetValue | None:
    """Read the value that an answer to a task states, None where it states none or several.

    Raises:
        DataError: the answer states a difference, and the target's head cannot read one.
    """
    if not task.relative:
        worded = read_worded(answers, text, task)
        return answers.parse(text) if worded is None else worded
    if not able(answers, SaysDifferences) or len(task.reference_values) != 1:
        raise DataError(
            f"{len(task.reference_values)} references, and a head that "
            f"{'can' if able(answers, SaysDifferences) else 'cannot'} read differences",
            where=f"task {task.task_id!r}",
            expected="one reference and a head that reads differences, since the answer states one",
            hint="word the answer by {value}, or name another head in [target]",
        )
    return answers.parse_difference(text, task.reference_values[0])


def read_worded(answers: Answers, text: str, task: Read) -> TargetValue | None:
    """Read an answer that is worded as the task's own, where that attaches an ending to the value.

    So "Kişi kadındır." is read by what stands where the value stands, whatever the language. None
    where the task's answer states its value as a word of its own, or the text is worded otherwise.
    """
    said, own = answers.say(task.truth), task.answer
    spans = find_beginnings(own, [said])
    if len(spans) != 1 or find_words(own, [said]):
        return None
    before, behind = (alike(part) for part in split_at(own, spans))
    told = alike(text)
    if len(told) <= len(before) + len(behind):
        return None
    if not (told.startswith(before) and told.endswith(behind)):
        return None
    return answers.parse(told[len(before) : len(told) - len(behind)])


def alike(text: str) -> str:
    """Return a text without case and extra spaces at its ends, its letters composed."""
    return unicodedata.normalize("NFC", text).strip().casefold()


def words_of(turn: Turn) -> str:
    """Return the words of a turn without its scans."""
    return "\n".join(part for part in turn.content if not isinstance(part, Image))


def alone(values: Sequence[Any]) -> Any:
    """Return the one value there is, or the list of several."""
    return values[0] if len(values) == 1 else list(values)


def turn_to_json(turn: Turn, paths: Sequence[str]) -> dict[str, Any]:
    """Return a turn as the file format has it."""
    parts = [
        {"type": "image", "modality": MODALITY, "image_path": paths[part.index]}
        if isinstance(part, Image)
        else {"type": "text", "text": part}
        for part in turn.content
    ]
    return {"role": turn.role, "content": parts}


def task_file(study: str, target: str, split: Split) -> str:
    """Return the name of a task file.

    >>> task_file("ABCD", "BMI_sds", "train")
    'ABCD_BMI_sds_comparison_tasks_train.json'
    >>> task_file("ZWI", "성별", "train")
    'ZWI_성별_comparison_tasks_train.json'
    """
    return f"{study}_{file_name(target)}_comparison_tasks_{split}.json"


def write_tasks(path: Path, tasks: Iterable[Task]) -> int:
    """Write tasks as a JSON array, one a line, atomically; return how many."""
    return write_rows(path, (orjson.dumps(task.to_json()) for task in tasks))


def write_rows(path: Path, rows: Iterable[bytes]) -> int:
    """Write rows of JSON as an array, one a line, atomically and one at a time."""
    count = 0
    with replacing(path) as temporary, temporary.open("wb", buffering=1 << 20) as file:
        file.write(b"[")
        for count, row in enumerate(rows, 1):
            file.write(b"\n" if count == 1 else b",\n")
            file.write(row)
        file.write(b"\n]\n")
    return count


def check_turns(task: Task, *, hint: str = "") -> None:
    """Check that a dialogue ends with an answer and shows its scans in order, once each.

    No text may pose as a turn or a scan; the encoder would refuse it, once volumes are made.

    Args:
        task: with the dialogue.
        hint: what to do where it does not.

    Raises:
        DataError: it does not.
    """
    for fault in dialogue_faults(task.turns, len(task.images)):
        shown = images_of(task.turns)
        raise DataError(fault, where=f"task {task.task_id!r}", found=shown, hint=hint)
    for text in (part for turn in task.turns for part in turn.content if isinstance(part, str)):
        refuse_markers(text, where=f"task {task.task_id!r}")


Tasks = dict[Split, list[Task]]
