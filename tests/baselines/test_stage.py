"""The stage teaches all training people, and asks whom the model is asked, and nobody else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from brainplug.api.records import Grid, Image, Turn
from brainplug.baselines.records import Baselines
from brainplug.baselines.stage import Plan, make_baselines
from brainplug.tasks.task import Task
from brainplug.testing import write_scan

if TYPE_CHECKING:
    from pathlib import Path

QUICK = (
    "site",
    "confounds",
    "head-size",
    "six-numbers",
    "components",
    "nearest-people",
    "nearest-reference",
)
POOLS = {
    "a": "train_query",
    "b": "train_query",
    "c": "train_reference",
    "d": "train_reference",
    "e": "val_query",
    "f": "val_reference",
    "g": "test_query",
    "h": "test_reference",
}


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> dict[str, Path]:
    """A scan of each person."""
    folder = tmp_path_factory.mktemp("scans")
    return {
        name: write_scan(folder / f"{name}.nii.gz", seed=number)
        for number, name in enumerate(POOLS)
    }


def make_task(query, reference, scans, truths) -> Task:
    numerical = isinstance(truths[query], float)
    return Task(
        task_id=f"{query} {reference}",
        kind="numerical" if numerical else "categorical",
        target="target",
        subject=query,
        truth=truths[query],
        references=(reference,),
        reference_values=(truths[reference],),
        images=(scans[reference], scans[query]),
        turns=(Turn.user(Image(0)), Turn.assistant(""), Turn.user(Image(1)), Turn.assistant("")),
    )


def run(scans, cache, truths, evaluated=("val",), chosen=QUICK) -> Baselines:
    cohort = pd.DataFrame(
        {
            "scan": list(POOLS),
            "subject": list(POOLS),
            "image": [str(scans[name]) for name in POOLS],
            "site": ["x", "y"] * 4,
            "study": "S",
            "age": ["20", "30", "40", "n/a"] * 2,
            "target": [truths[name] for name in POOLS],
        }
    )
    split = pd.DataFrame({"subject": list(POOLS), "pool": list(POOLS.values())})
    tasks = {
        "train": [make_task("a", "c", scans, truths), make_task("b", "c", scans, truths)],
        "val": [make_task("e", "f", scans, truths)],
        "test": [make_task("g", "h", scans, truths)],
    }
    plan = Plan(
        chosen=chosen,
        declared=None,
        target="diagnosis",
        labels=() if isinstance(truths["a"], float) else ("no", "yes"),
        by_share=True,
        seed=3,
        grid=Grid(shape=(8, 8, 8), spacing_mm=(16.0, 16.0, 16.0)),
        cache=cache,
        load=lambda _path: np.zeros((8, 8, 8)),
        progress=lambda _what: nullcontext(lambda *_: None),
    )
    return make_baselines(cohort, split, tasks, evaluated, plan=plan)


CLASSES = dict(zip(POOLS, ["no", "yes", "no", "yes"] * 2, strict=True))
NUMBERS = dict(zip(POOLS, [1.0, 2, 3, 10, 5, 6, 7, 8], strict=True))


def test_all_training_people_teach_and_the_locked_test_is_not_asked(scans, tmp_path):
    """A reference that no task shows teaches, too."""
    made = run(scans, tmp_path, CLASSES)

    assert (made.record.people, made.record.scans) == (4, 4)
    assert set(made.said["subject"]) == {"e"}
    assert set(made.covariates["subject"]) == {"e"}
    assert list(made.record.baselines) == [
        "site majority",
        "age alone",
        "all confounds",
        "head size",
        "six numbers",
        "components",
        "nearest people",
        "nearest reference",
    ]
    said = made.said.set_index("baseline")["prediction"]
    assert (said["site majority"], said["nearest reference"]) == ("no", CLASSES["f"])


def test_numbers_are_answered_with_numbers(scans, tmp_path):
    """And the test, once it is open; the mean is that of all training people of the site."""
    made = run(scans, tmp_path, NUMBERS, evaluated=("val", "test"))

    assert np.isfinite(made.said["prediction"].astype(float)).all()
    sites = made.said[made.said["baseline"] == "site mean"].set_index("subject")["prediction"]
    assert sites.to_dict() == {"e": 2.0, "g": 2.0}


@pytest.mark.parametrize("truths", [CLASSES, NUMBERS])
def test_what_is_written_is_read_back(scans, tmp_path, truths):
    """Labels and numbers, probabilities and none."""
    made = run(scans, tmp_path, truths)
    files = [tmp_path / name for name in ("b.json", "b.parquet", "c.parquet")]

    made.write(*files)
    again = Baselines.read(*files)

    assert again.record == made.record
    assert again.said["prediction"].tolist() == made.said["prediction"].tolist()
    assert [row is None for row in again.said["probabilities"]] == [
        row is None for row in made.said["probabilities"]
    ]
    assert again.covariates["head_size"].tolist() == made.covariates["head_size"].tolist()


@pytest.mark.parametrize(("evaluated", "chosen"), [((), QUICK), (("val",), ())])
def test_nobody_asked_and_nothing_asked_for_are_no_fault(scans, tmp_path, evaluated, chosen):
    """Both leave files that are read back."""
    made = run(scans, tmp_path, CLASSES, evaluated=evaluated, chosen=chosen)
    files = [tmp_path / name for name in ("b.json", "b.parquet", "c.parquet")]

    made.write(*files)

    assert Baselines.read(*files).said.empty
    assert made.record.baselines == {}
