"""Child processes of tests: waited for without a limit that a busy machine could miss."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

HANG_S = 1500
"""A guard against what never ends, not a limit: the slowest process takes seconds."""


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started; it leads a session of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process; return what it printed and what it complained of."""
    try:
        return process.communicate(timeout=HANG_S)
    except BaseException:
        end(process)
        raise


def wait_until(so: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is so, as long as the process that is to make it so lives."""
    begun = time.monotonic()
    try:
        while True:
            alive = process is None or process.poll() is None
            if so():
                return
            assert alive, process.communicate()
            assert time.monotonic() - begun < HANG_S
            time.sleep(0.02)
    except BaseException:
        if process and process.poll() is None:
            end(process)
        raise


def kill_in_training(
    start: Callable[[Path], subprocess.Popen[str]], make_folder: Callable[[str], Path]
) -> Path:
    """Return a run folder whose processes were killed when there was a whole checkpoint."""
    for attempt in range(10):  # while this process is not served, a training may come to its end
        folder = make_folder(f"killed-{attempt}")
        process = start(folder)
        wait_until(lambda folder=folder: has_begun_training(folder), process)
        end(process)
        if not (folder / "training.json").exists():
            return folder
    raise AssertionError("every training ended before it could be killed")


def has_begun_training(folder: Path) -> bool:
    """Whether a training has a whole checkpoint, or is over."""
    whole = folder.glob("checkpoints/*/checkpoint-*/complete.json")
    return any(whole) or (folder / "training.json").exists()
