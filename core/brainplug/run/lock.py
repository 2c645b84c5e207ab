"""One process a run folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from brainplug.errors import RunError
from brainplug.run.ledger import now
from brainplug.run.output_folder import refuse_no_folder
from brainplug.runtime.files import write_json
from brainplug.runtime.notes import read_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brainplug.runtime.run_folder import RunFolder


@contextmanager
def taken(files: RunFolder) -> Iterator[None]:
    """Make the run folder and hold it for this process.

    Raises:
        RunError: it is a file, or another process holds it.
    """
    refuse_no_folder(files.path, "a run folder")
    files.path.mkdir(parents=True, exist_ok=True)
    with held(files):
        yield


@contextmanager
def held(files: RunFolder) -> Iterator[None]:
    """Hold the run folder for this process.

    Raises:
        RunError: another process holds it; the message says which.
    """
    lock = FileLock(files.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        holder = read_note(files.holder) or {}
        raise RunError(
            f"held by process {holder.get('process', 'unknown')} on "
            f"{holder.get('host', 'an unknown host')} since {holder.get('since', '(unknown)')}",
            where=files.path,
            found=holder,
            hint="wait for it, stop it, or name another folder with --output",
        ) from error
    try:
        write_json(files.holder, describe_holder())
        yield
    finally:
        files.holder.unlink(missing_ok=True)
        lock.release()


def describe_holder() -> dict[str, Any]:
    """Say who holds a run folder."""
    import os
    import platform

    return {"process": os.getpid(), "host": platform.node(), "since": now()}
