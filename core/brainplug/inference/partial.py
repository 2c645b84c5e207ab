"""Answers given so far, so that a stopped evaluation goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from brainplug.runtime.files import replacing
from brainplug.runtime.records import from_lines, to_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from brainplug.tasks.task import Task

Row = TypeVar("Row")

PIECE = 512
"""Tasks between two times that answers are written down."""


@attrs.frozen
class KeptAnswers(Generic[Row]):
    """A file of rows that grows; its first line says what the answers are made from.

    Attributes:
        path: the file.
        key: of all that the answers depend on.
        kind: of its rows.
    """

    path: Path
    key: str
    kind: type[Row]

    def read(self) -> list[Row]:
        """Return the rows kept under this key; a file of another is begun anew."""
        # Not `splitlines`, which also splits at separators that an answer may hold as they are.
        lines = self.path.read_text(encoding="utf-8").split("\n") if self.path.exists() else [""]
        *whole, _cut_short = lines  # a row that was being written when the run was killed
        if whole[:1] != [self.key]:
            self.path.write_text(f"{self.key}\n", encoding="utf-8")
            return []
        rows = from_lines(whole[1:], self.kind, source=str(self.path))
        # Without the row that was cut short, so that the next one begins on a line of its own.
        self.path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
        return rows

    def go_on_from(self, answers: Path) -> None:
        """Begin the file with the rows of a finished `answers.jsonl`, unless it has its own."""
        begun = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        if begun.startswith(f"{self.key}\n"):
            return
        rows = answers.read_text(encoding="utf-8")
        with replacing(self.path) as temporary:
            temporary.write_text(f"{self.key}\n{rows}", encoding="utf-8")

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows at the end."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(to_lines(rows))

    def finish(self, path: Path, rows: Iterable[Row]) -> None:
        """Write all rows to a file of their own, whole or not at all, and forget those kept."""
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(to_lines(rows))
        self.path.unlink()


def cut_tasks(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Cut tasks into pieces; those that begin alike, and share their reading, stay together."""
    together: dict[object, list[Task]] = {}
    for task in tasks:
        together.setdefault(task.beginning if task.references else task.task_id, []).append(task)
    piece: list[Task] = []
    for group in together.values():
        piece += group
        if len(piece) >= PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
