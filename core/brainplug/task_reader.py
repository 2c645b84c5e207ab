"""Task files read back, brainplug's own and those of older tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainplug.dialogue import Task, check_turns
from brainplug.errors import DataError
from brainplug.types import Image, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEYS = ("task_id", "subject_ids", "images", "conversations", "metadata")


def read_tasks(path: Path) -> list[Task]:
    """Read a task file, `.json` or `.jsonl`; repeated task ids of older files are accepted.

    Raises:
        DataError: the file is missing or no task file, or images, image parts and subjects of a
            task do not agree; the message names the task.
    """
    try:
        return [task_from_json(row, path) for row in rows_of(path)]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a task file: {error}") from error


def rows_of(path: Path) -> Iterator[Any]:
    """Give the tasks of a file as they stand."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in text.splitlines() if line.strip())
        return
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a JSON array of tasks, got {type(rows).__name__}")
    yield from rows


def task_from_json(row: Any, path: Path) -> Task:
    """Make a task of its JSON form, checking that its parts agree."""
    where = f"{path}: task {row.get('task_id') if isinstance(row, dict) else row!r}"
    lacking = [key for key in KEYS if key not in row] if isinstance(row, dict) else list(KEYS)
    if lacking:
        raise DataError(
            f"{where}: expected the keys {', '.join(KEYS)}; {', '.join(lacking)} lacking"
        )
    try:
        turns = read_turns(row["conversations"])
        check_counts(row, turns, where)
        return make_task(row, turns)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{where}: {type(error).__name__} {error}; see the task file format"
        ) from error


def check_counts(row: dict[str, Any], turns: Sequence[Turn], where: str) -> None:
    """Refuse a task that would give scans to the wrong places."""
    parts = sum(isinstance(part, Image) for turn in turns for part in turn.content)
    counts = {
        "image parts": parts,
        "images": len(row["images"]),
        "subject_ids": len(row["subject_ids"]),
    }
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise DataError(
            f"{where}: expected as many image parts as images and subject_ids, got {listed}"
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


def make_task(row: dict[str, Any], turns: tuple[Turn, ...]) -> Task:
    """Make a task of checked parts."""
    facts = row["metadata"]
    numerical = facts["task_type"] == "numerical"
    *references, subject = row["subject_ids"]
    told = facts["reference_value" if numerical else "reference_label"]
    task = Task(
        task_id=str(row["task_id"]),
        kind="numerical" if numerical else "categorical",
        target=facts["target_name"],
        subject=str(subject),
        truth=facts["subject_value" if numerical else "subject_label"],
        references=tuple(map(str, references)),
        reference_values=tuple(told) if isinstance(told, list) else (told,),
        images=tuple(Path(image["path"]) for image in row["images"]),
        turns=turns,
        codes=() if numerical else read_codes(facts),
    )
    check_turns(task)
    return task


def read_codes(facts: dict[str, Any]) -> tuple[int | float, ...]:
    """Return the numeric labels, the query's first."""
    told = facts["reference_label_numeric"]
    return (facts["subject_label_numeric"], *(told if isinstance(told, list) else [told]))
