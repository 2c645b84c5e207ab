"""A run of several runs opened from Python: tables of all of them, with the name of the run."""

from __future__ import annotations

import json

import pytest

import brainplug
from brainplug.runtime.files import write_json, write_text
from brainplug.runtime.records import to_json
from brainplug.tasks.answers import AnswerRow


def leave(folder, *people):
    """Leave what a finished run of these people leaves, as far as it is read here."""
    write_text(folder / "recipe.toml", "seed = 1\n")
    rows = [
        AnswerRow(
            split="test",
            task_id=f"test-{name}-00",
            subject=name,
            references=(),
            reference_values=(),
            truth="male",
            answer_text="male",
            prediction="male",
        )
        for name in people
    ]
    write_text(folder / "answers.jsonl", "".join(json.dumps(to_json(row)) + "\n" for row in rows))
    lines = [f"{name},test,male,male," for name in people]
    table = "\n".join(["subject,split,truth,prediction,failure", *lines])
    write_text(folder / "predictions.csv", f"{table}\n")


@pytest.fixture
def folds(tmp_path):
    """Three folds, the third of which holds two trainings."""
    write_text(tmp_path / "recipe.toml", "seed = 1\n")
    write_json(tmp_path / "runs.json", ["fold-1", "fold-2", "fold-3"])
    leave(tmp_path / "runs" / "fold-1", "a", "b")
    leave(tmp_path / "runs" / "fold-2", "c")
    third = tmp_path / "runs" / "fold-3"
    write_text(third / "recipe.toml", "seed = 1\n")
    write_json(third / "runs.json", ["seed-1", "seed-2"])
    leave(third / "runs" / "seed-1", "d")
    leave(third / "runs" / "seed-2", "d")
    return tmp_path


@pytest.mark.parametrize("table", ["answers", "predictions"])
def test_tables_of_folds_are_pooled(folds, table):
    """Each row with the name of its run; that of a run in a run behind it."""
    found = getattr(brainplug.open_run(folds), table)

    assert ["a", "b", "c", "d", "d"] == found["subject"].tolist()
    names = ["fold-1", "fold-1", "fold-2", "fold-3/seed-1", "fold-3/seed-2"]
    assert names == found["run"].tolist()


def test_a_fold_that_has_not_come_so_far_is_named(folds):
    """None is passed over in silence; one that failed is, as in the scores of all."""
    (folds / "runs" / "fold-2" / "answers.jsonl").unlink()

    with pytest.raises(brainplug.RunError) as caught:
        _ = brainplug.open_run(folds).answers
    assert (str(folds / "runs" / "fold-2"),) == caught.value.found

    write_json(folds / "summary.json", {"failed": {"fold-2": "no memory"}})
    assert "fold-2" not in set(brainplug.open_run(folds).answers["run"])
