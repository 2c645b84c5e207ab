"""Task files of a run, and the same in the forms of other trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.runtime.files import read_json
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.export import export_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def export_run(folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the task files of a run folder, and of each run in it, in the forms of other trainers.

    Returns:
        The task files, then what was written of them in `exports/`.
    """
    # An earlier recipe may have left other runs there, or tasks of its only one.
    files = RunFolder(folder)
    runs = read_json(files.run_list) if files.run_list.is_file() else []
    homes = [files.of_run(name) for name in runs] or [files]
    sources = [path for home in homes for path in sorted(home.tasks.glob("*.json"))]
    written = [
        path
        for source in sources
        if formats
        for path in export_tasks(source, formats, folder=RunFolder(source.parents[1]).exports)
    ]
    return [*sources, *dict.fromkeys(written)]
