"""Task files read back, brainplug's own and those of older tools, one task at a time."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson

from brainplug.api.records import Image, Turn
from brainplug.errors import DataError, show
from brainplug.tasks.task import DIFFERENCE, Task, check_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from brainplug.api.records import TargetKind, TargetValue

Read = TypeVar("Read")

BLOCK = 1 << 20
"""Characters read at once where tasks do not stand one a line."""

HALF_LETTER = "\\ud"
"""Begins the escape of half a letter, in small letters."""

_BETWEEN = re.compile(r"[\s,]*")

KEYS = ("task_id", "subject_ids", "images", "conversations", "metadata")


class Glance(NamedTuple):
    """What the audit sees of a task: everything but the scans; a tuple, since there are many.

    Attributes:
        task_id: as in the file.
        kind: of the target.
        target: its name.
        subject: whom the query shows.
        truth: value of the query.
        references: whom the references show.
        reference_values: their values.
        prompt: all words before the answer.
        answer: the words of the answer.
        relative: whether they state the truth by its difference to the one reference.
    """

    task_id: str
    kind: TargetKind
    target: str
    subject: str
    truth: TargetValue
    references: tuple[str, ...]
    reference_values: tuple[TargetValue, ...]
    prompt: str
    answer: str
    relative: bool = False


def read_tasks(path: Path) -> list[Task]:
    """Read a task file, `.json` or `.jsonl`; repeated task ids of older files are accepted.

    Raises:
        DataError: the file is missing or no task file, or images, image parts and subjects of a
            task do not agree; the message names the task.
    """
    return list(iterate_tasks(path))


def iterate_tasks(path: Path) -> Iterator[Task]:
    """Give the tasks of a file one by one; raises as `read_tasks`."""
    return parse_rows(path, make_task)


def iterate_glances(path: Path) -> Iterator[Glance]:
    """Give what the audit sees of a file, task by task; raises as `read_tasks`."""
    words: dict[str, str] = {}  # one string for all tasks that say or name the same

    def glance(row: dict[str, Any]) -> Glance:
        return make_glance(row, words)

    return parse_rows(path, glance)


def parse_rows(path: Path, parse: Callable[[dict[str, Any]], Read]) -> Iterator[Read]:
    """Parse every row of a file, and say which task is at fault where one cannot be."""
    for row in rows_of(path):
        try:
            yield parse(row)
        except (UnevenError, KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise describe_fault(path, row, error) from error
        except DataError as error:
            raise error.within(path) from error


def describe_fault(path: Path, row: Any, error: Exception) -> DataError:
    """Make the error of a row that is no task."""
    where = (path, f"task {row.get('task_id') if isinstance(row, dict) else row!r}")
    lacking = [key for key in KEYS if key not in row] if isinstance(row, dict) else list(KEYS)
    if lacking:
        return DataError(
            f"a row without {show(lacking)}",
            where=where,
            expected=f"the keys {', '.join(KEYS)}",
            found=tuple(lacking),
        )
    if isinstance(error, UnevenError):
        return error.within(*where)
    return DataError(
        f"{type(error).__name__} {error}", where=where, hint="see the task file format"
    )


class UnevenError(DataError):
    """A task whose parts do not agree on how many scans there are, or whom they show."""


def rows_of(path: Path) -> Iterator[Any]:
    """Give the tasks of a file as they stand, one by one however they are laid out.

    Raises:
        DataError: the file cannot be read, is not JSON, or holds no array of tasks.
    """
    try:
        with path.open("rb") as file:
            if path.suffix == ".jsonl":
                yield from (orjson.loads(line) for line in file if line.strip())
            elif file.readline().strip() == b"[":
                yield from _lines_of_array(file, path)
            else:
                yield from _objects_of_array(path)
    # Also text that is not UTF-8, numbers of thousands of digits, and nesting without end.
    except (OSError, ValueError, RecursionError, orjson.JSONEncodeError) as error:
        told, kind = f"cannot be read as a task file: {error}", type(error).__name__
        raise DataError(told, where=path, found=kind) from error


def _lines_of_array(lines: Iterable[bytes], path: Path) -> Iterator[Any]:
    """Read an array with one task a line, which is quick; hand over one of another layout."""
    for number, line in enumerate(lines):
        text = line.strip()
        if text == b"]":
            return
        closed = text.endswith(b"}]")
        try:
            yield orjson.loads(text[:-1] if closed else text.removesuffix(b","))
        except orjson.JSONDecodeError:
            # The first line alone can be of another layout; a later one is damaged.
            if number:
                raise
            yield from _objects_of_array(path)
            return
        if closed:
            return
    raise DataError(
        "the end",
        where=path,
        expected="']' after the last task",
        hint="the file was cut, fetch it again",
    )


def _objects_of_array(path: Path) -> Iterator[Any]:
    """Read an array of any layout, such as the indented one of older tools, object by object."""
    # json alone would take NaN and Infinity, which are no JSON and no values.
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    with path.open(encoding="utf-8-sig") as file:
        text = file.read(BLOCK).lstrip()
        if not text.startswith("["):
            raise DataError(where=path, expected="a JSON array of tasks", found=text[:20])
        offset = 1
        while True:
            offset = _BETWEEN.match(text, offset).end()  # type: ignore[union-attr]  # matches nothing, too
            try:
                if text[offset : offset + 1] == "]":
                    return
                row, offset = decoder.raw_decode(text, offset)
            except json.JSONDecodeError:
                # Twice as much each time: a task longer than a block is then not parsed anew for
                # each block.
                more = file.read(max(BLOCK, len(text) - offset))
                if not more:
                    raise
                text, offset = text[offset:] + more, 0
                continue
            if HALF_LETTER in text.lower():
                orjson.dumps(row)  # refuses halves of letters, which no file can hold
            yield row


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"expected a number, got {name}", name, 0)


def check_counts(num_parts: int, num_images: int, num_subjects: int) -> None:
    """Refuse a task that would give scans to the wrong places.

    Raises:
        UnevenError: image parts, images and subjects are not equally many.
    """
    if not num_parts == num_images == num_subjects:
        raise UnevenError(
            f"{num_parts} image parts, {num_images} images, {num_subjects} subject_ids",
            expected="as many image parts as images and subject_ids",
            found=(num_parts, num_images, num_subjects),
        )


def make_glance(row: dict[str, Any], words: dict[str, str]) -> Glance:
    """Make a glance of a row; equal texts become one object by `words`."""
    said, num_images = [], 0
    for turn in row["conversations"]:
        content = turn["content"]
        texts = [part["text"] for part in content if part["type"] != "image"]
        num_images += len(content) - len(texts)
        said.append(texts[0] if len(texts) == 1 else "\n".join(texts))
    people = [words.setdefault(name, name) for name in map(str, row["subject_ids"])]
    check_counts(num_images, len(row["images"]), len(people))
    facts = row["metadata"]
    check_names(facts, people)
    truth, told = read_values(facts)
    prompt, answer = " ".join(said[:-1]), said[-1]
    return Glance(
        str(row["task_id"]),
        "numerical" if facts["task_type"] == "numerical" else "categorical",
        facts["target_name"],
        people[-1],
        truth,
        tuple(people[:-1]),
        told,
        words.setdefault(prompt, prompt),
        words.setdefault(answer, answer),
        facts.get("answer_states") == DIFFERENCE,
    )


def read_values(facts: dict[str, Any]) -> tuple[TargetValue, tuple[TargetValue, ...]]:
    """Return the query's value and the references', as the metadata have them."""
    numerical = facts["task_type"] == "numerical"
    kind: Callable[[Any], TargetValue] = float if numerical else str
    told = facts["reference_value" if numerical else "reference_label"]
    asked = facts["subject_value" if numerical else "subject_label"]
    given = [asked, *told] if isinstance(told, list) else [asked, told]
    if None in given or "" in given:
        raise ValueError(f"expected a label or value for each scan, got {given}")
    truth, *values = map(kind, given)
    if numerical and not all(map(math.isfinite, map(float, (truth, *values)))):
        raise ValueError(f"expected finite values, got {truth}, {tuple(values)}")
    return truth, tuple(values)


def check_names(facts: dict[str, Any], people: Sequence[str]) -> None:
    """Refuse metadata that name another query than the task shows last.

    Raises:
        UnevenError: they do.
    """
    named = facts.get("subject_id", people[-1])
    if str(named) != people[-1]:
        raise UnevenError(
            f"{people[-1]!r} there and {str(named)!r} as subject_id in metadata",
            expected="the query last in subject_ids",
            found=(people[-1], str(named)),
        )


def read_turns(conversations: Sequence[dict[str, Any]]) -> tuple[Turn, ...]:
    """Make the turns; images are numbered as they come."""
    turns, index = [], 0
    for turn in conversations:
        content: list[str | Image] = []
        for part in turn["content"]:
            if part["type"] == "image":
                content.append(Image(index))
                index += 1
            else:
                content.append(part["text"])
        turns.append(Turn(turn["role"], tuple(content)))
    return tuple(turns)


def make_task(row: dict[str, Any]) -> Task:
    """Make a task of a row."""
    turns = read_turns(row["conversations"])
    parts = sum(isinstance(part, Image) for turn in turns for part in turn.content)
    check_counts(parts, len(row["images"]), len(row["subject_ids"]))
    facts = row["metadata"]
    check_names(facts, list(map(str, row["subject_ids"])))
    truth, told = read_values(facts)
    numerical = facts["task_type"] == "numerical"
    *references, subject = map(str, row["subject_ids"])
    task = Task(
        task_id=str(row["task_id"]),
        kind="numerical" if numerical else "categorical",
        target=facts["target_name"],
        subject=subject,
        truth=truth,
        references=tuple(references),
        reference_values=told,
        images=tuple(Path(image["path"]) for image in row["images"]),
        turns=turns,
        codes=() if numerical else read_codes(facts),
        relative=facts.get("answer_states") == DIFFERENCE,
        likeness_words=tuple(map(str, facts.get("likeness_words", ()))),
    )
    check_turns(task)
    return task


def read_codes(facts: dict[str, Any]) -> tuple[int | float, ...]:
    """Return the numeric labels, the query's first."""
    told = facts["reference_label_numeric"]
    return (facts["subject_label_numeric"], *(told if isinstance(told, list) else [told]))
