"""`brainplug run` from a recipe to a report, stopped, resumed and changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import warm
from brainplug.api.records import ModelPlan
from brainplug.cli.main import main
from brainplug.recipe.training_tables import Training
from brainplug.run.dry_run import warn_of_training
from brainplug.runtime.files import read_json
from brainplug.tasks.read import read_tasks
from brainplug.testing import make_study
from processes import kill_in_training
from small import DESIGN, GRID, LEARNING


def run(recipe: Path, folder: Path, *more: str) -> int:
    return main(["run", str(recipe), "--output", str(folder), *more])


@pytest.mark.parametrize(("head", "column"), [("categorical", "sex"), ("numerical", "BMI_sds")])
def test_a_recipe_becomes_a_report(write_recipe, tmp_path, head, column):
    """Every file of the run folder is there, counts add up, and the page names no subject."""
    folder = tmp_path / "run"

    assert run(write_recipe(head, column), folder) == 0

    cohort, split = pd.read_parquet(folder / "cohort.parquet"), pd.read_csv(folder / "split.csv")
    exclusions = pd.read_csv(folder / "exclusions.csv")
    assert len(cohort) + len(exclusions) == 60
    assert set(cohort["subject"]) == set(split["subject"])
    tasks = read_tasks(next((folder / "tasks").glob("*_test.json")))
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert {task.task_id for task in tasks} == {
        row["task_id"] for row in answers if row["split"] == "test"
    }
    metrics = read_json(folder / "metrics.json")
    assert metrics["splits"]["test"]["counts"]["subjects"] == len({task.subject for task in tasks})
    page = (folder / "report.html").read_text()
    assert not [subject for subject in cohort["subject"] if subject in page]
    assert str(tmp_path) not in page
    assert "Pools by halves: asked are" in page
    for name in ("recipe.toml", "record.json", "log.txt", "audit.json", "pairs.parquet", "model"):
        assert (folder / name).exists()


def test_the_same_command_redoes_nothing(write_recipe, tmp_path):
    """A second run finds every stage done; a changed section redoes what depends on it only."""
    folder, recipe = tmp_path / "run", write_recipe()
    run(recipe, folder)
    first = read_json(folder / "stages.json")

    run(recipe, folder)
    assert first == read_json(folder / "stages.json")

    recipe.write_text(recipe.read_text().replace("bootstrap = 100", "bootstrap = 300"))
    run(recipe, folder)
    second = read_json(folder / "stages.json")
    assert {"cohort", "split", "pairs", "dialogues", "volumes"} <= {
        name for name in first if first[name] == second[name]
    }
    assert first["metrics"] != second["metrics"]


def test_the_resolved_recipe_runs_again(write_recipe, tmp_path):
    """`recipe.toml` of a run folder is a recipe that gives the same split."""
    run(write_recipe(), tmp_path / "a", "--until", "split")

    assert run(tmp_path / "a" / "recipe.toml", tmp_path / "b", "--until", "split") == 0

    assert (tmp_path / "a" / "split.csv").read_text() == (tmp_path / "b" / "split.csv").read_text()


def start(recipe: Path, folder: Path) -> warm.Warm:
    """Start a run in a session of its own."""
    return warm.start(["run", str(recipe), "--output", str(folder)], folder.with_suffix(".printed"))


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_metrics(write_recipe, tmp_path):
    """After `kill -9` in the middle of training the same command ends as if nothing had been."""
    recipe = write_recipe(epochs=12)
    run(recipe, tmp_path / "whole")

    folder = kill_in_training(lambda folder: start(recipe, folder), lambda name: tmp_path / name)
    assert not (folder / "model").exists()
    assert run(recipe, folder) == 0

    assert read_json(tmp_path / "whole" / "metrics.json") == read_json(folder / "metrics.json")
    assert (tmp_path / "whole" / "answers.jsonl").read_text() == (
        folder / "answers.jsonl"
    ).read_text()


def test_a_folder_in_use_is_refused(write_recipe, tmp_path, capsys):
    """A second process on one folder says who holds it and exits with 1."""
    from brainplug.run.lock import held
    from brainplug.runtime.run_folder import RunFolder

    with held(RunFolder(tmp_path / "run")) if (tmp_path / "run").mkdir() is None else None:
        code = run(write_recipe(), tmp_path / "run", "--until", "split")

    assert code == 1
    assert f"held by process {os.getpid()}" in capsys.readouterr().err


def test_check_says_what_a_run_would_do(write_recipe, capsys):
    """`check` prints counts, pools and tokens, and writes nothing."""
    assert main(["check", str(write_recipe())]) == 0

    printed = capsys.readouterr().out
    for words in ("usable scans", "test reference", "tokens a dialogue", "optimiser steps"):
        assert words in printed


def test_the_door_is_light(tmp_path):
    """`--help` imports no library of tables, `check` and `prepare` none of models or statistics."""
    make_study(tmp_path / "study", 60, layout="table")
    cohort = f'use = "table"\ntable = "{tmp_path}/study/people.csv"\nsubject = "id"\n'
    design = DESIGN.format(head="categorical", column="sex", more="").partition("[target]")
    recipe, grid = tmp_path / "listed.toml", f'{GRID}scans = "listed"\n'
    recipe.write_text(
        f"[cohort]\n{cohort}images = '{tmp_path}/study/scans'\n[target]{design[2]}{grid}"
        + LEARNING.format(epochs=1)
    )
    commands = [["--help"], ["check", str(recipe)]]
    commands.append(["prepare", str(recipe), "--output", str(tmp_path / "out")])
    code = (
        "import contextlib, sys; from brainplug.cli.main import main\n"
        f"for command in {commands!r}:\n"
        "    with contextlib.suppress(SystemExit): assert main(command) == 0\n"
        "    print(command[0], *sys.modules, file=sys.stderr)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stderr

    loaded = {name: set(rest) for name, *rest in map(str.split, ran.splitlines())}
    heavy = {"torch", "transformers", "sklearn", "scipy.stats", "matplotlib", "nilearn"}
    assert not loaded["--help"] & {*heavy, "numpy", "pandas", "pyarrow", "rich", "cattrs", "scipy"}
    scores = {"brainplug.report.page", "brainplug.report.sentence", "brainplug.evaluation.records"}
    assert not loaded["check"] & {*heavy, *scores, "jaxtyping", "asyncio", "unittest.mock"}
    assert not loaded["prepare"] & {
        *heavy,
        *scores,
        "jaxtyping",
        "asyncio",
        "brainplug.evaluation.arms",
    }


def test_every_shipped_recipe_is_a_recipe():
    """All recipes structure; those of one's own data name folders that need not exist."""
    from brainplug.recipe.load import read_recipe
    from brainplug.registry import load_registry

    recipes = sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml"))

    assert len(recipes) >= 5
    registry = load_registry()
    for recipe in recipes:
        assert recipe.stem == read_recipe(recipe, registry).path.stem


@pytest.mark.parametrize(
    ("weights", "precision", "expected"),
    [
        (866_000_000, "float32", True),
        (0, "float32", True),
        (866_000_000, "bfloat16", False),
        (99_000_000, "float32", False),
    ],
)
def test_check_warns_of_a_large_model_in_float32(weights, precision, expected):
    """A large model, or one to be downloaded, is for a GPU; a small one is not."""
    plan = ModelPlan(tokens_per_image=8, num_parameters=weights, context_length=512)

    warned = list(warn_of_training(Training(precision=precision), plan))

    assert expected is any('"bfloat16"' in line for line in warned)


def test_recipes_of_full_size_say_what_a_gpu_needs():
    """Number format and DeepSpeed are written out where the model is large."""
    recipes = (Path(__file__).parents[2] / "recipes").rglob("*.toml")
    tables = {each.stem: tomllib.loads(each.read_text()) for each in recipes}
    large = {name for name, each in tables.items() if each["model"]["use"] == "llava-interleave"}

    assert {"abcd-sex", "abcd-bmi", "abcd-ukb-sex", "gard-sex", "ukb-sex"} <= large
    for name in large:
        training = tables[name]["training"]
        assert ("bfloat16", "zero2") == (training["precision"], training["deepspeed"]), name
