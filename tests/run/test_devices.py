"""Two ranks on the CPU: trained under DeepSpeed, killed, resumed and evaluated as on one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import processes
import warm
from brainplug.cli.main import main
from brainplug.runtime.files import read_json
from processes import kill_in_training
from shared import make_once
from small import DESIGN, GRID, LEARNING

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def command(recipe: Path, folder: Path) -> list[str]:
    return ["run", str(recipe), "--output", str(folder), "--until", "metrics"]


def launch(recipe: Path, folder: Path) -> None:
    """Do a run on two devices as a user does, whose ranks the command itself starts."""
    subprocess.run(
        [sys.executable, "-m", "brainplug", *command(recipe, folder), "--devices", "2"],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def start(recipe: Path, folder: Path, ranks: int = 2) -> warm.Warm:
    """Start the ranks of a run, in the environment that torchrun would give them."""
    return warm.start(command(recipe, folder), folder.with_suffix(".printed"), ranks=ranks)


def finish(recipe: Path, folder: Path, ranks: int = 2) -> None:
    """Do a run to its end."""
    process = start(recipe, folder, ranks)
    printed, _ = processes.finish(process)
    assert 0 == process.returncode, printed


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_json(folder / "training.json")["history"] if "loss" in row]


def answers(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


def write_recipe(folder: Path, setting: str) -> Path:
    """Write the small recipe under a DeepSpeed setting, or under none."""
    path = folder / f"recipe-{setting}.toml"
    key = f'[training]\ndeepspeed = "{setting}"\n' if setting else "[training]\n"
    learning = LEARNING.format(epochs=6).replace("[training]\n", key)
    design = DESIGN.format(head="categorical", column="sex", more="")
    path.write_text(design + GRID + learning)
    return path


@pytest.fixture
def prepared(tmp_path_factory) -> Path:
    """A run folder in which the training is next; what comes before is the same for all."""
    pytest.importorskip("deepspeed")

    def make(folder: Path) -> None:
        beside = folder.with_name(f"{folder.name}-recipe")
        beside.mkdir(exist_ok=True)
        recipe = write_recipe(beside, "")
        assert 0 == main(["run", str(recipe), "--output", str(folder), "--until", "volumes"])

    return make_once(tmp_path_factory, "devices-prepared", make)


@pytest.fixture
def recipe(tmp_path) -> Path:
    """The recipe under zero2."""
    return write_recipe(tmp_path, "zero2")


def kill(recipe: Path, prepared: Path, home: Path) -> Path:
    """Return a run folder whose ranks were all killed in the training."""
    return kill_in_training(
        lambda folder: start(recipe, folder), lambda name: shutil.copytree(prepared, home / name)
    )


@pytest.fixture
def whole(recipe, prepared, tmp_path, tmp_path_factory) -> Path:
    """A copy of a run under zero2 that nothing interrupted."""

    def make(folder: Path) -> None:
        launch(recipe, shutil.copytree(prepared, folder))

    return shutil.copytree(make_once(tmp_path_factory, "devices-whole", make), tmp_path / "whole")


@pytest.fixture
def killed(recipe, prepared, tmp_path, tmp_path_factory) -> Path:
    """A copy of a run under zero2 that was killed in its training."""

    def make(folder: Path) -> None:
        kill(recipe, prepared, tmp_path).rename(folder)

    return shutil.copytree(make_once(tmp_path_factory, "devices-killed", make), tmp_path / "killed")


def test_zero2_killed_and_resumed_is_as_if_nothing_had_been(recipe, whole, killed):
    """Losses, answers and metrics equal those of an uninterrupted run."""
    finish(recipe, killed)

    assert losses(whole) == losses(killed)
    assert answers(whole) == answers(killed)
    assert read_json(whole / "metrics.json") == read_json(killed / "metrics.json")


def test_one_rank_answers_as_two_do(recipe, whole):
    """Two ranks answer every task once, and one rank gives the same answers."""
    wanted = answers(whole)
    assert len({row["task_id"] for row in wanted}) == len(wanted) > 0
    (whole / "answers.jsonl").unlink()

    finish(recipe, whole, ranks=1)

    assert wanted == answers(whole)


def test_zero3_trains_is_killed_resumes_and_answers(prepared, tmp_path):
    """Ranks that hold a part of each weight answer every task once, and do not hang."""
    recipe = write_recipe(tmp_path, "zero3")
    folder = kill(recipe, prepared, tmp_path)

    finish(recipe, folder)

    tasks = [
        task["task_id"]
        for path in (folder / "tasks").glob("*.json")
        if "_train" not in path.name
        for task in read_json(path)
    ]
    assert sorted(tasks) == sorted(row["task_id"] for row in answers(folder))
    plain = shutil.copytree(prepared, tmp_path / "plain")
    finish(write_recipe(tmp_path, ""), plain)
    assert losses(plain) == pytest.approx(losses(folder), rel=1e-4)


def test_another_number_of_ranks_goes_on_where_it_can(recipe, whole, killed):
    """One rank goes on from two by twice the accumulation; three cannot, and are told why."""
    process = start(recipe, killed, ranks=3)
    printed, _ = processes.finish(process)
    assert 1 == process.returncode
    assert "written by 2 ranks; 3 cannot take the same optimiser steps" in " ".join(printed.split())

    finish(recipe, killed, ranks=1)
    assert losses(whole) == pytest.approx(losses(killed), rel=1e-4)
