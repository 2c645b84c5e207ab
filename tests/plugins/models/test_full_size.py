"""The 0.5b model in its full size, with random weights, from a hub-format folder to a report."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
import pytest

from brainplug.runtime.files import read_json
from brainplug.tasks.task import write_tasks
from hub_format import write_checkpoint
from processes import HANG_S
from small import make_task

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
[tasks]
train = ["train.json"]
val = ["val.json"]
test = ["test.json"]
[images]
shape = [120, 120, 120]
[model]
use = "llava-interleave"
weights = "checkpoint/"
patch = [10, 10, 10]
train = ["patch-embedding"]
[training]
epochs = 1
warmup_steps = 0
batch_size = 1
accumulation = 1
gradient_checkpointing = true
[evidence]
arms = []
test = true
[evaluation]
bootstrap = 100
max_new_tokens = 4
[audit]
allow_shortcut = true
"""

MOST_GIB = 16


def task_with_scans(folder: Path, make_scan, subject: str, truth: str):
    """Make a task with scans of its own."""
    task = make_task(subject, [f"r{subject}"], subject, truth)
    scans = tuple(folder / f"{name}.nii.gz" for name in task.images)
    for number, scan in enumerate(scans):
        make_scan(scan, seed=sum(map(ord, subject)) + number)
    codes = (1 if truth == "male" else 2, 1)
    return attrs.evolve(task, images=scans, codes=codes)


def memory_gib() -> float:
    """Return the memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


@pytest.mark.full
@pytest.mark.skipif(memory_gib() < MOST_GIB + 2, reason="needs 18 GiB of memory")
def test_the_full_model_trains_two_steps_and_answers_two_tasks(tmp_path, make_scan):
    """26 tower layers, 24 language layers, 1,728 patches a scan; memory stays below 16 GiB."""
    write_checkpoint(tmp_path / "checkpoint", size="full", seed=1)
    for split, people in {"train": "ab", "val": "c", "test": "d"}.items():
        tasks = [
            task_with_scans(tmp_path, make_scan, f"{split}{name}", ("male", "female")[place % 2])
            for place, name in enumerate(people)
        ]
        write_tasks(tmp_path / f"{split}.json", tasks)
    recipe = tmp_path / "full.toml"
    recipe.write_text(RECIPE)
    folder = tmp_path / "run"

    done = subprocess.run(
        [sys.executable, "-m", "brainplug", "run", str(recipe), "--output", str(folder)],
        capture_output=True,
        text=True,
        timeout=4 * HANG_S,
        check=False,
    )

    assert 0 == done.returncode, done.stdout[-2000:] + done.stderr[-2000:]
    story = read_json(folder / "training.json")
    assert 2 == max(row["step"] for row in story["history"])
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert ["val-valc", "test-testd"] == [row["task_id"] for row in answers]
    assert (folder / "report.html").exists()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20 < MOST_GIB
