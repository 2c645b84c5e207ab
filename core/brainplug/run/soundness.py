"""Run folders that are read, not gone on with: what lies there must be what the run wrote.

A turned bit in a number is read as well as the number was, and a file cut short ends whoever reads
it. `brainplug run` makes such files again; all else names them and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.errors import RunError
from brainplug.run.ledger import Ledger, fault_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from brainplug.runtime.run_folder import RunFolder

READ_BY_PEOPLE = frozenset({"report"})
"""Stages whose files nothing reads again, which somebody may have edited."""


def refuse_damaged(files: RunFolder, *, redone: Collection[str] = ()) -> None:
    """Refuse a run folder in which a file is not as a finished stage left it.

    What was deleted, to make room, is missed where it is needed.

    Args:
        files: of the run.
        redone: names of stages that look after what they left.

    Raises:
        RunError: one is damaged, or was edited.
    """
    entries, _ = Ledger(files.path).read_whole()
    for name, entry in entries.items():
        if name in READ_BY_PEOPLE or name in redone:
            continue
        for file, told in entry.get("written", {}).items():
            path = files.path / file
            if path.exists() and (fault := fault_of(path, told)):
                raise RunError(
                    fault,
                    where=path,
                    found=file,
                    hint="the same `brainplug run` makes it again",
                )
