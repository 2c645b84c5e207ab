"""Put in the path of a process: a training made up, and a run folder that one rank may write in."""

from __future__ import annotations

import os
import signal
import sys
import time

RANK = int(os.environ.get("RANK", "0"))
FOLDER = os.environ.get("RUN_FOLDER", "")
TRAINING = os.environ.get("MADE_UP_TRAINING", "")
WRITES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate")


def watch(event: str, arguments: tuple) -> None:
    """End a rank that is not the first one and writes in the run folder."""
    writes = event in WRITES or (
        event == "open"
        and isinstance(arguments[2], int)
        and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )
    if writes and str(arguments[0]).startswith(FOLDER):
        os.write(2, f"rank {RANK} writes: {event} {arguments[0]}\n".encode())
        os._exit(77)


def train(workspace, _key) -> None:
    """Train nothing; do what the test asks for."""
    from brainplug.errors import DataError
    from brainplug.runtime.files import write_json, write_text

    ranks = workspace.ranks
    if TRAINING in {f"fails on rank {ranks.rank}", "fails everywhere"}:
        raise DataError("scan 7 is gone")
    if TRAINING == f"killed on rank {ranks.rank}":
        os.kill(os.getpid(), signal.SIGKILL)
    rows = ranks.gather([f"rank {ranks.rank}"])
    if not ranks.is_main_process:
        time.sleep(1000 if TRAINING == "endless" else 0)
        return
    if TRAINING == "endless":
        write_text(workspace.files.path / "begun", str(os.getpid()))
        time.sleep(1000)
    write_json(workspace.files.training, rows)
    write_text(workspace.files.model / "model.safetensors", "weights")


def dialogues(workspace) -> None:
    """Make the tasks, but not of the second fold."""
    from brainplug.errors import DataError

    if TRAINING == "second fold has no tasks" and workspace.files.path.name.endswith("2"):
        raise DataError("no tasks")
    make_dialogues(workspace)


if TRAINING:
    from brainplug.run import learning_stages, task_stages

    make_dialogues = task_stages.run_dialogues
    task_stages.run_dialogues = dialogues
    learning_stages.run_training = train
    if RANK:
        sys.addaudithook(watch)
