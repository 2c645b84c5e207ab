"""What a run says of itself in `log.txt`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from brainplug.errors import visible
from brainplug.run.ledger import now
from brainplug.runtime.files import naming
from brainplug.runtime.run_folder import RunFolder
from brainplug.runtime.signals import name_of

if TYPE_CHECKING:
    from pathlib import Path


def log(folder: Path, line: str) -> None:
    """Add a line with the time to `log.txt`."""
    path = RunFolder(folder).log
    with naming(path), path.open("a", encoding="utf-8") as file:
        file.write(f"{now()} {visible(line)}\n")


def log_stopped(folder: Path, error: BaseException) -> None:
    """Say what stopped a run."""
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, KeyboardInterrupt):
        told = name_of(error)
    with suppress(OSError):  # a full disk is what may have stopped it
        log(folder, f"stopped by {told}")
