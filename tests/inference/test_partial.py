"""A stopped evaluation goes on from the answers it has given."""

from __future__ import annotations

import json
import shutil

import attrs
import pytest

from brainplug.cli.main import main
from brainplug.inference import partial, stage
from brainplug.inference.partial import KeptAnswers, cut_tasks
from brainplug.tasks.answers import AnswerRow, read_answers
from small import TASKS

ROWS = [
    AnswerRow(
        split="val",
        task_id=f"t{number}",
        subject="s",
        references=("r",),
        reference_values=(1.5,),
        truth=2.0,
        answer_text="ä\n",
        prediction=None,
        probabilities={"male": 0.25},
    )
    for number in range(3)
]


def test_rows_are_kept_under_their_key(tmp_path):
    """Rows come back as they were; what is made from something else is forgotten."""
    place = KeptAnswers(tmp_path / "part", "key", AnswerRow)
    assert [] == place.read()
    place.add(ROWS[:2])

    assert ROWS[:2] == place.read()
    place.add(ROWS[2:])
    assert ROWS == place.read()
    assert [] == KeptAnswers(tmp_path / "part", "other", AnswerRow).read()


def test_a_row_cut_short_is_left_out(tmp_path):
    """A run killed amid a line loses that line only."""
    place = KeptAnswers(tmp_path / "part", "key", AnswerRow)
    place.read()
    place.add(ROWS)
    text = place.path.read_text()
    place.path.write_text(text[:-5])

    assert ROWS[:2] == place.read()
    place.add(ROWS[2:])
    assert ROWS == place.read()


@pytest.mark.parametrize("place", range(1, 12))
def test_a_row_cut_within_a_letter_is_left_out(tmp_path, place):
    """Letters of several bytes are cut too, wherever the disk was full."""
    kept = KeptAnswers(tmp_path / "part", "key", AnswerRow)
    kept.read()
    kept.add([attrs.evolve(row, answer_text="äöü𝛼") for row in ROWS])
    content = kept.path.read_bytes()
    kept.path.write_bytes(content[: content.rindex("ä".encode()) + place])

    assert ["t0", "t1"] == [row.task_id for row in kept.read()]


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029", "\x1c", "\r", "\n", "\x0b"])
def test_separators_in_ids_and_answers_end_no_row(tmp_path, separator):
    """A model may say anything, and a finished run is read again by every later command."""
    rows = [
        attrs.evolve(row, answer_text=f"a{separator}b", subject=f"x{separator}") for row in ROWS
    ]
    kept = KeptAnswers(tmp_path / "part", "key", AnswerRow)
    kept.read()
    kept.add(rows)
    assert rows == kept.read()

    kept.finish(tmp_path / "answers.jsonl", rows)

    assert rows == read_answers(tmp_path / "answers.jsonl")


@pytest.mark.parametrize("damage", [b"", b"\0", b"\xff", b"0.75"])
def test_a_damaged_row_is_asked_again_with_all_behind_it(tmp_path, damage):
    """Also one that can still be read, and says something else."""
    kept = KeptAnswers(tmp_path / "part", "key", AnswerRow)
    kept.read()
    kept.add(ROWS)
    first, second, rest = kept.path.read_bytes().split(b"\n", 2)
    kept.path.write_bytes(b"\n".join((first, second, rest.replace(b"0.25", damage, 1))))

    assert ["t0"] == [row.task_id for row in kept.read()]


def test_tasks_that_begin_alike_are_not_cut_apart(monkeypatch):
    """Every task is in one piece, beside those it shares its reading with."""
    monkeypatch.setattr(partial, "PIECE", 2)

    pieces = [[task.task_id for task in piece] for piece in cut_tasks(TASKS)]

    assert [["t0", "t2", "t3"], ["t1", "t4"], ["t5"]] == pieces


def test_a_stopped_evaluation_asks_for_the_rest_only(write_recipe, tmp_path, monkeypatch):
    """Stopped after the first piece, the same command ends with the answers of a whole run."""
    recipe, whole, folder = write_recipe(epochs=1), tmp_path / "whole", tmp_path / "run"
    monkeypatch.setattr(partial, "PIECE", 4)
    assert 0 == main(["run", str(recipe), "--output", str(whole), "--until", "training"])
    shutil.copytree(whole, folder)
    assert 0 == main(["run", str(recipe), "--output", str(whole), "--until", "answers"])
    asked = []
    answer = stage.all_answers

    def stop(bundle, tasks, settings, **more):
        if asked:
            raise KeyboardInterrupt
        asked.extend(task.task_id for task in tasks)
        return answer(bundle, tasks, settings, **more)

    with monkeypatch.context() as patched:
        patched.setattr(stage, "all_answers", stop)
        assert 130 == main(["run", str(recipe), "--output", str(folder), "--until", "answers"])

    def note(bundle, tasks, settings, **more):
        assert not set(asked) & {task.task_id for task in tasks}
        return answer(bundle, tasks, settings, **more)

    monkeypatch.setattr(stage, "all_answers", note)
    assert 0 == main(["run", str(recipe), "--output", str(folder), "--until", "answers"])

    wanted, got = (
        [json.loads(line) for line in (each / "answers.jsonl").read_text().splitlines()]
        for each in (whole, folder)
    )
    assert [row["task_id"] for row in wanted] == [row["task_id"] for row in got]
    assert [row["answer_text"] for row in wanted] == [row["answer_text"] for row in got]
    assert not (folder / "answers.jsonl.part").exists()
