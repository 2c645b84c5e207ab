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
from brainplug.cli.main import main
from brainplug.runtime.files import read_json
from small import DESIGN, GRID, LEARNING

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("devices")]


def start(recipe: Path, folder: Path, devices: int = 2) -> subprocess.Popen:
    """Start a run in a session of its own."""
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
    printed, _ = processes.finish(process)
    assert 0 == process.returncode, printed
    return printed


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_json(folder / "training.json")["history"] if "loss" in row]


def answers(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]


class Home:
    """A folder of recipes that differ in their DeepSpeed setting, and of runs of them.

    What comes before the training is the same for all, and done once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prepared = folder / "prepared"
        command = ["run", str(self.recipe("")), "--output", str(self.prepared)]
        assert 0 == main([*command, "--until", "volumes"])

    def recipe(self, setting: str) -> Path:
        """Write the small recipe under a setting, or under none."""
        path = self.folder / f"recipe-{setting}.toml"
        key = f'[training]\ndeepspeed = "{setting}"\n' if setting else "[training]\n"
        learning = LEARNING.format(epochs=10).replace("[training]\n", key)
        design = DESIGN.format(head="categorical", column="sex", more="")
        path.write_text(design + GRID + learning)
        return path

    def make_run(self, name: str) -> Path:
        """Make a run folder in which the training is next."""
        return shutil.copytree(self.prepared, self.folder / name)

    def make_killed(self, setting: str) -> Path:
        """Make a run whose ranks were all killed in the training."""
        recipe = self.recipe(setting)
        return processes.kill_in_training(
            lambda folder: start(recipe, folder), lambda name: self.make_run(f"{setting}-{name}")
        )


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """The folder of all runs."""
    pytest.importorskip("deepspeed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINPLUG_CACHE", str(tmp_path_factory.getbasetemp() / "brainplug-cache"))
        return Home(tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="module")
def whole(home) -> Path:
    """A run under zero2 that nothing interrupted."""
    folder = home.make_run("whole")
    finish(home.recipe("zero2"), folder)
    return folder


@pytest.fixture(scope="module")
def _killed(home) -> Path:
    """A run under zero2 that was killed in its training."""
    return home.make_killed("zero2")


@pytest.fixture
def killed(_killed, tmp_path) -> Path:
    """A copy of the killed run for this test alone."""
    return shutil.copytree(_killed, tmp_path / "killed")


def test_zero2_killed_and_resumed_is_as_if_nothing_had_been(home, whole, killed):
    """Losses, answers and metrics equal those of an uninterrupted run."""
    finish(home.recipe("zero2"), killed)

    assert losses(whole) == losses(killed)
    assert answers(whole) == answers(killed)
    assert read_json(whole / "metrics.json") == read_json(killed / "metrics.json")


def test_one_rank_answers_as_two_do(home, whole, tmp_path):
    """Two ranks answer every task once, and one rank gives the same answers."""
    folder = shutil.copytree(whole, tmp_path / "one")
    wanted = answers(whole)
    assert len({row["task_id"] for row in wanted}) == len(wanted) > 0
    (folder / "answers.jsonl").unlink()

    finish(home.recipe("zero2"), folder, devices=1)

    assert wanted == answers(folder)


def test_zero3_trains_is_killed_resumes_and_answers(home):
    """Ranks that hold a part of each weight answer every task once, and do not hang."""
    folder, plain = home.make_killed("zero3"), home.make_run("plain")

    finish(home.recipe("zero3"), folder)

    tasks = [
        task["task_id"]
        for path in (folder / "tasks").glob("*.json")
        if "_train" not in path.name
        for task in read_json(path)
    ]
    assert sorted(tasks) == sorted(row["task_id"] for row in answers(folder))
    finish(home.recipe(""), plain)
    assert losses(plain) == pytest.approx(losses(folder), rel=1e-4)


def test_another_number_of_ranks_goes_on_where_it_can(home, whole, killed):
    """One rank goes on from two by twice the accumulation; three cannot, and are told why."""
    recipe = home.recipe("zero2")

    process = start(recipe, killed, devices=3)
    printed, _ = processes.finish(process)
    assert 1 == process.returncode
    assert "written by 2 ranks; 3 cannot take the same optimiser steps" in " ".join(printed.split())

    finish(recipe, killed, devices=1)
    assert losses(whole) == pytest.approx(losses(killed), rel=1e-4)
