"""A folder that a command is told to write to: new, empty, or one's own.

A home, the root of a disk or the study itself may be named by mistake. Files strewn among others
are hard to find again, and some have names that others' files have too, such as `recipe.toml`.
A link to a folder is followed, and what it leads to is held to the same.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brainplug.errors import RunError, show
from brainplug.runtime.files import TEMPORARY
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

LEFT_BY_SYSTEMS = frozenset(
    {".DS_Store", "Thumbs.db", "desktop.ini", "lost+found", ".gitignore", ".gitkeep", ".keep"}
)
"""What an empty folder may hold all the same."""

NAMED = 3
"""Things found that a message names."""


def refuse_foreign_run(folder: Path) -> None:
    """Refuse a run folder that holds something else than a run.

    Raises:
        RunError: it does, or is no folder.
    """
    refuse_no_folder(folder, "a run folder")
    files = RunFolder(folder)
    if files.ledger.is_file():
        return
    there = list_folder(folder)
    known = {name for name in there if is_of_run(name)}
    # Each start makes a lock first; of several runs, each may have been made on its own.
    begun = files.lock.name in there or known == {files.runs.name}
    refuse_foreign(
        folder,
        there - known if begun else there,
        expected="a new or empty folder, or one of an earlier `brainplug run`",
    )


def is_of_run(name: str) -> bool:
    """Tell whether a run folder may hold something of this name, killed writes included."""
    killed = TEMPORARY.fullmatch(name)
    return (killed["name"] if killed else name) in RunFolder.names()


def refuse_foreign_copy(folder: Path, own: Collection[str]) -> None:
    """Refuse a folder for copies that holds something else than those.

    Args:
        folder: that is written to.
        own: names of the files that are written there.

    Raises:
        RunError: it does, or is no folder.
    """
    refuse_no_folder(folder, "a folder")
    refuse_foreign(
        folder,
        list_folder(folder) - set(own),
        expected="a new or empty folder, or one of an earlier copy",
    )


def refuse_no_folder(folder: Path, expected: str) -> None:
    """Refuse what is there and no folder.

    Raises:
        RunError: it is a file, or a link to nothing.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        there = "a file" if os.path.exists(folder) else "a link that leads nowhere"  # noqa: PTH110
        raise RunError(there, where=folder, expected=expected, hint="name another with --output")


def refuse_foreign(folder: Path, others: Collection[str], *, expected: str) -> None:
    """Refuse a folder in which something else lies.

    Raises:
        RunError: something does.
    """
    if others:
        named = sorted(others)
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        raise RunError(
            f"one that holds {show(named[:NAMED])}{more}",
            where=folder,
            expected=expected,
            found=tuple(named),
            hint="name another folder, such as a new one in it; nothing was written",
        )


def list_folder(folder: Path) -> set[str]:
    """Return the names of what lies in a folder; of one that is not there none."""
    found = set(os.listdir(folder)) if folder.is_dir() else set()  # noqa: PTH208 (names alone)
    return found - LEFT_BY_SYSTEMS
