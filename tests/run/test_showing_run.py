"""Dialogues of a run folder with what was said to them; folders are written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainplug.errors import DataError, RunError
from brainplug.run.opened import open_run
from brainplug.run.openings import open_test
from brainplug.run.showing_run import LOCKED, show_run
from brainplug.runtime.run_folder import RunFolder
from brainplug.tasks.task import write_tasks
from small import GRID, LEARNING, make_task

TABLES = GRID + LEARNING.format(epochs=1)


def answer(split, task_id, prediction, chance=0.5):
    """Give a row of `answers.jsonl`; the truth is always male."""
    return {
        "split": split,
        "task_id": task_id,
        "subject": "q",
        "references": ["r"],
        "reference_values": ["male"],
        "truth": "male",
        "answer_text": f"It is {prediction}.",
        "prediction": prediction,
        "probabilities": {"male": 1 - chance, "female": chance},
    }


ROWS = (
    *(("val", f"val-{number}", "male") for number in range(3)),
    ("test", "test-0", "male"),
    ("test", "test-1", None),
    ("test", "test-2", "female", 0.6),
    ("test", "test-3", "female", 0.9),
)


@pytest.fixture
def folder(tmp_path):
    """Give a run that may be asked its test, with answers."""
    (tmp_path / "recipe.toml").write_text(f"seed = 1\n{TABLES}")
    (tmp_path / "tasks").mkdir()
    for split, count in (("train", 2), ("val", 3), ("test", 4)):
        tasks = [make_task(f"{split}-{number}", ["r"], f"q{number}") for number in range(count)]
        write_tasks(tmp_path / "tasks" / f"A_sex_comparison_tasks_{split}.json", tasks)
    rows = [json.dumps(answer(*row)) for row in ROWS]
    (tmp_path / "answers.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path


def show_folder(folder, split=None, number=9):
    """Show a run folder."""
    return show_run(open_run(folder), split=split, number=number)


def lock(folder):
    """Let the recipe of a run keep the test locked."""
    path = folder / "recipe.toml"
    path.write_text(path.read_text().replace("test = true", "test = false"))


def test_wrong_answers_come_first_then_unread_ones(folder):
    """Of wrong ones those the model was sure of."""
    found = show_folder(folder)

    assert "test" == found.split
    assert ["test-3", "test-2", "test-1", "test-0"] == [
        each.dialogue.task_id for each in found.tasks
    ]
    assert {"wrong": 2, "unread": 1, "right": 1} == found.outcomes
    assert {"male": pytest.approx(0.1), "female": 0.9} == found.tasks[0].answer.probabilities


def test_few_are_the_worst(folder):
    """And it is told how many there are."""
    found = show_folder(folder, number=1)

    assert (["test-3"], 4) == ([each.dialogue.task_id for each in found.tasks], found.total)


def test_a_locked_test_shows_no_answer(folder):
    """Even where answers of an opened training still lie there; validation is shown instead."""
    lock(folder)

    assert "val" == show_folder(folder).split
    found = show_folder(folder, "test")
    assert (LOCKED,) == found.notes
    assert {} == found.outcomes
    assert all(each.answer is None for each in found.tasks)


def test_an_opened_test_shows_its_answers(folder):
    """As `brainplug evaluate RUN --test` opens it."""
    lock(folder)
    (folder / "stages.json").write_text('{"training": {"key": "k", "finished": "now"}}')
    open_test(RunFolder(folder))

    assert 1 == show_folder(folder).outcomes["unread"]


def test_training_dialogues_have_no_answers(folder):
    """The model is not asked about them."""
    found = show_folder(folder, "train")

    assert [None, None] == [each.answer for each in found.tasks]
    assert 2 == found.total


def test_numbers_are_sorted_by_their_error(folder):
    """An exact one is right."""
    rows = [
        answer("val", f"val-{number}", value) | {"truth": 20.0, "probabilities": None}
        for number, value in enumerate((20.0, 19.0, 30.0))
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = show_folder(folder, "val")

    assert ["val-2", "val-1", "val-0"] == [each.dialogue.task_id for each in found.tasks]
    assert ["wrong", "wrong", "right"] == [each.answer.outcome for each in found.tasks]


def test_a_run_without_tasks_says_how_far_it_came(tmp_path):
    """And what goes on with it."""
    (tmp_path / "recipe.toml").write_text(TABLES)

    with pytest.raises(RunError, match="no task files; no stage of it is finished"):
        show_folder(tmp_path)


def test_answers_to_tasks_of_another_run_are_refused(folder):
    """The first of them is named."""
    with (folder / "answers.jsonl").open("a") as file:
        file.write(json.dumps(answer("test", "test-9", "female", 0.99)) + "\n")

    with pytest.raises(DataError, match="no task 'test-9'"):
        show_folder(folder)


def test_a_split_without_files_is_told(folder):
    """With the files there are."""
    Path(folder / "tasks" / "A_sex_comparison_tasks_train.json").unlink()

    with pytest.raises(DataError, match="expected task files of the split 'train'"):
        show_folder(folder, "train")


def test_a_model_that_is_gone_leaves_tokens_uncounted(folder):
    """The dialogues are shown all the same."""
    path = folder / "recipe.toml"
    path.write_text(path.read_text().replace('use = "tiny"', 'use = "nowhere"'))

    found = show_folder(folder)

    assert found.exact is None
    assert "tokens are not counted" in found.notes[0]
    assert found.tasks[0].dialogue.tokens is None
