"""What a run says of itself in `log.txt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainplug.errors import visible
from brainplug.run.ledger import now
from brainplug.runtime.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


def log(folder: Path, line: str) -> None:
    """Add a line with the time to `log.txt`."""
    with RunFolder(folder).log.open("a", encoding="utf-8") as file:
        file.write(f"{now()} {visible(line)}\n")
