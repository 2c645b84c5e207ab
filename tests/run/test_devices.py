"""Two ranks on the CPU: trained under DeepSpeed, killed, resumed and evaluated as on one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from brainplug.runtime.files import read_json

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def start(recipe: Path, folder: Path, devices: int = 2) -> subprocess.Popen:
    """Start a run in a process group of its own."""
    command = [sys.executable, "-m", "brainplug", "run", str(recipe), "--output", str(folder)]
    return subprocess.Popen(
        [*command, "--devices", str(devices), "--until", "metrics"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(recipe: Path, folder: Path, devices: int = 2) -> str:
    """Do a run to its end; return what it printed."""
    process = start(recipe, folder, devices)
    printed, _ = process.communicate(timeout=400)
    assert 0 == process.returncode, printed
    return printed


def kill_in_training(recipe: Path, folder: Path) -> None:
    """Kill all ranks by `kill -9` as soon as there is a whole checkpoint."""
    process = start(recipe, folder)
    deadline = time.monotonic() + 300
    while not list(folder.glob("checkpoints/*/checkpoint-*/complete.json")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "training.json").exists()


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_json(folder / "training.json")["history"] if "loss" in row]


def answers(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


@pytest.fixture
def recipe_for(write_recipe, tmp_path):
    """Give a writer of the small recipe under a DeepSpeed setting."""
    pytest.importorskip("deepspeed")

    def write(setting: str) -> Path:
        path = tmp_path / f"{setting}.toml"
        text = write_recipe(epochs=10).read_text()
        path.write_text(text.replace("[training]\n", f'[training]\ndeepspeed = "{setting}"\n'))
        return path

    return write


def test_zero2_killed_and_resumed_is_as_if_nothing_had_been(recipe_for, tmp_path):
    """Losses, answers and metrics equal those of an uninterrupted run; one rank answers alike."""
    recipe, whole, killed = recipe_for("zero2"), tmp_path / "whole", tmp_path / "killed"
    finish(recipe, whole)

    kill_in_training(recipe, killed)
    finish(recipe, killed)

    assert losses(whole) == losses(killed)
    assert answers(whole) == answers(killed)
    assert read_json(whole / "metrics.json") == read_json(killed / "metrics.json")
    wanted = answers(whole)
    assert len({row["task_id"] for row in wanted}) == len(wanted) > 0
    (whole / "answers.jsonl").unlink()
    finish(recipe, whole, devices=1)
    assert wanted == answers(whole)


def test_zero3_trains_is_killed_resumes_and_answers(recipe_for, tmp_path):
    """Ranks that hold a part of each weight answer every task once, and do not hang."""
    recipe, folder = recipe_for("zero3"), tmp_path / "run"
    kill_in_training(recipe, folder)

    finish(recipe, folder)

    tasks = [
        task["task_id"]
        for path in (folder / "tasks").glob("*.json")
        if "_train" not in path.name
        for task in read_json(path)
    ]
    assert sorted(tasks) == sorted(row["task_id"] for row in answers(folder))
    plain = tmp_path / "plain"
    unshared = tmp_path / "plain.toml"
    unshared.write_text(recipe.read_text().replace('deepspeed = "zero3"\n', ""))
    finish(unshared, plain)
    assert losses(plain) == pytest.approx(losses(folder), rel=1e-4)


def test_another_number_of_ranks_goes_on_where_it_can(recipe_for, tmp_path):
    """One rank goes on from two by twice the accumulation; three cannot, and are told why."""
    recipe, whole, folder = recipe_for("zero2"), tmp_path / "whole", tmp_path / "run"
    finish(recipe, whole)
    kill_in_training(recipe, folder)

    process = start(recipe, folder, devices=3)
    printed, _ = process.communicate(timeout=300)
    assert 1 == process.returncode
    assert "written by 2 ranks; 3 cannot take the same optimiser steps" in " ".join(printed.split())

    finish(recipe, folder, devices=1)
    assert losses(whole) == pytest.approx(losses(folder), rel=1e-4)
