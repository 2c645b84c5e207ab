"""Answers given so far, so that a stopped evaluation goes on.

3f2a…                        key of all that the answers are made from
9d1c02ab {"split": …}        CRC-32 of a row in hexadecimal, and the row
"""

from __future__ import annotations

import zlib
from itertools import takewhile
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from brainplug.runtime.files import naming, replacing, write_text
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
        """Return the rows kept under this key; a file of another is begun anew.

        A row that was cut short or is damaged is left out with all behind it; they are asked again.
        """
        key, *lines = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
        found = list(takewhile(is_whole, lines)) if key == self.key.encode() else []
        texts = [line[9:].decode() for line in found]
        rows = from_lines(texts, self.kind, source=str(self.path))
        # Without a row that was cut short, so that the next one begins on a line of its own.
        self.begin(texts)
        return rows

    def go_on_from(self, answers: Path) -> None:
        """Begin the file with the rows of a finished `answers.jsonl`, unless it has its own."""
        begun = self.path.read_bytes() if self.path.exists() else b""
        if not begun.startswith(f"{self.key}\n".encode()):
            # Not `splitlines`, which also splits at separators that an answer may hold as they are.
            self.begin(answers.read_text(encoding="utf-8").split("\n")[:-1])

    def begin(self, texts: Iterable[str]) -> None:
        """Write the file anew with these rows."""
        write_text(self.path, f"{self.key}\n" + "".join(map(with_checksum, texts)))

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows at the end."""
        with naming(self.path), self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(map(with_checksum, to_lines(rows).split("\n")[:-1]))

    def finish(self, path: Path, rows: Iterable[Row]) -> None:
        """Write all rows to a file of their own, whole or not at all, and forget those kept."""
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(to_lines(rows))
        self.path.unlink()


def with_checksum(text: str) -> str:
    """Return a line that tells whether it is whole."""
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def is_whole(line: bytes) -> bool:
    """Tell whether a line is as it was written."""
    return line[:9] == b"%08x " % zlib.crc32(line[9:]) and line[9:] != b""


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
