"""Finished runs that several tests open: trained once for all processes, and never changed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from brainplug.cli.main import main
from brainplug.run.ledger import Ledger
from shared import cache_of, make_once
from small import DESIGN, GRID, LEARNING

if TYPE_CHECKING:
    from pathlib import Path

SCORED = 'answer = "score"\n'
"""What so small a model says freely can seldom be read."""


TOKENS = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "WANDB_API_KEY",
    "COMET_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "SSH_AUTH_SOCK",
    "BRAINPLUG_MY_PASSWORD",
)
SECRET = "hf_TheSecretThatNobodyMayRead"
"""What the environment of a run holds, and no file that it writes."""


def make_run(factory: pytest.TempPathFactory, name: str, *, head: str, column: str) -> Path:
    """Run a small recipe in the cache that all tests share; return its folder."""
    more = "bins = 2" if head == "numerical" else ""
    text = DESIGN.format(head=head, column=column, more=more) + GRID + LEARNING.format(epochs=1)

    def make(place: Path) -> None:
        place.mkdir()
        recipe = place / f"{name}.toml"
        recipe.write_text(text + ("" if more else SCORED))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BRAINPLUG_CACHE", cache_of(factory))
            for token in TOKENS:
                patch.setenv(token, SECRET)
            assert 0 == main(["run", str(recipe), "--output", str(place / "run")])

    return make_once(factory, f"run-of-{name}", make) / "run"


@pytest.fixture(scope="session")
def sex_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a finished run whose model names one of two labels."""
    return make_run(tmp_path_factory, "sex", head="categorical", column="sex")


@pytest.fixture(scope="session")
def bmi_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a finished run whose model says a number."""
    return make_run(tmp_path_factory, "bmi", head="numerical", column="BMI_sds")


def copy_run(run: Path, to: Path, **subjects: str) -> Path:
    """Copy a run without its model; `subjects` are beginnings of ids and what takes their place."""
    shutil.copytree(run, to, ignore=shutil.ignore_patterns("model", "checkpoints", "tasks"))
    unseal(to)
    if subjects:
        text, cohort = (to / "answers.jsonl").read_text(), pd.read_parquet(to / "cohort.parquet")
        for old, new in subjects.items():
            text = text.replace(f'"{old}-', f'"{new}-')
            cohort["subject"] = cohort["subject"].str.replace(old, new)
        (to / "answers.jsonl").write_text(text)
        cohort.to_parquet(to / "cohort.parquet")
    return to


def unseal(run: Path) -> None:
    """Let a run folder forget how long its files were, so that a test may change them."""
    entries, _ = Ledger(run).read_whole()
    Ledger(run).write({name: entry | {"written": {}} for name, entry in entries.items()})


def edit_answers(run: Path, change) -> None:
    """Change each row of `answers.jsonl`."""
    path = run / "answers.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(change(row)) + "\n" for row in rows))
